import CLinux
import Glibc
import Proxy
import Synchronization
import Testing

/// A proxy that writes its access log into a file of the test's own.
private final class Logged {
    let path: String
    let log: AccessLog
    let proxy: ProxyUnderTest

    init(
        _ service: ServicePlan.Service, _ format: ServicePlan.AccessLog.Format = .httplog,
        gauges: ConnectionGauges = ConnectionGauges()
    ) throws {
        var template = Array("/tmp/electd-log-XXXXXX".utf8CString)
        let fd = mkstemp(&template)
        try #require(fd >= 0)
        close(fd)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        log = try AccessLog(workers: 1)
        var service = service
        service.accessLog = ServicePlan.AccessLog(format: format, sink: ServicePlan.LogSink(.file(path)))
        proxy = try ProxyUnderTest(service, log: log, sink: socket_open_log(path), gauges: gauges)
    }

    /// The first `count` lines, as soon as they are there.
    func lines(_ count: Int) -> [String] {
        for _ in 0..<500 {
            let lines = text().split(separator: "\n").map(String.init)
            if lines.count >= count { return lines }
            usleep(10_000)
        }
        return text().split(separator: "\n").map(String.init)
    }

    private func text() -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    func end() {
        proxy.stop()
        log.finish()
        unlink(path)
    }

    /// The line of the one exchange that `play` has with the proxy.
    static func line(_ service: ServicePlan.Service, _ play: (Wire) throws -> Void) throws -> String {
        let logged = try Logged(service)
        defer { logged.end() }
        try play(try logged.proxy.client())
        return logged.lines(1).first ?? ""
    }
}

/// A line of `httplog`, taken apart; nil for anything else.
private struct HTTPLine {
    let server: String
    let times: [Int]
    let status: Int
    let bytes: Int
    let state: String
    let counts: String
    let queues: String
    let request: String

    init?(_ line: String) {
        let parts = line.split(separator: " ", maxSplits: 11, omittingEmptySubsequences: false).map(String.init)
        let date = /\[\d\d\/[A-Z][a-z][a-z]\/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]/
        guard parts.count == 12, parts[0].hasPrefix("127.0.0.1:"), (try? date.wholeMatch(in: parts[1])) != nil,
            parts[2] == "web", parts[3].hasPrefix("web/"), let status = Int(parts[5]), let bytes = Int(parts[6]),
            parts[7] == "-", parts[8] == "-"
        else { return nil }
        server = String(parts[3].dropFirst(4))
        times = parts[4].split(separator: "/").compactMap { Int($0) }
        (self.status, self.bytes, state, counts) = (status, bytes, parts[9], parts[10])
        let rest = parts[11].split(separator: " ", maxSplits: 1).map(String.init)
        guard rest.count == 2, rest[1].hasPrefix("\""), rest[1].hasSuffix("\""), times.count == 5 else { return nil }
        queues = rest[0]
        request = String(rest[1].dropFirst().dropLast())
    }
}

struct AccessLogTests {
    @Test("httplog: fields in HAProxy's places, and as many bytes as the client got")
    func httplog() throws {
        let backend = try Backend { wire, _ in
            while let head = wire.read(through: "\r\n\r\n") {
                usleep(30_000)
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: \(head.contains("/long") ? 100_000 : 2)\r\n\r\n")
                wire.send([UInt8](repeating: 0x78, count: head.contains("/long") ? 100_000 : 2))
            }
        }
        let logged = try Logged(try service([backend.port]))
        let client = try logged.proxy.client()
        let first = try #require(client.get("/a?b=c"))
        let second = try #require(client.get("/long"))
        let lines = logged.lines(2)
        let line = try #require(HTTPLine(lines[0]), "\(lines)")
        #expect(line.server == "s0" && line.status == 200 && line.request == "GET /a?b=c HTTP/1.1")
        #expect(line.bytes == first.head.utf8.count + 2)
        let times = line.times
        #expect(times[0] >= 0 && times[1] >= 0 && times[2] >= 0 && times[3] >= 25 && times[4] >= times[3], "\(times)")
        #expect(line.state == "----" && line.counts == "1/1/1/1/0" && line.queues == "0/0")
        let long = try #require(HTTPLine(lines[1]), "\(lines)")
        #expect(long.bytes == second.head.utf8.count + 100_000)
        logged.end()
        backend.stop()
    }

