import Configuration
import Testing

@Suite struct LogTests {
    private func read(_ old: String, _ new: String) throws -> Configuration {
        try ConfigurationFile.parse(text: Landlord.replacing(old, with: new), file: "e.yaml").configuration
    }

    private func log(_ text: String) throws -> Configuration.AccessLog? {
        try read("retries: 3", "retries: 3\n    access_log: \(text)").services[0].accessLog
    }

    @Test func everyPlaceOfAnAccessLog() throws {
        #expect(try log("none") == nil)
        let plain = try #require(try log("{ to: journald }"))
        #expect(plain.place == .journald && plain.format == .json && plain.facility == 16 && plain.tag == "electd")
        #expect(try log("{ to: /var/log/a, format: httplog }")?.place == .file("/var/log/a"))
        #expect(try log("{ to: stdout }")?.place == .stdout)
        #expect(try log("{ to: syslog }")?.place == .syslogSocket("/dev/log"))
        #expect(try log("{ to: \"syslog:/run/log\" }")?.place == .syslogSocket("/run/log"))
        let remote = try #require(
            try log("{ to: \"syslog:[2001:db8::5]:514\", facility: local7, framing: rfc5424, tag: web }"))
        #expect(remote.place.description == "syslog:[2001:db8::5]:514" && remote.facility == 23)
        #expect(remote.framing == .rfc5424 && remote.tag == "web")
    }

    @Test func metricsAndWhatChecksMayAsk() throws {
        let metrics = try read("statistics:", "metrics: { listen: \"127.0.0.1:9101\" }\nstatistics:").metrics
        #expect(metrics?.listen.port == 9_101 && metrics?.path == "/metrics")
        let check =
            "{ http: \"/\", port: 81, method: HEAD, host: www, expect: 204, interval: 3s, fast_interval: 1s, down_interval: 9s }"
        let server = try read(
            "cookie: fred,  check: { http: \"/\" }",
            "cookie: fred, check: \(check), agent: { port: 99, send: hi, interval: 5s }"
        ).services[0].servers.first { $0.name == "fred" }
        let schedule = try #require(server?.check?.schedule)
        #expect(schedule.fastInterval == .seconds(1) && schedule.downInterval == .seconds(9))
        guard case .http(let probe)? = server?.check?.probe else {
            Issue.record("no HTTP check")
            return
        }
        #expect(probe.method == "HEAD" && probe.address.port == 81 && probe.expect == [204...204] && probe.body == nil)
        #expect(server?.agent?.address.description == "192.0.2.201:99" && server?.agent?.send == "hi\n")
        #expect(server?.agent?.timeout == .seconds(1))
    }

    @Test(arguments: [
        Mistake("retries: 3", "access_log: { to: ‸jurnald }", "is no place for a log", "did you mean journald?"),
        Mistake("retries: 3", "access_log: ‸{ format: json }", "has no `to`", "journald"),
        Mistake(
            "retries: 3", "access_log: { to: syslog, facility: ‸local9 }", "no facility of syslog", "did you mean local"
        ),
        Mistake("retries: 3", "access_log: { to: stdout, ‸facility: local1 }", "means nothing", "remove it"),
        Mistake("retries: 3", "access_log: { to: \"‸syslog:1.2.3.4\" }", "", ""),
        Mistake("statistics:", "metrics: ‸{ path: /m }\nstatistics:", "has no `listen`", "IP:PORT"),
        Mistake(
            "check: { http: \"/\" } }\n      ethyl", "check: { tcp: true, ‸body: x } }\n      ethyl",
            "belongs to `http`", "remove it"),
    ])
    func mistakes(_ mistake: Mistake) throws {
        let (text, caret) = Landlord.replacing(mistake.old, with: mistake.new).takingCaret()
        let found = problems(of: text)
        try #require(found.count == 1, "\(found)")
        if !mistake.what.isEmpty { #expect(found[0].position == caret, "\(found)") }
        #expect(found[0].what.contains(mistake.what) || mistake.what.isEmpty, "\(found[0])")
        #expect(found[0].mend.contains(mistake.mend) || mistake.mend.isEmpty, "\(found[0])")
    }
}
