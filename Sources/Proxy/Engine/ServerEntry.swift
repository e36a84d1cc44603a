/// A server as a worker knows it: trivial, in a table.
struct ServerEntry {
    /// In the current plan. One that isn't serves what it has to the end.
    var isPlanned = false
    /// Its place in the current plan.
    var planService: UInt16 = 0
    var planServer: UInt16 = 0
    /// The worker's own index of its service.
    var service: UInt16 = 0

    var name = SocketName.none
    var health = ServicePlan.Health.unverified
    var duty = ServicePlan.Duty.ready
    var weight: Int32 = 1
    var proxyHeader = ServicePlan.ProxyHeader.none
    var isBackup = false
    /// Hash of its name: the origin of its points on a ring.
    var identity: UInt64 = 0

    /// Since when its weight grows, if it does.
    var rampStart: UInt32 = 0
    var isRamping = false
    var slowStartTicks: UInt32 = 0

    /// What the workers know together about it.
    var board: ServerBoard?
    /// Exchanges of all workers at once; 0: no limit.
    var maxConnections = 0
    /// Clients whose cookie names it, and who wait for a place.
    var waiters = WaitList()
    /// In the worker's list of servers that may have a place for who waits.
    var isFreed = false

    /// In a row, as this worker saw them.
    var connectErrors: UInt16 = 0
    var serverErrors: UInt16 = 0
    /// Left out because it failed, as `board` says.
    var isEjected = false
    var ejectedUntil: UInt32 = 0

    /// Exchanges going on in this worker.
    var exchanges: Int32 = 0
    /// Idle connections, the youngest first.
    var idleHead: Int32 = -1
    var idleCount: Int32 = 0
    /// Kept connections that belong to one client each.
    var boundCount: Int32 = 0

    /// Its name.
    var label = OwnedText()
    var cookie = OwnedText()
    /// `set-cookie: NAME=VALUE; path=/` with its CR LF.
    var cookieLine = OwnedText()

    var counters = ProxyCounters()
    /// Counted something since the last pulse.
    var isDirty = true
    /// Its latencies have changed since they were sent.
    var hasNewLatencies = false

    /// Takes clients that nothing binds to a server.
    @inline(__always)
    var takesNewClients: Bool { health == .up && duty == .ready && weight > 0 && isPlanned }

    /// Something has gone wrong lately: a success has to be noted.
    @inline(__always)
    var isTroubled: Bool { connectErrors | serverErrors != 0 || isEjected }

    func isTrialDue(now: UInt32) -> Bool { isEjected && Int32(bitPattern: now &- ejectedUntil) >= 0 }

    /// How far slow start has come: 1 to 255.
    func ramp(now: UInt32) -> UInt8 {
        guard isRamping, slowStartTicks > 0 else { return 255 }
        return UInt8(max(1, min(255, UInt64(now &- rampStart) &* 255 / UInt64(slowStartTicks))))
    }

    /// Takes clients whose cookie names it, too.
    @inline(__always)
    var takesBoundClients: Bool { health == .up && duty != .maintenance && isPlanned }
}

extension SocketName {
    /// Of a free entry.
    static var none: SocketName { SocketName(family: 0) }
}

/// A service as a worker knows it: trivial, in a table.
struct ServiceEntry {
    var isPlanned = false
    var planService: UInt16 = 0
    var mode = ServicePlan.Mode.http
    /// `connection: close` on both sides.
    var closes = false
    var insertsCookie = false
    var forbidsCaching = false
    var preservesCookie = false
    var redispatches = true
    var retries: UInt8 = 0
    var rules = RequestRules()
    var traffic = TrafficEntry()

    /// In ticks.
    var connectTicks: UInt32 = 1
    var clientTicks: UInt32 = 1
    var serverTicks: UInt32 = 1
    var requestTicks: UInt32 = 1
    var attemptTicks: UInt32 = 1
    var queueTicks: UInt32 = 1

    /// Requests that wait for a place in this worker, and how many may.
    var waiting = 0
    var maxQueue = 0
    var nextTicket: UInt32 = 0
    var ejection = ServicePlan.Ejection()
    var closesSessions = false

    /// Bytes of a request's head, and bytes a second of a body (0: no limit).
    var headBytes = HeadLimit.bytes
    var bodyRate = 0
    /// What each client address may; nil and 0: no limit.
    var sources: SourceTable?
    var sourceConnections = 0
    var sourceRate: SourceTable.Rate?

    var maxConnections: Int = 1
    /// Client connections of all workers.
    var gauge: ConnectionGauge?
    /// Client connections of this one.
    var clients: Int32 = 0
    /// Accepting stopped at `maxConnections`.
    var isPaused = false

    /// Indices in the table of servers, in the plan's order.
    var servers: UnsafeMutablePointer<UInt16>?
    var serverCount = 0
    /// What is balanced over, in the plan's order; at least one.
    var pools: UnsafeMutablePointer<PoolEntry>?
    var poolCount = 0
    var listeners: UnsafeMutablePointer<Int32>?
    var listenerCount = 0
    var cookieName = OwnedText()
    /// Its name.
    var label = OwnedText()
    /// Exchanges going on in this worker, and those of all.
    var exchanges: Int32 = 0
    var tally: ExchangeTally?
    /// Whose its lines are, as the log thread numbers the sinks; -1: nobody's.
    var logSink: Int32 = -1
    var logFormat = ServicePlan.AccessLog.Format.json

    var counters = ProxyCounters()
    var isDirty = true
    var hasNewLatencies = false

    @inline(__always)
    func serverIndex(_ place: Int) -> Int {
        guard let servers, place < serverCount else { preconditionFailure("a server's place is in its service") }
        return Int(servers[place])
    }

    /// The pool of that place; nil: it is gone.
    @inline(__always)
    func pool(_ place: UInt16) -> UnsafeMutablePointer<PoolEntry>? {
        guard let pools, Int(place) < poolCount else { return nil }
        return pools + Int(place)
    }

    /// To be called whenever something changed that decides who gets new clients.
    func refreshPools(_ servers: UnsafePointer<ServerEntry>, now: UInt32) {
        for place in 0..<poolCount { pools?[place].refresh(servers, now: now) }
    }

    mutating func deallocateLists() {
        rules.deallocate()
        traffic.deallocate()
        for place in 0..<poolCount { pools?[place].deallocate() }
        pools?.deallocate()
        pools = nil
        poolCount = 0
        servers?.deallocate()
        listeners?.deallocate()
        servers = nil
        listeners = nil
        serverCount = 0
        listenerCount = 0
    }
}
