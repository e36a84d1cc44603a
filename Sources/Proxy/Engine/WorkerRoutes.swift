/// What a service's routes do with a request.
extension ProxyWorker {
    /// Where a path is normalised: behind everything that a rewritten head can fill.
    private static let pathRoom = Size.output - HeadLimit.bytes

    /// Chooses the request's pool, or answers it. `rest` is what came behind it.
    ///
    /// - Returns: false: it is answered.
    mutating func route(
        _ fd: Int32, _ slot: ConnectionSlot, _ service: UnsafeMutablePointer<ServiceEntry>, _ bytes: Bytes,
        _ head: RequestHead, _ rest: Bytes, _ left: Int
    ) -> Bool {
        let routes = service.pointee.traffic.routes
        let path = outputBuffer + Self.pathRoom
        var pathCount = 0
        if routes.needsPath {
            pathCount = RequestTarget.normalise(bytes + head.pathStart, head.pathCount, into: path)
            if pathCount < 0 {
                service.pointee.counters.ereq &+= 1
                answer(fd, 400)
                return false
            }
        }
        let host = bytes + head.hostStart
        let nameCount = RequestTarget.nameCount(ofHost: host, head.hostCount)
        guard let found = routes.first(host: host, nameCount, path: path, pathCount) else { return true }
        switch found.pointee.action {
        case .pool:
            slot.pointee.pool = found.pointee.pool
            return true
        case .deny:
            service.pointee.counters.dreq &+= 1
            answer(fd, found.pointee.status)
        case .redirect:
            service.pointee.counters.intercepted &+= 1
            redirect(fd, slot, found, bytes, head, rest, left)
        }
        return false
    }

    /// Unlike an error a redirect leaves the connection open, if the whole request was read.
    private mutating func redirect(
        _ fd: Int32, _ slot: ConnectionSlot, _ route: UnsafeMutablePointer<RouteEntry>, _ bytes: Bytes,
        _ head: RequestHead, _ rest: Bytes, _ left: Int
    ) {
        let service = tables.services + Int(slot.pointee.service)
        let keeps = slot.pointee.phase == .response && slot.pointee.flags.contains(.keepsAlive)
        var output = HeadOutput(outputBuffer, capacity: Size.output)
        output.put("HTTP/1.1 ")
        Reason.put(route.pointee.status, into: &output)
        output.put("\r\ncontent-length: 0\r\nlocation: ")
        guard route.pointee.redirect.put(head, bytes, into: &output) else {
            answer(fd, 400)
            return
        }
        if !keeps {
            output.put("\r\nconnection: close\r\n\r\n")
        } else {
            output.put(head.isHTTP10 ? "\r\nconnection: keep-alive\r\n\r\n" : "\r\n\r\n")
        }
        hold(slot, rest, left, partial: false)
        service.pointee.counters.answered(Int(route.pointee.status))
        service.pointee.counters.bout &+= UInt64(output.count)
        service.pointee.isDirty = true
        slot.pointee.exchange.status = route.pointee.status
        blame(slot, .local)
        sentToClient(slot, output.count)
        slot.pointee.flags.insert(.answered)
        guard transmit(fd, slot, output.base, output.count) else {
            clientGone(fd)
            return
        }
        if keeps {
            awaitRequest(fd, slot)
            return
        }
        slot.pointee.phase = .closing
        if slot.pointee.hasUnsent { touch(fd, slot) } else { endClient(fd) }
    }
}
