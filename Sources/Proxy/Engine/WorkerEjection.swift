/// Leaving out servers that fail, as the requests themselves show it.
extension ProxyWorker {
    /// A trial that hasn't come to an end by then doesn't keep others from trying.
    private static let trialPatience = TimerWheel.ticks(5_000)

    /// An attempt to connect failed.
    /// - Parameter isSilent: nothing came back in time; the next one would wait as long.
    mutating func noteConnectError(_ index: Int, isSilent: Bool) {
        let server = tables.servers + index
        let limit = tables.services[Int(server.pointee.service)].ejection.errors
        if limit == 0 || !server.pointee.isPlanned { return }
        server.pointee.connectErrors = isSilent ? UInt16(limit) : min(server.pointee.connectErrors &+ 1, 1_000)
        if Int(server.pointee.connectErrors) >= limit || server.pointee.isEjected { eject(index) }
    }

    /// A response said 5xx, or there was none.
    mutating func noteServerError(_ index: Int) {
        let server = tables.servers + index
        let limit = tables.services[Int(server.pointee.service)].ejection.serverErrors
        if limit == 0 || !server.pointee.isPlanned { return }
        server.pointee.serverErrors = min(server.pointee.serverErrors &+ 1, 1_000)
        if Int(server.pointee.serverErrors) >= limit || server.pointee.isEjected { eject(index) }
    }

    /// A server answered with this status.
    @inline(__always)
    mutating func noteStatus(_ index: Int, _ status: Int) {
        if status >= 500 && status != 501 && status != 505 {
            tables.servers[index].connectErrors = 0
            noteServerError(index)
        } else if tables.servers[index].isTroubled {
            noteSuccess(index)
        }
    }

    /// It does its work.
    mutating func noteSuccess(_ index: Int) {
        let server = tables.servers + index
        server.pointee.connectErrors = 0
        server.pointee.serverErrors = 0
        if server.pointee.isEjected { takeBack(index) }
    }

    private mutating func eject(_ index: Int) {
        let server = tables.servers + index
        let service = tables.services + Int(server.pointee.service)
        guard server.pointee.isEjected || mayEject(index, service), let board = server.pointee.board else { return }
        let duration = TimerWheel.ticks(service.pointee.ejection.duration)
        guard board.withEjection({ $0.eject(now: now, duration: duration) }) else { return }
        server.pointee.connectErrors = 0
        server.pointee.serverErrors = 0
        server.pointee.counters.ejected &+= 1
        service.pointee.counters.ejected &+= 1
        server.pointee.isDirty = true
        service.pointee.isDirty = true
        shareEjections(server.pointee.service)
        closeIdle(of: index)
        postpone(server.pointee.waiters)
    }

    /// Somebody else could take its requests, in every pool that it is in, and not too many are out already.
    private func mayEject(_ index: Int, _ service: UnsafePointer<ServiceEntry>) -> Bool {
        var out = 1
        for place in 0..<service.pointee.serverCount
        where tables.servers[service.pointee.serverIndex(place)].isEjected { out += 1 }
        guard out <= max(1, service.pointee.serverCount * service.pointee.ejection.share / 100) else { return false }
        for place in 0..<service.pointee.poolCount {
            guard let pool = service.pointee.pool(UInt16(place)), pool.pointee.has(index) else { continue }
            if !pool.pointee.hasSubstitute(for: index, tables.servers) { return false }
        }
        return true
    }

    private mutating func takeBack(_ index: Int) {
        guard let board = tables.servers[index].board, board.withEjection({ $0.takeBack(now: now) }) else { return }
        beginRamp(index)
        shareEjections(tables.servers[index].service)
        markFreed(index)
    }

    /// Its weight grows from now on, if the plan says so.
    func beginRamp(_ index: Int) {
        guard tables.servers[index].slowStartTicks > 0 else { return }
        tables.servers[index].isRamping = true
        tables.servers[index].rampStart = now
    }

    private mutating func shareEjections(_ service: UInt16) {
        gauges.ejections.add(1, ordering: .relaxed)
        readEjections()
    }

    /// What the boards say now, into the tables. Called whenever somebody has changed it.
    mutating func readEjections() {
        seenEjections = gauges.ejections.load(ordering: .relaxed)
        tables.ejectedCount = 0
        for index in 0..<tables.serverCount {
            let server = tables.servers + index
            guard server.pointee.isPlanned, let board = server.pointee.board else { continue }
            board.withEjection { record in
                server.pointee.isEjected = record.isEjected
                server.pointee.ejectedUntil = record.until
            }
            if server.pointee.isEjected { tables.ejectedCount += 1 }
        }
        for index in 0..<tables.serviceCount where tables.services[index].isPlanned {
            tables.services[index].refreshPools(tables.servers, now: now)
        }
    }

    /// With every pulse: who may be tried again, and whose weight has grown.
    mutating func reviewServers() {
        var hasChange = tables.ejectedCount > 0
        for index in 0..<tables.serverCount where tables.servers[index].isRamping {
            hasChange = true
            if tables.servers[index].ramp(now: now) == 255 { tables.servers[index].isRamping = false }
        }
        guard hasChange else { return }
        for index in 0..<tables.serviceCount where tables.services[index].isPlanned {
            tables.services[index].refreshPools(tables.servers, now: now)
        }
    }

    /// The ejected server that this request may try, if it is the one that may; -1: none.
    mutating func claimTrial(_ pool: UnsafeMutablePointer<PoolEntry>) -> Int {
        let index = pool.pointee.server(Int(pool.pointee.trial))
        pool.pointee.trial = -1
        guard tables.servers[index].takesNewClients, tables.servers[index].isEjected,
            let board = tables.servers[index].board,
            board.withEjection({ $0.claimTrial(now: now, patience: Self.trialPatience) })
        else { return -1 }
        return index
    }

    /// Connections to a server that was marked down, or taken out of service, come to their end now.
    mutating func closeSessions(of index: Int) {
        forEachConnection { worker, fd, slot in
            guard slot.pointee.role == .server, Int(slot.pointee.server) == index, slot.pointee.peer >= 0 else {
                return
            }
            switch slot.pointee.phase {
            case .connecting: worker.serverBroke(fd, .connect)
            case .head: worker.serverBroke(fd, .closed)
            case .body: worker.breakResponse(fd)
            case .tunnel: worker.closePair(fd)
            case .idle, .bound, .response, .closing, .lingering, .greeting, .hello: break
            }
        }
    }
}
