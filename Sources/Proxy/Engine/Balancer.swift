/// Chooses among a pool's members. Pure arithmetic over a worker's tables; integers only, and the lower place wins a tie.
///
/// `tried` has the bits of those that have failed this request already. All return a place; -1: nobody takes it.
enum Balancer {
    /// Places from 63 on share one bit: a failure of one excuses all of them.
    @inline(__always)
    static func bitNumber(ofPlace place: Int) -> Int { min(place, 63) }

    /// Each candidate's balance grows by its weight; the highest is chosen and pays the sum: weights 5, 1, 1 give
    /// a a b a c a a instead of a a a a a b c.
    @inline(__always)
    static func smoothRoundRobin(
        _ members: UnsafeMutablePointer<PoolMember>, _ count: Int, _ tried: UInt64
    ) -> Int {
        var chosen = -1
        var total: Int32 = 0
        var place = 0
        while place < count {
            let member = members + place
            if member.pointee.isCandidate(tried) {
                member.pointee.balance &+= member.pointee.weight
                total &+= member.pointee.weight
                if chosen < 0 || member.pointee.balance > members[chosen].balance { chosen = place }
            }
            place &+= 1
        }
        if chosen >= 0 { members[chosen].balance &-= total }
        return chosen
    }

    /// Fewest exchanges per weight; equals take turns by weight.
    static func leastConnections(
        _ members: UnsafeMutablePointer<PoolMember>, _ count: Int, _ servers: UnsafePointer<ServerEntry>,
        _ tried: UInt64
    ) -> Int {
        var lightest = -1
        for place in 0..<count where members[place].isCandidate(tried) {
            if lightest < 0 || isLighter(members + place, members + lightest, servers) { lightest = place }
        }
        if lightest < 0 { return -1 }
        var chosen = lightest
        var total: Int32 = 0
        for place in lightest..<count where members[place].isCandidate(tried) {
            // Nobody is lighter than the lightest: who isn't heavier either is its equal.
            if isLighter(members + lightest, members + place, servers) { continue }
            members[place].balance &+= members[place].weight
            total &+= members[place].weight
            if members[place].balance > members[chosen].balance { chosen = place }
        }
        members[chosen].balance &-= total
        return chosen
    }

    private static func isLighter(
        _ a: UnsafePointer<PoolMember>, _ b: UnsafePointer<PoolMember>, _ servers: UnsafePointer<ServerEntry>
    ) -> Bool {
        let left = Int64(servers[Int(a.pointee.server)].exchanges) * Int64(b.pointee.weight)
        let right = Int64(servers[Int(b.pointee.server)].exchanges) * Int64(a.pointee.weight)
        return left < right
    }

    /// The same client gets the same server as long as the same servers are there.
    static func bySource(
        _ members: UnsafeMutablePointer<PoolMember>, _ count: Int, _ tried: UInt64, _ hash: UInt64
    ) -> Int {
        var total: UInt64 = 0
        for place in 0..<count where members[place].isCandidate(tried) { total += UInt64(members[place].weight) }
        guard total > 0 else { return -1 }
        var rest = hash % total
        for place in 0..<count where members[place].isCandidate(tried) {
            let weight = UInt64(members[place].weight)
            if rest < weight { return place }
            rest -= weight
        }
        return -1
    }

    /// The less loaded of two that are drawn by weight: nearly as even as `leastconn`, without everyone running to the
    /// same idle server (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
    static func twoRandom(
        _ members: UnsafeMutablePointer<PoolMember>, _ count: Int, _ servers: UnsafePointer<ServerEntry>,
        _ tried: UInt64, _ random: inout UInt64
    ) -> Int {
        let first = bySource(members, count, tried, next(&random))
        let second = bySource(members, count, tried, next(&random))
        if first < 0 || first == second { return first }
        return isLighter(members + second, members + first, servers) ? second : first
    }

    /// xorshift64* (Vigna, 2016); the state is never 0.
    private static func next(_ state: inout UInt64) -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return (state &* 0x2545_f491_4f6c_dd1d) >> 16
    }
}
