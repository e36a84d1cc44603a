import ArgumentParser
import Glibc
import Journal
import Replay

extension Log {
    struct Follow: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a journal's records as they are written, across rotations and restarts.",
            discussion: "The daemon writes within half a second; what decides at once. Ends by SIGINT.")

        @Flag(help: "Print one JSON object for each record.")
        var json = false

        @Option(help: "How many of the last records to begin with.")
        var lines = 10

        @Argument(help: "A state directory or a journal directory.")
        var journal: String

        private static let intervalMicroseconds: UInt32 = 200_000

        func validate() throws {
            if !(0...100_000).contains(lines) { throw ValidationError("--lines is 0 to 100000") }
        }

        func run() throws {
            let follower = JournalFollower(journal)
            do throws(JournalDamage) {
                var last: [RecordLine] = []
                try follower.poll { line in
                    last.append(line)
                    if last.count > 2 * lines + 1000 { last.removeFirst(last.count - lines) }
                }
                for line in last.suffix(lines) { Log.tell(line, json: json) }
                while true {
                    // Others read along: nothing waits in a buffer.
                    fflush(nil)
                    usleep(Self.intervalMicroseconds)
                    try follower.poll { Log.tell($0, json: json) }
                }
            } catch {
                fflush(nil)
                Talk.say("electd: \(journal): \(error)")
                throw ExitCode.difference
            }
        }
    }
}
