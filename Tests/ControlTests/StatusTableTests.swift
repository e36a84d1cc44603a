import Control
import Testing

/// What an operator sees, line by line.
struct StatusTableTests {
    private func table(_ report: StatusReport, width: Int = 100, color: Bool = false) -> String {
        var report = report
        report.addFindings()
        return StatusTable.render(report, width: width, color: color)
    }

    @Test func healthy() {
        #expect(
            table(StatusSamples.healthy) == """
                ALL WELL  router37  held by fred (this node), term 12, lease 412 ms

                GROUP     HERE    MODE      PRIORITY  FENCE     PROMISES OF  ADDRESSES
                router37  holder  majority  103       nftables  fred lucy    192.0.2.200/32 on eth1
                router37 changed 3 h ago: took over from ethyl: better priority

                CHECK         STATE    SINCE  WEIGHT  LAST RESULT
                router37/web  passing  3 d    +2      exit 0

                NODE   ADDRESS           HEARD      HEARS US  CAN HOLD  CONFIG
                fred   192.0.2.201:3737  this node  -         yes       same
                ethyl  192.0.2.202:3737  38 ms ago  yes       yes       same
                lucy   192.0.2.203:3737  71 ms ago  yes       witness   same

                SERVICE    LISTENS         MODE  TAKES  SESSIONS  TOTAL      2XX        3XX    4XX  5XX
                cluster37  192.0.2.200:80  http  yes    12        1,048,211  1,040,000  8,100  111  0

                SERVER           ADDRESS           STATE  SESSIONS  TOTAL    ERRORS  LAST CHECK
                cluster37/fred   192.0.2.201:8080  up     6         524,106  0       HTTP 200 OK
                cluster37/ethyl  192.0.2.202:8080  up     6         524,105  0       HTTP 200 OK

                electd 0.1.0 on fred, cluster landlord, up 3 d
                journal 48,211 records, 39.3 MiB, head 3f9a2c55d0e1b784
                datagrams 1,742,113 sent, 1,741,870 accepted, none dropped

                """)
    }

    @Test func broken() {
        #expect(
            table(StatusSamples.broken) == """
                9 PROBLEMS  router37  held by nobody, term 13

                ! router37: nobody holds it, 192.0.2.200/32 answers nowhere
                ! router37: somebody else answers: 192.0.2.200 is at 02:00:00:00:00:66
                ! router37: ethyl can't hold it: link eth1 is down
                ! router37: check web fails on ethyl, priority 2 lower: timeout after 1000 ms
                ! cluster37: no server can take requests
                ! cluster37: server fred is down: Connection refused
                ! fred has not been heard for 14 s
                ! lucy does not hear ethyl: one direction is cut
                ! lucy runs another configuration than ethyl: compare the files, then reload
                - cluster37: server ethyl is drained

                GROUP     HERE   MODE      PRIORITY  FENCE     PROMISES OF  ADDRESSES
                router37  fault  majority  100       nftables  -            192.0.2.200/32
                router37 changed 3 s ago: gave up: link eth1 is down

                CHECK          STATE          SINCE  WEIGHT     LAST RESULT
                router37/web   failing        4 s    +2         timeout after 1000 ms
                router37/disk  no result yet  -      must pass

                NODE   ADDRESS           HEARD            HEARS US  CAN HOLD  CONFIG
                fred   192.0.2.201:3737  silent for 14 s  -         -         same
                ethyl  192.0.2.202:3737  this node        -         no        same
                lucy   192.0.2.203:3737  71 ms ago        no        witness   differs: aa01bb02

                SERVICE    LISTENS         MODE  TAKES  SESSIONS  TOTAL      2XX        3XX    4XX  5XX
                cluster37  192.0.2.200:80  http  no     0         1,048,211  1,040,000  8,100  111  17

                SERVER           ADDRESS           STATE  SESSIONS  TOTAL    ERRORS  LAST CHECK
                cluster37/fred   192.0.2.201:8080  down   0         524,106  3       Connection refused
                cluster37/ethyl  192.0.2.202:8080  drain  6         524,105  0       HTTP 200 OK

                electd 0.1.0 on ethyl, cluster landlord, up 95 s
                journal 48,211 records, 39.3 MiB, head 3f9a2c55d0e1b784
                datagrams 1,742,113 sent, 1,741,870 accepted, dropped: seal 12,004, replay 2

                """)
    }

    @Test func twoGroupsBeginWithWhoHoldsThem() {
        let lines = table(StatusSamples.two).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines.prefix(6).joined(separator: "\n") == """
                ALL WELL  router37  held by fred (this node), term 12, lease 412 ms
                          tenant8   held by ethyl, term 3

                - tenant8 is in pair mode: cut off from each other, both nodes hold it
                - tenant8: no nftables here, a frozen holder falls silent up to 1 s late
                - fred is in maintenance: it holds nothing
                """)
    }

    @Test(arguments: [40, 60, 80, 100, 132])
    func fitsTheTerminal(width: Int) {
        for report in [StatusSamples.healthy, StatusSamples.broken, StatusSamples.two] {
            for line in table(report, width: width).split(separator: "\n") {
                #expect(line.utf8.count <= width, "\(line)")
            }
        }
    }

    @Test(arguments: [40, 100])
    func colorAddsNothingButColor(width: Int) {
        for report in [StatusSamples.healthy, StatusSamples.broken, StatusSamples.two] {
            let colored = table(report, width: width, color: true)
            #expect(colored.contains("\u{1B}["))
            #expect(Self.withoutEscapes(colored) == table(report, width: width))
        }
    }

    @Test func foreignTextCannotSteerTheTerminal() {
        var report = StatusSamples.broken
        report.services[0].servers[0].detail = "HTTP 500 \u{1B}[2J\u{1B}]0;owned\u{7}\r\nALL WELL \u{202E}\u{4F60}"
        report.problems = ["\u{1B}[31mforged\nALL WELL"]
        let text = table(report)
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || (" "..."~").contains($0) })
        #expect(!text.split(separator: "\n").contains { $0.hasPrefix("ALL WELL") })
    }

    private static func withoutEscapes(_ text: String) -> String {
        var plain = ""
        var inEscape = false
        for character in text {
            if character == "\u{1B}" { inEscape = true }
            if !inEscape { plain.append(character) }
            if inEscape && character == "m" { inEscape = false }
        }
        return plain
    }
}
