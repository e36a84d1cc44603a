import CLinux
import Glibc

/// Taking a new plan without losing a connection.
extension ProxyWorker {
    mutating func handleInbox() {
        for command in inbox.takeAll() {
            switch command {
            case .plan(let plan, let serial, let listeners, let logs):
                apply(plan, serial: serial, listeners: listeners, logs: logs)
            case .server(let service, let server, let health, let duty, let weight):
                set(service: service, server: server, health: health, duty: duty, weight: weight)
            case .stop: stops = true
            }
        }
        // The bell also rings when another worker leaves a place.
        markAllFreed()
    }

    mutating func handleChannel() {
        guard let control, control.receive() else {
            // Whoever handed us our sockets is gone: nobody tells us any more which servers live. Until the lease has
            // ended, and the kernel with it what we could still say, clients are better served than cut off.
            guard let control, !control.isGarbled, linger > 0 else {
                stops = true
                return
            }
            _ = polling_remove(epoll, channel)
            lingersUntil = max(1, now &+ TimerWheel.ticks(linger))
            return
        }
    }

    /// Services that are in both plans keep their clients, counters and what is known about their servers.
    mutating func apply(_ plan: ServicePlan, serial: UInt32, listeners: [[Int32]], logs: [Int]) {
        precondition(listeners.count == plan.services.count, "a list of listeners for each service")
        for index in 0..<tables.serviceCount { tables.services[index].isPlanned = false }
        for index in 0..<tables.serverCount { tables.servers[index].isPlanned = false }
        tables.planned.removeAll()
        for (place, service) in plan.services.enumerated() {
            guard let index = serviceIndex(service.name) else {
                // Full of services that left and still have clients: this one waits for the next plan.
                for fd in listeners[place] { close(fd) }
                tables.planned.append(-1)
                continue
            }
            configure(index, as: service, place: place)
            tables.services[index].logSink = logs.indices.contains(place) ? Int32(logs[place]) : -1
            replaceListeners(of: index, by: listeners[place])
            tables.planned.append(index)
        }
        tables.serial = serial
        // Half of the descriptors stay for servers: a client without one is no use to anybody.
        mostClients = min(plan.maxConnections, max(16, (slab.capacity - 64) / 2))
        buffers.limit = (plan.bufferMebibytes << 20) / max(1, plan.threads)
        movePools()
        for (worker, bell) in gauges.bells() { peerBells[Int(worker)] = bell }
        readEjections()
        retireUnplanned()
        tables.reclaim()
    }

    private mutating func serviceIndex(_ name: String) -> Int? {
        if let index = tables.serviceNames[name] { return index }
        guard let index = tables.addService() else { return nil }
        tables.serviceNames[name] = index
        tables.services[index].label = OwnedText(name)
        return index
    }

    private mutating func configure(_ index: Int, as service: ServicePlan.Service, place: Int) {
        let entry = tables.services + index
        entry.pointee.isPlanned = true
        entry.pointee.isDirty = true
        entry.pointee.planService = UInt16(place)
        entry.pointee.mode = service.mode
        entry.pointee.closes = service.connection == .close
        entry.pointee.retries = UInt8(service.retries)
        entry.pointee.redispatches = service.redispatch
        entry.pointee.maxConnections = service.maxConnections
        entry.pointee.gauge = gauges.gauge(of: service.name)
        entry.pointee.tally = gauges.tally(of: service.name)
        entry.pointee.logFormat = service.accessLog?.format ?? .json
        entry.pointee.connectTicks = TimerWheel.ticks(service.timeouts.connect)
        entry.pointee.clientTicks = TimerWheel.ticks(service.timeouts.client)
        entry.pointee.serverTicks = TimerWheel.ticks(service.timeouts.server)
        entry.pointee.requestTicks = TimerWheel.ticks(service.timeouts.request)
        entry.pointee.attemptTicks = TimerWheel.ticks(service.timeouts.attempt)
        entry.pointee.queueTicks = TimerWheel.ticks(service.timeouts.queue)
        entry.pointee.maxQueue = service.maxQueue
        entry.pointee.ejection = service.ejection
        entry.pointee.closesSessions = service.closesSessions
        configureLimits(entry, service)
        configureCookie(entry, service)
        entry.pointee.servers?.deallocate()
        entry.pointee.serverCount = 0
        let list = UnsafeMutablePointer<UInt16>.allocate(capacity: max(1, service.servers.count))
        entry.pointee.servers = list
        for server in service.servers {
            let identity = PlanTables.ServerIdentity(service: index, name: server.name, address: server.address)
            guard let serverIndex = serverIndex(identity, server) else { break }
            configure(
                serverIndex, as: server, in: entry, place: entry.pointee.serverCount, service: index,
                gauges.board(of: server.name, in: service.name))
            configureCookie(of: serverIndex, server, service)
            list[entry.pointee.serverCount] = UInt16(serverIndex)
            entry.pointee.serverCount += 1
        }
        configurePools(index, of: service)
    }

