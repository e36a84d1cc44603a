/// A server's part in a pool: trivial, and side by side with the others, because a choice looks at all of them.
struct PoolMember {
    /// Index in the worker's table of servers.
    let server: UInt16
    /// Its place among the bits of `Connection.tried`.
    let bit: UInt8
    /// What it weighs in the next choice; 0: it gets no new clients now.
    var weight: Int32 = 0
    /// Smooth round robin's running balance; leastconn's order among equals.
    var balance: Int32 = 0
}

/// What requests are balanced over, as a worker knows it: trivial, in its service's list.
struct PoolEntry {
    var name = OwnedText()
    var balance = ServicePlan.Balance.roundrobin
    private(set) var members: UnsafeMutablePointer<PoolMember>?
    private(set) var count = 0

    init() {}

    /// - Parameter servers: indices in the worker's table with their places in the service.
    init(_ pool: ServicePlan.Pool, servers: [(index: Int, place: Int)]) {
        name = OwnedText(pool.name)
        balance = pool.balance
        let members = UnsafeMutablePointer<PoolMember>.allocate(capacity: max(1, servers.count))
        for (place, server) in servers.enumerated() {
            let bit = UInt8(Balancer.bitNumber(ofPlace: server.place))
            (members + place).initialize(to: PoolMember(server: UInt16(server.index), bit: bit))
        }
        self.members = members
        count = servers.count
    }

    /// Takes over what a former plan's pool has balanced so far.
    func inherit(_ former: PoolEntry) {
        guard let members, let old = former.members else { return }
        for place in 0..<count {
            for oldPlace in 0..<former.count where old[oldPlace].server == members[place].server {
                members[place].balance = old[oldPlace].balance
            }
        }
    }

    /// Writes down what each member weighs; to be called whenever something of that changed.
    func refresh(_ servers: UnsafePointer<ServerEntry>) {
        for place in 0..<count {
            guard let members else { return }
            let server = servers + Int(members[place].server)
            members[place].weight = server.pointee.takesNewClients ? server.pointee.weight : 0
        }
    }

    func has(_ server: Int) -> Bool {
        for place in 0..<count where Int(members?[place].server ?? Connection.noServer) == server { return true }
        return false
    }

    /// Someone takes new clients.
    var hasCandidate: Bool {
        for place in 0..<count where (members?[place].weight ?? 0) > 0 { return true }
        return false
    }

    mutating func deallocate() {
        name.deallocate()
        members?.deallocate()
        members = nil
        count = 0
    }
}
