import CLinux
import Glibc

/// A request on its way to a server.
extension ProxyWorker {
    /// Reads, checks and forwards the next request's head, as far as it has come.
    mutating func readRequest(_ fd: Int32) {
        let slot = slab.slot(fd)
        while slot.pointee.phase == .head {
            // A client that pipelines and doesn't read its answers waits.
            if slot.pointee.hasUnsent { return }
            if let held = slot.pointee.held, !slot.pointee.flags.contains(.heldIsPartial) {
                if !takeRequest(fd, slot, held, Int(slot.pointee.heldCount)) { return }
                continue
            }
            if !slot.pointee.flags.contains(.readable) { return }
            if buffers.isTight {
                starve(fd)
                return
            }
            if slot.pointee.held != nil {
                if !readMore(fd, slot) { return }
                continue
            }
            let count = receive(fd, slot, scratch, Size.requestRead)
            if count <= 0 {
                if count != -1 { closeClient(fd) }
                return
            }
            countReceived(slot, count)
            if !takeRequest(fd, slot, scratch, count) { return }
        }
    }

    /// More of a head that was too short; it is parsed again only when its end has come.
    private mutating func readMore(_ fd: Int32, _ slot: ConnectionSlot) -> Bool {
        let limit = tables.services[Int(slot.pointee.service)].headBytes
        guard let (space, room) = growHeld(slot, limit: limit) else {
            answer(fd, 431)
            return false
        }
        let before = Int(slot.pointee.heldCount)
        let count = receive(fd, slot, space, room)
        if count <= 0 {
            if count != -1 {
                tables.services[Int(slot.pointee.service)].counters.ereq &+= 1
                blame(slot, .client)
                // What HAProxy writes down for it, although nobody hears it.
                slot.pointee.exchange.status = 400
                clientGone(fd)
            }
            return false
        }
        countReceived(slot, count)
        slot.pointee.heldCount += Int32(count)
        if let held = slot.pointee.held, Self.mayBeWhole(held, before, before + count, limit: limit) {
            slot.pointee.flags.remove(.heldIsPartial)
        }
        return true
    }

    /// There is a line end in `start..<end` that ends the head, or that no head may have, or it is too long: so that a
    /// head that comes byte by byte isn't parsed a byte at a time.
    static func mayBeWhole(_ bytes: Bytes, _ start: Int, _ end: Int, limit: Int = HeadLimit.bytes) -> Bool {
        if end >= limit { return true }
        for i in start..<end where bytes[i] == CharacterClass.lineFeed {
            if i < 1 || bytes[i - 1] != CharacterClass.carriageReturn { return true }
            if i >= 3 && bytes[i - 2] == CharacterClass.lineFeed { return true }
        }
        return false
    }

    @inline(__always)
    private func countReceived(_ slot: ConnectionSlot, _ count: Int) {
        tables.services[Int(slot.pointee.service)].counters.bin &+= UInt64(count)
        slot.pointee.exchange.bytesIn &+= UInt64(count)
    }

    /// false: the caller must not go on with this connection.
    @inline(__always)
    private mutating func takeRequest(_ fd: Int32, _ slot: ConnectionSlot, _ bytes: Bytes, _ count: Int) -> Bool {
        let service = tables.services + Int(slot.pointee.service)
        if !slot.pointee.exchange.isOpen { slot.pointee.exchange.begun = microseconds }
        var output = HeadOutput(outputBuffer, capacity: Size.output)
        var head = RequestHead()
        let source = RequestSource(address: slot.pointee.address, localPort: slot.pointee.local.port)
        let isTrusted = service.pointee.traffic.trusted.contains(slot.pointee.address)
        let verdict = head.parse(
            bytes, count, rules: isTrusted ? service.pointee.rules.withoutForwarding : service.pointee.rules,
            source: source, into: &output)
        switch verdict {
        case .complete: break
        case .incomplete:
            hold(slot, bytes, count, partial: true)
            if slot.pointee.flags.contains(.headStarted) {
                acknowledge(fd)
            } else {
                slot.pointee.flags.insert(.headStarted)
                wheel.arm(slab, fd, slot, at: now &+ service.pointee.requestTicks)
            }
            return true
        case .rejected(let status):
            service.pointee.counters.ereq &+= 1
            answer(fd, status)
            return false
        }
        noteRequest(slot, head, service)
        guard admitsRequest(slot, service) else {
            service.pointee.counters.dreq &+= 1
            answer(fd, 429)
            return false
        }
        recordRequest(slot, head, bytes, service)
        var rest = bytes + head.consumed
        var left = count &- head.consumed
        if slot.pointee.phase == .body && left > 0 {
            let portion = slot.pointee.body.advance(rest, left)
            if portion.taken < 0 {
                service.pointee.counters.ereq &+= 1
                answer(fd, 400)
                return false
            }
            output.put(rest, portion.kept)
            rest += portion.taken
            left &-= portion.taken
            if slot.pointee.body.isDone { slot.pointee.phase = .response }
        }
        if slot.pointee.phase == .body {
            watchRate(fd, slot)
            touch(fd, slot)
            if slot.pointee.flags.contains(.headStarted) { acknowledge(fd) }
        }
        slot.pointee.pool = 0
        if service.pointee.traffic.routes.count > 0 && !route(fd, slot, service, bytes, head, rest, left) {
            return false
        }
        slot.pointee.hash = requestHash(service, slot, bytes, head.consumed)
        slot.pointee.server = boundServer(service, slot.pointee.pool, bytes, head)
        recordCookie(slot, head, service)
        hold(slot, rest, left, partial: false)
        dispatch(fd, RequestBytes(bytes: output.base, count: output.count))
        return false
    }

