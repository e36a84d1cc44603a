import CLinux
import Glibc
import Proxy
import Synchronization
import Testing

/// One worker between real sockets.
@Suite(.serialized)
struct HTTPProxyTests {
    @Test("requests take turns, on one client connection and few server connections")
    func keepAlive() throws {
        let backends = [try Backend.named("a"), try Backend.named("b")]
        let proxy = try ProxyUnderTest(service(backends.map(\.port)))
        let client = try proxy.client()
        let answers = (0..<20).compactMap { client.get("/\($0)")?.text }
        #expect(answers == (0..<20).map { "\($0 % 2 == 0 ? "a" : "b") /\($0) 0" })
        #expect(backends.map(\.accepted) == [1, 1])
        #expect(field("x-forwarded-for", in: backends[0].requests[0]) == "127.0.0.1")
        proxy.stop()
        #expect(client.isAtEnd)
        for backend in backends { backend.stop() }
    }

    @Test("httpclose: one request a connection on both sides")
    func closes() throws {
        let backend = try Backend.named("a")
        let proxy = try ProxyUnderTest(service([backend.port], connection: .close))
        for i in 0..<5 {
            let client = try proxy.client()
            let response = try #require(client.get("/\(i)"))
            #expect(response.text == "a /\(i) 0" && field("connection", in: response.head) == "close")
            #expect(client.isAtEnd)
        }
        #expect(backend.accepted == 5)
        #expect(field("connection", in: backend.requests[0]) == "close")
        proxy.stop()
        backend.stop()
    }

    @Test("a connection of one request takes few packets: its response acknowledges the request, and ends it")
    func packets() throws {
        let backend = try Backend.named("a")
        let proxy = try ProxyUnderTest(service([backend.port], connection: .close))
        // A machine that stands still lets the kernel acknowledge by itself.
        let fewest = try (0..<10).map { _ in
            let client = try proxy.client()
            #expect(client.get("/")?.status == 200)
            #expect(client.isAtEnd)
            return client.segmentsReceived
        }.min()
        #expect(fewest == 2)  // SYN with ACK, and the response with FIN
        proxy.stop()
        backend.stop()
    }

    @Test("what a client says in the very turn that ends its connection doesn't take the response with it")
    func lateWords() throws {
        let mayAnswer = Atomic(false)
        let backend = try Backend { wire, backend in
            guard let head = wire.read(through: "\r\n\r\n") else { return }
            backend.note(head)
            while !mayAnswer.load(ordering: .relaxed) { usleep(100) }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            backend.note("answered")
            _ = wire.readAll()
        }
        let proxy = try ProxyUnderTest(service([backend.port], connection: .close))
        let comes = { (count: Int) in for _ in 0..<50_000 where backend.requests.count < count { usleep(100) } }
        for i in 1...10 {
            mayAnswer.store(false, ordering: .relaxed)
            let client = try proxy.client()
            _ = socket_set_no_delay(client.fd)
            client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            comes(2 * i - 1)
            try proxy.whileStopped {
                mayAnswer.store(true, ordering: .relaxed)
                comes(2 * i)
                client.send("more")
            }
            #expect(client.readResponse()?.text == "ok")
        }
        proxy.stop()
        backend.stop()
    }

    @Test("a client that sends the rest when the first part is acknowledged needn't wait for that")
    func parts() throws {
        let backend = try Backend.named("a")
        let proxy = try ProxyUnderTest(service([backend.port]))
        for parts in [
            ["GET / HTT", "P/1.1\r\nHost: t\r\n", "\r\n"],
            ["PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\n", "a", "bc"],
        ] {
            let fastest = try (0..<10).map { _ in
                let client = try proxy.client()
                return ContinuousClock().measure {
                    for part in parts { client.send(part) }
                    #expect(client.readResponse()?.status == 200)
                }
            }.min()
            #expect(try #require(fastest) < .milliseconds(35))  // the kernel's own patience is 40 ms
        }
        proxy.stop()
        backend.stop()
    }

    @Test(
        "a server that refuses is answered for by the other, unseen",
        arguments: [ServicePlan.ConnectionPolicy.keepAlive, .close])
    func refusing(_ connection: ServicePlan.ConnectionPolicy) throws {
        let backend = try Backend.named("b")
        let proxy = try ProxyUnderTest(
            service([try refusingPort(), backend.port], connection: connection, cookie: true))
        for i in 0..<20 {
            let client = try proxy.client()
            client.send("POST /\(i) HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nCookie: SERVERNAME=s0\r\n\r\nbody")
            let response = try #require(client.readResponse())
            #expect(response.status == 200 && response.text == "b /\(i) 4")
            #expect(field("set-cookie", in: response.head) == "SERVERNAME=s1; path=/")
        }
        proxy.stop()
        backend.stop()
    }

