import CLinux
import Glibc

/// Sending, holding back, closing: what every phase needs.
extension ProxyWorker {
    // MARK: sending

    /// Sends, and queues what the socket doesn't take. false: the connection is dead.
    ///
    /// - Parameter isLast: `endClient` follows, and its FIN may leave with these bytes.
    @inline(__always)
    mutating func transmit(
        _ fd: Int32, _ slot: ConnectionSlot, _ bytes: Bytes, _ count: Int, isLast: Bool = false
    ) -> Bool {
        if slot.pointee.hasUnsent {
            enqueue(slot, bytes, count)
            return true
        }
        let sent = isLast ? socket_send_more(fd, bytes, count) : socket_send(fd, bytes, count)
        if isLast { slot.pointee.flags.insert(.corked) }
        if sent == count { return true }
        if sent < 0 && !isTransient(errno) { return false }
        let begun = max(sent, 0)
        enqueue(slot, bytes + begun, count &- begun)
        awaitRoom(fd, slot)
        return true
    }

    /// The same for two pieces, such as a head and the bytes that came with it.
    mutating func transmit(
        _ fd: Int32, _ slot: ConnectionSlot, _ head: Bytes, _ headCount: Int, _ body: Bytes, _ bodyCount: Int
    ) -> Bool {
        if slot.pointee.hasUnsent {
            enqueue(slot, head, headCount)
            enqueue(slot, body, bodyCount)
            return true
        }
        let sent = socket_send_two(fd, head, headCount, body, bodyCount)
        if sent == headCount + bodyCount { return true }
        if sent < 0 && !isTransient(errno) { return false }
        let begun = max(sent, 0)
        if begun < headCount { enqueue(slot, head + begun, headCount - begun) }
        let bodyBegun = max(0, begun - headCount)
        enqueue(slot, body + bodyBegun, bodyCount - bodyBegun)
        awaitRoom(fd, slot)
        return true
    }

    @inline(__always)
    func isTransient(_ code: Int32) -> Bool { code == EAGAIN || code == EINTR }

    /// Appends to the queue. Sources are only read while it is empty, so it holds one read and a head at most.
    private mutating func enqueue(_ slot: ConnectionSlot, _ bytes: Bytes, _ count: Int) {
        let waiting = Int(slot.pointee.queueCount - slot.pointee.queueSent)
        let sizeClass = BufferPool.sizeClass(waiting + count)
        let buffer = buffers.take(sizeClass)
        if let old = slot.pointee.queue {
            memcpy(buffer, old + Int(slot.pointee.queueSent), waiting)
            buffers.give(old, slot.pointee.queueClass)
        }
        memcpy(buffer + waiting, bytes, count)
        slot.pointee.queue = buffer
        slot.pointee.queueClass = sizeClass
        slot.pointee.queueSent = 0
        slot.pointee.queueCount = Int32(waiting + count)
        slot.pointee.flags.remove(.rewindable)
    }

    /// Asks for an event when the socket takes bytes again, and gives the peer its time for that.
    mutating func awaitRoom(_ fd: Int32, _ slot: ConnectionSlot) {
        watchDelivery(fd, slot)
        touch(fd, slot)
        if slot.pointee.flags.contains(.watchesOutput) { return }
        slot.pointee.flags.insert(.watchesOutput)
        let events = POLLING_READABLE | POLLING_WRITABLE | POLLING_PEER_CLOSED | POLLING_EDGE
        _ = polling_change(epoll, fd, events, slab.token(fd))
    }

    /// Room again: sends what is queued, and then whatever waited for that.
    mutating func flush(_ fd: Int32) {
        let slot = slab.slot(fd)
        guard flushQueue(fd, slot), flushPipe(fd, slot) else {
            sinkBroke(fd)
            return
        }
        touch(fd, slot)
        if slot.pointee.hasUnsent { return }
        if slot.pointee.phase != .body { slot.pointee.rateDue = 0 }
        if slot.pointee.flags.contains(.shutAfterFlush) {
            shutOutput(fd, slot)
            if endTunnel(fd) { return }
        }
        if slot.pointee.role == .client {
            if slot.pointee.phase == .closing {
                endClient(fd)
                return
            }
            if slot.pointee.phase == .head && slot.pointee.exchange.status != 0 { endExchange(slot) }
        }
        let peer = slot.pointee.peer
        if peer >= 0 {
            if slot.pointee.role == .client && slot.pointee.phase == .response { slot.pointee.deadline = 0 }
            touch(peer, slab.slot(peer))
            makeReady(peer)
        } else {
            makeReady(fd)
        }
    }

    private mutating func flushQueue(_ fd: Int32, _ slot: ConnectionSlot) -> Bool {
        guard slot.pointee.queueSent < slot.pointee.queueCount, let queue = slot.pointee.queue else { return true }
        let count = Int(slot.pointee.queueCount - slot.pointee.queueSent)
        let sent = socket_send(fd, queue + Int(slot.pointee.queueSent), count)
        if sent < 0 { return isTransient(errno) }
        slot.pointee.queueSent += Int32(sent)
        slot.pointee.flags.insert(.sent)
        if slot.pointee.queueSent == slot.pointee.queueCount && !slot.pointee.flags.contains(.rewindable) {
            dropQueue(slot)
        }
        return true
    }

    /// false: the socket is dead.
    mutating func flushPipe(_ fd: Int32, _ slot: ConnectionSlot) -> Bool {
        if slot.pointee.queueSent < slot.pointee.queueCount { return true }
        while slot.pointee.pipeCount > 0 {
            let moved = socket_splice(slot.pointee.pipeRead, fd, Int(slot.pointee.pipeCount))
            if moved <= 0 { return moved < 0 && isTransient(errno) }
            slot.pointee.pipeCount -= Int32(moved)
        }
        return true
    }

