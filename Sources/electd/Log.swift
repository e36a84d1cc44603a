import ArgumentParser
import Control
import Glibc
import Journal
import Replay

struct Log: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads the event log.",
        subcommands: [Show.self, Follow.self, Verify.self, ExportVerb.self, Checkpoint.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a journal, one line per record.",
            discussion: "Instants are the node's own boot clock; the wall clock stands at checkpoints, for people.")

        @Flag(help: "Print one JSON object for each record.")
        var json = false

        @Argument(help: "A segment, a journal directory or a state directory.")
        var journal: String

        func run() throws {
            do throws(SystemError) {
                for path in try SegmentDirectory.files(of: journal) { try show(path) }
            } catch {
                Talk.say("electd: \(error)")
                throw ExitCode.difference
            }
        }

        private func show(_ path: String) throws(SystemError) {
            do throws(JournalDamage) {
                // print is buffered; a reader that went away ends the process by SIGPIPE, as it should.
                try RecordText.show(path) { Log.tell($0, json: json) }
            } catch {
                fflush(nil)
                Talk.say("electd: \(path): \(error)")
                Electd.end(.difference)
            }
        }
    }

    /// Buffered; who reads along has it flushed.
    static func tell(_ line: RecordLine, json: Bool) {
        print(json ? String(decoding: ControlJSON.encode(line), as: UTF8.self) : line.text + "\n", terminator: "")
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks journals for damage and tampering, without deriving decisions.",
            discussion: """
                Every record, chain, tree, epoch and signature; how segments go on from each other; and, given the \
                journals of several nodes, what they say of each other. Needs no keys. Exits with 1, and says where, \
                when something isn't as it was written.
                """)

        @Flag(help: "Print the report as JSON.")
        var json = false

        @Argument(help: "Segments, journal directories or state directories.")
        var journals: [String]

        func run() throws {
            let report: AuditReport
            do throws(SystemError) {
                report = try Audit.run(journals)
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
            if !report.isGood { throw ExitCode.difference }
        }
    }

    struct Checkpoint: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "checkpoint", abstract: "Prints a segment's last checkpoint as a signed note (C2SP).",
            discussion: """
                The note goes to standard output, with the peers' cosignatures; the verifier key that others' tools \
                check it with to standard error.
                """)

        @Argument(help: "A segment; or a journal or state directory, for its newest segment.")
        var journal: String

        func run() throws {
            let segment: String
            do throws(SystemError) {
                segment = try SegmentDirectory.files(of: journal).last ?? journal
            } catch {
                Talk.say("electd: \(error)")
                throw ExitCode.difference
            }
            do throws(JournalDamage) {
                guard let found = try CheckpointNote.last(of: segment) else {
                    Talk.say("electd: \(segment): no checkpoint")
                    Electd.end(.difference)
                }
                Talk.say(found.verifierKey)
                Talk.print(Array(found.note.utf8))
            } catch {
                Talk.say("electd: \(segment): \(error)")
                Electd.end(.difference)
            }
        }
    }
}
