import Proxy
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Forwarding fields and header rules, in heads.
struct HeaderRuleTests {
    private func request(
        _ lines: String, host: String = "a", forwardedFor: Bool = false,
        _ change: (inout ServicePlan.TrafficRules) -> Void
    ) throws -> String {
        var rules = ServicePlan.TrafficRules()
        change(&rules)
        let verdict = HeadTrial.request(
            bytes("GET / HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n"), cookie: "SRV", forwardedFor: forwardedFor,
            traffic: rules)
        guard case .complete(let result) = verdict else { throw TestFailure() }
        return String(result.head.dropFirst("GET / HTTP/1.1\r\nHost: \(host)\r\n".count).dropLast(1))
    }

    @Test("X-Forwarded-For: appended, replaced, kept, under another name")
    func clientHeader() throws {
        let lines = "X-Forwarded-For: 1.1.1.1\r\nA: b\r\nx-forwarded-for: 2.2.2.2\r\n"
        // Among fields of one name the order counts, and only there (RFC 9110 section 5.3).
        let appended = try request(lines, forwardedFor: true) { _ in }.split(separator: "\r\n").map(String.init)
        #expect(
            appended.filter { $0 != "A: b" }
                == ["X-Forwarded-For: 1.1.1.1", "x-forwarded-for: 2.2.2.2, 192.0.2.7"], "\(appended)")
        #expect(appended.count == 3)
        #expect(
            try request(lines, forwardedFor: true) { $0.forwarding.existing = .replace }
                == "A: b\r\nx-forwarded-for: 192.0.2.7\r\n")
        #expect(try request(lines, forwardedFor: true) { $0.forwarding.existing = .keep } == lines)
        #expect(
            try request("A: b\r\n", forwardedFor: true) { $0.forwarding.existing = .keep }
                == "A: b\r\nx-forwarded-for: 192.0.2.7\r\n")
        #expect(
            try request("X-Client: 3.3.3.3\r\nX-Forwarded-For: 1\r\n", forwardedFor: true) {
                $0.forwarding.header = "X-Client"
            } == "X-Forwarded-For: 1\r\nx-client: 3.3.3.3, 192.0.2.7\r\n")
    }

    @Test("Forwarded, X-Forwarded-Proto and X-Forwarded-Port")
    func forwarded() throws {
        #expect(
            try request("Forwarded: for=1.1.1.1\r\n", host: "a:80") { $0.forwarding.forwarded = true }
                == "forwarded: for=1.1.1.1, for=192.0.2.7;host=\"a:80\";proto=http\r\n")
        // What can't be quoted never comes that far.
        #expect(throws: TestFailure.self) { try request("", host: "a\"b") { $0.forwarding.forwarded = true } }
        #expect(
            try request("X-Forwarded-Proto: ftp\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Ports: 2\r\n") {
                $0.forwarding.scheme = .https
                $0.forwarding.port = true
                $0.forwarding.forwarded = true
            }
                == "X-Forwarded-Ports: 2\r\nforwarded: for=192.0.2.7;host=\"a\";proto=https\r\n"
                + "x-forwarded-proto: https\r\nx-forwarded-port: 80\r\n")
    }

    @Test("a spelling that some servers take for ours is refused")
    func aliases() {
        var rules = ServicePlan.TrafficRules()
        rules.forwarding.scheme = .http
        rules.forwarding.header = "X-Real-IP"
        for name in ["X_Forwarded_Proto", "X-Forwarded_Proto", "X_Real-IP"] {
            let head = "GET / HTTP/1.1\r\nHost: a\r\n\(name): x\r\n\r\n"
            #expect(HeadTrial.request(bytes(head), forwardedFor: true, traffic: rules) == .rejected(400))
        }
    }

    @Test("requests: remove, set, add, with variables")
    func requestRules() throws {
        let lines = "X-A: 1\r\nx_a: 2\r\nB: 3\r\nCookie: SRV=s1; c=d\r\nb: 4\r\n"
        let result = try request(lines) {
            $0.request.remove = ["x-a", "Cookie"]
            $0.request.set = [.init(name: "B", value: "%[src]:%[dst_port]!")]
            $0.request.add = [.init(name: "D", value: "1"), .init(name: "D", value: "100% [x]")]
        }
        #expect(result == "B: 192.0.2.7:80!\r\nD: 1\r\nD: 100% [x]\r\n")
    }

    @Test("what Connection names can't take out what rules put in")
    func connectionNames() throws {
        let result = try request("Connection: x-env, x-forwarded-proto\r\nX-Env: bad\r\n") {
            $0.request.set = [.init(name: "X-Env", value: "good")]
            $0.forwarding.scheme = .http
        }
        #expect(result == "x-forwarded-proto: http\r\nX-Env: good\r\n")
    }

    @Test("responses: remove, set, add; interim ones get nothing")
    func responseRules() throws {
        var changes = ServicePlan.HeaderChanges()
        changes.remove = ["Server", "Cache-Control"]
        changes.set = [.init(name: "X-Frame-Options", value: "DENY")]
        func response(_ head: String) throws -> String {
            let verdict = HeadTrial.response(
                bytes(head), cookieLine: "set-cookie: SRV=x\r\n", cookie: "SRV", forbidsCaching: true, changes: changes)
            guard case .complete(let result) = verdict else { throw TestFailure() }
            return result.head
        }
        #expect(
            try response(
                "HTTP/1.1 200 OK\r\nServer: x\r\nX-Frame-Options: a\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n"
            )
                == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nset-cookie: SRV=x\r\nX-Frame-Options: DENY\r\n\r\n")
        #expect(
            try response("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n") == "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
        )
    }

    @Test("plans: every rule survives its encoding, and its bounds hold")
    func plans() throws {
        var plan = try ServicePlanTests.seed()
        plan.services[0].rules = try Self.everything()
        plan.services[0].servers[0].proxyHeader = .v2
        plan.services[1].rules.routes = [ServicePlan.Route(host: "*.a.org", action: .pool(0))]
        plan.services[1].rules.proxyHeaderFrom = [ServicePlan.Network(address: [10, 0, 0, 0], prefixLength: 8)]
        let good = try plan.encoded()
        #expect(try ServicePlan(decoding: good) == plan)
        for length in stride(from: 0, to: good.count, by: 7) {
            #expect(throws: ServicePlanError.self) { try ServicePlan(decoding: Array(good[..<length])) }
        }
        try Self.refusals(plan)
    }

    static func everything() throws -> ServicePlan.TrafficRules {
        var rules = ServicePlan.TrafficRules()
        rules.forwarding.header = "X-Client"
        rules.forwarding.existing = .replace
        rules.forwarding.except = [ServicePlan.Network(address: [127, 0, 0, 0], prefixLength: 8)]
        rules.forwarding.forwarded = true
        rules.forwarding.scheme = .https
        rules.forwarding.port = true
        rules.request.remove = ["A"]
        rules.request.set = [.init(name: "B", value: "c")]
        rules.response.add = [.init(name: "D", value: String(repeating: "e", count: 1_000))]
        var redirect = ServicePlan.Redirect()
        redirect.scheme = .https
        redirect.host = "b.org"
        redirect.prefix = "/p"
        rules.routes = [
            .init(host: "a.org", path: .exact("/"), action: .pool(0)), .init(path: .prefix("/a"), action: .deny(403)),
            .init(action: .redirect(redirect)),
        ]
        rules.errorPages = [.init(status: 503, contentType: "text/html", body: Array("sorry".utf8))]
        return rules
    }

    private static func refusals(_ plan: ServicePlan) throws {
        func refuses(_ change: (inout ServicePlan.TrafficRules) -> Void) {
            var bad = plan
            change(&bad.services[0].rules)
            #expect(throws: ServicePlanError.self) { try bad.encoded() }
        }
        for name in ["Connection", "transfer-encoding", "Content-Length", "Host", "a b", "", "a:"] {
            refuses { $0.request.remove = [name] }
        }
        refuses { $0.response.add = [.init(name: "A", value: "b\r\nc")] }
        refuses { $0.response.add = [.init(name: "A", value: "%[nope]")] }
        refuses { $0.response.add = [.init(name: "A", value: String(repeating: "x", count: 1_025))] }
        refuses { rules in
            rules.response.add = (0..<5).map { .init(name: "A\($0)", value: String(repeating: "x", count: 1_000)) }
        }
        refuses { $0.routes = [.init(action: .pool(1))] }
        refuses { $0.routes = [.init(action: .deny(200))] }
        refuses { $0.routes = [.init(path: .exact("a"), action: .pool(0))] }
        refuses { $0.routes = [.init(host: "a.*.b", action: .pool(0))] }
        refuses { $0.routes = [.init(action: .redirect(ServicePlan.Redirect()))] }
        refuses { $0.errorPages += $0.errorPages }
        refuses { $0.errorPages = [.init(status: 503, contentType: "a", body: [UInt8](repeating: 0, count: 32_769))] }
        refuses { $0.forwarding.except = [ServicePlan.Network(address: [1, 2, 3], prefixLength: 8)] }
        refuses { $0.proxyHeaderFrom = [ServicePlan.Network(address: [1, 2, 3, 4], prefixLength: 33)] }
        refuses { $0.forwarding.header = "Upgrade" }
    }
}
