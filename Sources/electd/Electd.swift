import ArgumentParser
import Daemon
import Glibc

/// The command line. One file per verb; exit codes follow sysexits(3).
@main
struct Electd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "electd",
        abstract: "Holds a virtual IP on exactly one of several nodes, and balances what comes to it.",
        version: Version.text,
        // The process that `run` starts without privileges; nothing for people.
        subcommands: [ProxyVerb.self],
        groupedSubcommands: [
            CommandGroup(
                name: "The daemon", subcommands: [Run.self, Check.self, KeyGen.self, Secret.self, Password.self]),
            CommandGroup(
                name: "Talking to it",
                subcommands: [Status.self, Transfer.self, Maintenance.self, Server.self, Apply.self, History.self]),
            CommandGroup(
                name: "After an incident",
                subcommands: [
                    WhyVerb.self, WhoHeld.self, TimelineVerb.self, Overlaps.self, Gaps.self, Flaps.self,
                    EvidenceVerb.self, ProveVerb.self,
                    WhatIfVerb.self, ReplayVerb.self, Log.self,
                ]),
            CommandGroup(name: "For those who doubt it", subcommands: [SimulateVerb.self]),
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            let code = exitCode(for: error)
            // Data on stdout, talk on stderr; a wrong command line is 64, asking for help is not wrong.
            let text = fullMessage(for: error)
            if code == .success {
                if !text.isEmpty { print(text) }
                end(.success)
            }
            if !text.isEmpty && !(error is ExitCode) { Talk.say(text) }
            end(code)
        }
    }

    static func end(_ code: ExitCode) -> Never {
        fflush(nil)
        Glibc.exit(code.rawValue)
    }
}

/// The version of the daemon, its state and its journal's software field.
enum Version {
    static let text = "0.1.0"
}
