import CLinux
import Glibc

/// A response on its way to the client.
extension ProxyWorker {
    /// Reads, checks and forwards a response's head, and whatever came with it.
    mutating func readResponse(_ fd: Int32) {
        let slot = slab.slot(fd)
        let client = slab.slot(slot.pointee.peer)
        while slot.pointee.phase == .head {
            if client.pointee.hasUnsent || !slot.pointee.flags.contains(.readable) { return }
            var bytes = scratch
            var count = 0
            if slot.pointee.held != nil {
                guard let (space, room) = growHeld(slot), let held = slot.pointee.held else {
                    refuseResponse(fd)
                    return
                }
                count = receive(fd, slot, space, room)
                bytes = held
            } else {
                count = receive(fd, slot, scratch, Size.responseRead)
            }
            if count <= 0 {
                if count != -1 { serverBroke(fd, .closed) }
                return
            }
            if slot.pointee.flags.contains(.rewindable) { dropQueue(slot) }
            slot.pointee.flags.insert(.responded)
            countBytes(slot, count)
            if bytes == scratch {
                if !takeResponse(fd, slot, client, bytes, count) { return }
                continue
            }
            let before = Int(slot.pointee.heldCount)
            slot.pointee.heldCount += Int32(count)
            if !takeResponse(fd, slot, client, bytes, before + count) { return }
        }
        if slot.pointee.phase == .body { relayResponse(fd) }
    }

    /// Goes through the heads in `bytes[0..<count]`: any interim ones, and the response's. false: the caller must not
    /// go on with this connection.
    private mutating func takeResponse(
        _ fd: Int32, _ slot: ConnectionSlot, _ client: ConnectionSlot, _ bytes: Bytes, _ count: Int
    ) -> Bool {
        var position = 0
        while position < count {
            let rules = responseRules(slot, client)
            var output = HeadOutput(outputBuffer, capacity: Size.output)
            var head = ResponseHead()
            switch head.parse(bytes + position, count &- position, rules: rules, into: &output) {
            case .incomplete:
                hold(slot, bytes + position, count &- position, partial: true)
                return true
            case .rejected:
                refuseResponse(fd)
                return false
            case .complete: break
            }
            position &+= head.consumed
            if head.isInterim {
                if !relayInterim(fd, slot, client, head, output) { return false }
                continue
            }
            return forwardResponse(fd, slot, client, head, rules, output, bytes + position, count &- position)
        }
        dropHeld(slot)
        return true
    }

    @inline(__always)
    private func responseRules(_ slot: ConnectionSlot, _ client: ConnectionSlot) -> ResponseRules {
        let service = tables.services + Int(slot.pointee.service)
        let flags = client.pointee.flags
        var rules = ResponseRules()
        rules.answersHead = flags.contains(.asksHead)
        rules.clientIsHTTP10 = flags.contains(.isHTTP10)
        // A client whose request isn't whole yet can't send another one on this connection.
        rules.clientKeepsAlive = flags.contains(.keepsAlive) && client.pointee.phase == .response
        rules.mayUpgrade = flags.contains(.asksUpgrade)
        rules.edits = service.pointee.traffic.responseEdits
        rules.source = RequestSource(address: client.pointee.address, localPort: client.pointee.local.port)
        if service.pointee.insertsCookie {
            rules.ownCookie = service.pointee.rules.cookie
            rules.preservesOwnCookie = service.pointee.preservesCookie
            let entry = tables.servers + Int(slot.pointee.server)
            if client.pointee.server != slot.pointee.server, let line = entry.pointee.cookieLine.bytes {
                rules.cookieLine = UnsafePointer(line)
                rules.cookieLineCount = entry.pointee.cookieLine.count
                rules.forbidsCaching = service.pointee.forbidsCaching && flags.contains(.cacheable)
            }
        }
        return rules
    }

    /// 1xx other than 101. false: the exchange is over.
    private mutating func relayInterim(
        _ fd: Int32, _ slot: ConnectionSlot, _ client: ConnectionSlot, _ head: ResponseHead, _ output: HeadOutput
    ) -> Bool {
        slot.pointee.interims += 1
        if slot.pointee.interims > HeadLimit.interimResponses {
            refuseResponse(fd)
            return false
        }
        if client.pointee.flags.contains(.isHTTP10) { return true }
        tables.services[Int(slot.pointee.service)].counters.answered(head.status)
        // Not `answered` yet: an interim response leaves us the chance to say that the final one failed.
        if transmit(slot.pointee.peer, client, output.base, output.count) { return true }
        clientGone(slot.pointee.peer)
        return false
    }

    @inline(__always)
    private mutating func forwardResponse(
        _ fd: Int32, _ slot: ConnectionSlot, _ client: ConnectionSlot, _ head: ResponseHead, _ rules: ResponseRules,
        _ rewritten: HeadOutput, _ rest: Bytes, _ left: Int
    ) -> Bool {
        noteResponse(slot, client, head, rules)
        if head.status == 101 { return openTunnel(fd, slot, client, rewritten, rest, left) }
        var output = rewritten
        let portion = slot.pointee.body.advance(rest, left)
        if portion.taken < 0 {
            refuseResponse(fd)
            return false
        }
        let peer = slot.pointee.peer
        client.pointee.flags.insert(.answered)
        sentToClient(client, output.count &+ portion.kept)
        let isTaken: Bool
        if portion.kept <= Size.copiedBody {
            output.put(rest, portion.kept)
            let isLast = slot.pointee.body.isDone && !staysOpen(client)
            isTaken = transmit(peer, client, output.base, output.count, isLast: isLast)
        } else {
            isTaken = transmit(peer, client, output.base, output.count, rest, portion.kept)
        }
        if !isTaken {
            clientGone(peer)
            return false
        }
        hold(slot, rest + portion.taken, slot.pointee.body.isDone ? left &- portion.taken : 0, partial: false)
        if slot.pointee.body.isDone {
            finishExchange(fd)
            return false
        }
        slot.pointee.phase = .body
        touch(fd, slot)
        return true
    }

