import ArgumentParser
import Glibc
import Journal
import Replay

struct Log: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads the event log.", subcommands: [Show.self, Follow.self, Verify.self, ExportVerb.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a journal, one line per record.",
            discussion: "Instants are the node's own boot clock; the wall clock stands at checkpoints, for people.")

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
                try RecordText.show(path) { print($0) }
            } catch {
                fflush(nil)
                Talk.say("electd: \(path): \(error)")
                Electd.end(.difference)
            }
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks records, chain and signatures, without deriving decisions.")

        @Flag(help: "Print the report as JSON.")
        var json = false

        @Argument(help: "Segments, journal directories or state directories.")
        var journals: [String]

        func run() throws { try Examination.run(journals, derives: false, json: json) }
    }
}
