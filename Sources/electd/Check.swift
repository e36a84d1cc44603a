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

    func run() throws {
        do {
            let loaded = try LoadedConfiguration.load(file)
            Talk.say("\(file): good; this node is \(loaded.this.name) of cluster \(loaded.configuration.cluster)")
        } catch {
            Self.tell(error)
            throw ExitCode.configuration
        }
    }

    static func tell(_ errors: ConfigurationErrors) {
        Talk.say(isatty(2) == 1 ? errors.illustrated : errors.description)
    }
}
