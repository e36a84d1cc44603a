import Glibc
import Proxy
import Testing

/// Large bodies, tunnels and TCP mode.
@Suite(.serialized)
struct ProxyStreamTests {
    static let size = 10_000_000

    static func pattern(_ count: Int) -> [UInt8] {
        var state: UInt32 = 1
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }

    /// Sends back what it gets, framed as the path says.
    static func echo() throws -> Backend {
        try Backend { wire, _ in
            while let head = wire.read(through: "\r\n\r\n") {
                guard let body = wire.readBody(head, untilClose: false) else { return }
                switch head.split(separator: " ").dropFirst().first ?? "" {
                case "/chunked":
                    wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for start in stride(from: 0, to: body.count, by: 300_000) {
                        let piece = body[start..<min(start + 300_000, body.count)]
                        wire.send(Array((String(piece.count, radix: 16) + "\r\n").utf8) + piece + [13, 10])
                    }
                    wire.send("0\r\nX-Trailer: t\r\n\r\n")
                case "/close":
                    wire.send("HTTP/1.1 200 OK\r\n\r\n")
                    wire.send(body)
                    return
                default:
                    wire.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
                    wire.send(body)
                }
            }
        }
    }

    @Test("10 MB there and back, whatever the framing", arguments: ["/length", "/chunked", "/close"])
    func large(_ path: String) throws {
        let backend = try Self.echo()
        let proxy = try ProxyUnderTest(service([backend.port]))
        let body = Self.pattern(Self.size)
        let client = try proxy.client()
        for isChunked in [false, true] where path != "/close" || !isChunked {
            let writer = Wire(dup(client.fd))
            spawn {
                if isChunked {
                    writer.send("PUT \(path) HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for start in stride(from: 0, to: body.count, by: 77_777) {
                        let piece = body[start..<min(start + 77_777, body.count)]
                        writer.send(Array((String(piece.count, radix: 16) + "\r\n").utf8) + piece + [13, 10])
                    }
                    writer.send("0\r\n\r\n")
                } else {
                    writer.send("PUT \(path) HTTP/1.1\r\nHost: t\r\nContent-Length: \(body.count)\r\n\r\n")
                    writer.send(body)
                }
            }
            let response = try #require(client.readResponse())
            #expect(response.status == 200 && response.body == body)
        }
        proxy.stop()
        backend.stop()
    }

    @Test("an HTTP/1.0 client gets bare bytes of a chunked response")
    func http10() throws {
        let backend = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            wire.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: t\r\n\r\n"
            )
            _ = wire.readAll()
        }
        let proxy = try ProxyUnderTest(service([backend.port]))
        let client = try proxy.client()
        client.send("GET / HTTP/1.0\r\n\r\n")
        let response = try #require(client.readResponse())
        #expect(response.text == "hello world" && field("transfer-encoding", in: response.head) == nil)
        proxy.stop()
        backend.stop()
    }

    @Test("a slow reader holds back the server, not the worker")
    func backPressure() throws {
        let backend = try Self.echo()
        let large = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.size)\r\n\r\n")
            wire.send(Self.pattern(Self.size))
        }
        let proxy = try ProxyUnderTest(service([large.port]))
        let slow = try proxy.client()
        slow.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        usleep(100_000)
        for _ in 0..<3 { #expect(try proxy.client().get("/")?.body.count == Self.size) }
        #expect(slow.readResponse()?.body == Self.pattern(Self.size))
        proxy.stop()
        backend.stop()
        large.stop()
    }

    @Test("101 opens a tunnel; without it there is none")
    func upgrade() throws {
        let backend = try Backend { wire, _ in
            guard let head = wire.read(through: "\r\n\r\n") else { return }
            guard head.hasPrefix("GET /yes"), field("upgrade", in: head) == "websocket" else {
                wire.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")
                return
            }
            wire.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst")
            while let line = wire.read(through: "\n") { wire.send(">" + line) }
            wire.send("bye")
        }
        let proxy = try ProxyUnderTest(service([backend.port], connection: .close))
        let client = try proxy.client()
        client.send("GET /yes HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nearly\n")
        let switched = try #require(client.readResponse())
        #expect(switched.status == 101 && field("upgrade", in: switched.head) == "websocket")
        #expect(client.read(through: ">early\n") == "first>early\n")
        for i in 0..<20 {
            client.send("line \(i)\r\n\r\n")
            #expect(client.read(through: "\n") == ">line \(i)\r\n" && client.read(through: "\n") == ">\r\n")
        }
        client.shutOutput()
        #expect(client.readAll() == Array("bye".utf8))
        let refused = try proxy.client()
        refused.send("GET /no HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        #expect(refused.readResponse()?.status == 426)
        proxy.stop()
        backend.stop()
    }

    @Test("TCP mode: half-close both ways, 10 MB, and a server that speaks first")
    func tcp() throws {
        let backend = try Backend { wire, _ in
            wire.send("220 hello\r\n")
            let all = wire.readAll()
            wire.send(all)
            wire.send("\(all.count)")
        }
        let proxy = try ProxyUnderTest(service([try refusingPort(), backend.port], mode: .tcp))
        for count in [0, 1, 1_000, Self.size] {
            let client = try proxy.client()
            #expect(client.read(through: "\r\n") == "220 hello\r\n")
            let body = Self.pattern(count)
            client.send(body)
            client.shutOutput()
            #expect(client.readAll() == body + Array("\(count)".utf8))
        }
        proxy.stop()
        backend.stop()
    }

    @Test("TCP mode: the server's end reaches the client, which may still send")
    func tcpServerCloses() throws {
        let backend = try Backend { wire, backend in
            wire.send("bye")
            wire.shutOutput()
            backend.note(String(decoding: wire.readAll(), as: UTF8.self))
        }
        let proxy = try ProxyUnderTest(service([backend.port], mode: .tcp))
        let client = try proxy.client()
        #expect(client.readAll() == Array("bye".utf8))
        client.send("still here")
        client.shutOutput()
        for _ in 0..<500 where backend.requests.isEmpty { usleep(10_000) }
        #expect(backend.requests == ["still here"])
        proxy.stop()
        backend.stop()
    }

    @Test("TCP mode: nobody there closes the client")
    func tcpNobody() throws {
        let proxy = try ProxyUnderTest(service([try refusingPort()], mode: .tcp, retries: 1))
        #expect(try proxy.client().readAll().isEmpty)
        proxy.stop()
    }
}
