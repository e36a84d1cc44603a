/// The latest counters of one worker, in the plan's order; or what ended processes have left behind.
struct ProxyCounterTable: Sendable {
    private var services: [ProxyCounters]
    private var servers: [[ProxyCounters]]
    /// By place of service and server; only of those that have served something.
    private var latencies: [Place: Latencies] = [:]

    struct Place: Hashable {
        let service: Int
        /// nil: the service itself.
        let server: Int?
    }

    init(_ plan: ServicePlan) {
        services = plan.services.map { _ in ProxyCounters() }
        servers = plan.services.map { service in service.servers.map { _ in ProxyCounters() } }
    }

    /// The same figures in another plan's order: what is the same in both keeps them.
    init(_ plan: ServicePlan, from old: ProxyCounterTable, of oldPlan: ServicePlan) {
        self.init(plan)
        for (place, service) in plan.services.enumerated() {
            guard let oldPlace = oldPlan.services.firstIndex(where: { $0.name == service.name }) else { continue }
            services[place] = old.service(oldPlace)
            latencies[Place(service: place, server: nil)] = old.latencies[Place(service: oldPlace, server: nil)]
            var known: [String: Int] = [:]
            for (number, server) in oldPlan.services[oldPlace].servers.enumerated() { known[server.name] = number }
            for (number, server) in service.servers.enumerated() {
                guard let oldNumber = known[server.name],
                    oldPlan.services[oldPlace].servers[oldNumber].address == server.address
                else { continue }
                servers[place][number] = old.server(oldPlace, oldNumber)
                latencies[Place(service: place, server: number)] =
                    old.latencies[Place(service: oldPlace, server: oldNumber)]
            }
        }
    }

    /// Entries that name nothing of the plan are ignored.
    mutating func take(_ entry: CounterEntry) {
        guard services.indices.contains(entry.service) else { return }
        guard let server = entry.server else {
            services[entry.service] = entry.counters
            return
        }
        guard servers[entry.service].indices.contains(server) else { return }
        servers[entry.service][server] = entry.counters
    }

    mutating func take(_ entry: LatencyEntry) {
        guard services.indices.contains(entry.service) else { return }
        if let server = entry.server, !servers[entry.service].indices.contains(server) { return }
        latencies[Place(service: entry.service, server: entry.server)] = entry.latencies
    }

    /// Adds what an ended process counted; what was going on in it isn't any more.
    mutating func inherit(_ ended: ProxyCounterTable) {
        for place in services.indices {
            services[place] += ended.service(place).withoutGauges
            for server in servers[place].indices { servers[place][server] += ended.server(place, server).withoutGauges }
        }
        for (place, ended) in ended.latencies { latencies[place, default: Latencies()] += ended }
    }

    func service(_ place: Int) -> ProxyCounters { services.indices.contains(place) ? services[place] : ProxyCounters() }

    func server(_ service: Int, _ place: Int) -> ProxyCounters {
        guard servers.indices.contains(service), servers[service].indices.contains(place) else {
            return ProxyCounters()
        }
        return servers[service][place]
    }

    func latencies(_ service: Int, _ server: Int?) -> Latencies? { latencies[Place(service: service, server: server)] }
}

/// What is derived from counters as they grow, once a second: HAProxy's rates, averages and ages.
package struct ProxyFigures: Equatable, Sendable {
    /// Sessions and requests of the last second, and the most of any.
    package private(set) var rate: UInt64 = 0
    package private(set) var rateMax: UInt64 = 0
    package private(set) var reqRate: UInt64 = 0
    package private(set) var reqRateMax: UInt64 = 0
    /// Averages over the last 1,024 exchanges, in milliseconds.
    package private(set) var qtime = 0.0
    package private(set) var ctime = 0.0
    package private(set) var rtime = 0.0
    package private(set) var ttime = 0.0
    /// When a session was last seen to begin, in milliseconds of the monotonic clock.
    private(set) var lastSession: UInt64?

    private var last = ProxyCounters()
    private var lastAt: UInt64?

    package init() {}

    /// - Parameter now: milliseconds of the monotonic clock, about a second after the last time.
    mutating func take(_ counters: ProxyCounters, at now: UInt64) {
        defer {
            last = counters
            lastAt = now
        }
        // Who has just come into being has no second behind it.
        guard let lastAt, now > lastAt else {
            if counters.stot > 0 { lastSession = now }
            return
        }
        let elapsed = now - lastAt
        rate = Self.perSecond(counters.stot, last.stot, elapsed)
        rateMax = max(rateMax, rate)
        reqRate = Self.perSecond(counters.reqTot, last.reqTot, elapsed)
        reqRateMax = max(reqRateMax, reqRate)
        if counters.stot != last.stot { lastSession = now }
        let timed = counters.timed &- last.timed
        guard timed > 0, timed < 1 << 40 else { return }
        // What is left of the old average after so many of a window of 1,024.
        let kept = timed >= 1_024 ? 0 : 1 - Double(timed) / 1_024
        let isFirst = last.timed == 0
        func mean(_ old: Double, _ new: UInt64, _ before: UInt64) -> Double {
            let mean = Double(new &- before) / Double(timed) / 1_000
            return isFirst ? mean : old * kept + mean * (1 - kept)
        }
        qtime = mean(qtime, counters.qtimeSum, last.qtimeSum)
        ctime = mean(ctime, counters.ctimeSum, last.ctimeSum)
        rtime = mean(rtime, counters.rtimeSum, last.rtimeSum)
        ttime = mean(ttime, counters.ttimeSum, last.ttimeSum)
    }

    private static func perSecond(_ now: UInt64, _ before: UInt64, _ milliseconds: UInt64) -> UInt64 {
        guard now > before else { return 0 }
        return ((now - before) * 1_000 + milliseconds / 2) / milliseconds
    }
}
