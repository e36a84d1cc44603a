import Proxy
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Responses of servers, as clients get them.
struct ResponseHeadTests {
    private func accepted(_ verdict: HeadTrial.Verdict) throws -> HeadTrial.Rewritten {
        guard case .complete(let rewritten) = verdict else {
            Issue.record("expected a whole head, got \(verdict)")
            throw TestFailure()
        }
        return rewritten
    }

    @Test("a plain response goes through byte for byte, whole pieces only")
    func plain() throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\n"
        let result = try accepted(HeadTrial.response(bytes(head + "abc")))
        #expect(result.head == head)
        #expect(result.consumed == head.utf8.count && result.contentLength == 3 && result.keepsAlive && result.mayGoOn)
        for count in 0..<head.utf8.count {
            #expect(HeadTrial.response(Array(bytes(head)[..<count])) == .incomplete, "\(count) bytes")
        }
    }

    @Test(
        "responses that can't be passed on",
        arguments: [
            "HTTP/1.1 200 OK\nContent-Length: 3\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\n\r\n",
            "HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\n",
            "HTTP/1.1 2000 OK\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 099 OK\r\nContent-Length: 3\r\n\r\n",
            "HTTP/1.1 600 OK\r\nContent-Length: 3\r\n\r\n", "ICY 200 OK\r\nContent-Length: 33\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 200 O\u{1}K\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
            "HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n",
            "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: set-cookie\r\nSet-Cookie: a=b\r\n\r\n",
        ])
    func refused(_ head: String) {
        #expect(HeadTrial.response(bytes(head)) == .rejected(502), "\(head.debugDescription)")
    }

    @Test("101 answers who asked, and only those")
    func switching() throws {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: y\r\n\r\n"
        let result = try accepted(HeadTrial.response(bytes(head), mayUpgrade: true))
        #expect(
            result.head
                == "HTTP/1.1 101 Switching Protocols\r\nX: y\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        #expect(HeadTrial.response(bytes("HTTP/1.1 101 Switching\r\n\r\n"), mayUpgrade: true) == .rejected(502))
    }

    @Test("a response that lasts until the server closes closes the client too")
    func untilClose() throws {
        let result = try accepted(HeadTrial.response(bytes("HTTP/1.1 200 OK\r\n\r\n")))
        #expect(result.head == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        #expect(!result.mayGoOn && !result.keepsAlive)
        #expect(try accepted(HeadTrial.response(bytes("HTTP/1.1 304 Not Modified\r\n\r\n"))).mayGoOn)
        #expect(try accepted(HeadTrial.response(bytes("HTTP/1.1 200 OK\r\n\r\n"), toHead: true)).mayGoOn)
    }

    @Test("HTTP/1.0 on either side")
    func http10() throws {
        let old = try accepted(HeadTrial.response(bytes("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n")))
        #expect(old.head == "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" && !old.keepsAlive && old.mayGoOn)
        let kept = try accepted(
            HeadTrial.response(bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"), toHTTP10: true))
        #expect(kept.head == "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nconnection: keep-alive\r\n\r\n")
        let chunked = try accepted(
            HeadTrial.response(bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), toHTTP10: true))
        #expect(chunked.head == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" && chunked.isChunked && !chunked.mayGoOn)
    }

    @Test("the cookie is added, and says that the response isn't for everyone")
    func cookie() throws {
        let line = "set-cookie: S=fred; path=/\r\n"
        func head(_ response: String) throws -> String {
            try accepted(
                HeadTrial.response(bytes(response), cookieLine: line, cookie: "S", forbidsCaching: true)
            ).head
        }
        let start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
        #expect(try head(start + "\r\n") == start + line + "cache-control: private\r\n\r\n")
        #expect(
            try head(start + "Cache-Control: max-age=1, private\r\n\r\n") == start
                + "Cache-Control: max-age=1, private\r\n" + line + "\r\n")
        #expect(
            try head(start + "Set-Cookie: S=evil\r\nSet-Cookie: T=u\r\n\r\n") == start + "Set-Cookie: T=u\r\n" + line
                + "cache-control: private\r\n\r\n")
        let revalidated = start + "Cache-Control: no-cache\r\n"
        #expect(try head(revalidated + "\r\n") == revalidated + line + "\r\n")
        let post = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
        #expect(try head(post + "\r\n") == post + line + "\r\n")
    }

    @Test("hop-by-hop fields of servers end here")
    func hopByHop() throws {
        let result = try accepted(
            HeadTrial.response(
                bytes(
                    "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nUpgrade: h2\r\nContent-Length: 0\r\n\r\n"
                )))
        #expect(result.head == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(!result.keepsAlive && result.mayGoOn)
    }
}

/// Chunked bodies (RFC 9112 section 7.1).
struct ChunkTests {
    @Test(
        "good bodies, in any pieces",
        arguments: [
            ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5;a=b;c=\"d e\"\r\nhello\r\n00\r\n\r\n", "hello"),
            ("5\r\nhel\r\n\r\nA\r\n0123456789\r\n0\r\nX-T: v\r\nY: z\r\n\r\n", "hel\r\n0123456789"),
            ("000000000000001\r\nx\r\n0\r\n\r\n", "x"),
        ])
    func good(_ input: String, _ data: String) throws {
        let all = bytes(input)
        for step in 1...all.count {
            let framed = try #require(HeadTrial.chunks(all + bytes("NEXT"), step: step, keepsFrames: true))
            #expect(framed.length == all.count && framed.kept == all, "step \(step)")
            let bare = try #require(HeadTrial.chunks(all, step: step, keepsFrames: false))
            #expect(bare.kept == bytes(data) && bare.length == all.count, "step \(step)")
        }
    }

    @Test(
        "bodies that two parsers could read differently",
        arguments: [
            "\r\n0\r\n\r\n", "x\r\n", "0x5\r\nhello\r\n", "-5\r\n", "+5\r\nhello\r\n", "5 \r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n", "5\nhello\r\n",
            "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n",
            "5;a\nb\r\nhello\r\n0\r\n\r\n",
            "5;a\0\r\nhello\r\n", "0000000000000001\r\nx\r\n0\r\n\r\n", "ffffffffffffffff\r\n",
            "0\r\nX: a\nY: b\r\n\r\n", "0\r\n X: folded\r\n\r\n",
            "0\r\nX : y\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\n: y\r\n\r\n", "0\r\nX: a\0\r\n\r\n", "0\r\n\n", "0\r\n\rx",
            "0\r\nContent-Length: 5\r\n\r\n",
            "0\r\ntransfer-encoding: chunked\r\n\r\n", "0\r\nHost: b\r\n\r\n", "0\r\nx-forwarded-for: 1.1.1.1\r\n\r\n",
            "5\rhello\r\n",
        ])
    func bad(_ input: String) {
        for step in [1, 3, input.utf8.count] {
            #expect(
                HeadTrial.chunks(bytes(input), step: step, keepsFrames: true) == nil,
                "\(input.debugDescription) in \(step)s")
        }
    }

    @Test("parameters and trailers are bounded")
    func bounded() {
        let parameters = "1;" + String(repeating: "x", count: 300) + "\r\nx\r\n0\r\n\r\n"
        #expect(HeadTrial.chunks(bytes(parameters), step: 7, keepsFrames: true) == nil)
        let trailers = "0\r\n" + String(repeating: "X: y\r\n", count: 1_000) + "\r\n"
        #expect(HeadTrial.chunks(bytes(trailers), step: 7, keepsFrames: true) == nil)
    }
}