    private func configureCookie(_ entry: UnsafeMutablePointer<ServiceEntry>, _ service: ServicePlan.Service) {
        entry.pointee.cookieName.deallocate()
        entry.pointee.insertsCookie = service.cookie?.insert ?? false
        entry.pointee.forbidsCaching = service.cookie?.nocache ?? false
        entry.pointee.preservesCookie = service.cookie?.preserve ?? false
        entry.pointee.rules.deallocate()
        var rules = RequestRules()
        if service.mode == .http, let cookie = service.cookie {
            entry.pointee.cookieName = OwnedText(cookie.name)
            if let name = entry.pointee.cookieName.bytes {
                rules.cookie = PersistenceCookie(name: UnsafePointer(name), nameCount: entry.pointee.cookieName.count)
            }
            rules.stripsCookie = cookie.indirect
        }
        rules.closes = entry.pointee.closes
        rules.headBytes = service.limits.headBytes
        rules.headFields = service.limits.headFields
        entry.pointee.rules = rules
        entry.pointee.configureTraffic(service)
    }

    private mutating func serverIndex(_ identity: PlanTables.ServerIdentity, _ server: ServicePlan.Server) -> Int? {
        if let index = tables.serverNames[identity] { return index }
        guard let index = tables.addServer() else { return nil }
        tables.serverNames[identity] = index
        tables.servers[index].label = OwnedText(server.name)
        tables.servers[index].health = server.health
        tables.servers[index].duty = server.duty
        tables.servers[index].identity = Hash.of(server.name)
        return index
    }

    private func configure(
        _ index: Int, as server: ServicePlan.Server, in service: UnsafeMutablePointer<ServiceEntry>, place: Int,
        service serviceIndex: Int, _ board: ServerBoard
    ) {
        let entry = tables.servers + index
        entry.pointee.isPlanned = true
        entry.pointee.isDirty = true
        entry.pointee.planService = service.pointee.planService
        entry.pointee.planServer = UInt16(place)
        entry.pointee.service = UInt16(serviceIndex)
        entry.pointee.name = server.address.socketName
        entry.pointee.weight = Int32(server.weight)
        entry.pointee.proxyHeader = server.proxyHeader
        entry.pointee.isBackup = server.isBackup
        entry.pointee.slowStartTicks = server.slowStart == 0 ? 0 : TimerWheel.ticks(server.slowStart)
        entry.pointee.maxConnections = server.maxConnections
        entry.pointee.board = board
    }

    private func configureCookie(
        of index: Int, _ server: ServicePlan.Server, _ service: ServicePlan.Service
    ) {
        let entry = tables.servers + index
        entry.pointee.cookie.deallocate()
        entry.pointee.cookieLine.deallocate()
        guard service.mode == .http, let rule = service.cookie, let value = server.cookie else { return }
        entry.pointee.cookie = OwnedText(value)
        entry.pointee.cookieLine = OwnedText(rule.line(value: value))
    }

    private func configureLimits(_ entry: UnsafeMutablePointer<ServiceEntry>, _ service: ServicePlan.Service) {
        let limits = service.limits
        entry.pointee.headBytes = limits.headBytes
        entry.pointee.bodyRate = limits.bodyRate
        entry.pointee.sourceConnections = limits.source.connections
        let source = limits.source
        entry.pointee.sourceRate =
            source.requests == 0 ? nil : SourceTable.Rate(requests: source.requests, period: source.period)
        let isLimited = source.connections > 0 || source.requests > 0
        entry.pointee.sources = isLimited ? gauges.sources(of: service.name) : nil
    }

    // MARK: listeners

