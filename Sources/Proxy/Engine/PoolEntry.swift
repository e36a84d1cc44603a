/// A server's part in a pool: trivial, and side by side with the others, because a choice looks at all of them.
struct PoolMember {
    /// Index in the worker's table of servers.
    let server: UInt16
    /// Its place among the bits of `Connection.tried`.
    let bit: UInt8
    /// How far its slow start has come on a ring, 255: all of it.
    var ramp: UInt8 = 255
    /// What it weighs in the next choice; 0: it gets no new clients now.
    var weight: Int32 = 0
    /// Smooth round robin's running balance; leastconn's order among equals.
    var balance: Int32 = 0
    var reserve = Reserve.none

    /// Usable, but not as long as others are.
    enum Reserve: UInt8 {
        case none, backup, ejected
    }

    @inline(__always)
    func isCandidate(_ tried: UInt64) -> Bool { weight > 0 && tried & (1 &<< UInt64(bit)) == 0 }
}

/// Clients that wait, in their order, linked through their slots.
struct WaitList {
    var head: Int32 = -1
    var tail: Int32 = -1
    var count: Int32 = 0
}

/// What requests are balanced over, as a worker knows it: trivial, in its service's list.
struct PoolEntry {
    enum Method: UInt8 {
        case roundrobin, leastconn, random, source, ring
    }

    /// What of a request its hash is made of.
    enum Key: UInt8 {
        case none, path, uri, header
    }

    /// Weights in force are finer than those of the plan, for slow start.
    static let weightScale: Int32 = 64

    private(set) var name = OwnedText()
    private(set) var method = Method.roundrobin
    private(set) var key = Key.none
    private(set) var keyName = OwnedText()
    private(set) var allBackups = false
    private(set) var members: UnsafeMutablePointer<PoolMember>?
    private(set) var count = 0
    private var ring: HashRing?
    /// Requests for whichever member has a place first.
    var waiters = WaitList()
    /// Place of an ejected member whose time is over: the next request tries it. -1: none.
    var trial: Int32 = -1

    init() {}

    /// - Parameter servers: indices in the worker's table with their places in the service.
    init(_ pool: ServicePlan.Pool, servers: [(index: Int, place: Int)]) {
        name = OwnedText(pool.name)
        allBackups = pool.allBackups
        switch pool.balance {
        case .roundrobin: method = .roundrobin
        case .leastconn: method = .leastconn
        case .random: method = .random
        case .source: method = .source
        case .consistent(let source):
            method = .ring
            switch source {
            case .source: key = .none
            case .path: key = .path
            case .uri: key = .uri
            case .header(let name):
                key = .header
                keyName = OwnedText(name)
            }
        }
        let members = UnsafeMutablePointer<PoolMember>.allocate(capacity: max(1, servers.count))
        for (place, server) in servers.enumerated() {
            let bit = UInt8(Balancer.bitNumber(ofPlace: server.place))
            (members + place).initialize(to: PoolMember(server: UInt16(server.index), bit: bit))
        }
        self.members = members
        count = servers.count
    }

    /// Takes over what a former plan's pool has balanced so far, and who waits for it.
    mutating func inherit(_ former: PoolEntry) {
        waiters = former.waiters
        guard let members, let old = former.members else { return }
        for place in 0..<count {
            for oldPlace in 0..<former.count where old[oldPlace].server == members[place].server {
                members[place].balance = old[oldPlace].balance
            }
        }
    }

    /// Where a weight of the plan (or the operator) is another one than before.
    mutating func buildRing(_ servers: UnsafePointer<ServerEntry>) {
        guard method == .ring, let members else { return }
        ring?.deallocate()
        ring = HashRing(
            (0..<count).map {
                let server = servers + Int(members[$0].server)
                return (server.pointee.identity, Int(server.pointee.weight))
            })
    }

    /// Writes down who takes new clients and with what weight; to be called whenever something of that changed.
    ///
    /// In this order, the first group that has anyone: ordinary servers, backups (the first alone, unless all are
    /// wanted), and servers that are left out because they failed: better they than nobody.
    mutating func refresh(_ servers: UnsafePointer<ServerEntry>, now: UInt32) {
        guard let members else { return }
        var hasOrdinary = false
        trial = -1
        for place in 0..<count {
            let server = servers + Int(members[place].server)
            let isUsable = server.pointee.takesNewClients
            members[place].weight = 0
            members[place].ramp = server.pointee.ramp(now: now)
            members[place].reserve =
                !isUsable ? .none : (server.pointee.isEjected ? .ejected : (server.pointee.isBackup ? .backup : .none))
            if isUsable && server.pointee.isEjected && server.pointee.isTrialDue(now: now) { trial = Int32(place) }
            guard isUsable, members[place].reserve == .none else { continue }
            members[place].weight = weight(of: server, members[place].ramp)
            hasOrdinary = true
        }
        if hasOrdinary { return }
        if !raise(.backup, all: allBackups, servers) { _ = raise(.ejected, all: true, servers) }
    }

