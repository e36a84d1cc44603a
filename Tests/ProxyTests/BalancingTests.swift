import Glibc
import Proxy
import Synchronization
import Testing

/// Who gets a request, seen from outside: real sockets, and the names that servers answer with.
@Suite(.serialized)
struct BalancingTests {
    /// Servers named 0, 1, 2 … and a proxy in front of them.
    static func run(
        _ count: Int, _ change: (inout ServicePlan.Service) -> Void, _ body: (ProxyUnderTest, [Backend]) throws -> Void
    ) throws {
        let backends = try (0..<count).map { try Backend.named("\($0)") }
        var plan = try service(backends.map(\.port))
        change(&plan)
        let proxy = try ProxyUnderTest(plan)
        defer {
            proxy.stop()
            for backend in backends { backend.stop() }
        }
        try body(proxy, backends)
    }

    /// How often each server answered.
    static func counts(_ proxy: ProxyUnderTest, _ requests: Int, path: (Int) -> String = { _ in "/" }) throws
        -> [String: Int]
    {
        var counts: [String: Int] = [:]
        let client = try proxy.client()
        for i in 0..<requests {
            let response = try #require(client.get(path(i)))
            counts[String(response.text.prefix { $0 != " " }), default: 0] += 1
        }
        return counts
    }

    @Test("weights count in turns, with leastconn, and by chance")
    func weights() throws {
        for balance in [ServicePlan.Balance.roundrobin, .leastconn, .random] {
            try Self.run(3) { plan in
                plan.pools[0].balance = balance
                plan.servers[0].weight = 6
                plan.servers[1].weight = 3
                plan.servers[2].weight = 1
            } _: { proxy, _ in
                let counts = try Self.counts(proxy, 300)
                let (a, b, c) = (counts["0"] ?? 0, counts["1"] ?? 0, counts["2"] ?? 0)
                if balance == .random {
                    #expect(a > b && b > c && c > 0, "\(balance): \(counts)")
                } else {
                    #expect(abs(a - 180) <= 1 && abs(b - 90) <= 1 && abs(c - 30) <= 1, "\(balance): \(counts)")
                }
            }
        }
    }

    @Test("a URI keeps its server, and only a lost server's URIs move")
    func ring() throws {
        try Self.run(4) {
            $0.pools[0].balance = .consistent(.path)
        } _: { proxy, _ in
            func owners() throws -> [String] {
                let client = try proxy.client()
                return try (0..<200).map { i in
                    String(try #require(client.get("/\(i)?x=\(i % 7)")).text.prefix { $0 != " " })
                }
            }
            let before = try owners()
            #expect(try owners() == before)
            #expect(Set(before).count == 4)
            proxy.set(2, health: .down)
            let during = try owners()
            for (old, new) in zip(before, during) { #expect(old == "2" ? new != "2" : new == old) }
            proxy.set(2, health: .up)
            #expect(try owners() == before)
        }
    }

    @Test("by a header; without it in turns")
    func header() throws {
        try Self.run(3) {
            $0.pools[0].balance = .consistent(.header("X-Tenant"))
        } _: { proxy, _ in
            let client = try proxy.client()
            for tenant in ["a", "b", "c", "d"] {
                let owners = Set((0..<6).compactMap { _ in client.get("/", "x-tenant: \(tenant)\r\n")?.text })
                #expect(owners.count == 1)
            }
            #expect(try Self.counts(proxy, 9).count == 3)
            let empty = Set((0..<9).compactMap { _ in client.get("/", "x-tenant: \r\n")?.text })
            #expect(empty.count == 3)
        }
    }

    @Test("backups serve when nobody else does: the first, or all")
    func backups() throws {
        for all in [false, true] {
            try Self.run(3) { plan in
                plan.pools[0].allBackups = all
                plan.servers[1].isBackup = true
                plan.servers[2].isBackup = true
            } _: { proxy, _ in
                let before = try Self.counts(proxy, 10)
                proxy.set(0, health: .down)
                let during = try Self.counts(proxy, 10)
                proxy.set(0, health: .up)
                let after = try Self.counts(proxy, 10)
                #expect(before == ["0": 10] && after == ["0": 10])
                #expect(during == (all ? ["1": 5, "2": 5] : ["1": 10]))
            }
        }
    }

    @Test("a weight given at run time counts at once; 0 means no new clients")
    func weightAtRunTime() throws {
        try Self.run(2) { _ in
        } _: { proxy, _ in
            proxy.set(0, weight: 3)
            let counts = try Self.counts(proxy, 40)
            #expect(counts["0"] == 30 && counts["1"] == 10, "\(counts)")
            proxy.set(0, weight: 0)
            #expect(try Self.counts(proxy, 10) == ["1": 10])
        }
    }

    @Test("a server that came up takes its share little by little")
    func slowStart() throws {
        try Self.run(2) { plan in
            for place in 0..<2 { plan.servers[place].slowStart = 60_000 }
        } _: { proxy, _ in
            proxy.set(0, health: .down)
            proxy.set(0, health: .up)
            let counts = try Self.counts(proxy, 40)
            #expect((counts["0"] ?? 0) <= 8, "\(counts)")
        }
    }

    @Test("nobody is asked who was never verified, and the first verdict serves those who wait")
    func unverified() throws {
        try Self.run(2) { plan in
            for place in 0..<2 { plan.servers[place].health = .unverified }
        } _: { proxy, backends in
            let client = try proxy.client()
            client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            usleep(200_000)
            #expect(backends.allSatisfy { $0.accepted == 0 })
            proxy.set(1, health: .up)
            #expect(client.readResponse()?.text == "1 / 0")
            #expect(backends[0].accepted == 0)
        }
    }
}
