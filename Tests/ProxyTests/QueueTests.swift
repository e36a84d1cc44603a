import CLinux
import Glibc
import Proxy
import Synchronization
import Testing

/// Places at servers, and those who wait for one.
@Suite(.serialized)
struct QueueTests {
    /// A server that answers when it is told to, and counts how many requests it has at once.
    final class Slow: Sendable {
        private let state = Mutex((now: 0, most: 0, open: false, order: [String]()))
        let backend: Backend

        init() throws {
            let shared = Shared()
            backend = try Backend { wire, _ in
                while let head = wire.read(through: "\r\n\r\n") {
                    guard let slow = shared.slow.withLock({ $0 }) else { return }
                    slow.begin(String(head.split(separator: " ").dropFirst().first ?? "?"))
                    while !slow.mayEnd { usleep(2_000) }
                    slow.end()
                    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                }
            }
            shared.slow.withLock { $0 = self }
        }

        private final class Shared: Sendable {
            let slow = Mutex<Slow?>(nil)
        }

        private func begin(_ path: String) {
            state.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
                state.order.append(path)
            }
        }

        private func end() { state.withLock { $0.now -= 1 } }
        private var mayEnd: Bool { state.withLock { $0.open } }
        var most: Int { state.withLock { $0.most } }
        var order: [String] { state.withLock { $0.order } }
        func open() { state.withLock { $0.open = true } }
    }

    @Test("a server gets no more than it may, and those who wait keep their order")
    func order() throws {
        let slow = try Slow()
        var plan = try service([slow.backend.port])
        plan.servers[0].maxConnections = 1
        let proxy = try ProxyUnderTest(plan)
        let clients = try (0..<8).map { _ in try proxy.client() }
        for (place, client) in clients.enumerated() {
            client.send("GET /\(place) HTTP/1.1\r\nHost: t\r\n\r\n")
            usleep(20_000)
        }
        #expect(slow.order == ["/0"])
        slow.open()
        for client in clients { #expect(client.readResponse()?.status == 200) }
        #expect(slow.most == 1)
        #expect(slow.order == (0..<8).map { "/\($0)" })
        proxy.stop()
        slow.backend.stop()
    }

    @Test("who waits too long, or is one too many, gets 503")
    func bounds() throws {
        let slow = try Slow()
        var plan = try service([slow.backend.port])
        plan.servers[0].maxConnections = 1
        plan.maxQueue = 1
        plan.timeouts.queue = 300
        let proxy = try ProxyUnderTest(plan)
        let clients = try (0..<3).map { _ in try proxy.client() }
        for client in clients {
            client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            usleep(20_000)
        }
        #expect(clients[2].readResponse()?.status == 503)
        #expect(clients[1].readResponse()?.status == 503)
        slow.open()
        #expect(clients[0].readResponse()?.status == 200)
        #expect(try proxy.client().get("/")?.status == 200)
        proxy.stop()
        slow.backend.stop()
    }

    @Test("whoever a cookie binds waits for its server, everyone else takes whichever has a place")
    func bound() throws {
        let slow = try Slow()
        let quick = try Backend.named("quick")
        var plan = try service([slow.backend.port, quick.port], cookie: true)
        plan.servers[0].maxConnections = 1
        plan.servers[1].maxConnections = 1
        let proxy = try ProxyUnderTest(plan)
        let first = try proxy.client()
        first.send("GET /first HTTP/1.1\r\nHost: t\r\nCookie: SERVERNAME=s0\r\n\r\n")
        usleep(50_000)
        let second = try proxy.client()
        second.send("GET /second HTTP/1.1\r\nHost: t\r\nCookie: SERVERNAME=s0\r\n\r\n")
        usleep(50_000)
        for _ in 0..<5 { #expect(try proxy.client().get("/")?.text.hasPrefix("quick") == true) }
        #expect(slow.order == ["/first"])
        slow.open()
        #expect(first.readResponse()?.text == "ok")
        #expect(second.readResponse()?.text == "ok")
        #expect(slow.most == 1)
        proxy.stop()
        slow.backend.stop()
        quick.stop()
    }

    @Test("a server that goes down sends those who wait for it elsewhere")
    func goesDown() throws {
        let slow = try Slow()
        let quick = try Backend.named("quick")
        var plan = try service([slow.backend.port, quick.port], cookie: true)
        plan.servers[0].maxConnections = 1
        let proxy = try ProxyUnderTest(plan)
        let first = try proxy.client()
        first.send("GET / HTTP/1.1\r\nHost: t\r\nCookie: SERVERNAME=s0\r\n\r\n")
        usleep(50_000)
        let second = try proxy.client()
        second.send("GET / HTTP/1.1\r\nHost: t\r\nCookie: SERVERNAME=s0\r\n\r\n")
        usleep(50_000)
        proxy.set(0, health: .down)
        #expect(second.readResponse()?.text.hasPrefix("quick") == true)
        slow.open()
        #expect(first.readResponse()?.text == "ok")
        proxy.stop()
        slow.backend.stop()
        quick.stop()
    }
}
