/// Pools from one plan to the next.
extension ProxyWorker {
    /// Makes a service's pools those of the plan. Connections name pools by their place: `movePools` follows.
    mutating func configurePools(_ index: Int, of service: ServicePlan.Service) {
        let entry = tables.services + index
        let former = (0..<entry.pointee.poolCount).compactMap { entry.pointee.pools?[$0] }
        let pools = UnsafeMutablePointer<PoolEntry>.allocate(capacity: service.pools.count)
        for (place, pool) in service.pools.enumerated() {
            // There is no room for a server beyond the table's end: it isn't in its pools either.
            let servers = pool.servers.filter { $0 < entry.pointee.serverCount }
                .map { (index: entry.pointee.serverIndex($0), place: $0) }
            (pools + place).initialize(to: PoolEntry(pool, servers: servers))
            if let same = former.first(where: { pools[place].name.equals($0.name) }) { pools[place].inherit(same) }
        }
        let moves = former.map { old in
            UInt16(service.pools.indices.first { pools[$0].name.equals(old.name) } ?? Int(Connection.noPool))
        }
        tables.poolMoves[index] = moves.enumerated().allSatisfy { $0.offset == Int($0.element) } ? nil : moves
        for (place, old) in former.enumerated() {
            if moves[place] == Connection.noPool { postpone(old.waiters) }
            var pool = old
            pool.deallocate()
        }
        entry.pointee.pools?.deallocate()
        entry.pointee.pools = pools
        entry.pointee.poolCount = service.pools.count
        for place in 0..<entry.pointee.poolCount { pools[place].buildRing(tables.servers) }
        entry.pointee.refreshPools(tables.servers, now: now)
    }

    /// Requests that are under way stay with the pool they were sent to, wherever it stands in the new plan; one whose
    /// pool is gone finds nobody when it needs another server.
    mutating func movePools() {
        defer { tables.poolMoves.removeAll() }
        if tables.poolMoves.isEmpty { return }
        forEachConnection { worker, _, slot in
            guard slot.pointee.role == .client, let moves = worker.tables.poolMoves[Int(slot.pointee.service)],
                Int(slot.pointee.pool) < moves.count
            else { return }
            slot.pointee.pool = moves[Int(slot.pointee.pool)]
        }
    }
}
