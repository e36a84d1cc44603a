import CLinux
import Glibc

/// What an exchange leaves behind when it is over: its latencies, and a line of the access log.
extension ProxyWorker {
    /// Bytes of a request's line and of its host that a log line shows.
    private static let lineLimit = 744
    private static let hostLimit = 256

    // MARK: while it goes on

    @inline(__always)
    func sentToClient(_ client: ConnectionSlot, _ count: Int) {
        client.pointee.exchange.bytesOut &+= UInt64(count)
    }

    /// A request's head is whole.
    @inline(__always)
    mutating func recordRequest(
        _ slot: ConnectionSlot, _ head: RequestHead, _ bytes: UnsafePointer<UInt8>,
        _ service: UnsafePointer<ServiceEntry>
    ) {
        slot.pointee.exchange.head = slot.pointee.exchange.offset(microseconds)
        if service.pointee.logSink >= 0 { recordText(slot, head, bytes) }
    }

    /// What the request's persistence cookie was, once it is known whom it names.
    @inline(__always)
    func recordCookie(_ slot: ConnectionSlot, _ head: RequestHead, _ service: UnsafePointer<ServiceEntry>) {
        if service.pointee.rules.cookie == nil { return }
        if head.cookie.valueStart < 0 {
            slot.pointee.exchange.cookieAsked = .absent
        } else if slot.pointee.server == Connection.noServer {
            slot.pointee.exchange.cookieAsked = .invalid
        } else {
            let isUp = tables.servers[Int(slot.pointee.server)].takesBoundClients
            slot.pointee.exchange.cookieAsked = isUp ? .valid : .down
        }
    }

    private mutating func recordText(_ slot: ConnectionSlot, _ head: RequestHead, _ bytes: UnsafePointer<UInt8>) {
        var start = 0
        while start < head.consumed, bytes[start] == 0x0d || bytes[start] == 0x0a { start &+= 1 }
        let most = min(head.consumed &- start, Self.lineLimit)
        let end = memchr(bytes + start, 0x0d, most)
        let count = end.map { UnsafeRawPointer($0) - UnsafeRawPointer(bytes + start) } ?? most
        let hostCount = min(max(0, head.hostCount), Self.hostLimit)
        let text = slot.pointee.exchange.text ?? buffers.take(0)
        memcpy(text, bytes + start, count)
        memcpy(text + count, bytes + head.hostStart, hostCount)
        slot.pointee.exchange.text = text
        slot.pointee.exchange.lineCount = UInt16(count)
        slot.pointee.exchange.hostCount = UInt16(hostCount)
    }

    /// Says who ends an exchange before its time, and how far it has come; the first word counts.
    func blame(
        _ client: ConnectionSlot, _ cause: ExchangeRecord.Cause, at stage: ExchangeRecord.Stage? = nil
    ) {
        guard client.pointee.exchange.cause == .none else { return }
        client.pointee.exchange.cause = cause
        client.pointee.exchange.stage = stage ?? self.stage(client)
    }

    /// Forgets the trouble of attempts that came to a good end.
    @inline(__always)
    func forgive(_ client: ConnectionSlot) {
        client.pointee.exchange.cause = .none
        client.pointee.exchange.stage = .none
    }

    private func stage(_ client: ConnectionSlot) -> ExchangeRecord.Stage {
        let peer = client.pointee.peer
        guard peer >= 0 else {
            if client.pointee.exchange.status != 0 { return .last }
            if client.pointee.flags.contains(.waits) { return .queue }
            if client.pointee.phase == .head { return .request }
            return client.pointee.exchange.responded == ExchangeRecord.never ? .connect : .data
        }
        switch slab.slot(peer).pointee.phase {
        case .connecting: return .connect
        case .head: return .headers
        case .body, .tunnel, .response, .closing, .lingering, .idle, .bound, .greeting, .hello: return .data
        }
    }

    /// What an error of ours says about its cause, where nobody has said more.
    func blame(_ client: ConnectionSlot, forStatus status: UInt16) {
        switch status {
        case 408: blame(client, .clientTimeout)
        case 502: blame(client, .server, at: .headers)
        case 503: blame(client, .server, at: .connect)
        case 504: blame(client, .serverTimeout, at: .headers)
        case 500: blame(client, .internal)
        default: blame(client, .proxy)
        }
    }

    // MARK: when it is over

