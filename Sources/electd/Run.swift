import ArgumentParser
import Configuration
import Daemon
import Glibc

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Runs the daemon in the foreground.")

    @Option(help: "The configuration file, the same on every node.")
    var config = "/etc/electd/electd.yaml"

    @Option(help: "Where votes and the journal are kept.")
    var stateDir = "/var/lib/electd"

    @OptionGroup var control: ControlOption

    func run() async throws {
        let loaded = try Check.load(telling: config)
        let options = DaemonOptions(
            configurationPath: config, stateDirectory: stateDir, socketPath: control.socket,
            executable: Self.ownPath, version: Version.text)
        do {
            try await RunningDaemon.run(loaded, options)
        } catch let cause as FatalCause {
            Talk.say("electd: \(cause)")
            throw ExitCode.software
        } catch {
            Talk.say("electd: \(error)")
            throw ExitCode.systemError
        }
    }

    /// The running binary, also after the file was replaced by a newer one.
    private static var ownPath: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return CommandLine.arguments[0] }
        let path = String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return access(path, X_OK) == 0 ? path : "/proc/self/exe"
    }
}

struct ControlOption: ParsableArguments {
    @Option(help: "The daemon's control socket.")
    var socket = "/run/electd/electd.sock"
}
