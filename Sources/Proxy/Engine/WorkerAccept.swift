import CLinux
import Glibc

/// From the kernel's accept queue to a client's slot.
extension ProxyWorker {
    private static let burstLimit = 64

    /// Listeners are level-triggered: whatever isn't accepted now is reported again.
    mutating func acceptClients(_ listener: Int32, _ slot: ConnectionSlot) {
        let index = Int(slot.pointee.service)
        let service = tables.services + index
        guard let gauge = service.pointee.gauge else { return }
        for _ in 0..<acceptBurst {
            guard !buffers.isTight, gauge.enter(limit: service.pointee.maxConnections) else {
                pauseListeners(service)
                return
            }
            guard allClients.enter(limit: mostClients) else {
                gauge.leave()
                pauseListeners(service)
                return
            }
            var name = sockaddr_in6()
            var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            let fd = socket_accept(listener, &name, &length)
            if fd < 0 {
                gauge.leave()
                allClients.leave()
                acceptFailed(errno, service)
                return
            }
            guard Int(fd) < slab.capacity else {
                gauge.leave()
                allClients.leave()
                close(fd)
                pauseListeners(service)
                return
            }
            let address = withUnsafePointer(to: &name) { ClientAddress(UnsafeRawPointer($0)) }
            // Who speaks for others is told apart from them only by its PROXY header.
            let introduces = service.pointee.traffic.proxyHeaderFrom.contains(address)
            guard let source = introduces ? 0 : enterSource(address, service) else {
                gauge.leave()
                allClients.leave()
                service.pointee.counters.dcon &+= 1
                service.pointee.isDirty = true
                _ = socket_set_reset_on_close(fd)
                close(fd)
                continue
            }
            let client = open(fd, as: .client, watching: POLLING_READABLE | POLLING_PEER_CLOSED | POLLING_EDGE)
            client.pointee.service = UInt16(index)
            client.pointee.address = address
            client.pointee.source = source
            client.pointee.local = slot.pointee.local
            client.pointee.flags.insert(.counted)
            service.pointee.clients &+= 1
            service.pointee.counters.began()
            service.pointee.isDirty = true
            begin(fd, client, service)
        }
        if acceptBurst < Self.burstLimit { acceptBurst &*= 2 }
    }

    private mutating func acceptFailed(_ code: Int32, _ service: UnsafeMutablePointer<ServiceEntry>) {
        switch code {
        case EAGAIN: acceptBurst = max(1, acceptBurst / 2)
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            // Out of descriptors: an idle connection to a server is worth less than a client. The listener would be
            // reported for ever, so it rests until the next pulse.
            evictIdle()
            pauseListeners(service)
        default: break  // the client is gone already (ECONNABORTED), or a network error of its own
        }
    }

    /// Stops accepting; what comes waits in the kernel's queue.
    private mutating func pauseListeners(_ service: UnsafeMutablePointer<ServiceEntry>) {
        if service.pointee.isPaused { return }
        service.pointee.isPaused = true
        hasPausedListeners = true
        watchListeners(service, 0)
    }

    private func watchListeners(_ service: UnsafeMutablePointer<ServiceEntry>, _ events: UInt32) {
        for place in 0..<service.pointee.listenerCount {
            guard let fd = service.pointee.listeners?[place] else { continue }
            _ = polling_change(epoll, fd, events, slab.token(fd))
        }
    }

    /// A place may have become free, here or in another worker.
    mutating func resumeListeners(_ service: UnsafeMutablePointer<ServiceEntry>) {
        guard service.pointee.isPaused, let gauge = service.pointee.gauge else { return }
        guard gauge.isBelow(service.pointee.maxConnections), allClients.isBelow(mostClients), !buffers.isTight else {
            return
        }
        service.pointee.isPaused = false
        watchListeners(service, POLLING_READABLE)
    }

    mutating func resumeAllListeners() {
        if !hasPausedListeners { return }
        hasPausedListeners = false
        for index in 0..<tables.serviceCount {
            resumeListeners(tables.services + index)
            if tables.services[index].isPaused { hasPausedListeners = true }
        }
    }

    // MARK: the end of a client

    @inline(__always)
    mutating func leaveService(_ slot: ConnectionSlot) {
        guard slot.pointee.flags.contains(.counted) else { return }
        slot.pointee.flags.remove(.counted)
        let service = tables.services + Int(slot.pointee.service)
        service.pointee.gauge?.leave()
        allClients.leave()
        if slot.pointee.source != 0 { service.pointee.sources?.leave(slot.pointee.source) }
        service.pointee.clients &-= 1
        service.pointee.counters.ended()
        service.pointee.isDirty = true
        if service.pointee.isPaused { resumeListeners(service) }
    }

    /// Closes a client that has no server.
    mutating func closeClient(_ fd: Int32) {
        let slot = slab.slot(fd)
        precondition(slot.pointee.peer < 0, "a client leaves after its server")
        if slot.pointee.hasUnsent { blame(slot, .client) }
        endExchange(slot)
        if slot.pointee.bound >= 0 { closeServer(slot.pointee.bound) }
        leaveQueue(slot)
        leaveService(slot)
        closeSocket(fd, slot)
    }

    /// Closes a client and the server that works for it.
    mutating func closePair(_ fd: Int32) {
        let peer = slab.slot(fd).pointee.peer
        let (client, server) = slab.slot(fd).pointee.role == .client ? (fd, peer) : (peer, fd)
        if server >= 0 { closeServer(server) }
        if client >= 0 { closeClient(client) }
    }

    /// The client is gone in the middle of something.
    mutating func clientGone(_ fd: Int32) {
        let slot = slab.slot(fd)
        let service = tables.services + Int(slot.pointee.service)
        blame(slot, .client)
        service.pointee.counters.cliAbrt &+= 1
        if slot.pointee.peer >= 0 {
            let server = slab.slot(slot.pointee.peer)
            tables.servers[Int(server.pointee.server)].counters.cliAbrt &+= 1
        }
        closePair(fd)
    }

    /// Everything for the client is sent: the end of its connection, in the way that lets it read our last words.
    mutating func endClient(_ fd: Int32) {
        let slot = slab.slot(fd)
        endExchange(slot)
        let hasUnread = !slot.pointee.body.isDone || slot.pointee.held != nil || slot.pointee.flags.contains(.readable)
        if !hasUnread {
            // What the client says before close must not make that a reset, which would take the response with it.
            if slot.pointee.flags.contains(.corked) { shutOutput(fd, slot) }
            closeClient(fd)
            return
        }
        // Closing with unread bytes would send a reset, and that may overtake the response (RFC 9112 section 9.6).
        slot.pointee.phase = .lingering
        dropHeld(slot)
        shutOutput(fd, slot)
        wheel.arm(slab, fd, slot, at: now &+ Self.lingerTicks)
        if slot.pointee.flags.contains(.readable) { makeReady(fd) }
    }

    private static let lingerTicks = TimerWheel.ticks(2_000)

    /// Reads and forgets what a refused client still sends.
    mutating func discard(_ fd: Int32) {
        let slot = slab.slot(fd)
        for _ in 0..<16 {
            guard slot.pointee.flags.contains(.readable) else { return }
            let count = receive(fd, slot, scratch, Size.scratch)
            if count == 0 || count == -2 {
                closeClient(fd)
                return
            }
        }
        makeReady(fd)
    }
}
