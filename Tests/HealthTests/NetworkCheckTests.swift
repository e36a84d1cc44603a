import Glibc
import Health
import NIOPosix
import Testing

/// TCP and HTTP checks against servers of a few lines on the loopback interface.
struct NetworkCheckTests {
    private func verdict(_ probe: CheckPlan.Probe, timeoutMS: Int = 60_000) async throws -> CheckReport? {
        let reports = Collected<CheckReport>()
        let runner = CheckRunner(group: MultiThreadedEventLoopGroup.singleton) { reports.add($0) }
        await runner.apply([CheckPlan(name: "probe", probe: probe, intervalMS: 60_000, timeoutMS: timeoutMS)])
        let report = try await reports.when { !$0.isEmpty }.first
        await runner.shutdown()
        return report
    }

    private func http(
        _ answer: String, expected: [ClosedRange<Int>] = [200...399], bodyContains: String? = nil,
        timeoutMS: Int = 60_000
    ) async throws -> CheckReport? {
        let server = try TinyServer { _ in Array(answer.utf8) }
        return try await verdict(
            .http(HTTPProbe(endpoint: server.endpoint, expected: expected, bodyContains: bodyContains)),
            timeoutMS: timeoutMS)
    }

    @Test func tcpConnects() async throws {
        let server = try TinyServer { _ in [] }
        let report = try await verdict(.tcp(server.endpoint))
        #expect(report?.passing == true && report?.detail == "connected")
    }

    @Test func tcpConnectsOverIPv6() async throws {
        guard let server = try? TinyServer(ipv6: true, { _ in [] }) else { return }
        #expect(try await verdict(.tcp(server.endpoint))?.passing == true)
    }

    @Test func tcpRefused() async throws {
        let port = try TinyServer.unusedPort()
        let report = try await verdict(.tcp(Endpoint(address: "127.0.0.1", port: port)))
        #expect(report?.passing == false && report?.detail == "Connection refused")
    }

    @Test func namesAreNotLookedUp() async throws {
        let report = try await verdict(.tcp(Endpoint(address: "localhost", port: 80)))
        #expect(report?.detail == "localhost: not an IP address")
    }

    @Test func httpStatusDecides() async throws {
        let good = try await http("HTTP/1.1 204 No Content\r\n\r\n")
        #expect(good?.passing == true && good?.detail == "HTTP 204 No Content")
        let bad = try await http("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        #expect(bad?.passing == false && bad?.detail == "HTTP 503 Service Unavailable")
        #expect(try await http("HTTP/1.0 302 Found\r\n\r\n", expected: [200...299, 404...404])?.passing == false)
        #expect(try await http("HTTP/1.0 404 Not Found\r\n\r\n", expected: [200...299, 404...404])?.passing == true)
        #expect(try await http("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")?.detail == "HTTP 200 OK")
    }

    @Test func httpBodyMatches() async throws {
        let whole = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\ndatabase ok"
        #expect(try await http(whole, bodyContains: "base ok")?.passing == true)
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ndata\r\n7\r\nbase ok\r\n0\r\n\r\n"
        #expect(try await http(chunked, bodyContains: "database ok")?.passing == true)
        let missing = try await http(whole, bodyContains: "nine")
        #expect(missing?.detail == "HTTP 200, but the body's first 11 bytes lack \"nine\"")
        // Behind the first 64 KiB nobody looks.
        let long = "HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n" + String(repeating: "x", count: 69_996) + "here"
        let beyond = try await http(long, bodyContains: "here")
        #expect(beyond?.detail == "HTTP 200, but the body's first 65536 bytes lack \"here\"")
    }

    @Test func httpNonsenseFails() async throws {
        for nonsense in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 two hundred\r\n\r\n"] {
            let report = try await http(nonsense)
            #expect(report?.passing == false)
            #expect(report?.detail.hasPrefix("not an HTTP answer") == true, "\(report?.detail ?? "nothing")")
        }
        #expect(try await http("")?.detail == "connection closed before an answer")
        #expect(try await http("HTTP/1.1 200 OK\r\nX-")?.passing == false)
        let endless = "HTTP/1.1 200 OK\r\nx: " + String(repeating: "y", count: 500_000)
        #expect(try await http(endless)?.detail == "the answer's head is too long")
        let reason = "HTTP/1.1 200 " + String(repeating: "y", count: 500_000)
        #expect(try await http(reason)?.passing == false)
    }

    @Test func aQuickServerIsNotMistakenForABrokenOne() async throws {
        let reports = Collected<CheckReport>()
        let server = try TinyServer { _ in Array("HTTP/1.0 200 OK\r\n\r\n".utf8) }
        let runner = CheckRunner(group: MultiThreadedEventLoopGroup.singleton) { reports.add($0) }
        let plans = (0..<16).map { number in
            CheckPlan(
                name: "quick\(number)", probe: .http(HTTPProbe(endpoint: server.endpoint)), intervalMS: 10,
                timeoutMS: 60_000)
        }
        await runner.apply(plans)
        try await eventually { await runner.snapshot().allSatisfy { $0.runs >= 30 } }
        await runner.shutdown()
        #expect(reports.all.filter { !$0.passing } == [])
    }

    @Test func httpSilenceTimesOut() async throws {
        let server = try TinyServer { _ in
            sleep(20)
            return []
        }
        let report = try await verdict(.http(HTTPProbe(endpoint: server.endpoint)), timeoutMS: 300)
        #expect(report?.passing == false && report?.detail.hasPrefix("timeout") == true)
        #expect((report?.durationMS ?? .max) < 15_000)
    }

    @Test func httpRequestIsWellFormed() async throws {
        let heard = Collected<String>()
        let server = try TinyServer { request in
            heard.add(request)
            return Array("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".utf8)
        }
        let probe = HTTPProbe(
            endpoint: server.endpoint, method: "HEAD", path: "/healthz?full=1", host: "www.example.org")
        #expect(try await verdict(.http(probe))?.passing == true)
        let lines = (heard.all.first ?? "").split(separator: "\r\n").map { $0.lowercased() }
        #expect(lines.first == "head /healthz?full=1 http/1.1")
        #expect(lines.contains("host: www.example.org") && lines.contains("connection: close"))
    }

    @Test(
        "a probe introduces itself as traffic does",
        arguments: [
            (Introduction.v1, "PROXY UNKNOWN\r\n"),
            (.v2, "\r\n\r\n\u{0}\r\nQUIT\n \u{0}\u{0}\u{0}"),
        ])
    func introduces(_ introduction: Introduction, _ header: String) async throws {
        let server = try TinyServer { request in
            let isRight = request.hasPrefix(header + "GET / HTTP/1.1\r\n")
            return Array("HTTP/1.1 \(isRight ? "200 OK" : "400 Bad Request")\r\ncontent-length: 0\r\n\r\n".utf8)
        }
        let probe = HTTPProbe(endpoint: server.endpoint, introduction: introduction)
        #expect(try await verdict(.http(probe))?.passing == true)
    }
}
