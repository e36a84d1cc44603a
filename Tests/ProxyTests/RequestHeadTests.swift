import Proxy
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func accepted(_ verdict: HeadTrial.Verdict) throws -> HeadTrial.Rewritten {
    guard case .complete(let rewritten) = verdict else {
        Issue.record("expected a whole head, got \(verdict)")
        throw TestFailure()
    }
    return rewritten
}

struct TestFailure: Error {}

/// RFC 9112 in its strict form: what goes through, and as what.
struct RequestHeadTests {
    @Test("a plain request goes through byte for byte")
    func plain() throws {
        let head = "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n"
        let result = try accepted(HeadTrial.request(bytes(head + "rest")))
        #expect(result.head == head)
        #expect(result.consumed == head.utf8.count)
        #expect(result.keepsAlive && result.mayGoOn && !result.isChunked && result.contentLength == -1)
    }

    @Test(
        "every shorter piece of a good head is incomplete",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\nPOST /x HTTP/1.1\r\nhost: a:80\r\nContent-Length: 12\r\nCookie: a=b\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
        ])
    func prefixes(_ head: String) throws {
        let all = bytes(head)
        for count in 0..<all.count { #expect(HeadTrial.request(Array(all[..<count])) == .incomplete, "\(count) bytes") }
        #expect(try accepted(HeadTrial.request(all)).consumed == all.count)
    }

    @Test("every byte that RFC 9110 lets a token have may stand in a name and a method, and no other")
    func tokens() throws {
        let tokens = Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        for byte in UInt8.min...UInt8.max {
            let field = bytes("GET / HTTP/1.1\r\nHost: a\r\nx") + [byte] + bytes("y: b\r\n\r\n")
            // A colon there ends the name, and the rest is the value.
            let isPart = tokens.contains(byte) || byte == UInt8(ascii: ":")
            #expect((HeadTrial.request(field) != .rejected(400)) == isPart, "\(byte) in a name")
            let method = bytes("X") + [byte] + bytes("Y / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect((HeadTrial.request(method) != .rejected(400)) == tokens.contains(byte), "\(byte) in a method")
        }
    }

    @Test(
        "heads that two parsers could read differently are refused",
        arguments: [
            // Line ends and control bytes.
            "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\u{0b}c\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: b\u{7f}\r\n\r\n",
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            // Field names.
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n",
            "GET / HTTP/1.1\r\n X: b\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: b\r\n\r\n",
            // Host.
            "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "GET / HTTP/1.1\r\nHost: []\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n", "GET / HTTP/1.1\r\nHost: <a>\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", "GET http://a;b:/ HTTP/1.1\r\nHost: a;b\r\n\r\n",
            // Request line.
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1x\r\nHost: a\r\n\r\n", "GET HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\r\nHost: a\r\n\r\n",
            "GET /\r\n",
            "GET / HTTP/11\r\nHost: a\r\n\r\n", "GET / http/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTPS/1.1\r\nHost: a\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://u@a/ HTTP/1.1\r\nHost: u@a\r\n\r\n", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "AVERYLONGMETHODNAMEOFMORETHAN32BYTES / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            // Framing.
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 2\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            // What CGI takes for the same name.
            "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 3\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded-For: b\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\ntransfer_encoding: chunked\r\n\r\n",
            // Connection names what isn't its own.
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Forwarded-For\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: host\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: cookie\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n",
        ])
    func refused(_ head: String) {
        let verdict = HeadTrial.request(bytes(head), cookie: "SERVERNAME", forwardedFor: true)
        guard case .rejected(let status) = verdict else {
            Issue.record("\(head.debugDescription) gives \(verdict)")
            return
        }
        #expect(status == 400 || status == 505)
    }

    @Test("unknown codings, CONNECT, other versions, and too much")
    func otherStatuses() {
        func status(_ text: String) -> HeadTrial.Verdict { HeadTrial.request(bytes(text)) }
        #expect(status("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n") == .rejected(501))
        #expect(status("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n") == .rejected(501))
        #expect(status("CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n") == .rejected(501))
        #expect(status("GET / HTTP/1.2\r\nHost: a\r\n\r\n") == .rejected(505))
        #expect(status("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n") == .rejected(413))
        let many = String(repeating: "X: y\r\n", count: 101)
        #expect(status("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n") == .rejected(431))
        let long = String(repeating: "x", count: 17_000)
        #expect(status("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n") == .rejected(431))
        #expect(status("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n") == .rejected(431))
        #expect(status(String(repeating: "\r\n", count: 9_000)) == .rejected(431))
        let names = (0..<20).map { "n\($0)" }.joined(separator: ",")
        #expect(status("GET / HTTP/1.1\r\nHost: a\r\nConnection: \(names)\r\n\r\n") == .rejected(400))
    }

    @Test("hop-by-hop fields end here, those that Connection names too")
    func hopByHop() throws {
        let result = try accepted(
            HeadTrial.request(
                bytes(
                    "GET / HTTP/1.1\r\nX-Secret: 1\r\nHost: a\r\nConnection: keep-alive, x-secret, TE\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
                        + "Proxy-Connection: x\r\nHTTP2-Settings: x\r\nX-SECRET: 2\r\nAccept: b\r\nUpgrade: h2c\r\n\r\n"
                )))
        #expect(result.head == "GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n")
    }

    @Test(
        "connections are kept as the client asks",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: Keep-Alive\r\n", true),
            ("1.1", "Connection: x\r\nConnection: CLOSE\r\n", false), ("1.0", "", false),
            ("1.0", "Connection: keep-alive\r\n", true), ("1.0", "Connection: keep-alive, close\r\n", false),
        ])
    func keepAlive(_ version: String, _ lines: String, _ kept: Bool) throws {
        let result = try accepted(HeadTrial.request(bytes("GET / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n")))
        #expect(result.keepsAlive == kept)
    }

    @Test("httpclose asks the server to close")
    func closes() throws {
        let result = try accepted(
            HeadTrial.request(bytes("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"), closes: true))
        #expect(result.head == "GET / HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\n")
    }

    @Test("the client's address comes last in X-Forwarded-For")
    func forwardedFor() throws {
        func head(_ lines: String) throws -> String {
            try accepted(
                HeadTrial.request(bytes("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n"), forwardedFor: true)
            ).head
        }
        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        #expect(try head("") == start + "x-forwarded-for: 192.0.2.7\r\n\r\n")
        #expect(try head("X-Forwarded-For: 1.1.1.1\r\n") == start + "x-forwarded-for: 1.1.1.1, 192.0.2.7\r\n\r\n")
        #expect(
            try head("X-Forwarded-For: 1.1.1.1\r\nB: c\r\nx-forwarded-for: 2.2.2.2  \r\n")
                == start + "B: c\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2, 192.0.2.7\r\n\r\n")
        #expect(try head("X-Forwarded-For:\r\n") == start + "x-forwarded-for: 192.0.2.7\r\n\r\n")
    }

    @Test("Upgrade goes on only where a tunnel is safe")
    func upgrade() throws {
        func result(_ head: String) throws -> HeadTrial.Rewritten { try accepted(HeadTrial.request(bytes(head))) }
        let socket = try result("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        #expect(socket.asksUpgrade)
        #expect(socket.head == "GET /ws HTTP/1.1\r\nHost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        for lines in [
            "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n",
            "Upgrade: websocket, H2C\r\nConnection: upgrade\r\n",
            "Upgrade: HTTP/2.0\r\nConnection: upgrade\r\n", "Upgrade: websocket\r\n",
            "Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 4\r\n",
            "Upgrade: websocket\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n",
        ] {
            let plain = try result("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n")
            #expect(!plain.asksUpgrade && !plain.head.lowercased().contains("upgrade"), "\(lines)")
        }
        #expect(try !result("GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n").asksUpgrade)
    }

    @Test(
        "only idempotent methods may be sent twice",
        arguments: [
            ("GET", true), ("HEAD", true), ("OPTIONS", true), ("PUT", true), ("DELETE", true), ("TRACE", true),
            ("POST", false), ("PATCH", false), ("get", false), ("GETX", false), ("LOCK", false),
        ])
    func replayable(_ method: String, _ expected: Bool) throws {
        #expect(try accepted(HeadTrial.request(bytes("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n"))).mayGoOn == expected)
    }

    @Test("absolute-form is taken when its authority is the Host, and goes on as a path")
    func absoluteForm() throws {
        let head = "GET HTTP://A.org:80/x?y HTTP/1.1\r\nHost: a.ORG:80\r\n\r\n"
        #expect(
            try accepted(HeadTrial.request(bytes(head))).head == "GET /x?y HTTP/1.1\r\nHost: a.ORG:80\r\n\r\n")
        for (target, path) in [
            ("GET http://a", "GET /"), ("GET http://a?q", "GET /?q"), ("OPTIONS http://a", "OPTIONS *"),
        ] {
            #expect(
                try accepted(HeadTrial.request(bytes("\(target) HTTP/1.1\r\nHost: a\r\n\r\n"))).head
                    == "\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        let old = "GET http://a.org/ HTTP/1.0\r\n\r\n"
        #expect(
            try accepted(HeadTrial.request(bytes(old))).head
                == "GET / HTTP/1.0\r\nhost: a.org\r\nconnection: close\r\n\r\n")
    }
}

