import CLinux
import Glibc

/// What clients may do, and what there is for all of them.
extension ProxyWorker {
    // MARK: sources

    /// Counts a connection of its source, once that is known. nil: one too many; otherwise what has to leave again,
    /// 0: nothing.
    mutating func enterSource(_ address: ClientAddress, _ service: UnsafePointer<ServiceEntry>) -> UInt64? {
        guard service.pointee.sourceConnections > 0, let sources = service.pointee.sources else { return 0 }
        let source = address.source
        switch sources.enter(source, limit: service.pointee.sourceConnections, now: microseconds) {
        case .counted: return source
        case .uncounted: return 0
        case .refused: return nil
        }
    }

    /// A request (TCP mode: a connection) may go on. false: too many of its source.
    @inline(__always)
    func admitsRequest(_ client: ConnectionSlot, _ service: UnsafePointer<ServiceEntry>) -> Bool {
        guard let rate = service.pointee.sourceRate, let sources = service.pointee.sources else { return true }
        return sources.admit(client.pointee.address.source, rate, now: microseconds)
    }

    // MARK: the rate of bodies

    /// Long enough for a train's tunnel.
    private static let rateWindow = TimerWheel.ticks(10_000)
    private static let rateSeconds = 10

    /// From now on the client has to send, or take, so many bytes in each window. The kernel counts them: what it has
    /// acknowledged is what really moved, whatever lies in its buffers.
    func watchRate(_ fd: Int32, _ client: ConnectionSlot) {
        guard tables.services[Int(client.pointee.service)].bodyRate > 0 else { return }
        client.pointee.rateDue = max(1, now &+ Self.rateWindow)
        client.pointee.rateMark = moved(fd, client)
    }

    /// A client that doesn't take its response is watched from the moment that it has to be waited for.
    @inline(__always)
    func watchDelivery(_ fd: Int32, _ slot: ConnectionSlot) {
        if slot.pointee.role == .client && slot.pointee.rateDue == 0 && slot.pointee.phase != .tunnel {
            watchRate(fd, slot)
        }
    }

    private func moved(_ fd: Int32, _ client: ConnectionSlot) -> UInt32 {
        client.pointee.hasUnsent ? socket_bytes_acknowledged(fd) : socket_bytes_received(fd)
    }

    /// true: the window was not over, or all is well; the deadline is set anew.
    mutating func keepsRate(_ fd: Int32, _ client: ConnectionSlot) -> Bool {
        guard client.pointee.rateDue != 0, Int32(bitPattern: now &- client.pointee.rateDue) >= 0 else { return false }
        let count = Int(moved(fd, client) &- client.pointee.rateMark)
        let wanted = tables.services[Int(client.pointee.service)].bodyRate * Self.rateSeconds
        let peer = client.pointee.peer
        // It isn't its fault when nobody takes what it sends.
        let isHeldBack = client.pointee.phase == .body && !client.pointee.hasUnsent && (peer < 0 || isServersTurn(peer))
        guard count >= wanted || isHeldBack else { return false }
        watchRate(fd, client)
        touch(fd, client)
        return true
    }

    // MARK: memory

    /// Too many buffers are in use: the connection is looked at again when some are free.
    mutating func starve(_ fd: Int32) {
        let slot = slab.slot(fd)
        if slot.pointee.flags.contains(.starved) { return }
        slot.pointee.flags.insert(.starved)
        starved.append(slab.token(fd))
    }

    /// With every pulse.
    mutating func feedStarved() {
        if starved.count == 0 || buffers.isTight { return }
        for _ in 0..<starved.count {
            let token = starved.popFirst()
            let fd = Int32(truncatingIfNeeded: token & 0xffff_ffff)
            let slot = slab.slot(fd)
            if slot.pointee.generation != UInt32(truncatingIfNeeded: token >> 32) { continue }
            slot.pointee.flags.remove(.starved)
            makeReady(fd)
        }
    }

    // MARK: descriptors

    private static let reserveCount = 8

    /// Descriptors that are opened for nothing but to be closed when there are no others: so that requests which have
    /// been accepted come to their end one after the other, however low the limit.
    mutating func fillReserve() {
        while reserve.count < Self.reserveCount {
            let fd = fcntl(inbox.bell, F_DUPFD_CLOEXEC, 0)
            if fd < 0 { return }
            reserve.append(fd)
        }
    }

    /// false: there is none left.
    mutating func useReserve() -> Bool {
        guard let fd = reserve.popLast() else { return false }
        close(fd)
        return true
    }
}
