import ArgumentParser
import Configuration
import Daemon
import Glibc

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks a configuration file and the key files it names.",
        discussion: "Prints every problem as FILE:LINE:COLUMN: what; the mend. Exits with 0, or 78.")

    @Argument(help: "The file to check.")
    var file: String

    @Option(help: "The state directory, to tell whether a start would take another configuration.")
    var stateDir = "/var/lib/electd"

    func run() throws {
        let loaded = try Self.load(telling: file)
        Talk.say("\(file): good; this node is \(loaded.this.name) of cluster \(loaded.configuration.cluster)")
        if let note = EpochFiles(stateDirectory: stateDir).chosen(over: loaded).note { Talk.say("note: \(note)") }
    }

    /// - Throws: the exit code, when what is wrong has been said.
    static func load(telling file: String) throws -> LoadedConfiguration {
        let loaded: LoadedConfiguration
        do throws(ConfigurationErrors) {
            loaded = try LoadedConfiguration.load(file)
        } catch {
            Talk.say(isatty(2) == 1 ? error.illustrated : error.description)
            throw ExitCode.configuration
        }
        if let clash = loaded.groupClash {
            Talk.say("\(file):1:1: \(clash)")
            throw ExitCode.configuration
        }
        return loaded
    }
}