    @inline(__always)
    mutating func dropQueue(_ slot: ConnectionSlot) {
        if let queue = slot.pointee.queue { buffers.give(queue, slot.pointee.queueClass) }
        slot.pointee.queue = nil
        slot.pointee.queueSent = 0
        slot.pointee.queueCount = 0
        slot.pointee.flags.remove(.rewindable)
    }

    func shutOutput(_ fd: Int32, _ slot: ConnectionSlot) {
        slot.pointee.flags.remove(.shutAfterFlush)
        slot.pointee.flags.insert(.shut)
        shutdown(fd, Int32(SHUT_WR))
    }

    /// A socket didn't take what was queued for it.
    private mutating func sinkBroke(_ fd: Int32) {
        let slot = slab.slot(fd)
        if slot.pointee.role == .client {
            clientGone(fd)
        } else if slot.pointee.phase == .tunnel {
            closeTunnel(fd)
        } else {
            // What the server said before it closed is still to be read, and ends the exchange either way.
            slot.pointee.flags.insert([.sendBroken, .readable, .peerClosed])
            makeReady(fd)
        }
    }

    // MARK: receiving

    /// The socket's next bytes into `buffer`. -1: none now; -2: dead; 0: the peer has ended.
    @inline(__always)
    func receive(_ fd: Int32, _ slot: ConnectionSlot, _ buffer: Bytes, _ capacity: Int) -> Int {
        while true {
            let count = socket_receive(fd, buffer, capacity)
            if count > 0 {
                // Edge-triggered: a short read has emptied the socket, and the next byte brings an event. Not so when
                // the peer has closed, because that event has been seen already.
                if count < capacity && !slot.pointee.flags.contains(.peerClosed) {
                    slot.pointee.flags.remove(.readable)
                }
                return count
            }
            if count == 0 { return 0 }
            if errno == EINTR { continue }
            if errno != EAGAIN { return -2 }
            slot.pointee.flags.remove(.readable)
            return -1
        }
    }

    /// Keeps `count` bytes for later, replacing what was kept. They may lie in the buffer that is being replaced.
    mutating func hold(_ slot: ConnectionSlot, _ bytes: Bytes, _ count: Int, partial: Bool) {
        if count == 0 {
            dropHeld(slot)
            return
        }
        if let held = slot.pointee.held, BufferPool.size(slot.pointee.heldClass) >= count {
            memmove(held, bytes, count)
        } else {
            let sizeClass = BufferPool.sizeClass(count)
            let buffer = buffers.take(sizeClass)
            memcpy(buffer, bytes, count)
            dropHeld(slot)
            slot.pointee.held = buffer
            slot.pointee.heldClass = sizeClass
        }
        slot.pointee.heldCount = Int32(count)
        if partial { slot.pointee.flags.insert(.heldIsPartial) } else { slot.pointee.flags.remove(.heldIsPartial) }
    }

    /// Makes room behind what is held, up to a whole head.
    mutating func growHeld(
        _ slot: ConnectionSlot, limit: Int = HeadLimit.bytes
    ) -> (space: Bytes, count: Int)? {
        guard let held = slot.pointee.held else { return nil }
        let count = Int(slot.pointee.heldCount)
        if count >= limit { return nil }
        if count == BufferPool.size(slot.pointee.heldClass) {
            let larger = buffers.take(slot.pointee.heldClass + 1)
            memcpy(larger, held, count)
            buffers.give(held, slot.pointee.heldClass)
            slot.pointee.held = larger
            slot.pointee.heldClass += 1
        }
        guard let buffer = slot.pointee.held else { return nil }
        return (buffer + count, min(BufferPool.size(slot.pointee.heldClass), limit) - count)
    }

    @inline(__always)
    mutating func dropHeld(_ slot: ConnectionSlot) {
        guard let held = slot.pointee.held else { return }
        buffers.give(held, slot.pointee.heldClass)
        slot.pointee.held = nil
        slot.pointee.heldCount = 0
        slot.pointee.flags.remove(.heldIsPartial)
    }

    // MARK: closing

    /// Frees whatever a connection has, and its descriptor. Doesn't touch the peer.
    mutating func closeSocket(_ fd: Int32, _ slot: ConnectionSlot) {
        wheel.disarm(slab, slot)
        dropHeld(slot)
        dropQueue(slot)
        dropPipe(slot)
        slab.release(slot)
        close(fd)
    }

    @inline(__always)
    mutating func dropPipe(_ slot: ConnectionSlot) {
        if slot.pointee.pipeRead < 0 { return }
        pipes.give(slot.pointee.pipeRead, slot.pointee.pipeWrite, isEmpty: slot.pointee.pipeCount == 0)
        slot.pointee.pipeRead = -1
        slot.pointee.pipeWrite = -1
        slot.pointee.pipeCount = 0
    }

    /// Gives a connection its time: it has shown that it lives.
    @inline(__always)
    mutating func touch(_ fd: Int32, _ slot: ConnectionSlot) {
        let service = tables.services + Int(slot.pointee.service)
        let ticks = slot.pointee.role == .client ? service.pointee.clientTicks : service.pointee.serverTicks
        var deadline = now &+ ticks
        let due = slot.pointee.rateDue
        if due != 0 && Int32(bitPattern: due &- deadline) < 0 { deadline = due }
        wheel.arm(slab, fd, slot, at: deadline)
    }
}
