import CLinux
import Glibc

/// Moving a message's body, or a tunnel's bytes, from one socket to the other.
extension ProxyWorker {
    enum Relayed {
        /// Nothing more to do now: an event, or room at the other side, brings it back.
        case waiting
        /// The body is whole.
        case complete
        /// The source has ended, in order.
        case ended
        /// The source is dead.
        case broken
        /// The body's framing is wrong.
        case malformed
        /// The other side takes nothing any more.
        case sinkBroken
    }

    /// Rounds after which others get their turn: at most 1 MiB copied or 4 MiB spliced.
    private static let rounds = 16
    /// Bytes known to come from which splicing is worth its system calls.
    private static let spliceFrom: Int64 = 65_536

    /// Moves what the source has and the sink takes. The source is read only while nothing is queued for the sink:
    /// that is the back-pressure, and what bounds memory.
    mutating func relay(_ from: Int32, _ source: ConnectionSlot, _ to: Int32, _ sink: ConnectionSlot) -> Relayed {
        for _ in 0..<Self.rounds {
            if sink.pointee.hasUnsent || !source.pointee.flags.contains(.readable) { return .waiting }
            if buffers.isTight {
                starve(from)
                return .waiting
            }
            let result =
                shouldSplice(source) && takePipe(sink)
                ? spliceOnce(from, source, to, sink) : copyOnce(from, source, to, sink)
            touch(from, source)
            if result != .waiting { return result }
        }
        makeReady(from)
        return .waiting
    }

    @inline(__always)
    private func shouldSplice(_ source: ConnectionSlot) -> Bool {
        let unseen = source.pointee.body.unseenBytes
        return unseen >= Self.spliceFrom && (unseen < .max || source.pointee.flags.contains(.bulk))
    }

    @inline(__always)
    private mutating func copyOnce(
        _ from: Int32, _ source: ConnectionSlot, _ to: Int32, _ sink: ConnectionSlot
    ) -> Relayed {
        let count = receive(from, source, scratch, Size.scratch)
        if count <= 0 { return count == -1 ? .waiting : (count == 0 ? .ended : .broken) }
        if count == Size.scratch { source.pointee.flags.insert(.bulk) }
        countBytes(source, count)
        let portion = source.pointee.body.advance(scratch, count)
        if portion.taken < 0 { return .malformed }
        if portion.kept > 0 {
            if sink.pointee.flags.contains(.rewindable) { dropQueue(sink) }
            if !transmit(to, sink, scratch, portion.kept) { return .sinkBroken }
            sink.pointee.flags.insert(.sent)
            if sink.pointee.role == .client { sentToClient(sink, portion.kept) }
        }
        guard source.pointee.body.isDone else { return .waiting }
        hold(source, scratch + portion.taken, count &- portion.taken, partial: false)
        return .complete
    }

    private mutating func spliceOnce(
        _ from: Int32, _ source: ConnectionSlot, _ to: Int32, _ sink: ConnectionSlot
    ) -> Relayed {
        let wanted = Int(min(source.pointee.body.unseenBytes, Int64(PipePool.capacity)))
        let count = socket_splice(from, sink.pointee.pipeWrite, wanted)
        if count == 0 { return .ended }
        if count < 0 {
            if errno == EINTR { return .waiting }
            guard errno == EAGAIN else { return .broken }
            // The pipe was empty, so it is the socket that has nothing.
            source.pointee.flags.remove(.readable)
            return .waiting
        }
        countBytes(source, count)
        source.pointee.body.skip(count)
        if count < 16_384 { source.pointee.flags.remove(.bulk) }
        if sink.pointee.flags.contains(.rewindable) { dropQueue(sink) }
        sink.pointee.flags.insert(.sent)
        sink.pointee.pipeCount += Int32(count)
        if sink.pointee.role == .client { sentToClient(sink, count) }
        if !flushPipe(to, sink) { return .sinkBroken }
        if sink.pointee.pipeCount > 0 { awaitRoom(to, sink) }
        return source.pointee.body.isDone ? .complete : .waiting
    }

    private mutating func takePipe(_ sink: ConnectionSlot) -> Bool {
        if sink.pointee.pipeRead >= 0 { return true }
        guard let pipe = pipes.take() else { return false }
        sink.pointee.pipeRead = pipe.read
        sink.pointee.pipeWrite = pipe.write
        return true
    }

    /// bin is what clients send, bout what they get, on the service and on its server.
    @inline(__always)
    func countBytes(_ source: ConnectionSlot, _ count: Int) {
        let service = tables.services + Int(source.pointee.service)
        service.pointee.isDirty = true
        if source.pointee.role == .client {
            service.pointee.counters.bin &+= UInt64(count)
            source.pointee.exchange.bytesIn &+= UInt64(count)
            if source.pointee.peer >= 0 {
                let index = Int(slab.slot(source.pointee.peer).pointee.server)
                tables.servers[index].counters.bin &+= UInt64(count)
                tables.servers[index].isDirty = true
            }
        } else {
            service.pointee.counters.bout &+= UInt64(count)
            let index = Int(source.pointee.server)
            tables.servers[index].counters.bout &+= UInt64(count)
            tables.servers[index].isDirty = true
        }
    }

    // MARK: tunnels (TCP mode, and HTTP after 101)

    mutating func relayTunnel(_ from: Int32) {
        let source = slab.slot(from)
        let to = source.pointee.peer
        guard to >= 0, !source.pointee.flags.contains(.ended) else {
            if to >= 0 && source.pointee.flags.contains(.hungUp) { closeTunnel(from) }
            if to < 0 && source.pointee.role == .client && source.pointee.flags.contains(.hungUp) { clientGone(from) }
            return
        }
        let sink = slab.slot(to)
        guard sink.pointee.phase == .tunnel else {
            // No server yet. A client that is dead already needs none.
            if source.pointee.flags.contains(.hungUp) { clientGone(from) }
            return
        }
        switch relay(from, source, to, sink) {
        case .waiting, .complete: touch(to, sink)
        case .ended:
            source.pointee.flags.insert(.ended)
            source.pointee.flags.remove(.readable)
            if sink.pointee.hasUnsent { sink.pointee.flags.insert(.shutAfterFlush) } else { shutOutput(to, sink) }
            _ = endTunnel(from)
        case .broken, .malformed: closeTunnel(from)
        case .sinkBroken: closeTunnel(to)
        }
    }

    /// Closes a tunnel whose side `fd` broke it off.
    mutating func closeTunnel(_ fd: Int32) {
        let slot = slab.slot(fd)
        if slot.pointee.role == .client {
            blame(slot, .client)
        } else if slot.pointee.peer >= 0 {
            blame(slab.slot(slot.pointee.peer), .server)
        }
        closePair(fd)
    }

    /// Closes a tunnel when both sides have said all. true: it did.
    mutating func endTunnel(_ fd: Int32) -> Bool {
        let slot = slab.slot(fd)
        let peer = slot.pointee.peer
        guard peer >= 0 else { return false }
        let other = slab.slot(peer)
        guard slot.pointee.flags.contains(.ended), other.pointee.flags.contains(.ended) else { return false }
        if slot.pointee.hasUnsent || other.pointee.hasUnsent { return false }
        closePair(fd)
        return true
    }
}
