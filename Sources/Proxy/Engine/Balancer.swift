/// Chooses servers. Pure arithmetic over a worker's tables; integers only, and the lower place wins a tie.
enum Balancer {
    /// - Parameters:
    ///   - tried: places that have failed this request already.
    ///   - hash: of the client's address.
    /// - Returns: an index in `servers`; -1: nobody takes it.
    @inline(__always)
    static func choose(
        _ service: UnsafePointer<ServiceEntry>, _ servers: UnsafeMutablePointer<ServerEntry>, tried: UInt64,
        hash: @autoclosure () -> UInt64
    ) -> Int {
        switch service.pointee.balance {
        case .roundrobin: smoothRoundRobin(service, servers, tried)
        case .leastconn: leastConnections(service, servers, tried)
        case .source: bySource(service, servers, tried, hash())
        }
    }

    /// Places from 63 on share one bit: a failure of one excuses all of them.
    @inline(__always)
    static func bit(ofPlace place: Int) -> UInt64 { 1 << UInt64(min(place, 63)) }

    @inline(__always)
    private static func isCandidate(_ server: UnsafePointer<ServerEntry>, _ place: Int, _ tried: UInt64) -> Bool {
        server.pointee.takesNewClients && tried & bit(ofPlace: place) == 0
    }

    /// Each candidate's balance grows by its weight; the highest is chosen and pays the sum: weights 5, 1, 1 give
    /// a a b a c a a instead of a a a a a b c.
    @inline(__always)
    private static func smoothRoundRobin(
        _ service: UnsafePointer<ServiceEntry>, _ servers: UnsafeMutablePointer<ServerEntry>, _ tried: UInt64
    ) -> Int {
        var chosen = -1
        var total: Int32 = 0
        var place = 0
        while place < service.pointee.serverCount {
            let index = service.pointee.serverIndex(place)
            let server = servers + index
            if isCandidate(server, place, tried) {
                server.pointee.balance &+= server.pointee.weight
                total &+= server.pointee.weight
                if chosen < 0 || server.pointee.balance > servers[chosen].balance { chosen = index }
            }
            place &+= 1
        }
        if chosen >= 0 { servers[chosen].balance &-= total }
        return chosen
    }

    /// Fewest exchanges per weight; among equals the one whose turn it is.
    private static func leastConnections(
        _ service: UnsafePointer<ServiceEntry>, _ servers: UnsafeMutablePointer<ServerEntry>, _ tried: UInt64
    ) -> Int {
        var chosen = -1
        for place in 0..<service.pointee.serverCount {
            let index = service.pointee.serverIndex(place)
            guard isCandidate(servers + index, place, tried) else { continue }
            servers[index].balance &+= 1
            if chosen < 0 || isLighter(servers + index, servers + chosen) { chosen = index }
        }
        if chosen >= 0 { servers[chosen].balance = 0 }
        return chosen
    }

    private static func isLighter(_ a: UnsafePointer<ServerEntry>, _ b: UnsafePointer<ServerEntry>) -> Bool {
        let left = Int64(a.pointee.exchanges) * Int64(b.pointee.weight)
        let right = Int64(b.pointee.exchanges) * Int64(a.pointee.weight)
        return left != right ? left < right : a.pointee.balance > b.pointee.balance
    }

    /// The same client gets the same server as long as the same servers are there.
    private static func bySource(
        _ service: UnsafePointer<ServiceEntry>, _ servers: UnsafeMutablePointer<ServerEntry>, _ tried: UInt64,
        _ hash: UInt64
    ) -> Int {
        var total: UInt64 = 0
        for place in 0..<service.pointee.serverCount {
            let index = service.pointee.serverIndex(place)
            if isCandidate(servers + index, place, tried) { total += UInt64(servers[index].weight) }
        }
        guard total > 0 else { return -1 }
        var rest = hash % total
        for place in 0..<service.pointee.serverCount {
            let index = service.pointee.serverIndex(place)
            guard isCandidate(servers + index, place, tried) else { continue }
            let weight = UInt64(servers[index].weight)
            if rest < weight { return index }
            rest -= weight
        }
        return -1
    }
}