    @Test("the numbers of connections and exchanges are those of all workers")
    func countsOfAllWorkers() throws {
        let backend = try Backend { wire, backend in
            while let head = wire.read(through: "\r\n\r\n") {
                backend.note(head)
                if head.contains("/held") { continue }
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let gauges = ConnectionGauges()
        let logged = try Logged(try service([backend.port]), gauges: gauges)
        let other = try ProxyUnderTest(try service([backend.port]), number: 1, gauges: gauges)
        let waiting = try other.client()
        waiting.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n")
        for _ in 0..<500 where backend.requests.isEmpty { usleep(10_000) }
        _ = try logged.proxy.client().get("/")
        let lines = logged.lines(1)
        #expect(try #require(HTTPLine(lines[0]), "\(lines)").counts == "2/2/2/2/0")
        other.stop()
        logged.end()
        backend.stop()
    }

    @Test("JSON: a value for every field, and hostile bytes can't leave theirs")
    func json() throws {
        let backend = try Backend.named("a")
        let logged = try Logged(try service([backend.port]), .json)
        let client = try logged.proxy.client()
        _ = client.get("/a\"b\\c{}", "")
        let line = try #require(logged.lines(1).first)
        #expect(line.hasPrefix("{\"time\":\"20") && line.hasSuffix("}}"))
        #expect(
            line.contains("\"method\":\"GET\",\"uri\":\"/a\\\"b\\\\c{}\",\"protocol\":\"HTTP/1.1\",\"host\":\"test\""))
        #expect(line.contains("\"status\":200,") && line.contains("\"server\":\"s0\"") && line.contains("\"----\""))
        logged.end()
        backend.stop()
    }

    @Test("hostile bytes are written as # and two digits")
    func escaping() throws {
        let backend = try Backend.named("a")
        let line = try Logged.line(try service([backend.port])) { $0.send("GET /\"{}% HTTP/1.1\r\nHost: a\r\n\r\n") }
        #expect(line.hasSuffix("\"GET /#22{}% HTTP/1.1\""), "\(line)")
        backend.stop()
    }

    @Test("who ended it: client, server, proxy, and where")
    func endings() throws {
        let hour = ServicePlan.Timeouts(connect: 500, client: 20_000, server: 300, request: 300)
        let silent = try Backend { wire, _ in _ = wire.readAll() }
        let quick = try Backend { wire, _ in _ = wire.read(through: "\r\n\r\n") }
        let torn = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            usleep(100_000)
        }
        let strange = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            wire.send("HTTP/1.1 abc\r\n\r\n")
        }
        let endless = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
            usleep(2_000_000)
        }
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let refusing = try refusingPort()
        func line(_ port: UInt16, _ play: (Wire) throws -> Void) throws -> String {
            var service = try service([port], timeouts: hour)
            service.retries = 0
            return try Logged.line(service, play)
        }
        func expect(_ line: String, _ status: Int, _ state: String, _ note: String) {
            let read = HTTPLine(line)
            #expect(read?.status == status && read?.state == state, "\(note): \(line)")
        }
        func ask(_ wire: Wire) { wire.send(get); _ = wire.readAll() }
        expect(try line(refusing, ask), 503, "SC--", "refused")
        expect(try line(silent.port, ask), 504, "sH--", "silent")
        expect(
            try line(quick.port) { wire in
                wire.send("POST / HTTP/1.1\r\nHost: a\r\n\r\n"); _ = wire.readAll()
            },
            502, "SH--", "closed without an answer")
        expect(try line(strange.port, ask), 502, "PH--", "no HTTP")
        expect(try line(torn.port, ask), 200, "SD--", "broken off")
        expect(
            try line(silent.port) { wire in
                wire.send("GET / HT"); _ = wire.readAll()
            }, 408, "cR--", "slow head")
        expect(
            try line(silent.port) { wire in
                wire.send("bad\r\n\r\n"); _ = wire.readAll()
            }, 400, "PR--", "bad")
        expect(
            try line(silent.port) { wire in
                wire.send(get); usleep(50_000); wire.reset()
            }, -1, "CH--", "gone")
        expect(
            try line(endless.port) { wire in
                wire.send(get); _ = wire.read(through: "abc"); wire.reset()
            },
            200, "CD--", "gone in the body")
        for backend in [silent, quick, torn, strange, endless] { backend.stop() }
    }

    @Test("what became of the persistence cookie")
    func cookies() throws {
        let backends = [try Backend.named("a"), try Backend.named("b")]
        let logged = try Logged(try service(backends.map(\.port), cookie: true))
        let client = try logged.proxy.client()
        _ = client.get("/")
        _ = client.get("/", "Cookie: SERVERNAME=s0\r\n")
        _ = client.get("/", "Cookie: SERVERNAME=nobody\r\n")
        logged.proxy.set(1, health: .down)
        _ = client.get("/", "Cookie: SERVERNAME=s1\r\n")
        let states = logged.lines(4).map { HTTPLine($0)?.state }
        #expect(states == ["--NI", "--VN", "--II", "--DI"])
        logged.end()
        for backend in backends { backend.stop() }
    }

    @Test("tcplog: when a tunnel ends")
    func tcplog() throws {
        let backend = try Backend { wire, _ in
            while let line = wire.read(through: "\n") { wire.send(line) }
        }
        let line = try Logged.line(try service([backend.port], mode: .tcp)) { wire in
            wire.send("hello\n")
            _ = wire.read(through: "\n")
            wire.shutOutput()
            _ = wire.readAll()
        }
        let wanted =
            /127\.0\.0\.1:\d+ \[[^\]]+\] web web\/s0 \d+\/\d+\/\d+ 6 -- 1\/1\/1\/1\/0 0\/0/
        #expect(try wanted.wholeMatch(in: line) != nil, "\(line)")
        backend.stop()
    }

    @Test("a reader that has stopped costs lines, which are counted, and no request")
    func overflow() throws {
        let backend = try Backend.named("a")
        var ends: [Int32] = [-1, -1]
        try #require(socket_pipe(&ends) == 0)
        let log = try AccessLog(workers: 1)
        var plan = try service([backend.port])
        plan.accessLog = ServicePlan.AccessLog(format: .json, sink: ServicePlan.LogSink(.file("/tmp/fifo")))
        let proxy = try ProxyUnderTest(plan, log: log, sink: ends[1])
        let client = try proxy.client()
        for _ in 0..<600 { #expect(client.get("/")?.status == 200) }
        for _ in 0..<300 where log.linesLost == 0 { usleep(10_000) }
        #expect(log.linesLost > 0)
        proxy.stop()
        log.finish()
        close(ends[0])
        backend.stop()
    }

    @Test("a sink that is replaced, and one that no plan names, are let go by everybody")
    func letGo() throws {
        let log = try AccessLog(workers: 1)
        defer { log.finish() }
        var service = try service([1])
        service.accessLog = ServicePlan.AccessLog(format: .json, sink: ServicePlan.LogSink(.file("/tmp/fifo")))
        let logged = ServicePlan(services: [service])
        service.accessLog = nil
        let silent = ServicePlan(services: [service])

        let first = try pipe(of: logged, log)
        let second = try pipe(of: logged, log)
        #expect(hasEnded(first))
        #expect(!hasEnded(second, within: 50))
        for _ in 0..<2 { #expect(log.take(silent, []) == [-1]) }
        #expect(hasEnded(second))
        close(first)
        close(second)
    }

    /// The reading end of a pipe whose other end the log has taken.
    private func pipe(of plan: ServicePlan, _ log: AccessLog) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        try #require(socket_pipe(&ends) == 0)
        #expect(log.take(plan, [ends[1]]) == [0])
        return ends[0]
    }

    private func hasEnded(_ reader: Int32, within milliseconds: Int32 = 5_000) -> Bool {
        var wait = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        return poll(&wait, 1, milliseconds) == 1 && wait.revents & Int16(POLLHUP) != 0
    }

    @Test("syslog on a socket: RFC 3164 and RFC 5424, and the journal's own form")
    func datagrams() throws {
        let backend = try Backend.named("a")
        let forms: [(ServicePlan.LogSink, Regex<Substring>)] = [
            (
                ServicePlan.LogSink(.syslogSocket("/nowhere")),
                /<134>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d electd\[\d+\]: 127.*/
            ),
            (
                ServicePlan.LogSink(.syslogSocket("/nowhere"), facility: 23, framing: .rfc5424, tag: "web"),
                /<190>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ web \d+ - - 127.*/
            ),
            (
                ServicePlan.LogSink(.journald),
                /PRIORITY=6\n(?s).*SYSLOG_IDENTIFIER=electd\nELECTD_SERVICE=web\nMESSAGE=127.*\n/
            ),
        ]
        for (sink, wanted) in forms {
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends) == 0)
            let log = try AccessLog(workers: 1)
            var plan = try service([backend.port])
            plan.accessLog = ServicePlan.AccessLog(format: .httplog, sink: sink)
            let proxy = try ProxyUnderTest(plan, log: log, sink: ends[1])
            let client = try proxy.client()
            _ = client.get("/")
            var bytes = [UInt8](repeating: 0, count: 9_000)
            let count = recv(ends[0], &bytes, bytes.count, 0)
            let text = String(decoding: bytes[..<max(0, count)], as: UTF8.self)
            #expect(try wanted.wholeMatch(in: text) != nil, "\(text)")
            proxy.stop()
            log.finish()
            close(ends[0])
        }
        backend.stop()
    }
}

