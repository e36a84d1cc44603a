/// What happens when a connection's time is over.
extension ProxyWorker {
    mutating func handleDeadlines() {
        while true {
            let fd = wheel.nextExpired(slab, now: now)
            if fd < 0 { return }
            let slot = slab.slot(fd)
            switch slot.pointee.role {
            case .client: clientLate(fd, slot)
            case .server: serverLate(fd, slot)
            case .listener, .bell, .channel, .free: break
            }
        }
    }

    private mutating func clientLate(_ fd: Int32, _ slot: ConnectionSlot) {
        if !slot.pointee.flags.isDisjoint(with: [.waits, .pauses]) {
            resumeClient(fd, slot)
            return
        }
        if keepsRate(fd, slot) { return }
        let service = tables.services + Int(slot.pointee.service)
        switch slot.pointee.phase {
        case .head:
            // Nothing came: it is only idle. Something, but no whole head: the absolute limit, whatever trickles in.
            guard slot.pointee.held != nil, !slot.pointee.hasUnsent else {
                if slot.pointee.hasUnsent { blame(slot, .clientTimeout) }
                closeClient(fd)
                return
            }
            service.pointee.counters.ereq &+= 1
            service.pointee.counters.cliAbrt &+= 1
            answer(fd, 408)
        case .body:
            if slot.pointee.hasUnsent {
                blame(slot, .clientTimeout)
                clientGone(fd)
            } else if slot.pointee.peer >= 0 && isServersTurn(slot.pointee.peer) {
                touch(fd, slot)
            } else {
                service.pointee.counters.ereq &+= 1
                service.pointee.counters.cliAbrt &+= 1
                blame(slot, .clientTimeout)
                answer(fd, 408)
            }
        case .response:
            if slot.pointee.hasUnsent {
                blame(slot, .clientTimeout)
                clientGone(fd)
            }
        case .tunnel:
            if slot.pointee.peer < 0 || slab.slot(slot.pointee.peer).pointee.phase == .tunnel {
                blame(slot, .clientTimeout)
                closePair(fd)
            }
        case .greeting, .hello: openingLate(fd, slot)
        case .closing, .lingering:
            if slot.pointee.hasUnsent { blame(slot, .clientTimeout) }
            closeClient(fd)
        case .connecting, .idle, .bound: break
        }
    }

    /// The client's body isn't late: the server hasn't been reached yet, or doesn't take it.
    func isServersTurn(_ server: Int32) -> Bool {
        let slot = slab.slot(server)
        return slot.pointee.phase == .connecting || slot.pointee.hasUnsent
    }

    private mutating func serverLate(_ fd: Int32, _ slot: ConnectionSlot) {
        switch slot.pointee.phase {
        case .connecting:
            blame(slab.slot(slot.pointee.peer), .serverTimeout)
            serverBroke(fd, .unanswered)
        case .idle, .bound: closeServer(fd)
        case .head:
            if hasReached(fd, slot) { return }
            let client = slab.slot(slot.pointee.peer)
            if (client.pointee.phase == .body && !slot.pointee.hasUnsent) || client.pointee.hasUnsent {
                // It is the client that keeps the server waiting, and the client has a deadline of its own.
                touch(fd, slot)
                return
            }
            countBrokenResponse(client, Int(slot.pointee.server))
            blame(client, .serverTimeout)
            answer(slot.pointee.peer, 504)
        case .body:
            let client = slab.slot(slot.pointee.peer)
            if client.pointee.hasUnsent {
                touch(fd, slot)
            } else {
                blame(client, .serverTimeout)
                breakResponse(fd)
            }
        case .tunnel:
            blame(slab.slot(slot.pointee.peer), .serverTimeout)
            closePair(fd)
        case .response, .closing, .lingering, .greeting, .hello: break
        }
    }
}