    private mutating func replaceListeners(of index: Int, by fds: [Int32]) {
        let entry = tables.services + index
        closeListeners(entry)
        let list = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, fds.count))
        entry.pointee.listeners = list
        entry.pointee.isPaused = false
        for fd in fds {
            // A request is acknowledged by its response: one packet less for each connection. Not where a PROXY header
            // comes first, alone, which nothing answers.
            let isAnswered = entry.pointee.mode == .http && entry.pointee.traffic.proxyHeaderFrom.count == 0
            _ = socket_set_quick_ack(fd, !isAnswered)
            let slot = open(fd, as: .listener, watching: POLLING_READABLE)
            slot.pointee.service = UInt16(index)
            slot.pointee.local = ClientAddress(port: Self.port(of: fd))
            list[entry.pointee.listenerCount] = fd
            entry.pointee.listenerCount += 1
        }
    }

    private static func port(of fd: Int32) -> UInt16 {
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        guard socket_local_name(fd, &name, &length) == 0 else { return 0 }
        return withUnsafePointer(to: &name) { ClientAddress(UnsafeRawPointer($0)).port }
    }

    private mutating func closeListeners(_ entry: UnsafeMutablePointer<ServiceEntry>) {
        for place in 0..<entry.pointee.listenerCount {
            guard let fd = entry.pointee.listeners?[place] else { continue }
            // Closing isn't enough: the control process holds the same socket open, so it would stay in the set, ring
            // for ever, and keep its number from being added again (epoll(7), question 6).
            _ = polling_remove(epoll, fd)
            closeSocket(fd, slab.slot(fd))
        }
        entry.pointee.listeners?.deallocate()
        entry.pointee.listeners = nil
        entry.pointee.listenerCount = 0
    }

    // MARK: what is no longer planned

    private mutating func retireUnplanned() {
        for index in 0..<tables.serviceCount where !tables.services[index].isPlanned {
            closeListeners(tables.services + index)
            // Exchanges that are going on come to their end, and their connections with them.
            tables.services[index].closes = true
            tables.services[index].refreshPools(tables.servers, now: now)
        }
        for index in 0..<tables.serverCount where !tables.servers[index].isPlanned {
            closeIdle(of: index)
            postpone(tables.servers[index].waiters)
        }
        forEachConnection { worker, fd, slot in
            guard slot.pointee.role == .client, slot.pointee.phase == .head, slot.pointee.held == nil else { return }
            if !worker.tables.services[Int(slot.pointee.service)].isPlanned { worker.closeClient(fd) }
        }
    }

    /// What checks or the operator say about a server of the current plan; nil leaves it as it is.
    mutating func set(
        service: Int, server: Int, health: ServicePlan.Health?, duty: ServicePlan.Duty?, weight: Int?
    ) {
        guard tables.planned.indices.contains(service), tables.planned[service] >= 0 else { return }
        let entry = tables.services + tables.planned[service]
        guard server >= 0, server < entry.pointee.serverCount else { return }
        let index = entry.pointee.serverIndex(server)
        let before = tables.servers[index]
        if let health { tables.servers[index].health = health }
        if let duty { tables.servers[index].duty = duty }
        if let weight { tables.servers[index].weight = Int32(min(max(0, weight), ServicePlan.Limit.weight)) }
        tables.servers[index].isDirty = true
        noteChange(of: index, in: entry, since: before)
    }

    private mutating func noteChange(
        of index: Int, in service: UnsafeMutablePointer<ServiceEntry>, since before: ServerEntry
    ) {
        let hasComeUp = tables.servers[index].takesBoundClients && !before.takesBoundClients
        // The first servers of a new process come up together, and nobody is spared by a slow start.
        if hasComeUp && before.health != .unverified { beginRamp(index) }
        if hasComeUp { noteSuccess(index) }
        if tables.servers[index].weight != before.weight {
            for place in 0..<service.pointee.poolCount { service.pointee.pools?[place].buildRing(tables.servers) }
        }
        service.pointee.refreshPools(tables.servers, now: now)
        markFreed(index)
        if tables.servers[index].takesBoundClients { return }
        closeIdle(of: index)
        postpone(tables.servers[index].waiters)
        if before.takesBoundClients && service.pointee.closesSessions { closeSessions(of: index) }
    }

    mutating func closeIdle(of index: Int) {
        while tables.servers[index].idleHead >= 0 { closeServer(tables.servers[index].idleHead) }
    }
}
