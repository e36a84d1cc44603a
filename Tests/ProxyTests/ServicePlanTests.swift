import Glibc
import Proxy
import Testing

struct ServicePlanTests {
    static func endpoint(_ text: String) throws -> ServicePlan.Endpoint { try #require(ServicePlan.Endpoint(text)) }

    static func seed() throws -> ServicePlan {
        ServicePlan(
            threads: 2,
            services: [
                ServicePlan.Service(
                    name: "cluster37", listeners: [try endpoint("192.0.2.200:80"), try endpoint("[2001:db8::200]:80")],
                    connection: .close, forwardedFor: true, cookie: ServicePlan.Cookie(name: "SERVERNAME"),
                    servers: [
                        ServicePlan.Server(
                            name: "fred", address: try endpoint("192.0.2.201:8080"), cookie: "fred", weight: 5),
                        ServicePlan.Server(
                            name: "ethyl", address: try endpoint("[2001:db8::202]:8080"), cookie: "ethyl", health: .up,
                            duty: .drain),
                    ]),
                ServicePlan.Service(
                    name: "mail", listeners: [try endpoint("0.0.0.0:25")], mode: .tcp, balance: .source, retries: 0,
                    redispatch: false, maxConnections: 7,
                    timeouts: ServicePlan.Timeouts(connect: 10, client: 20, server: 30, request: 40, queue: 50),
                    servers: []),
            ])
    }

    @Test("a plan survives its encoding")
    func roundTrip() throws {
        let plan = try Self.seed()
        #expect(try ServicePlan(decoding: plan.encoded()) == plan)
    }

    @Test("damaged bytes are refused or give another valid plan, and never more")
    func hostileBytes() throws {
        let good = try Self.seed().encoded()
        for length in 0..<good.count {
            #expect(throws: ServicePlanError.self) { try ServicePlan(decoding: Array(good[..<length])) }
        }
        #expect(throws: ServicePlanError.self) { try ServicePlan(decoding: good + [0]) }
        var random: UInt64 = 42
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<3 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(random >> 33) % bytes.count] = UInt8(truncatingIfNeeded: random >> 20)
            }
            if let plan = try? ServicePlan(decoding: bytes) { #expect((try? plan.validate()) != nil) }
        }
    }

    @Test("bounds hold before anything is encoded")
    func bounds() throws {
        func refuses(_ change: (inout ServicePlan) -> Void) throws {
            var plan = try Self.seed()
            change(&plan)
            #expect(throws: ServicePlanError.self) { try plan.encoded() }
        }
        try refuses { $0.threads = 0 }
        try refuses { $0.threads = 65 }
        try refuses { $0.services[0].name = "" }
        try refuses { $0.services[1].name = "cluster37" }
        try refuses { $0.services[0].listeners = [] }
        try refuses { $0.services[1].listeners = $0.services[0].listeners }
        try refuses { $0.services[0].maxConnections = 0 }
        try refuses { $0.services[0].timeouts.connect = 9 }
        try refuses { $0.services[0].cookie?.name = "a b" }
        try refuses { $0.services[0].servers[0].cookie = "a\r\nSet-Cookie: x" }
        try refuses { $0.services[0].servers[0].cookie = "ethyl" }
        try refuses { $0.services[0].servers[0].name = "ethyl" }
        try refuses { $0.services[0].servers[0].weight = 257 }
        try refuses { $0.services[0].pools = [] }
        try refuses { $0.services[0].pools[0].servers = [0, 2] }
        try refuses { $0.services[0].pools[0].servers = [0, 0] }
        try refuses { $0.services[0].pools += $0.services[0].pools }
    }

    @Test(
        "endpoints in text",
        arguments: [
            ("127.0.0.1:80", true), ("[::1]:443", true), ("127.0.0.1", false), ("127.0.0.1:65536", false),
            ("::1:80", false),
            ("[::1]", false), ("[127.0.0.1]:80", false), ("a:80", false), ("127.0.0.1:+8", false), (":80", false),
            ("", false),
        ])
    func endpoints(_ text: String, _ isGood: Bool) {
        let endpoint = ServicePlan.Endpoint(text)
        #expect((endpoint != nil) == isGood)
        if let endpoint { #expect(endpoint.description == text) }
    }
}

/// Deadlines: none early, none forgotten, whatever the order.
struct TimerWheelTests {
    @Test("connections expire in their tick, also beyond one turn of the wheel, and when the clock jumps")
    func expiry() throws {
        let slab = try #require(ConnectionSlab(capacity: 64))
        var wheel = TimerWheel(now: UInt32.max - 1_000)
        defer {
            wheel.deallocate()
            slab.unmap()
        }
        var now = UInt32.max - 1_000
        let after: [UInt32] = [1, 5, 100, 2_047, 2_048, 2_049, 5_000, 20_000]
        for (fd, ticks) in after.enumerated() { wheel.arm(slab, Int32(fd), slab.slot(Int32(fd)), at: now &+ ticks) }
        // Pushed back again and again, as an active connection does; and one that is pulled forward.
        wheel.arm(slab, 40, slab.slot(40), at: now &+ 3)
        wheel.arm(slab, 40, slab.slot(40), at: now &+ 3_000)
        wheel.arm(slab, 41, slab.slot(41), at: now &+ 9_000)
        wheel.arm(slab, 41, slab.slot(41), at: now &+ 10)
        wheel.arm(slab, 42, slab.slot(42), at: now &+ 10)
        wheel.disarm(slab, slab.slot(42))
        var expected: [Int32: UInt32] = [40: 3_000, 41: 10]
        for (fd, ticks) in after.enumerated() { expected[Int32(fd)] = ticks }
        let start = now
        var step: UInt32 = 1
        while now &- start < 21_000 {
            now &+= step
            step = step % 7 + 1
            if now &- start > 10_000 && now &- start < 10_010 { now &+= 5_000 }
            while true {
                let fd = wheel.nextExpired(slab, now: now)
                if fd < 0 { break }
                let due = expected.removeValue(forKey: fd)
                #expect(due != nil, "\(fd) expired twice, or without a deadline")
                if let due { #expect(now &- start > due && (now &- start) - due < 5_020) }
            }
        }
        #expect(expected.isEmpty)
    }
}
