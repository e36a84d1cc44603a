import ArgumentParser
import Control
import Journal
import Replay

struct ReplayVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Derives every decision of one or several journals again, and compares.",
        discussion: """
            JOURNAL is a segment, a journal directory or a state directory; give those of several nodes to check them in \
            one go. Needs no keys and no running daemon. Exits with 0 when every decision was reproduced, with 1 at \
            damage or a difference, naming the record, with 76 when another version of the rules wrote it.
            """)

    @Flag(help: "Print the report as JSON.")
    var json = false

    @Argument(help: "Journals.")
    var journals: [String]

    func validate() throws {
        if journals.isEmpty { throw ValidationError("which journal? It is in the state directory: /var/lib/electd") }
    }

    func run() throws { try Examination.run(journals, derives: true, json: json) }
}

/// What `replay` and `log verify` have in common.
enum Examination {
    static func run(_ journals: [String], derives: Bool, json: Bool) throws {
        let report: ReplayReport
        do throws(SystemError) {
            report = try Replay.run(journals, derives: derives)
        } catch {
            Talk.say("electd: \(error)")
            throw ExitCode.difference
        }
        if report.segments.isEmpty {
            Talk.say("electd: there is no journal in \(journals.joined(separator: ", "))")
            throw ExitCode.difference
        }
        if json {
            Talk.print(ControlJSON.encode(report))
        } else {
            Talk.print(Array((report.lines.joined(separator: "\n") + "\n").utf8))
        }
        if report.isForAnotherVersion { throw ExitCode.otherVersion }
        if !report.isGood { throw ExitCode.difference }
    }
}
