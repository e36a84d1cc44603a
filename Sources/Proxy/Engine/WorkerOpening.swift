import CLinux
import Glibc

/// What may stand before a connection's first request or byte: a PROXY header, and in TCP mode a ClientHello that names
/// the pool. Both have the request's absolute deadline.
extension ProxyWorker {
    /// The first step of an accepted connection.
    @inline(__always)
    mutating func begin(_ fd: Int32, _ client: ConnectionSlot, _ service: UnsafeMutablePointer<ServiceEntry>) {
        if service.pointee.traffic.proxyHeaderFrom.contains(client.pointee.address) {
            client.pointee.phase = .greeting
            client.pointee.flags.insert(.headStarted)
            wheel.arm(slab, fd, client, at: now &+ service.pointee.requestTicks)
            return
        }
        beginService(fd, client, service)
    }

    @inline(__always)
    private mutating func beginService(
        _ fd: Int32, _ client: ConnectionSlot, _ service: UnsafeMutablePointer<ServiceEntry>
    ) {
        if service.pointee.mode == .http {
            client.pointee.phase = .head
            client.pointee.flags.insert(.headStarted)
            wheel.arm(slab, fd, client, at: now &+ service.pointee.requestTicks)
            return
        }
        client.pointee.body = .untilClose
        client.pointee.exchange.begun = microseconds
        if service.pointee.traffic.routes.count > 0 {
            client.pointee.phase = .hello
            wheel.arm(slab, fd, client, at: now &+ service.pointee.requestTicks)
            return
        }
        beginTCP(fd, client)
    }

    /// Goes on to a server, with what was read already as the tunnel's first bytes.
    private mutating func beginTCP(_ fd: Int32, _ client: ConnectionSlot) {
        client.pointee.phase = .tunnel
        client.pointee.deadline = 0
        let service = tables.services + Int(client.pointee.service)
        guard admitsRequest(client, service) else {
            service.pointee.counters.dses &+= 1
            blame(client, .proxy, at: .request)
            _ = socket_set_reset_on_close(fd)
            closeClient(fd)
            return
        }
        guard let held = client.pointee.held else {
            dispatch(fd, .none)
            return
        }
        let request = RequestBytes(
            owned: held, count: Int(client.pointee.heldCount), sizeClass: client.pointee.heldClass)
        client.pointee.held = nil
        client.pointee.heldCount = 0
        client.pointee.flags.remove(.heldIsPartial)
        dispatch(fd, request)
    }

    // MARK: PROXY header

    /// Reads the header as far as it has come.
    mutating func readGreeting(_ fd: Int32) {
        let slot = slab.slot(fd)
        while slot.pointee.flags.contains(.readable) {
            guard receiveOpening(fd, slot), let held = slot.pointee.held else { return }
            switch ProxyHeader.parse(held, Int(slot.pointee.heldCount)) {
            case .incomplete: continue
            case .malformed:
                refuseOpening(fd, slot)
                return
            case .complete(let header):
                takeGreeting(fd, slot, header)
                return
            }
        }
    }

    private mutating func takeGreeting(_ fd: Int32, _ slot: ConnectionSlot, _ header: ProxyHeader.Parsed) {
        if header.hasAddresses {
            slot.pointee.address = header.source
            slot.pointee.local = header.target
            slot.pointee.flags.insert(.isIntroduced)
        }
        if let held = slot.pointee.held {
            let left = Int(slot.pointee.heldCount) - header.consumed
            hold(slot, held + header.consumed, left, partial: false)
        }
        let service = tables.services + Int(slot.pointee.service)
        guard let source = enterSource(slot.pointee.address, service) else {
            service.pointee.counters.dcon &+= 1
            service.pointee.isDirty = true
            _ = socket_set_reset_on_close(fd)
            closeClient(fd)
            return
        }
        slot.pointee.source = source
        beginService(fd, slot, service)
        if slot.pointee.phase == .head { readRequest(fd) } else if slot.pointee.phase == .hello { readHello(fd) }
    }

