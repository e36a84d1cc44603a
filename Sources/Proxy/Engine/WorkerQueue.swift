import CLinux
import Glibc

/// Requests that wait: for a place at a server that has as many as it may, or for the next round of attempts.
///
/// Each keeps its bytes in its client's own queue, as if they had been sent already. Who waits for one server (its cookie
/// says so) stands in that server's list, everyone else in their pool's; a place that becomes free goes to whoever has
/// waited longest in the lists that it would do for.
extension ProxyWorker {
    // MARK: beginning to wait

    /// - Parameter server: nil: any of the client's pool.
    mutating func enqueue(_ fd: Int32, _ client: ConnectionSlot, _ request: RequestBytes, for server: Int?) {
        let service = tables.services + Int(client.pointee.service)
        if client.pointee.queueUntil == 0 { client.pointee.queueUntil = nonZero(now &+ service.pointee.queueTicks) }
        let isLate = Int32(bitPattern: now &- client.pointee.queueUntil) > 0
        guard service.pointee.waiting < service.pointee.maxQueue, !isLate else {
            give(request)
            blame(client, isLate ? .serverTimeout : .proxy, at: .queue)
            answer(fd, 503)
            return
        }
        store(request, in: client, sent: request.count)
        client.pointee.flags.insert(.waits)
        client.pointee.waitsFor = server.map { UInt16($0) } ?? Connection.noServer
        client.pointee.ticket = service.pointee.nextTicket
        service.pointee.nextTicket &+= 1
        service.pointee.waiting += 1
        service.pointee.counters.beganWaiting()
        service.pointee.isDirty = true
        if let server {
            append(fd, client, to: &tables.servers[server].waiters)
            tables.servers[server].counters.beganWaiting()
            announce(server)
        } else if let pool = service.pointee.pool(client.pointee.pool) {
            append(fd, client, to: &pool.pointee.waiters)
            for place in 0..<pool.pointee.count { announce(pool.pointee.server(place)) }
        }
        wheel.arm(slab, fd, client, at: client.pointee.queueUntil)
    }

    private func nonZero(_ tick: UInt32) -> UInt32 { tick == 0 ? 1 : tick }

    /// Tells the other workers that a place at this server would be welcome here, and looks whether one became free
    /// before they knew.
    private mutating func announce(_ index: Int) {
        let limit = tables.servers[index].maxConnections
        guard limit > 0, let board = tables.servers[index].board else { return }
        board.announce(number)
        if board.hasRoom(limit: limit) { markFreed(index) }
    }

    private func append(_ fd: Int32, _ client: ConnectionSlot, to list: inout WaitList) {
        client.pointee.idleNext = -1
        client.pointee.idlePrevious = list.tail
        if list.tail >= 0 { slab.slot(list.tail).pointee.idleNext = fd } else { list.head = fd }
        list.tail = fd
        list.count += 1
    }

    /// Keeps the request until the next round of attempts, or until nothing is left of the time for them.
    mutating func pause(_ fd: Int32, _ client: ConnectionSlot, _ request: RequestBytes, ticks: UInt32) {
        store(request, in: client, sent: request.count)
        client.pointee.flags.insert(.pauses)
        wheel.arm(slab, fd, client, at: now &+ ticks)
    }

    // MARK: the end of waiting

    /// Takes a client out of the list that it waits in; its request stays with it.
    mutating func leaveQueue(_ client: ConnectionSlot) {
        guard client.pointee.flags.contains(.waits) else { return }
        client.pointee.flags.remove(.waits)
        let service = tables.services + Int(client.pointee.service)
        if client.pointee.waitsFor != Connection.noServer {
            let server = tables.servers + Int(client.pointee.waitsFor)
            unlink(client, from: &server.pointee.waiters)
            server.pointee.counters.endedWaiting()
            server.pointee.isDirty = true
        } else if let pool = service.pointee.pool(client.pointee.pool) {
            unlink(client, from: &pool.pointee.waiters)
        }
        service.pointee.waiting -= 1
        service.pointee.counters.endedWaiting()
        service.pointee.isDirty = true
    }

    private func unlink(_ client: ConnectionSlot, from list: inout WaitList) {
        let next = client.pointee.idleNext
        let previous = client.pointee.idlePrevious
        if next >= 0 { slab.slot(next).pointee.idlePrevious = previous } else { list.tail = previous }
        if previous >= 0 { slab.slot(previous).pointee.idleNext = next } else { list.head = next }
        client.pointee.idleNext = -1
        client.pointee.idlePrevious = -1
        list.count -= 1
    }

    /// Those in the list look for a server anew with the next tick: what they waited for is gone.
    mutating func postpone(_ list: WaitList) {
        var fd = list.head
        while fd >= 0 {
            let client = slab.slot(fd)
            let next = client.pointee.idleNext
            leaveQueue(client)
            client.pointee.flags.insert(.pauses)
            wheel.arm(slab, fd, client, at: now)
            fd = next
        }
    }