    /// A connection's first request goes on, and the client may wait with that for the acknowledgement of what it has sent
    /// (RFC 896), which its listener told the kernel not to hurry with.
    private func acknowledge(_ fd: Int32) { _ = socket_set_quick_ack(fd, true) }

    @inline(__always)
    private func noteRequest(_ slot: ConnectionSlot, _ head: RequestHead, _ service: UnsafeMutablePointer<ServiceEntry>)
    {
        service.pointee.counters.reqTot &+= 1
        service.pointee.isDirty = true
        var flags = slot.pointee.flags
        flags.remove([
            .keepsAlive, .asksHead, .replayable, .isHTTP10, .asksUpgrade, .answered, .avoidsPool, .cacheable, .isNext,
            .brokeOff,
        ])
        if head.keepsAlive && !service.pointee.closes { flags.insert(.keepsAlive) }
        if head.isHead { flags.insert(.asksHead) }
        if head.isReplayable { flags.insert(.replayable) }
        if head.isHTTP10 { flags.insert(.isHTTP10) }
        if head.asksUpgrade { flags.insert(.asksUpgrade) }
        if head.isCacheable { flags.insert(.cacheable) }
        // For good: once a server has authenticated a connection, further requests on it say nothing about that.
        if head.bindsConnection { flags.insert(.bindsConnection) }
        slot.pointee.flags = flags
        slot.pointee.tried = 0
        slot.pointee.attempts = 0
        slot.pointee.queueUntil = 0
        slot.pointee.rateDue = 0
        slot.pointee.lastServer = Connection.noServer
        slot.pointee.deadline = 0
        if head.isChunked {
            slot.pointee.body = MessageBody(chunkedKeepingFrames: true)
        } else {
            slot.pointee.body = MessageBody(length: max(0, head.contentLength))
        }
        slot.pointee.phase = slot.pointee.body.isDone ? .response : .body
    }

    /// The server that the request's cookie names, whatever its state.
    @inline(__always)
    private func boundServer(
        _ service: UnsafeMutablePointer<ServiceEntry>, _ place: UInt16, _ bytes: Bytes, _ head: RequestHead
    ) -> UInt16 {
        if head.cookie.valueStart < 0 { return Connection.noServer }
        // A cookie binds within the pool that a route chose; with one pool there is nothing to compare.
        let pool = service.pointee.poolCount > 1 ? service.pointee.pool(place) : nil
        let first = server(of: service, named: bytes, head.cookie, in: pool)
        guard first == Connection.noServer, head.hasMoreCookies, let rule = service.pointee.rules.cookie else {
            return first
        }
        // Like HAProxy: of several values the first that names a server counts.
        var chosen = Connection.noServer
        head.forEachCookie(bytes, of: rule) { found in
            chosen = server(of: service, named: bytes, found, in: pool)
            return chosen != Connection.noServer
        }
        return chosen
    }

    @inline(__always)
    private func server(
        of service: UnsafeMutablePointer<ServiceEntry>, named bytes: Bytes, _ value: PersistenceCookie.Found,
        in pool: UnsafeMutablePointer<PoolEntry>?
    ) -> UInt16 {
        var place = 0
        while place < service.pointee.serverCount {
            let index = service.pointee.serverIndex(place)
            if tables.servers[index].cookie.equals(bytes + value.valueStart, value.valueCount) {
                return pool?.pointee.has(index) == false ? Connection.noServer : UInt16(index)
            }
            place &+= 1
        }
        return Connection.noServer
    }

    /// The request's body, as the client sends it and the server takes it.
    mutating func relayRequestBody(_ fd: Int32) {
        let slot = slab.slot(fd)
        let peer = slot.pointee.peer
        guard peer >= 0 else { return }
        let server = slab.slot(peer)
        switch server.pointee.phase {
        case .connecting: return
        default: if server.pointee.flags.contains(.sendBroken) { return }
        }
        switch relay(fd, slot, peer, server) {
        case .waiting: break
        case .complete:
            slot.pointee.phase = .response
            slot.pointee.deadline = 0
            slot.pointee.rateDue = 0
            touch(peer, server)
        case .malformed:
            tables.services[Int(slot.pointee.service)].counters.ereq &+= 1
            answer(fd, 400)
        case .ended, .broken:
            tables.services[Int(slot.pointee.service)].counters.ereq &+= 1
            clientGone(fd)
        case .sinkBroken:
            server.pointee.flags.insert([.sendBroken, .readable, .peerClosed])
            makeReady(peer)
        }
    }
}