    // MARK: ClientHello

    /// Reads until the name is known, or sure not to come; the bytes go to the server as they are.
    mutating func readHello(_ fd: Int32) {
        let slot = slab.slot(fd)
        while true {
            if let held = slot.pointee.held, chooseByName(fd, slot, held) { return }
            guard slot.pointee.flags.contains(.readable), receiveOpening(fd, slot) else { return }
        }
    }

    /// false: more is needed.
    private mutating func chooseByName(_ fd: Int32, _ slot: ConnectionSlot, _ held: Bytes) -> Bool {
        slot.pointee.pool = 0
        switch ServerName.parse(held, Int(slot.pointee.heldCount), into: scratch) {
        case .incomplete: return false
        case .none: break
        case .name(let count):
            let routes = tables.services[Int(slot.pointee.service)].traffic.routes
            if let route = routes.first(host: scratch, count, path: scratch, 0) {
                slot.pointee.pool = route.pointee.pool
            }
        }
        beginTCP(fd, slot)
        return true
    }

    // MARK: both

    /// More of what a connection begins with, behind what is held. false: none now, or the connection is closed.
    private mutating func receiveOpening(_ fd: Int32, _ slot: ConnectionSlot) -> Bool {
        var count = 0
        if slot.pointee.held == nil {
            count = receive(fd, slot, scratch, ServerName.limit)
            if count > 0 { hold(slot, scratch, count, partial: false) }
        } else {
            guard let (space, room) = growHeld(slot) else {
                refuseOpening(fd, slot)
                return false
            }
            count = receive(fd, slot, space, room)
            if count > 0 { slot.pointee.heldCount += Int32(count) }
        }
        if count > 0 {
            tables.services[Int(slot.pointee.service)].counters.bin &+= UInt64(count)
            return true
        }
        if count != -1 {
            tables.services[Int(slot.pointee.service)].counters.cliAbrt &+= 1
            blame(slot, .client, at: .request)
            closeClient(fd)
        }
        return false
    }

    /// What began isn't what has to stand there: nobody knows who would be answered.
    private mutating func refuseOpening(_ fd: Int32, _ slot: ConnectionSlot) {
        let service = tables.services + Int(slot.pointee.service)
        service.pointee.counters.ereq &+= 1
        service.pointee.counters.dses &+= 1
        service.pointee.isDirty = true
        blame(slot, .proxy, at: .request)
        closeClient(fd)
    }

    /// It didn't come in time.
    mutating func openingLate(_ fd: Int32, _ slot: ConnectionSlot) {
        tables.services[Int(slot.pointee.service)].counters.ereq &+= 1
        blame(slot, .clientTimeout, at: .request)
        closeClient(fd)
    }

    // MARK: PROXY header to a server

    enum Introduction {
        case done
        /// The connection isn't there yet.
        case later
        case failed
    }

    /// Tells a server who the client is. So few bytes fit into any new connection, or it is of no use.
    func introduce(_ client: Int32, to server: Int32, _ index: Int) -> Introduction {
        // In its own room: the request may lie in the worker's output buffer.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { room in
            guard let start = room.baseAddress else { return .failed }
            var output = HeadOutput(start, capacity: 128)
            let source = slab.slot(client).pointee.address
            ProxyHeader.put(source, target(of: client), version: tables.servers[index].proxyHeader, into: &output)
            let sent = socket_send(server, output.base, output.count)
            if sent == output.count { return .done }
            return sent < 0 && isTransient(errno) ? .later : .failed
        }
    }

    private func target(of client: Int32) -> ClientAddress {
        let slot = slab.slot(client)
        if slot.pointee.flags.contains(.isIntroduced) { return slot.pointee.local }
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        guard socket_local_name(client, &name, &length) == 0 else { return slot.pointee.address }
        return withUnsafePointer(to: &name) { ClientAddress(UnsafeRawPointer($0)) }
    }
}
