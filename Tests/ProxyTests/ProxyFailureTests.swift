import Glibc
import Proxy
import Synchronization
import Testing

/// Servers and clients that break off, hang, or talk out of turn.
@Suite(.serialized)
struct ProxyFailureTests {
    @Test("a pooled connection that the server closed is replaced, unseen")
    func stale() throws {
        // Closes 1 ms after each answer: sometimes before, sometimes while the next request comes.
        let backend = try Backend { wire, _ in
            guard wire.read(through: "\r\n\r\n") != nil else { return }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            usleep(1_000)
        }
        let proxy = try ProxyUnderTest(service([backend.port]))
        let client = try proxy.client()
        for i in 0..<300 {
            #expect(client.get("/\(i)")?.text == "ok")
            if i % 3 == 0 { usleep(900) }
        }
        proxy.stop()
        backend.stop()
    }

    @Test("a server that closes without an answer: GET goes to the other, POST gets 502")
    func closesEarly() throws {
        let broken = try Backend { wire, _ in _ = wire.read(through: "\r\n\r\n") }
        let good = try Backend.named("b")
        let proxy = try ProxyUnderTest(service([broken.port, good.port]))
        for _ in 0..<6 { #expect(try proxy.client().get("/")?.text == "b / 0") }
        proxy.set(1, health: .down)
        let client = try proxy.client()
        client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi")
        #expect(client.readResponse()?.status == 502)
        proxy.stop()
        broken.stop()
        good.stop()
    }

    @Test("a server that says nothing: 504; one that talks nonsense: 502")
    func silentAndBad() throws {
        let silent = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            _ = wire.readAll()
        }
        let timeouts = ServicePlan.Timeouts(connect: 5_000, client: 20_000, server: 300, request: 10_000)
        let late = try ProxyUnderTest(service([silent.port], timeouts: timeouts))
        #expect(try late.client().get("/")?.status == 504)
        late.stop()
        for nonsense in [
            "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "HTTP/1.1 200 OK\nX: y\n\n",
        ] {
            let bad = try Backend { wire, _ in
                _ = wire.read(through: "\r\n\r\n")
                wire.send(nonsense + String(repeating: "x", count: 100))
            }
            let proxy = try ProxyUnderTest(service([bad.port]))
            #expect(try proxy.client().get("/")?.status == 502)
            proxy.stop()
            bad.stop()
        }
        silent.stop()
    }

    @Test("a response that breaks off is never taken for whole")
    func truncated() throws {
        for response in [
            "Content-Length: 100\r\n\r\nshort", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
        ] {
            let backend = try Backend { wire, _ in
                _ = wire.read(through: "\r\n\r\n")
                wire.send("HTTP/1.1 200 OK\r\n" + response)
            }
            let proxy = try ProxyUnderTest(service([backend.port]))
            let client = try proxy.client()
            let status = client.get("/")?.status
            #expect(status == nil || status == 502)
            proxy.stop()
            backend.stop()
        }
    }

    @Test("what a server says without being asked reaches nobody")
    func unsolicited() throws {
        let backend = try Backend { wire, backend in
            while let head = wire.read(through: "\r\n\r\n") {
                backend.note(head)
                wire.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            }
        }
        let proxy = try ProxyUnderTest(service([backend.port]))
        let client = try proxy.client()
        for _ in 0..<10 { #expect(client.get("/")?.text == "ok") }
        #expect(backend.accepted == 10)
        proxy.stop()
        backend.stop()
    }

    @Test("an early answer to a large body reaches the client")
    func earlyAnswer() throws {
        let backend = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
            wire.shutOutput()
            _ = wire.read(100_000)
        }
        let proxy = try ProxyUnderTest(service([backend.port]))
        let client = try proxy.client()
        client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 50000000\r\n\r\n")
        let writer = Wire(dup(client.fd))
        spawn { for _ in 0..<100 { if !writer.send([UInt8](repeating: 1, count: 100_000)) { return } } }
        let response = try #require(client.readResponse())
        #expect(response.status == 413 && response.text == "large")
        proxy.stop()
        backend.stop()
    }

    @Test("a client that vanishes takes its server connection with it, and nothing else")
    func clientVanishes() throws {
        let ended = Mutex(0)
        let backend = try Backend { wire, _ in
            guard let head = wire.read(through: "\r\n\r\n") else { return }
            if head.hasPrefix("GET /slow") {
                _ = wire.readAll()
                ended.withLock { $0 += 1 }
            } else {
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            }
        }
        let proxy = try ProxyUnderTest(service([backend.port]))
        for _ in 0..<5 {
            let client = try proxy.client()
            client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
            usleep(30_000)
            client.reset()
        }
        #expect(try proxy.client().get("/")?.text == "ok")
        for _ in 0..<500 where ended.withLock({ $0 }) < 5 { usleep(10_000) }
        #expect(ended.withLock { $0 } == 5)
        proxy.stop()
        backend.stop()
    }

    @Test("servers killed and started again under load: every GET is answered")
    func killedUnderLoad() throws {
        let steady = try Backend.named("a")
        let first = try Backend.named("b")
        let port = first.port
        let flapping = Mutex(first)
        let proxy = try ProxyUnderTest(service([steady.port, port]))
        let failures = Mutex(0)
        let running = Mutex(3)
        for worker in 0..<3 {
            spawn {
                defer { running.withLock { $0 -= 1 } }
                for i in 0..<300 {
                    guard let client = try? proxy.client() else { continue }
                    for j in 0..<3 where client.get("/\(worker)-\(i)-\(j)")?.status != 200 {
                        failures.withLock { $0 += 1 }
                    }
                }
            }
        }
        while running.withLock({ $0 }) > 0 {
            usleep(20_000)
            flapping.withLock { $0.stop() }
            usleep(20_000)
            if let again = try? Backend.named("b", port: port) { flapping.withLock { $0 = again } }
        }
        #expect(failures.withLock { $0 } == 0)
        proxy.stop()
        flapping.withLock { $0.stop() }
        steady.stop()
    }
}
