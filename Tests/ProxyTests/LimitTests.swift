import Glibc
import Proxy
import Synchronization
import Testing

/// What clients may do, and what happens to those who do more.
@Suite(.serialized)
struct LimitTests {
    private static func run(
        _ change: (inout ServicePlan.Service) -> Void, _ body: (ProxyUnderTest) throws -> Void
    ) throws {
        let backend = try Backend.named("a")
        var plan = try service([backend.port])
        change(&plan)
        let proxy = try ProxyUnderTest(plan)
        defer {
            proxy.stop()
            backend.stop()
        }
        try body(proxy)
    }

    @Test("requests of one source beyond its rate get 429, and are served again later")
    func requestRate() throws {
        try Self.run {
            $0.limits.source = .init(requests: 5, period: 10_000)
        } _: { proxy in
            let early = try (0..<6).map { _ in try proxy.client().get("/")?.status }
            #expect(early == [200, 200, 200, 200, 200, 429])
            usleep(2_300_000)
            let later = try proxy.client().get("/")?.status
            #expect(later == 200)
        }
    }

    @Test("a source has no more connections than it may, and gets new ones when old ones end")
    func connections() throws {
        try Self.run {
            $0.limits.source = .init(connections: 2)
        } _: { proxy in
            let first = try proxy.client()
            let second = try proxy.client()
            #expect(first.get("/")?.status == 200)
            #expect(second.get("/")?.status == 200)
            #expect(try proxy.client().get("/") == nil)
            first.reset()
            usleep(100_000)
            #expect(try proxy.client().get("/")?.status == 200)
        }
    }

    @Test("behind a PROXY header the source is the client, not who speaks for it")
    func introducedConnections() throws {
        try Self.run {
            $0.limits.source = .init(connections: 1)
            $0.rules.proxyHeaderFrom = [ServicePlan.Network(address: [127, 0, 0, 0], prefixLength: 8)]
        } _: { proxy in
            func client(_ address: String) throws -> Wire {
                let client = try proxy.client()
                client.send("PROXY TCP4 \(address) 192.0.2.1 7 80\r\n")
                return client
            }
            let first = try client("192.0.2.8")
            #expect(first.get("/")?.status == 200)
            let other = try client("192.0.2.9")
            #expect(other.get("/")?.status == 200)
            #expect(try client("192.0.2.8").get("/") == nil)
            first.reset()
            usleep(100_000)
            #expect(try client("192.0.2.8").get("/")?.status == 200)
            #expect(other.get("/")?.status == 200)
        }
    }

    @Test("heads may have as many bytes and fields as the service says, and no more")
    func heads() throws {
        try Self.run {
            $0.limits.headBytes = 2_048
            $0.limits.headFields = 12
        } _: { proxy in
            let heads = [
                "X: \(String(repeating: "x", count: 1_900))\r\n", "X: \(String(repeating: "x", count: 2_100))\r\n",
                (0..<12).map { "X-\($0): y\r\n" }.joined(),
            ]
            let statuses = try heads.map { try proxy.client().get("/", $0)?.status }
            #expect(statuses == [200, 431, 431])
        }
        try Self.run {
            $0.limits.headBytes = 32_768
        } _: { proxy in
            let big = "X: \(String(repeating: "x", count: 30_000))\r\n"
            let status = try proxy.client().get("/", big)?.status
            #expect(status == 200)
        }
    }

    @Test("a head that trickles in is cut off at its deadline")
    func slowHead() throws {
        try Self.run {
            $0.timeouts.request = 500
        } _: { proxy in
            let client = try proxy.client()
            client.send("GET / HTTP/1.1\r\nHost: t\r\nX: ")
            let writer = Wire(dup(client.fd))
            spawn {
                for _ in 0..<100 {
                    if !writer.send([0x78]) { return }
                    usleep(50_000)
                }
            }
            #expect(client.readResponse()?.status == 408)
        }
    }

    @Test("a body that comes too slowly is refused, one that is only slow is not", .timeLimit(.minutes(2)))
    func slowBody() throws {
        try Self.run {
            $0.limits.bodyRate = 20
        } _: { proxy in
            let slow = try proxy.client()
            let fair = try proxy.client()
            for client in [slow, fair] { client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 600\r\n\r\n") }
            for (client, count) in [(slow, 1), (fair, 25)] {
                let writer = Wire(dup(client.fd))
                spawn {
                    for _ in 0..<24 {
                        if !writer.send([UInt8](repeating: 0x78, count: count)) { return }
                        usleep(500_000)
                    }
                }
            }
            #expect(slow.readResponse()?.status == 408)
            #expect(fair.readResponse()?.status == 200)
        }
    }

    @Test("who doesn't take a response is left behind, who takes it slowly isn't", .timeLimit(.minutes(2)))
    func slowReader() throws {
        let size = 24 << 20
        let backend = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            wire.send([UInt8](repeating: 0x78, count: size))
        }
        var plan = try service([backend.port])
        plan.limits.bodyRate = 10_000
        let proxy = try ProxyUnderTest(plan)
        let idle = try proxy.client()
        let slow = try proxy.client()
        for client in [idle, slow] { client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n") }
        #expect(slow.read(through: "\r\n\r\n") != nil)
        var taken = 0
        // 240 kB a second: far above the rate, and not half of what is there after the quarter of a minute.
        for _ in 0..<30 {
            usleep(500_000)
            taken += slow.read(120_000)?.count ?? 0
        }
        #expect(taken == 30 * 120_000)
        #expect(slow.read(size - taken)?.count == size - taken)
        #expect(idle.readAll().count < size)
        proxy.stop()
        backend.stop()
    }
}
