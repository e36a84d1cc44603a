import CLinux
import Glibc

/// Connections to servers that wait for the next request, and the end of those that don't.
extension ProxyWorker {
    /// Kept for each server, and how long. Servers keep theirs for 5 s and more, so we close first.
    private static let idleLimit: Int32 = 128
    private static let idleTicks = TimerWheel.ticks(4_000)

    /// Whether a connection whose exchange has ended in order may serve another client.
    func isReusable(_ slot: ConnectionSlot, _ client: ConnectionSlot) -> Bool {
        let entry = tables.servers + Int(slot.pointee.server)
        return slot.pointee.flags.contains(.keepsAlive) && client.pointee.phase == .response
            && slot.pointee.held == nil && !slot.pointee.hasUnsent
            && slot.pointee.flags.isDisjoint(with: [.peerClosed, .sendBroken])
            && !tables.services[Int(slot.pointee.service)].closes
            && entry.pointee.takesBoundClients && entry.pointee.idleCount < Self.idleLimit
    }

    /// Keeps a connection for whoever comes, or for its client alone when what the server knows of that client hangs on
    /// the connection.
    mutating func keep(_ fd: Int32, _ slot: ConnectionSlot, for client: ConnectionSlot) {
        let isIntroduced = tables.servers[Int(slot.pointee.server)].proxyHeader != .none
        if isIntroduced || client.pointee.flags.contains(.bindsConnection) {
            keepBound(fd, slot, client)
        } else {
            keepIdle(fd, slot)
        }
    }

    private mutating func keepBound(_ fd: Int32, _ slot: ConnectionSlot, _ client: ConnectionSlot) {
        let owner = slot.pointee.peer
        if client.pointee.bound >= 0 { closeServer(client.pointee.bound) }
        unlinkExchange(slot)
        dropPipe(slot)
        slot.pointee.phase = .bound
        slot.pointee.bound = owner
        client.pointee.bound = fd
        tables.servers[Int(slot.pointee.server)].boundCount &+= 1
        // It goes with its client, at the latest.
        touch(fd, slot)
    }

    /// Parts a kept connection from the only client that may use it.
    func unbind(_ slot: ConnectionSlot) {
        slab.slot(slot.pointee.bound).pointee.bound = -1
        slot.pointee.bound = -1
        tables.servers[Int(slot.pointee.server)].boundCount &-= 1
    }

    private mutating func keepIdle(_ fd: Int32, _ slot: ConnectionSlot) {
        let entry = tables.servers + Int(slot.pointee.server)
        unlinkExchange(slot)
        dropPipe(slot)
        slot.pointee.phase = .idle
        slot.pointee.idlePrevious = -1
        slot.pointee.idleNext = entry.pointee.idleHead
        if entry.pointee.idleHead >= 0 { slab.slot(entry.pointee.idleHead).pointee.idlePrevious = fd }
        entry.pointee.idleHead = fd
        entry.pointee.idleCount &+= 1
        wheel.arm(slab, fd, slot, at: now &+ Self.idleTicks)
    }

    @inline(__always)
    func unlinkIdle(_ slot: ConnectionSlot) {
        let entry = tables.servers + Int(slot.pointee.server)
        if slot.pointee.idleNext >= 0 {
            slab.slot(slot.pointee.idleNext).pointee.idlePrevious = slot.pointee.idlePrevious
        }
        if slot.pointee.idlePrevious >= 0 {
            slab.slot(slot.pointee.idlePrevious).pointee.idleNext = slot.pointee.idleNext
        } else {
            entry.pointee.idleHead = slot.pointee.idleNext
        }
        entry.pointee.idleCount &-= 1
    }

    /// Closes a server's connection, in whatever phase it is.
    mutating func closeServer(_ fd: Int32) {
        let slot = slab.slot(fd)
        switch slot.pointee.phase {
        case .idle: unlinkIdle(slot)
        case .bound: unbind(slot)
        default: unlinkExchange(slot)
        }
        // We close first: without a reset the port would wait 60 s for nothing, and there are 28,000 of them.
        let isQuiet = slot.pointee.phase == .connecting
        if !isQuiet && !slot.pointee.flags.contains(.peerClosed) { _ = socket_set_reset_on_close(fd) }
        closeSocket(fd, slot)
    }

    /// Closes one idle connection to make room. false: there is none.
    @discardableResult
    mutating func evictIdle() -> Bool {
        for index in 0..<tables.serverCount where tables.servers[index].idleHead >= 0 {
            closeServer(tables.servers[index].idleHead)
            return true
        }
        return false
    }
}