    /// A client's time in a list, or its pause, is over.
    mutating func resumeClient(_ fd: Int32, _ client: ConnectionSlot) {
        let hasPaused = client.pointee.flags.contains(.pauses)
        leaveQueue(client)
        client.pointee.flags.remove(.pauses)
        guard let request = takeBack(client) else {
            answer(fd, 503)
            return
        }
        if hasPaused {
            client.pointee.tried = 0
            dispatch(fd, request)
        } else {
            give(request)
            blame(client, .serverTimeout, at: .queue)
            answer(fd, 503)
        }
    }

    // MARK: places that become free

    /// The client's exchange needs its place at the server no more.
    @inline(__always)
    mutating func releasePlace(_ client: ConnectionSlot, _ index: Int) {
        guard client.pointee.flags.contains(.holdsPlace) else { return }
        client.pointee.flags.remove(.holdsPlace)
        guard let board = tables.servers[index].board else { return }
        board.leave()
        wakeNext(index, board)
    }

    private mutating func wakeNext(_ index: Int, _ board: ServerBoard) {
        guard let next = board.next(after: number) else { return }
        if next == number { markFreed(index) } else { polling_ring(peerBells[Int(next)]) }
    }

    /// Somebody who waits may have this server; looked at before the worker waits for events.
    mutating func markFreed(_ index: Int) {
        if tables.servers[index].isFreed { return }
        tables.servers[index].isFreed = true
        tables.freed[tables.freedCount] = UInt16(index)
        tables.freedCount += 1
    }

    /// Another worker has left us a place, or a pulse is due and nothing shall wait for a call that got lost.
    mutating func markAllFreed() {
        for index in 0..<tables.serviceCount where tables.services[index].waiting > 0 {
            for place in 0..<tables.services[index].serverCount { markFreed(tables.services[index].serverIndex(place)) }
        }
    }

    mutating func serveQueues() {
        // Those that become free meanwhile are looked at as well: each of them serves somebody, so there is an end.
        while tables.freedCount > 0 {
            tables.freedCount -= 1
            let index = Int(tables.freed[tables.freedCount])
            tables.servers[index].isFreed = false
            serveQueues(of: index)
        }
    }

    private mutating func serveQueues(of index: Int) {
        let service = tables.services + Int(tables.servers[index].service)
        // One that comes back at once has its next turn later.
        var left = service.pointee.waiting
        while left > 0 {
            left -= 1
            let fd = firstWaiter(service, index)
            if fd < 0 { break }
            let client = slab.slot(fd)
            guard claimPlace(client, index) else { return }
            leaveQueue(client)
            guard let request = takeBack(client) else {
                releasePlace(client, index)
                answer(fd, 503)
                continue
            }
            // Without a limit there is nothing that was waited for at this very server.
            let hasPlace = client.pointee.flags.contains(.holdsPlace)
            client.pointee.flags.insert(.isNext)
            dispatch(fd, request, to: hasPlace ? index : -1)
        }
        guard let board = tables.servers[index].board, tables.servers[index].maxConnections > 0 else { return }
        board.withdraw(number)
        if board.hasRoom(limit: tables.servers[index].maxConnections) { wakeNext(index, board) }
    }

    /// The client that has waited longest among those that this server would do for; -1: none.
    private func firstWaiter(_ service: UnsafePointer<ServiceEntry>, _ index: Int) -> Int32 {
        var first: Int32 = -1
        let server = tables.servers + index
        if server.pointee.takesBoundClients { first = server.pointee.waiters.head }
        guard server.pointee.takesNewClients, !server.pointee.isEjected else { return first }
        for place in 0..<service.pointee.poolCount {
            guard let pool = service.pointee.pool(UInt16(place)), pool.pointee.waiters.count > 0,
                pool.pointee.isInForce(index)
            else { continue }
            let head = pool.pointee.waiters.head
            if first < 0 || isEarlier(head, first) { first = head }
        }
        return first
    }

    private func isEarlier(_ a: Int32, _ b: Int32) -> Bool {
        Int32(bitPattern: slab.slot(a).pointee.ticket &- slab.slot(b).pointee.ticket) < 0
    }

    /// Counts the client's exchange at the server, if it has a limit. false: no place is free.
    @inline(__always)
    func claimPlace(_ client: ConnectionSlot, _ index: Int) -> Bool {
        let limit = tables.servers[index].maxConnections
        if limit == 0 { return true }
        guard let board = tables.servers[index].board, board.enter(limit: limit) else { return false }
        client.pointee.flags.insert(.holdsPlace)
        return true
    }
}