struct LatencyHistogramTests {
    @Test("every duration lies in its bucket, and buckets grow by an eighth")
    func buckets() {
        var last = -1
        for value in [0, 7, 8, 63, 64, 71, 72, 127, 128, 1_000, 999_999, 1 << 26, (1 << 27) - 1, 1 << 27, 1 << 40]
            as [UInt64]
        {
            let bucket = LatencyHistogram.bucket(value)
            #expect(bucket >= last && bucket < LatencyHistogram.count)
            if let end = LatencyHistogram.end(of: bucket) { #expect(value < end) }
            if bucket > 0, let before = LatencyHistogram.end(of: bucket - 1) { #expect(value >= before) }
            last = bucket
        }
    }

    @Test("quantiles, and merging by adding up")
    func quantiles() {
        var a = LatencyHistogram()
        var b = LatencyHistogram()
        #expect(a.quantile(500) == nil)
        for value in 1...1_000 { if value % 2 == 0 { a.add(UInt64(value) * 100) } else { b.add(UInt64(value) * 100) } }
        a += b
        #expect(a.total == 1_000 && a.sum == 50_050_000)
        let (middle, late) = (a.quantile(500) ?? 0, a.quantile(990) ?? 0)
        #expect(middle >= 50_000 && middle <= 57_345 && late >= 99_000 && late <= 114_689)
    }
}
