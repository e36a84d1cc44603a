/// Chooses servers. Pure arithmetic over a worker's tables; integers only, and the lower place wins a tie.
enum Balancer {
    /// - Parameters:
    ///   - tried: bits of those that have failed this request already.
    ///   - hash: of the client's address.
    /// - Returns: an index in `servers`; -1: nobody takes it.
    @inline(__always)
    static func choose(
        _ pool: UnsafePointer<PoolEntry>, _ servers: UnsafePointer<ServerEntry>, tried: UInt64,
        hash: @autoclosure () -> UInt64
    ) -> Int {
        guard let members = pool.pointee.members else { return -1 }
        let count = pool.pointee.count
        let place =
            switch pool.pointee.balance {
            case .roundrobin: smoothRoundRobin(members, count, tried)
            case .leastconn: leastConnections(members, count, servers, tried)
            case .source: bySource(members, count, tried, hash())
            }
        return place < 0 ? -1 : Int(members[place].server)
    }

    /// Places from 63 on share one bit: a failure of one excuses all of them.
    @inline(__always)
    static func bitNumber(ofPlace place: Int) -> Int { min(place, 63) }

    @inline(__always)
    private static func isCandidate(_ member: UnsafePointer<PoolMember>, _ tried: UInt64) -> Bool {
        member.pointee.weight > 0 && tried & (1 &<< UInt64(member.pointee.bit)) == 0
    }

    /// Each candidate's balance grows by its weight; the highest is chosen and pays the sum: weights 5, 1, 1 give
    /// a a b a c a a instead of a a a a a b c.
    @inline(__always)
    private static func smoothRoundRobin(
        _ members: UnsafeMutablePointer<PoolMember>, _ count: Int, _ tried: UInt64
    ) -> Int {
        var chosen = -1
        var total: Int32 = 0
        var place = 0
        while place < count {
            let member = members + place
            if isCandidate(member, tried) {
                member.pointee.balance &+= member.pointee.weight
                total &+= member.pointee.weight
                if chosen < 0 || member.pointee.balance > members[chosen].balance { chosen = place }
            }
            place &+= 1
        }
        if chosen >= 0 { members[chosen].balance &-= total }
        return chosen
    }

    /// Fewest exchanges per weight; among equals the one whose turn it is.
    private static func leastConnections(
        _ members: UnsafeMutablePointer<PoolMember>, _ count: Int, _ servers: UnsafePointer<ServerEntry>,
        _ tried: UInt64
    ) -> Int {
        var chosen = -1
        for place in 0..<count where isCandidate(members + place, tried) {
            members[place].balance &+= 1
            if chosen < 0 || isLighter(members + place, members + chosen, servers) { chosen = place }
        }
        if chosen >= 0 { members[chosen].balance = 0 }
        return chosen
    }

    private static func isLighter(
        _ a: UnsafePointer<PoolMember>, _ b: UnsafePointer<PoolMember>, _ servers: UnsafePointer<ServerEntry>
    ) -> Bool {
        let left = Int64(servers[Int(a.pointee.server)].exchanges) * Int64(b.pointee.weight)
        let right = Int64(servers[Int(b.pointee.server)].exchanges) * Int64(a.pointee.weight)
        return left != right ? left < right : a.pointee.balance > b.pointee.balance
    }

    /// The same client gets the same server as long as the same servers are there.
    private static func bySource(
        _ members: UnsafeMutablePointer<PoolMember>, _ count: Int, _ tried: UInt64, _ hash: UInt64
    ) -> Int {
        var total: UInt64 = 0
        for place in 0..<count where isCandidate(members + place, tried) { total += UInt64(members[place].weight) }
        guard total > 0 else { return -1 }
        var rest = hash % total
        for place in 0..<count where isCandidate(members + place, tried) {
            let weight = UInt64(members[place].weight)
            if rest < weight { return place }
            rest -= weight
        }
        return -1
    }
}