    @inline(__always)
    private mutating func noteResponse(
        _ slot: ConnectionSlot, _ client: ConnectionSlot, _ head: ResponseHead, _ rules: ResponseRules
    ) {
        let service = tables.services + Int(slot.pointee.service)
        service.pointee.counters.answered(head.status)
        tables.servers[Int(slot.pointee.server)].counters.answered(head.status)
        client.pointee.exchange.status = UInt16(truncatingIfNeeded: head.status)
        client.pointee.exchange.responded = client.pointee.exchange.offset(microseconds)
        if service.pointee.insertsCookie {
            client.pointee.exchange.cookieAnswered = rules.cookieLine == nil ? .notSet : .inserted
        }
        forgive(client)
        noteStatus(Int(slot.pointee.server), head.status)
        if head.keepsAlive { slot.pointee.flags.insert(.keepsAlive) } else { slot.pointee.flags.remove(.keepsAlive) }
        if !head.clientKeepsAlive { client.pointee.flags.remove(.keepsAlive) }
        if head.hasNoBody(rules) {
            slot.pointee.body = .none
        } else if head.isChunked {
            slot.pointee.body = MessageBody(chunkedKeepingFrames: !rules.clientIsHTTP10)
        } else if head.contentLength >= 0 {
            slot.pointee.body = MessageBody(length: head.contentLength)
        } else {
            slot.pointee.body = .untilClose
        }
    }

    /// 101: from here on both sides talk another protocol.
    private mutating func openTunnel(
        _ fd: Int32, _ slot: ConnectionSlot, _ client: ConnectionSlot, _ output: HeadOutput, _ rest: Bytes, _ left: Int
    ) -> Bool {
        let peer = slot.pointee.peer
        client.pointee.flags.insert(.answered)
        sentToClient(client, output.count &+ left)
        guard transmit(peer, client, output.base, output.count, rest, left) else {
            clientGone(peer)
            return false
        }
        dropHeld(slot)
        if let early = client.pointee.held {
            if !transmit(fd, slot, early, Int(client.pointee.heldCount)) {
                closePair(fd)
                return false
            }
            dropHeld(client)
        }
        slot.pointee.phase = .tunnel
        slot.pointee.body = .untilClose
        client.pointee.phase = .tunnel
        client.pointee.body = .untilClose
        touch(fd, slot)
        touch(peer, client)
        makeReady(fd)
        makeReady(peer)
        return false
    }

    /// The server's response can't be passed on.
    mutating func refuseResponse(_ fd: Int32) {
        let slot = slab.slot(fd)
        let peer = slot.pointee.peer
        countBrokenResponse(slab.slot(peer), Int(slot.pointee.server))
        noteServerError(Int(slot.pointee.server))
        blame(slab.slot(peer), .proxy)
        answer(peer, 502)
    }

    /// The response's body, as the server sends it and the client takes it.
    mutating func relayResponse(_ fd: Int32) {
        let slot = slab.slot(fd)
        let peer = slot.pointee.peer
        let client = slab.slot(peer)
        switch relay(fd, slot, peer, client) {
        case .waiting: break
        case .complete: finishExchange(fd)
        case .ended where slot.pointee.body.kind == .untilClose: finishExchange(fd)
        case .ended, .broken, .malformed: breakResponse(fd)
        case .sinkBroken: clientGone(peer)
        }
    }

    /// The response broke off: the client must not take what it has for the whole.
    mutating func breakResponse(_ fd: Int32) {
        let slot = slab.slot(fd)
        let peer = slot.pointee.peer
        countBrokenResponse(slab.slot(peer), Int(slot.pointee.server))
        blame(slab.slot(peer), .server)
        // Where only our closing marks the end, a reset says that this isn't it.
        if slot.pointee.body.kind == .untilClose || slot.pointee.body.kind == .unchunked {
            _ = socket_set_reset_on_close(peer)
        }
        closePair(fd)
    }

    /// The response is with the client, or queued for it: both connections go back to waiting, or end.
    mutating func finishExchange(_ fd: Int32) {
        let slot = slab.slot(fd)
        let peer = slot.pointee.peer
        let client = slab.slot(peer)
        let service = tables.services + Int(slot.pointee.service)
        service.pointee.isDirty = true
        let isLast = !staysOpen(client)
        if isReusable(slot, client) { keep(fd, slot, for: client) } else { closeServer(fd) }
        if isLast {
            client.pointee.phase = .closing
            if client.pointee.hasUnsent { touch(peer, client) } else { endClient(peer) }
            return
        }
        awaitRequest(peer, client)
    }

    /// The client may send another request when its response is complete.
    @inline(__always)
    private func staysOpen(_ client: ConnectionSlot) -> Bool {
        client.pointee.phase == .response && client.pointee.flags.contains(.keepsAlive)
            && !tables.services[Int(client.pointee.service)].closes
    }

    /// The client's answer is complete, and its connection stays.
    mutating func awaitRequest(_ fd: Int32, _ client: ConnectionSlot) {
        if !client.pointee.hasUnsent { endExchange(client) }
        client.pointee.phase = .head
        client.pointee.body = .none
        client.pointee.flags.remove(.headStarted)
        if client.pointee.hasUnsent {
            touch(fd, client)
            return
        }
        dropPipe(client)
        wheel.arm(slab, fd, client, at: now &+ tables.services[Int(client.pointee.service)].requestTicks)
        if client.pointee.held != nil || client.pointee.flags.contains(.readable) { makeReady(fd) }
    }
}
