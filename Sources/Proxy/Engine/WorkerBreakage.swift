/// Servers that fail an exchange which has begun.
extension ProxyWorker {
    /// A server failed before its response began: another one gets the request, if it is still whole and may be sent
    /// again.
    mutating func serverBroke(_ fd: Int32, _ breakage: Breakage) {
        let slot = slab.slot(fd)
        let peer = slot.pointee.peer
        let client = slab.slot(peer)
        let index = Int(slot.pointee.server)
        let isStale = slot.pointee.flags.contains(.reused) && !slot.pointee.flags.contains(.responded)
        let maySendAgain =
            !slot.pointee.flags.contains(.responded)
            && (!slot.pointee.flags.contains(.sent) || client.pointee.flags.contains(.replayable))
        let request = maySendAgain ? takeBack(slot) : nil
        closeServer(fd)
        if isStale, let request {
            client.pointee.flags.insert(.avoidsPool)
            dispatch(peer, request)
            return
        }
        let hasRetry: Bool
        if breakage == .closed {
            countBrokenResponse(client, index)
            noteServerError(index)
            client.pointee.flags.insert(.brokeOff)
            hasRetry = useRetry(client, index)
        } else {
            hasRetry = noteFailure(client, index, isSilent: breakage == .unanswered)
        }
        if hasRetry, let request {
            dispatch(peer, request)
            return
        }
        if let request { give(request) }
        answer(peer, breakage == .closed ? 502 : 503)
    }

    func countBrokenResponse(_ client: ConnectionSlot, _ index: Int) {
        let service = tables.services + Int(client.pointee.service)
        service.pointee.counters.eresp &+= 1
        service.pointee.counters.srvAbrt &+= 1
        service.pointee.isDirty = true
        tables.servers[index].counters.eresp &+= 1
        tables.servers[index].counters.srvAbrt &+= 1
        tables.servers[index].isDirty = true
    }
}