    @Test("nobody there: 503, at once without servers, after the retries with servers that refuse")
    func nobody() throws {
        let proxy = try ProxyUnderTest(service([try refusingPort()], retries: 1))
        #expect(try proxy.client().get("/")?.status == 503)
        proxy.set(0, health: .down)
        let client = try proxy.client()
        #expect(client.get("/")?.status == 503)
        #expect(client.isAtEnd)
        proxy.stop()
    }

    @Test("only servers that a check has passed get requests")
    func unverified() throws {
        let backends = [try Backend.named("a"), try Backend.named("b")]
        let proxy = try ProxyUnderTest(service(backends.map(\.port), cookie: true))
        proxy.set(0, health: .unverified)
        proxy.set(1, health: .unverified)
        #expect(try proxy.client().get("/", "Cookie: SERVERNAME=s0\r\n")?.status == 503)
        proxy.set(1, health: .up)
        for _ in 0..<4 { #expect(try proxy.client().get("/", "Cookie: SERVERNAME=s0\r\n")?.text == "b / 0") }
        #expect(backends[0].accepted == 0)
        proxy.stop()
        for backend in backends { backend.stop() }
    }

    @Test("the cookie binds, is hidden from servers, and follows when its server goes")
    func cookie() throws {
        let backends = [try Backend.named("a"), try Backend.named("b")]
        let proxy = try ProxyUnderTest(service(backends.map(\.port), cookie: true))
        let client = try proxy.client()
        for _ in 0..<6 {
            let response = try #require(client.get("/", "Cookie: x=y; SERVERNAME=s1\r\n"))
            #expect(response.text == "b / 0" && field("set-cookie", in: response.head) == nil)
        }
        #expect(backends[1].requests.allSatisfy { field("cookie", in: $0) == "x=y" })
        let unknown = try #require(client.get("/", "Cookie: SERVERNAME=gone\r\n"))
        #expect(field("set-cookie", in: unknown.head)?.hasPrefix("SERVERNAME=s") == true)
        #expect(field("cache-control", in: unknown.head) == "private")
        #expect((backends[0].requests + backends[1].requests).allSatisfy { !$0.contains("SERVERNAME") })
        // Drained: bound clients stay, new ones go elsewhere.
        proxy.set(1, duty: .drain)
        #expect(client.get("/", "Cookie: SERVERNAME=s1\r\n")?.text == "b / 0")
        for _ in 0..<4 { #expect(client.get("/")?.text == "a / 0") }
        // Maintenance, and down: everyone goes, and gets a new cookie.
        proxy.set(1, duty: .maintenance)
        let moved = try #require(client.get("/", "Cookie: SERVERNAME=s1\r\n"))
        #expect(moved.text == "a / 0" && field("set-cookie", in: moved.head) == "SERVERNAME=s0; path=/")
        proxy.set(1, health: .down, duty: .ready)
        #expect(client.get("/", "Cookie: SERVERNAME=s1\r\n")?.text == "a / 0")
        proxy.set(1, health: .up)
        #expect(client.get("/", "Cookie: SERVERNAME=s1\r\n")?.text == "b / 0")
        proxy.stop()
        for backend in backends { backend.stop() }
    }

    @Test("weights 5, 1, 1 are spread smoothly")
    func weights() throws {
        let backends = [try Backend.named("a"), try Backend.named("b"), try Backend.named("c")]
        var plan = try service(backends.map(\.port))
        plan.servers[0].weight = 5
        let proxy = try ProxyUnderTest(plan)
        let client = try proxy.client()
        let order = (0..<14).compactMap { _ in client.get("/")?.text.first }
        #expect(String(order) == "aabacaaaabacaa")
        proxy.stop()
        for backend in backends { backend.stop() }
    }

    @Test("pipelined requests are answered in order, also around bodies")
    func pipelining() throws {
        let backends = [try Backend.named("a"), try Backend.named("b")]
        let proxy = try ProxyUnderTest(service(backends.map(\.port)))
        let client = try proxy.client()
        var all = ""
        for i in 0..<50 {
            all +=
                "GET /\(i) HTTP/1.1\r\nHost: t\r\n\r\nPOST /p\(i) HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello"
            all += "POST /c\(i) HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        }
        client.send(all)
        for i in 0..<50 {
            #expect(client.readResponse()?.text.dropFirst(2) == "/\(i) 0")
            #expect(client.readResponse()?.text.dropFirst(2) == "/p\(i) 5")
            #expect(client.readResponse()?.text.dropFirst(2) == "/c\(i) 3")
        }
        proxy.stop()
        for backend in backends { backend.stop() }
    }

    @Test("a request in single bytes, and an answer in single bytes")
    func trickle() throws {
        let backend = try Backend { wire, _ in
            while let head = wire.read(through: "\r\n\r\n") {
                _ = wire.readBody(head, untilClose: false)
                for byte
                    in "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"
                    .utf8
                {
                    wire.send([byte])
                }
            }
        }
        let proxy = try ProxyUnderTest(service([backend.port]))
        let client = try proxy.client()
        for _ in 0..<2 {
            for byte in "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n".utf8 {
                client.send([byte])
            }
            #expect(client.readResponse()?.status == 100)
            let response = try #require(client.readResponse())
            #expect(response.status == 200 && response.text == "abcd")
        }
        proxy.stop()
        backend.stop()
    }

    @Test("bad requests get 400 and the connection ends; nothing reaches a server")
    func bad() throws {
        let backend = try Backend.named("a")
        let proxy = try ProxyUnderTest(service([backend.port]))
        for request in ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "nonsense\r\n\r\n", "GET / HTTP/1.1\n\n"] {
            let client = try proxy.client()
            client.send(request + String(repeating: "junk", count: 10_000))
            #expect(client.readResponse()?.status == 400)
            #expect(client.isAtEnd)
        }
        let chunked = try proxy.client()
        chunked.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
        #expect(chunked.readResponse()?.status == 400)
        let long = try proxy.client()
        long.send("GET / HTTP/1.1\r\nHost: t\r\nX: " + String(repeating: "x", count: 20_000))
        #expect(long.readResponse()?.status == 431)
        #expect(backend.requests.isEmpty)
        proxy.stop()
        backend.stop()
    }

    @Test("a slow head is cut at its deadline, whatever trickles in")
    func slowHead() throws {
        let backend = try Backend.named("a")
        let timeouts = ServicePlan.Timeouts(connect: 5_000, client: 20_000, server: 20_000, request: 400)
        let proxy = try ProxyUnderTest(service([backend.port], timeouts: timeouts))
        let client = try proxy.client()
        client.send("GET / HTTP/1.1\r\nHo")
        for byte in "st: test\r\nX: 123456789012345678901234567890".utf8 {
            if !client.send([byte]) { break }
            usleep(50_000)
        }
        #expect(client.readResponse()?.status == 408)
        #expect(client.isAtEnd)
        // A connection that says nothing is closed without a word.
        let silent = try proxy.client()
        #expect(silent.readAll().isEmpty)
        #expect(backend.requests.isEmpty)
        proxy.stop()
        backend.stop()
    }

    @Test("HEAD, 204 and 304 have no body, and the connection goes on")
    func bodiless() throws {
        let backend = try Backend { wire, _ in
            while let head = wire.read(through: "\r\n\r\n") {
                let path = head.split(separator: " ").dropFirst().first ?? ""
                switch path {
                case "/204": wire.send("HTTP/1.1 204 No Content\r\n\r\n")
                case "/304": wire.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n")
                default:
                    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\(head.hasPrefix("HEAD") ? "" : "12345")")
                }
            }
        }
        let proxy = try ProxyUnderTest(service([backend.port]))
        let client = try proxy.client()
        for _ in 0..<3 {
            client.send("HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n")
            let head = try #require(client.readResponse(toHead: true))
            #expect(field("content-length", in: head.head) == "5")
            #expect(client.get("/204")?.status == 204)
            #expect(client.get("/304")?.status == 304)
            #expect(client.get("/x")?.text == "12345")
        }
        #expect(backend.accepted == 1)
        proxy.stop()
        backend.stop()
    }

    @Test("max_connections: further clients wait in the kernel's queue, and are served then")
    func maxConnections() throws {
        let backend = try Backend.named("a")
        let proxy = try ProxyUnderTest(service([backend.port], maxConnections: 2))
        var clients = try (0..<4).map { _ in try proxy.client() }
        for client in clients { client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n") }
        #expect(clients[0].readResponse()?.status == 200)
        #expect(clients[1].readResponse()?.status == 200)
        usleep(200_000)
        #expect(backend.requests.count == 2)
        clients.removeFirst(2)
        #expect(clients[0].readResponse()?.status == 200)
        #expect(clients[1].readResponse()?.status == 200)
        proxy.stop()
        backend.stop()
    }

    @Test("a new plan keeps connections, and moves on to new servers")
    func newPlan() throws {
        let backends = [try Backend.named("a"), try Backend.named("b")]
        var plan = try service([backends[0].port])
        let proxy = try ProxyUnderTest(plan)
        let client = try proxy.client()
        #expect(client.get("/")?.text == "a / 0")
        plan.listeners = [try ServicePlanTests.endpoint("127.0.0.1:\(proxy.port)")]
        plan.servers = try service([backends[1].port]).servers
        proxy.inbox.post(.plan(ServicePlan(services: [plan]), serial: 2, listeners: [[]]))
        usleep(50_000)
        #expect(client.get("/")?.text == "b / 0")
        proxy.inbox.post(.plan(ServicePlan(services: []), serial: 3, listeners: []))
        #expect(client.isAtEnd)
        proxy.stop()
        for backend in backends { backend.stop() }
    }
}
