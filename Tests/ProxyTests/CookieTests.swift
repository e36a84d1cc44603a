import Glibc
import Proxy
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The persistence cookie in requests and responses. Where HAProxy 2.6 reads a Cookie field, the expected values are what
/// it passed on and answered to the same requests.
struct CookieTests {
    private func stripped(_ cookies: [String]) throws -> (value: String?, cookies: [String]) {
        let head = "GET / HTTP/1.1\r\nHost: a\r\n" + cookies.map { "Cookie: \($0)\r\n" }.joined() + "\r\n"
        guard case .complete(let result) = HeadTrial.request(bytes(head), cookie: "SRV") else { throw TestFailure() }
        let lines = result.head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("cookie:") }
        return (result.cookie, lines.map { String($0.dropFirst("cookie: ".count)) })
    }

    @Test(
        "only our pair is taken out, and the field when nothing else is in it",
        arguments: [
            ("SRV=s1", "s1", ""), ("SRV=", "", ""), ("SRV=\"s1\"", "\"s1\"", ""), ("a=1; SRV=s1", "s1", "a=1"),
            ("SRV=s1; a=1", "s1", "a=1"), ("a=1; SRV=s1; b=2", "s1", "a=1; b=2"), ("a=1;SRV=s1;b=2", "s1", "a=1; b=2"),
            ("a=1 ;  SRV = s1 ; b=2", "s1", "a=1; b=2"), ("a=1;\tSRV\t=\ts1\t", "s1", "a=1"),
            ("SRV=s0; SRV=s1", "s0", ""), ("a=1;; SRV=s1;", "s1", "a=1"), ("SRV=s1;", "s1", ""),
            ("SRV= ;a=1", "", "a=1"),
            ("SRV=s1 x; a=2", "s1 x", "a=2"), ("$Version=1; SRV=s1; $Path=/; a=1", "s1", "$Version=1; a=1"),
            ("SRV=\"a;b\"; c=3", "\"a;b\"", "c=3"), ("SRV=\"a\\\";b\"; c=3", "\"a\\\";b\"", "c=3"),
            ("SRV=\"s1; c=3", "\"s1", "c=3"), ("=x; SRV=s1; =", "s1", "=x; ="),
        ])
    func strips(_ cookie: String, _ value: String, _ rest: String) throws {
        let result = try stripped([cookie])
        #expect(result.value == value)
        #expect(result.cookies == (rest.isEmpty ? [] : [rest]))
    }

    @Test(
        "other cookies stay byte for byte",
        arguments: [
            "xSRV=s1", "srv=s1", "SRV", "SRV; a=1", "a=\"x; SRV=s1\"; b=2", "a=1; $Version=1", "SRVx=1", "a = 1 ;b",
            ";",
            "a=1,SRV=s1",
        ])
    func leaves(_ cookie: String) throws {
        let result = try stripped([cookie])
        #expect(result.value == nil && result.cookies == [cookie])
    }

    @Test("several Cookie fields are treated each for itself")
    func severalFields() throws {
        #expect(try stripped(["SRV=s1", "a=1"]) == ("s1", ["a=1"]))
        #expect(try stripped(["a=1", "b=2; SRV=s1", "SRV=s2", "c=3"]) == ("s1", ["a=1", "b=2", "c=3"]))
    }

    @Test("the rule's words become attributes")
    func attributes() throws {
        var plan = try ServicePlanTests.seed()
        func refuses(_ change: (inout ServicePlan.Cookie) -> Void) throws {
            var plan = plan
            if var cookie = plan.services[0].cookie {
                change(&cookie)
                plan.services[0].cookie = cookie
            }
            #expect(throws: ServicePlanError.self) { try plan.encoded() }
        }
        try refuses { $0.path = "/;x" }
        try refuses { $0.domain = "a b" }
        try refuses { $0.maxAge = 400_000_000 }
        try refuses { $0.sameSite = .some(.none) }
        plan.services[0].cookie?.secure = true
        plan.services[0].cookie?.httpOnly = true
        plan.services[0].cookie?.sameSite = .strict
        plan.services[0].cookie?.preserve = true
        plan.services[0].cookie?.maxAge = 3_600
        plan.services[0].cookie?.domain = "example.com"
        plan.services[0].cookie?.path = "/app"
        #expect(try ServicePlan(decoding: plan.encoded()) == plan)
        plan.services[0].servers[0].cookie = nil
        #expect(throws: ServicePlanError.cookieMismatch("cluster37/fred", hasRule: true)) { try plan.encoded() }
        plan.services[0].cookie = nil
        #expect(throws: ServicePlanError.cookieMismatch("cluster37/ethyl", hasRule: false)) { try plan.encoded() }
    }

    private func answered(_ lines: String, status: Int = 200, preserves: Bool = false) throws -> [String] {
        let head = "HTTP/1.1 \(status) X\r\n\(lines)Content-Length: 0\r\n\r\n"
        let verdict = HeadTrial.response(
            bytes(head), cookieLine: "set-cookie: SRV=s1; path=/\r\n", cookie: "SRV", forbidsCaching: true,
            preserves: preserves)
        guard case .complete(let result) = verdict else { throw TestFailure() }
        return result.head.split(separator: "\r\n").dropFirst().map(String.init).filter {
            $0.lowercased().hasPrefix("set-cookie:") || $0.hasPrefix("cache-control:")
        }
    }

    @Test("a server's own cookie of that name gives way, or stays if it is preserved")
    func preserve() throws {
        let ours = "set-cookie: SRV=s1; path=/"
        #expect(try answered("Set-Cookie: SRV=own\r\n", status: 500) == [ours])
        #expect(try answered("Set-Cookie: SRV =own\r\n", status: 500) == [ours])
        #expect(try answered("Set-Cookie: SRVx=own\r\n", status: 500) == ["Set-Cookie: SRVx=own", ours])
        #expect(try answered("Set-Cookie: SRV=own\r\n", status: 500, preserves: true) == ["Set-Cookie: SRV=own"])
        #expect(try answered("Set-Cookie: a=b\r\n", status: 500, preserves: true) == ["Set-Cookie: a=b", ours])
    }

    @Test(
        "what HAProxy takes for uncacheable isn't marked",
        arguments: [
            "Cache-Control: private", "Cache-Control: no-store", "Cache-Control: a, NO-CACHE",
            "Cache-Control: max-age=0",
            "Cache-Control: s-maxage=0, x", "Pragma: no-cache", "Pragma: no-cache\r\nCache-Control: max-age=9",
        ])
    func uncacheable(_ line: String) throws {
        let marked = try answered(line + "\r\n").contains("cache-control: private")
        #expect(!marked)
    }

    @Test("what may be cached is marked, by field and by status")
    func cacheable() throws {
        for line in ["ETag: x", "Cache-Control: max-age=60", "Cache-Control: no-cache=\"set-cookie\"", "Expires: 0"] {
            #expect(try answered(line + "\r\n").contains("cache-control: private"), "\(line)")
        }
        for status in [200, 203, 206, 300, 301, 404, 405, 410, 414, 501] {
            #expect(try answered("", status: status).contains("cache-control: private"), "\(status)")
        }
        for status in [201, 202, 302, 303, 304, 307, 308, 400, 401, 403, 500, 502, 503] {
            #expect(try !answered("", status: status).contains("cache-control: private"), "\(status)")
        }
    }
}

