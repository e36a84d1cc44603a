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
    /// Smooth round robin's running balance.
    var balance: Int32 = 0

    /// Exchanges going on.
    var exchanges: Int32 = 0
    /// Idle connections, the youngest first.
    var idleHead: Int32 = -1
    var idleCount: Int32 = 0

    var cookie = OwnedText()
    /// `set-cookie: NAME=VALUE; path=/` with its CR LF.
    var cookieLine = OwnedText()

    var counters = ProxyCounters()
    /// Counted something since the last pulse.
    var isDirty = true

    /// Takes clients that nothing binds to a server.
    @inline(__always)
    var takesNewClients: Bool { health == .up && duty == .ready && weight > 0 && isPlanned }

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
    var balance = ServicePlan.Balance.roundrobin
    /// `connection: close` on both sides.
    var closes = false
    var insertsCookie = false
    var forbidsCaching = false
    var redispatches = true
    var retries: UInt8 = 0
    var rules = RequestRules()

    /// In ticks.
    var connectTicks: UInt32 = 1
    var clientTicks: UInt32 = 1
    var serverTicks: UInt32 = 1
    var requestTicks: UInt32 = 1

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
    var listeners: UnsafeMutablePointer<Int32>?
    var listenerCount = 0
    var cookieName = OwnedText()

    var counters = ProxyCounters()
    var isDirty = true

    @inline(__always)
    func serverIndex(_ place: Int) -> Int {
        guard let servers, place < serverCount else { preconditionFailure("a server's place is in its service") }
        return Int(servers[place])
    }

    mutating func deallocateLists() {
        servers?.deallocate()
        listeners?.deallocate()
        servers = nil
        listeners = nil
        serverCount = 0
        listenerCount = 0
    }
}