    /// To be called when the exchange's last byte has left, or its connection ends; nothing is open afterwards.
    @inline(__always)
    mutating func endExchange(_ slot: ConnectionSlot) {
        if slot.pointee.exchange.isOpen { closeRecord(slot) }
    }

    private mutating func closeRecord(_ slot: ConnectionSlot) {
        let service = tables.services + Int(slot.pointee.service)
        let isHTTP = service.pointee.mode == .http
        // A connection that ended before it asked for anything isn't an exchange.
        if !isHTTP || slot.pointee.exchange.head != ExchangeRecord.never || slot.pointee.exchange.cause != .none {
            recordLatencies(slot, service, isHTTP: isHTTP)
            if service.pointee.logSink >= 0 { writeLine(slot, service, isHTTP: isHTTP) }
        }
        if let text = slot.pointee.exchange.text { buffers.give(text, 0) }
        slot.pointee.exchange = ExchangeRecord()
    }

    private func recordLatencies(
        _ slot: ConnectionSlot, _ service: UnsafeMutablePointer<ServiceEntry>, isHTTP: Bool
    ) {
        let record = slot.pointee.exchange
        let answered = isHTTP ? record.responded : record.connected
        // How long a WebSocket stays open says nothing about how quick a server is.
        guard answered != ExchangeRecord.never, record.status != 101 else { return }
        let total = microseconds &- record.begun
        let connect = UInt64(record.connected &- min(record.assigned, record.connected))
        let response = UInt64(answered &- min(record.connected, answered))
        let queue = UInt64(record.assigned &- min(isHTTP ? record.head : 0, record.assigned))
        tables.serviceLatencies[Int(slot.pointee.service)].add(total, isHTTP ? response : connect)
        service.pointee.counters.took(queue: queue, connect: connect, response: response, total: total)
        service.pointee.hasNewLatencies = true
        let server = Int(slot.pointee.lastServer)
        if server == Int(Connection.noServer) { return }
        tables.serverLatencies[server].add(total, isHTTP ? response : connect)
        tables.servers[server].counters.took(queue: queue, connect: connect, response: response, total: total)
        tables.servers[server].hasNewLatencies = true
        tables.servers[server].isDirty = true
    }

    private mutating func writeLine(
        _ slot: ConnectionSlot, _ service: UnsafeMutablePointer<ServiceEntry>, isHTTP: Bool
    ) {
        guard let ring = logRing, let room = ring.reserve() else {
            service.pointee.counters.logDropped &+= 1
            service.pointee.isDirty = true
            return
        }
        let server =
            slot.pointee.lastServer == Connection.noServer ? nil : tables.servers + Int(slot.pointee.lastServer)
        // The exchange has left the books by now, and counts all the same.
        let own = server == nil ? 0 : 1
        let line = AccessLine(
            record: slot.pointee.exchange, address: slot.pointee.address, ended: microseconds,
            service: service.pointee.label, server: server?.pointee.label, retries: slot.pointee.attempts,
            isHTTP: isHTTP, processConnections: processConnections(),
            serviceConnections: service.pointee.gauge?.now ?? 0,
            serviceExchanges: (service.pointee.tally?.total ?? 0) &+ own,
            serverExchanges: (server?.pointee.board?.tally.total ?? 0) &+ own)
        var output = HeadOutput(room, capacity: LogRing.lineLimit)
        switch service.pointee.logFormat {
        case .json: line.putJSON(logClock, into: &output)
        case .httplog: line.putHAProxy(logClock, into: &output)
        }
        ring.commit(
            count: output.count, sink: UInt16(service.pointee.logSink), service: service.pointee.planService,
            wall: logClock.wall(microseconds))
        hasLogged = true
    }

    private func processConnections() -> Int {
        var sum = 0
        for index in 0..<tables.serviceCount { sum &+= tables.services[index].gauge?.now ?? 0 }
        return sum
    }

    // MARK: waking the log thread

    /// Once a tick, and when much has come: not for each line, because waking costs more than writing it down.
    @inline(__always)
    mutating func ringForLog() {
        guard hasLogged, let ring = logRing else { return }
        if now == lastLogTick && ring.waiting < UInt64(LogRing.capacity / 4) { return }
        lastLogTick = now
        hasLogged = false
        polling_ring(logBell)
    }
}

extension Latencies {
    @inline(__always)
    fileprivate mutating func add(_ total: UInt64, _ response: UInt64) {
        self.total.add(total)
        self.response.add(response)
    }
}