/// The same through a worker.
@Suite(.serialized)
struct CookieProxyTests {
    @Test("of several values the first that names a server counts; only what may be cached is marked")
    func through() throws {
        let backends = [try Backend.named("a"), try Backend.named("b")]
        var plan = try service(backends.map(\.port), cookie: true)
        plan.cookie?.httpOnly = true
        plan.cookie?.sameSite = .lax
        plan.cookie?.maxAge = 60
        let proxy = try ProxyUnderTest(plan)
        let client = try proxy.client()
        for value in [
            "SERVERNAME=zz; SERVERNAME=s1", "SERVERNAME=s1; SERVERNAME=s0", "x=\"SERVERNAME=s0\";SERVERNAME=s1",
        ] {
            for _ in 0..<3 {
                let response = try #require(client.get("/", "Cookie: \(value)\r\n"))
                #expect(response.text.hasPrefix("b "))
                #expect(field("set-cookie", in: response.head) == nil)
                #expect(field("cache-control", in: response.head) == nil)
            }
        }
        #expect(client.get("/", "Cookie: SERVERNAME=zz\r\nCookie: SERVERNAME=s1\r\n")?.text == "b / 0")
        let fresh = try #require(client.get("/"))
        let line = try #require(field("set-cookie", in: fresh.head))
        #expect(line.hasSuffix("; path=/; Max-Age=60; HttpOnly; SameSite=Lax"))
        #expect(field("cache-control", in: fresh.head) == "private")
        client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx")
        let posted = try #require(client.readResponse())
        #expect(field("set-cookie", in: posted.head) != nil && field("cache-control", in: posted.head) == nil)
        #expect(!backends[1].requests.contains { $0.contains("SERVERNAME=s") && !$0.contains("x=\"") })
        proxy.stop()
        for backend in backends { backend.stop() }
    }
}
