/// Which server a request goes to.
extension ProxyWorker {
    /// A choice takes the place at its server that the request will need.
    @inline(__always)
    mutating func choose(_ client: ConnectionSlot) -> Choice {
        let service = tables.services + Int(client.pointee.service)
        if client.pointee.attempts > 0, let choice = chooseAgain(client, service) { return choice }
        guard let pool = service.pointee.pool(client.pointee.pool) else { return .nobody }
        if client.pointee.bound >= 0, client.pointee.flags.contains(.bindsConnection), client.pointee.attempts == 0 {
            let index = Int(slab.slot(client.pointee.bound).pointee.server)
            if tables.servers[index].takesBoundClients { return claim(client, index) ?? .full(index) }
        }
        let bound = Int(client.pointee.server)
        if bound != Int(Connection.noServer), isOurs(bound, client), mayServeBound(bound, service) {
            if client.pointee.tried & bit(bound) == 0 { return claim(client, bound) ?? .full(bound) }
            if let choice = chooseFree(client, pool) { return choice }
            return .later
        }
        if let choice = chooseFree(client, pool) { return choice }
        if client.pointee.tried != 0 { return pool.pointee.hasCandidate ? .later : .nobody }
        // No check has come to a verdict yet: that is a matter of seconds, and worth waiting for.
        return pool.pointee.hasUnverified(tables.servers) ? .allFull : .nobody
    }

    /// After a failed attempt; nil: like the first time.
    private func chooseAgain(_ client: ConnectionSlot, _ service: UnsafePointer<ServiceEntry>) -> Choice? {
        if isOutOfTime(client) { return .nobody }
        let last = Int(client.pointee.lastServer)
        if service.pointee.redispatches || last == Int(Connection.noServer) { return nil }
        guard isOurs(last, client), tables.servers[last].takesBoundClients else { return .nobody }
        if client.pointee.tried != 0 { return .later }
        return claim(client, last) ?? .full(last)
    }

    /// A server that was left out still serves those who are bound to it when they may not go elsewhere.
    @inline(__always)
    private func mayServeBound(_ index: Int, _ service: UnsafePointer<ServiceEntry>) -> Bool {
        guard tables.servers[index].takesBoundClients else { return false }
        return !tables.servers[index].isEjected || !service.pointee.redispatches
    }

    /// nil: no place.
    @inline(__always)
    private func claim(_ client: ConnectionSlot, _ index: Int) -> Choice? {
        claimPlace(client, index) ? .server(index) : nil
    }

    /// Whom the pool's balance chooses; nil: nobody who hasn't failed this request.
    @inline(__always)
    private mutating func chooseFree(_ client: ConnectionSlot, _ pool: UnsafeMutablePointer<PoolEntry>) -> Choice? {
        // Whoever comes now stands behind those who wait.
        if pool.pointee.waiters.count > 0 && !client.pointee.flags.contains(.isNext) { return .allFull }
        if pool.pointee.trial >= 0 && client.pointee.tried == 0 {
            let index = claimTrial(pool)
            if index >= 0, let choice = claim(client, index) { return choice }
        }
        var passed = client.pointee.tried
        var isFull = false
        while true {
            let place = pool.pointee.choose(
                tables.servers, tried: passed, hash: hash(client, pool), random: &random)
            if place < 0 { break }
            let index = pool.pointee.server(place)
            if claimPlace(client, index) {
                tables.servers[index].counters.lbtot &+= 1
                return .server(index)
            }
            isFull = true
            passed |= bit(index)
        }
        if isFull { return chooseAnyWithRoom(client, pool) ?? .allFull }
        let spare = pool.pointee.spare(tried: client.pointee.tried)
        guard client.pointee.tried != 0, spare >= 0 else { return nil }
        return claim(client, pool.pointee.server(spare))
    }

    /// Beyond the 64th place servers share a bit, so one that is full hides others that aren't.
    private func chooseAnyWithRoom(_ client: ConnectionSlot, _ pool: UnsafePointer<PoolEntry>) -> Choice? {
        guard pool.pointee.count > 63 else { return nil }
        for place in 0..<pool.pointee.count where pool.pointee.isCandidate(place, tried: client.pointee.tried) {
            if let choice = claim(client, pool.pointee.server(place)) { return choice }
        }
        return nil
    }

    @inline(__always)
    private func hash(_ client: ConnectionSlot, _ pool: UnsafePointer<PoolEntry>) -> UInt64 {
        switch pool.pointee.method {
        case .roundrobin, .leastconn, .random: 0
        case .source: client.pointee.address.hash
        case .ring: pool.pointee.key == .none ? Hash.mixed(client.pointee.address.hash) : client.pointee.hash
        }
    }

    /// The time to reach a server is over.
    func isOutOfTime(_ client: ConnectionSlot) -> Bool {
        client.pointee.attempts > 0
            && now &- client.pointee.soughtSince >= tables.services[Int(client.pointee.service)].connectTicks
    }

    /// Not so when the plan changed while the request waited, and the entry has become another service's.
    @inline(__always)
    private func isOurs(_ server: Int, _ client: ConnectionSlot) -> Bool {
        tables.servers[server].service == client.pointee.service
    }

    @inline(__always)
    func bit(_ server: Int) -> UInt64 {
        1 &<< UInt64(Balancer.bitNumber(ofPlace: Int(tables.servers[server].planServer)))
    }

    @inline(__always)
    func countRetry(_ client: ConnectionSlot, _ index: Int) {
        if client.pointee.attempts == 0 { return }
        let service = tables.services + Int(client.pointee.service)
        let last = Int(client.pointee.lastServer)
        if last == index {
            service.pointee.counters.wretr &+= 1
            tables.servers[index].counters.wretr &+= 1
        } else if last != Int(Connection.noServer) {
            service.pointee.counters.wredis &+= 1
            tables.servers[last].counters.wredis &+= 1
            client.pointee.exchange.isRedispatched = true
            tables.servers[last].isDirty = true
        }
    }
}
