import Control
import Testing

struct StatisticsPageTests {
    @Test func whatIsWrongComesFirst() throws {
        var report = StatusSamples.broken
        report.addFindings()
        let page = StatisticsPage.render(report, refreshing: true)
        let verdict = try #require(page.firstRange(of: "<h1>\(report.problems.count) problems</h1>"))
        let problem = try #require(page.firstRange(of: "router37: nobody holds it"))
        let groups = try #require(page.firstRange(of: "<h2>Groups</h2>"))
        let services = try #require(page.firstRange(of: "<h2>Services</h2>"))
        #expect(verdict.lowerBound < problem.lowerBound)
        #expect(problem.lowerBound < groups.lowerBound)
        #expect(groups.lowerBound < services.lowerBound)
        for problem in report.problems { #expect(page.contains(problem.replacing("'", with: "&#39;")), "\(problem)") }
        let healthy = StatisticsPage.render(StatusSamples.healthy, refreshing: true)
        #expect(healthy.contains("<h1>All well</h1>"))
        #expect(!healthy.contains("class=\"findings\""))
    }

    @Test func everyNodeGroupServiceAndServerIsThere() {
        let page = StatisticsPage.render(StatusSamples.two, refreshing: true)
        for text in [
            "router37", "tenant8", "fred", "ethyl", "lucy", "cluster37", "192.0.2.201:8080", "1,048,211",
            "lease 412 ms",
            "2001:db8::210/128", "HTTP 200 OK", "48,211 records", "electd 0.1.0",
        ] {
            #expect(page.contains(text), "\(text)")
        }
    }

    @Test func nothingInAReportBecomesMarkup() {
        let hostile = "<script>alert(1)</script>\"'&\u{1B}[31m\u{202E}\u{0}"
        let page = StatisticsPage.render(hostileReport(hostile), refreshing: true)
        let allowed = StatisticsPage.render(hostileReport("plain"), refreshing: true)
        for character in ["<", ">", "\"", "'"] {
            #expect(page.components(character).count == allowed.components(character).count, "\(character)")
        }
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\u{FFFD}[31m\u{FFFD}\u{FFFD}"))
        #expect(!page.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" || $0 == "\u{0}" })
    }

    /// `text` in every place that a name, a check or a peer's word can reach; the same number of times each.
    private func hostileReport(_ text: String) -> StatusReport {
        var report = StatusSamples.broken
        report.version = text
        report.node = text
        report.cluster = text
        report.problems = [text]
        report.notes = [text]
        report.groups[0].name = text
        report.groups[0].holder = text + "x"
        report.groups[0].interface = text
        report.groups[0].certificate = [text]
        report.groups[0].virtualAddresses = [VirtualAddressStatus(address: text, held: true)]
        report.groups[0].checks[0].name = text
        report.groups[0].checks[0].detail = text
        report.groups[0].lastChange = text
        report.nodes[0].name = text + "y"
        report.nodes[0].address = text
        report.nodes[0].configHash = "aa"
        report.services[0].name = text
        report.services[0].group = text
        report.services[0].listen = [text]
        report.services[0].servers[0].name = text
        report.services[0].servers[0].address = text
        report.services[0].servers[0].detail = text
        report.datagrams.dropped = [.init(reason: text, count: 3)]
        return report
    }
}

struct StatisticsCSVTests {
    private func rows(_ report: StatusReport) -> [[String]] {
        StatisticsCSV.render(report).split(separator: "\n").map { String($0).components(",") }
    }

    @Test func columnsStandWhereHAProxyHasThem() {
        let head = rows(StatusSamples.healthy)[0]
        #expect(head[0] == "# pxname")
        // Those that read by place count from 0, as in HAProxy's management guide, section 9.1.
        let places: [(Int, String)] = [
            (1, "svname"), (4, "scur"), (7, "stot"), (8, "bin"), (9, "bout"), (12, "ereq"), (13, "econ"), (14, "eresp"),
            (15, "wretr"), (16, "wredis"), (17, "status"), (32, "type"), (39, "hrsp_1xx"), (43, "hrsp_5xx"),
            (44, "hrsp_other"), (56, "last_chk"), (61, "ttime"), (73, "addr"), (75, "mode"),
        ]
        for (place, name) in places { #expect(head[place] == name) }
    }

    @Test func aServiceIsAFrontendItsServersAndABackend() {
        let rows = rows(StatusSamples.healthy)
        #expect(
            rows.dropFirst().map { [$0[0], $0[1], $0[17]].joined(separator: " ") } == [
                "cluster37 FRONTEND OPEN", "cluster37 fred UP", "cluster37 ethyl UP", "cluster37 BACKEND UP",
            ])
        #expect(rows.allSatisfy { $0.count == rows[0].count })
        #expect(rows[1][7] == "1048211")
        #expect(rows[1][40] == "1040000")
        #expect(rows[2][4] == "6")
        #expect(rows[2][56] == "HTTP 200 OK")
        #expect(rows.dropFirst().map { $0[32] } == ["0", "2", "2", "1"])
        let broken = self.rows(StatusSamples.broken)
        #expect(broken.dropFirst().map { $0[17] } == ["STOP", "DOWN", "DRAIN", "DOWN"])
        #expect(broken[2][13] == "3")
        var report = StatusSamples.healthy
        report.services[0].servers[0].state = .maintenance
        #expect(self.rows(report)[2][17] == "MAINT")
    }

    @Test func aValueStaysInItsColumn() {
        var report = StatusSamples.healthy
        report.services[0].servers[0].detail = "a,b \"c\"\r\nd,e"
        let text = StatisticsCSV.render(report)
        #expect(text.contains(",\"a,b \"\"c\"\"  d,e\","))
        #expect(text.split(separator: "\n").count == 5)
    }
}