/// HAProxy's `cookie SERVERNAME insert indirect`: the request's side.
struct PersistenceCookieTests {
    private func result(_ lines: String, strips: Bool = true) throws -> HeadTrial.Rewritten {
        try accepted(
            HeadTrial.request(
                bytes("GET / HTTP/1.1\r\nHost: a\r\n\(lines)Z: z\r\n\r\n"), cookie: "SERVERNAME", strips: strips))
    }

    @Test(
        "our pair is found and taken out, and nothing else",
        arguments: [
            ("Cookie: SERVERNAME=fred\r\n", "fred", ""),
            ("Cookie: a=b; SERVERNAME=fred; c=d\r\n", "fred", "Cookie: a=b; c=d\r\n"),
            ("Cookie: SERVERNAME=fred; c=d\r\n", "fred", "Cookie: c=d\r\n"),
            ("cookie:a=b;SERVERNAME=fred\r\n", "fred", "cookie:a=b\r\n"),
            ("Cookie: a=b;c=d;  SERVERNAME=x ; e=f\r\n", "x", "Cookie: a=b; c=d; e=f\r\n"),
            ("Cookie: SERVERNAME=1; a=b; SERVERNAME=2\r\n", "1", "Cookie: a=b\r\n"),
            ("Cookie: SERVERNAME=1; SERVERNAME=2\r\n", "1", ""), ("Cookie: SERVERNAME=\r\n", "", ""),
            ("Cookie: a=b\r\nCookie: SERVERNAME=f\r\nCookie: c=d\r\n", "f", "Cookie: a=b\r\nCookie: c=d\r\n"),
            ("Cookie: SERVERNAME=a=b\r\n", "a=b", ""),
        ])
    func stripped(_ lines: String, _ value: String, _ left: String) throws {
        let result = try result(lines)
        #expect(result.cookie == value)
        #expect(result.head == "GET / HTTP/1.1\r\nHost: a\r\n\(left)Z: z\r\n\r\n")
    }

    @Test(
        "others' cookies are left as they are",
        arguments: [
            "Cookie: XSERVERNAME=a\r\n", "Cookie: SERVERNAMEX=a\r\n", "Cookie: servername=a\r\n",
            "Cookie: SERVERNAME\r\n",
            "Cookie: a=SERVERNAME=b\r\n", "Cookie: \r\n", "Cookie: ;;;\r\n", "X-Cookie: SERVERNAME=a\r\n",
            "Cookie: a=b ;c=\"d\"\r\n",
        ])
    func untouched(_ lines: String) throws {
        let result = try result(lines)
        #expect(result.cookie == nil)
        #expect(result.head == "GET / HTTP/1.1\r\nHost: a\r\n\(lines)Z: z\r\n\r\n")
    }

    @Test("without `indirect` the server sees it")
    func kept() throws {
        let result = try result("Cookie: SERVERNAME=fred\r\n", strips: false)
        #expect(result.cookie == "fred")
        #expect(result.head.contains("Cookie: SERVERNAME=fred\r\n"))
    }
}
