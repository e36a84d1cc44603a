import ArgumentParser
import Sodium

struct KeyGen: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Makes this node's identity and prints its public key.")

    @Option(help: "The new file, readable by its owner only; an existing one is never overwritten.")
    var out: String

    func run() throws {
        let key = SigningKey.generate()
        do throws(KeyFileError) {
            try key.write(out)
        } catch {
            Talk.say("electd: \(error)")
            throw ExitCode.cannotCreate
        }
        print(key.publicKey.description)
    }
}

struct Secret: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a cluster secret; copy the file to every node.")

    @Option(help: "The new file, readable by its owner only; an existing one is never overwritten.")
    var out: String

    func run() throws {
        do throws(KeyFileError) {
            try ClusterSecret.generate().write(out)
        } catch {
            Talk.say("electd: \(error)")
            throw ExitCode.cannotCreate
        }
        Talk.say("electd: \(out): a new cluster secret; every node needs the same file, mode 0600")
    }
}