    private func weight(of server: UnsafePointer<ServerEntry>, _ ramp: UInt8) -> Int32 {
        let full = server.pointee.weight &* Self.weightScale
        // By source and on the ring a growing weight would move clients again and again.
        if ramp == 255 || method == .source || method == .ring { return full }
        return max(1, full &* Int32(ramp) / 255)
    }

    private func raise(_ reserve: PoolMember.Reserve, all: Bool, _ servers: UnsafePointer<ServerEntry>) -> Bool {
        guard let members else { return false }
        var hasOne = false
        for place in 0..<count where members[place].reserve == reserve {
            members[place].weight = weight(of: servers + Int(members[place].server), members[place].ramp)
            hasOne = true
            if !all { break }
        }
        return hasOne
    }

    // MARK: asking

    /// - Returns: a place; -1: nobody takes it.
    @inline(__always)
    func choose(_ servers: UnsafePointer<ServerEntry>, tried: UInt64, hash: UInt64, random: inout UInt64) -> Int {
        guard let members else { return -1 }
        switch method {
        case .roundrobin: return Balancer.smoothRoundRobin(members, count, tried)
        case .leastconn: return Balancer.leastConnections(members, count, servers, tried)
        case .random: return Balancer.twoRandom(members, count, servers, tried, &random)
        case .source: return Balancer.bySource(members, count, tried, hash)
        case .ring:
            // Without the header that it goes by.
            if hash == 0 { return Balancer.smoothRoundRobin(members, count, tried) }
            return ring?.place(of: hash, members, tried: tried) ?? -1
        }
    }

    @inline(__always)
    func server(_ place: Int) -> Int {
        guard let members, place < count else { preconditionFailure("a member's place is in its pool") }
        return Int(members[place].server)
    }

    /// Someone takes new clients.
    var hasCandidate: Bool { hasCandidate(tried: 0) }

    /// Someone does who hasn't failed this request.
    func hasCandidate(tried: UInt64) -> Bool {
        guard let members else { return false }
        for place in 0..<count where members[place].isCandidate(tried) { return true }
        return false
    }

    /// A backup or an ejected server that hasn't failed this request; -1: none.
    func spare(tried: UInt64) -> Int {
        let backup = spare(.backup, tried)
        return backup >= 0 ? backup : spare(.ejected, tried)
    }

    private func spare(_ wanted: PoolMember.Reserve, _ tried: UInt64) -> Int {
        guard let members else { return -1 }
        for place in 0..<count where members[place].reserve == wanted && members[place].weight == 0 {
            if tried & (1 &<< UInt64(members[place].bit)) == 0 { return place }
        }
        return -1
    }

    @inline(__always)
    func isCandidate(_ place: Int, tried: UInt64) -> Bool { members?[place].isCandidate(tried) ?? false }

    /// Some server would take requests if its check had passed for the first time.
    func hasUnverified(_ servers: UnsafePointer<ServerEntry>) -> Bool {
        guard let members else { return false }
        for place in 0..<count {
            let server = servers + Int(members[place].server)
            if server.pointee.health == .unverified && server.pointee.duty == .ready && server.pointee.isPlanned
                && server.pointee.weight > 0
            {
                return true
            }
        }
        return false
    }

    /// Takes new clients now.
    func isInForce(_ server: Int) -> Bool {
        guard let members else { return false }
        for place in 0..<count where Int(members[place].server) == server { return members[place].weight > 0 }
        return false
    }

    /// Another one is usable and not left out.
    func hasSubstitute(for server: Int, _ servers: UnsafePointer<ServerEntry>) -> Bool {
        guard let members else { return false }
        for place in 0..<count where Int(members[place].server) != server {
            let other = servers + Int(members[place].server)
            if other.pointee.takesNewClients && !other.pointee.isEjected { return true }
        }
        return false
    }

    func has(_ server: Int) -> Bool {
        guard let members else { return false }
        for place in 0..<count where Int(members[place].server) == server { return true }
        return false
    }

    mutating func deallocate() {
        name.deallocate()
        keyName.deallocate()
        members?.deallocate()
        ring?.deallocate()
        members = nil
        ring = nil
        count = 0
    }
}
