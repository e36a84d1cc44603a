import CLinux
import Glibc

/// A rewritten request (its head, and the part of its body that came with it) on its way to whichever server takes it.
struct RequestBytes {
    var bytes: Bytes?
    var count: Int
    /// nil: the bytes lie in the worker's output buffer, and are copied if they have to stay.
    var ownedClass: UInt8?

    init(bytes: Bytes, count: Int) {
        self.bytes = bytes
        self.count = count
    }

    init(owned bytes: Bytes?, count: Int, sizeClass: UInt8) {
        self.bytes = bytes
        self.count = count
        ownedClass = sizeClass
    }

    private init() { count = 0 }

    /// TCP mode: there is nothing to say first.
    static var none: RequestBytes { RequestBytes() }
}

/// Why a server's part in an exchange ended before its response began.
enum Breakage {
    /// It refused.
    case connect
    /// Nothing came back in time, not even from its kernel.
    case unanswered
    /// It closed, or reset.
    case closed
}

/// Choosing a server, reaching it, and going on to the next when that fails.
extension ProxyWorker {
    enum Choice {
        /// The client holds a place there, if the server has a limit.
        case server(Int)
        /// It has no place now, and the request is for it alone.
        case full(Int)
        /// Nobody of the pool has a place now.
        case allFull
        /// Everyone was tried: again in a moment.
        case later
        case nobody
    }

    private enum Attempt {
        /// The exchange is on its way.
        case begun
        /// Not this one.
        case failed
        /// A kept connection had been closed; nothing was lost but time.
        case stale
        case outOfDescriptors
    }

    /// Pause before servers that failed this request are tried again. HAProxy's is 1 s.
    private static let turnaroundTicks = TimerWheel.ticks(300)

    /// Brings the client's request to a server. Ends with the exchange begun, the request waiting, or an error answered.
    ///
    /// - Parameter index: a server at which the client holds a place already, because it was its turn; -1: none.
    mutating func dispatch(_ fd: Int32, _ request: RequestBytes, to index: Int = -1) {
        let client = slab.slot(fd)
        if client.pointee.attempts == 0 { client.pointee.soughtSince = now }
        var choice = index >= 0 ? Choice.server(index) : choose(client)
        while true {
            switch choice {
            case .nobody:
                give(request)
                // Whoever was asked last had the request: that is a bad gateway, not a missing one (RFC 9110, 15.6).
                answer(fd, client.pointee.flags.contains(.brokeOff) ? 502 : 503)
                return
            case .later:
                pause(fd, client, request, ticks: Self.turnaroundTicks)
                return
            case .full(let index):
                enqueue(fd, client, request, for: index)
                return
            case .allFull:
                enqueue(fd, client, request, for: nil)
                return
            case .server(let index):
                countRetry(client, index)
                client.pointee.lastServer = UInt16(index)
                if client.pointee.exchange.assigned == ExchangeRecord.never {
                    client.pointee.exchange.assigned = client.pointee.exchange.offset(microseconds)
                }
                let result = attempt(fd, client, index, request)
                if case .begun = result { return }
                releasePlace(client, index)
                switch result {
                case .begun: return
                case .stale: client.pointee.flags.insert(.avoidsPool)
                case .outOfDescriptors:
                    // Whoever ends next makes room; until then nothing is gained by hurry.
                    tables.services[Int(client.pointee.service)].counters.eint &+= 1
                    if isOutOfTime(client) {
                        give(request)
                        blame(client, .resource, at: .connect)
                        answer(fd, 503)
                    } else {
                        client.pointee.attempts = max(1, client.pointee.attempts)
                        pause(fd, client, request, ticks: Self.descriptorTicks)
                    }
                    return
                case .failed:
                    if !noteFailure(client, index, isSilent: false) {
                        give(request)
                        answer(fd, 503)
                        return
                    }
                }
                choice = choose(client)
            }
        }
    }

    /// A server on this machine has answered by now; whoever waits for a descriptor needn't wait longer.
    private static let descriptorTicks = TimerWheel.ticks(100)

    /// false: the request has used up its retries.
    mutating func noteFailure(_ client: ConnectionSlot, _ index: Int, isSilent: Bool) -> Bool {
        let service = tables.services + Int(client.pointee.service)
        service.pointee.counters.econ &+= 1
        service.pointee.isDirty = true
        tables.servers[index].counters.econ &+= 1
        tables.servers[index].isDirty = true
        noteConnectError(index, isSilent: isSilent)
        if useRetry(client, index) { return true }
        // Nothing was sent, so nothing is risked: whoever wasn't asked yet is asked, however many refused.
        guard service.pointee.redispatches, let pool = service.pointee.pool(client.pointee.pool) else { return false }
        return pool.pointee.hasCandidate(tried: client.pointee.tried)
            || pool.pointee.spare(tried: client.pointee.tried) >= 0
    }

    func useRetry(_ client: ConnectionSlot, _ index: Int) -> Bool {
        client.pointee.tried |= bit(index)
        client.pointee.attempts = min(client.pointee.attempts, 254) + 1
        return client.pointee.attempts <= tables.services[Int(client.pointee.service)].retries
    }

    // MARK: one attempt

    @inline(__always)
    private mutating func attempt(
        _ fd: Int32, _ client: ConnectionSlot, _ index: Int, _ request: RequestBytes
    ) -> Attempt {
        if client.pointee.bound >= 0 {
            let bound = client.pointee.bound
            if mayReuseBound(bound, client, index) {
                unbind(slab.slot(bound))
                return reuse(bound, fd, client, index, request)
            }
            closeServer(bound)
        }
        if mayReuse(client) && !client.pointee.flags.contains(.bindsConnection) && tables.servers[index].idleHead >= 0 {
            let reused = tables.servers[index].idleHead
            unlinkIdle(slab.slot(reused))
            return reuse(reused, fd, client, index, request)
        }
        return connect(fd, client, index, request)
    }

    /// A request that can't be sent twice gets a fresh connection, because an idle one may be closed at this very moment.
    /// So does one whose body is still coming: what has gone on can't be taken back.
    @inline(__always)
    private func mayReuse(_ client: ConnectionSlot) -> Bool {
        client.pointee.phase == .response && client.pointee.flags.contains(.replayable)
            && client.pointee.flags.isDisjoint(with: [.avoidsPool, .asksUpgrade])
    }

    /// Where the connection itself is authenticated, only that one will do, whatever the request.
    private func mayReuseBound(_ bound: Int32, _ client: ConnectionSlot, _ index: Int) -> Bool {
        guard Int(slab.slot(bound).pointee.server) == index else { return false }
        return mayReuse(client)
            || (client.pointee.flags.contains(.bindsConnection) && !client.pointee.flags.contains(.avoidsPool))
    }

    @inline(__always)
    private mutating func reuse(
        _ server: Int32, _ fd: Int32, _ client: ConnectionSlot, _ index: Int, _ request: RequestBytes
    ) -> Attempt {
        let slot = slab.slot(server)
        slot.pointee.flags = slot.pointee.flags.intersection([.inWheel, .watchesOutput, .queued]).union(.reused)
        tables.servers[index].counters.reuse &+= 1
        link(server, slot, fd, client, index)
        slot.pointee.phase = .head
        client.pointee.exchange.connected = client.pointee.exchange.offset(microseconds)
        if send(server, slot, client, request) { return .begun }
        unlinkExchange(slot)
        closeSocket(server, slot)
        return .stale
    }

    private mutating func connect(
        _ fd: Int32, _ client: ConnectionSlot, _ index: Int, _ request: RequestBytes
    ) -> Attempt {
        let name = tables.servers[index].name
        var server = socket_open(name.family, Int32(SOCK_STREAM.rawValue), 0)
        if server < 0 && (errno == EMFILE || errno == ENFILE) && (evictIdle() || useReserve()) {
            server = socket_open(name.family, Int32(SOCK_STREAM.rawValue), 0)
        }
        guard server >= 0, Int(server) < slab.capacity else {
            if server >= 0 { close(server) }
            return .outOfDescriptors
        }
        if needsNoDelay(client, index) { _ = socket_set_no_delay(server) }
        tables.servers[index].counters.connect &+= 1
        // The request that follows acknowledges the handshake: one packet less.
        if request.bytes != nil { _ = socket_set_quick_ack(server, false) }
        let isConnected = name.withPointer { socket_connect(server, $0, $1) } == 0
        if !isConnected && errno != EINPROGRESS {
            close(server)
            return .failed
        }
        // A server on this machine has answered by now, although connect says that it's in progress: trying to send
        // saves a turn of the loop, and costs little where the server is further away.
        var introduction = Introduction.done
        if tables.servers[index].proxyHeader != .none {
            introduction = introduce(fd, to: server, index)
            if introduction == .failed {
                close(server)
                return .failed
            }
        }
        var sent = 0
        if let bytes = request.bytes, introduction == .done {
            sent = socket_send(server, bytes, request.count)
            if sent < 0 && !isTransient(errno) {
                close(server)
                return .failed
            }
        }
        let attempt = begin(
            server, isConnected: isConnected || sent > 0, sent: max(0, sent), fd, client, index, request)
        if introduction == .later { slab.slot(server).pointee.flags.insert(.owesIntroduction) }
        return attempt
    }

    @inline(__always)
    private mutating func begin(
        _ server: Int32, isConnected: Bool, sent: Int, _ fd: Int32, _ client: ConnectionSlot, _ index: Int,
        _ request: RequestBytes
    ) -> Attempt {
        let watching = POLLING_READABLE | POLLING_PEER_CLOSED | POLLING_EDGE
        let slot = open(server, as: .server, watching: isConnected ? watching : watching | POLLING_WRITABLE)
        link(server, slot, fd, client, index)
        if !isConnected {
            slot.pointee.phase = .connecting
            store(request, in: slot, sent: 0)
            wheel.arm(slab, server, slot, at: now &+ attemptTicks(client, index))
        } else if client.pointee.phase == .tunnel {
            client.pointee.exchange.connected = client.pointee.exchange.offset(microseconds)
            slot.pointee.phase = .tunnel
            keepOpening(request, server, slot, sent: sent)
            beginTunnel(server, slot, fd, client)
        } else {
            client.pointee.exchange.connected = client.pointee.exchange.offset(microseconds)
            slot.pointee.phase = .head
            noteSent(server, slot, client, request, sent)
        }
        return .begun
    }

    /// How long this attempt may take: little while there is another server to try, otherwise all that is left.
    private func attemptTicks(_ client: ConnectionSlot, _ index: Int) -> UInt32 {
        let service = tables.services + Int(client.pointee.service)
        let rest = Int32(bitPattern: client.pointee.soughtSince &+ service.pointee.connectTicks &- now)
        let left = UInt32(max(1, rest))
        guard service.pointee.redispatches, let pool = service.pointee.pool(client.pointee.pool) else { return left }
        let tried = client.pointee.tried | bit(index)
        guard pool.pointee.hasCandidate(tried: tried) || pool.pointee.spare(tried: tried) >= 0 else { return left }
        // Half of what is left at most, or nothing would be for whoever is asked next.
        return min(max(1, left / 2), service.pointee.attemptTicks)
    }

    /// A single short message goes out at once anyway (RFC 896): the option matters where more follows.
    @inline(__always)
    private func needsNoDelay(_ client: ConnectionSlot, _ index: Int) -> Bool {
        client.pointee.phase != .response || tables.servers[index].proxyHeader != .none
            || client.pointee.flags.contains(.asksUpgrade)
            || !tables.services[Int(client.pointee.service)].closes
    }

    @inline(__always)
    private func link(_ server: Int32, _ slot: ConnectionSlot, _ fd: Int32, _ client: ConnectionSlot, _ index: Int) {
        slot.pointee.peer = fd
        slot.pointee.service = client.pointee.service
        slot.pointee.server = UInt16(index)
        slot.pointee.interims = 0
        slot.pointee.body = .none
        client.pointee.peer = server
        count(1, Int(client.pointee.service), index)
        tables.servers[index].counters.began()
        tables.servers[index].isDirty = true
    }

    /// One exchange more or less.
    @inline(__always)
    private func count(_ change: Int32, _ service: Int, _ server: Int) {
        tables.servers[server].exchanges &+= change
        tables.servers[server].board?.tally.add(change, of: number)
        tables.services[service].exchanges &+= change
        tables.services[service].tally?.add(change, of: number)
    }

    /// Parts a server's connection from its client, and ends the exchange in the books.
    @inline(__always)
    mutating func unlinkExchange(_ slot: ConnectionSlot) {
        let index = Int(slot.pointee.server)
        releasePlace(slab.slot(slot.pointee.peer), index)
        count(-1, Int(slot.pointee.service), index)
        tables.servers[index].counters.ended()
        tables.servers[index].isDirty = true
        slab.slot(slot.pointee.peer).pointee.peer = -1
        slot.pointee.peer = -1
    }

    /// Sends a request on a connection that was kept. false: it had been closed.
    @inline(__always)
    private mutating func send(
        _ server: Int32, _ slot: ConnectionSlot, _ client: ConnectionSlot, _ request: RequestBytes
    ) -> Bool {
        guard let bytes = request.bytes else { return true }
        let sent = socket_send(server, bytes, request.count)
        if sent < 0 && !isTransient(errno) { return false }
        noteSent(server, slot, client, request, max(0, sent))
        return true
    }

    /// The server has `sent` bytes of the request; what of it has to be kept?
    @inline(__always)
    private mutating func noteSent(
        _ server: Int32, _ slot: ConnectionSlot, _ client: ConnectionSlot, _ request: RequestBytes, _ sent: Int
    ) {
        if sent > 0 { slot.pointee.flags.insert(.sent) }
        wheel.arm(slab, server, slot, at: now &+ firstTicks(client))
        if sent == request.count && !client.pointee.flags.contains(.replayable) {
            give(request)
        } else {
            store(request, in: slot, sent: sent)
        }
        if sent < request.count {
            awaitRoom(server, slot)
        } else if client.pointee.phase == .body && client.pointee.flags.contains(.readable) {
            makeReady(slot.pointee.peer)
        }
    }

    /// A host that is gone answers no segment at all: a request that may go elsewhere needn't wait for it as long as for
    /// a server that thinks.
    @inline(__always)
    private func firstTicks(_ client: ConnectionSlot) -> UInt32 {
        let ticks = tables.services[Int(client.pointee.service)].serverTicks
        return client.pointee.flags.contains(.replayable) ? min(ticks, Self.reachTicks) : ticks
    }

    private static let reachTicks = TimerWheel.ticks(1_000)

    /// The first deadline after a request was sent. true: there is more time, or the request went elsewhere.
    mutating func hasReached(_ fd: Int32, _ slot: ConnectionSlot) -> Bool {
        let ticks = tables.services[Int(slot.pointee.service)].serverTicks
        let client = slab.slot(slot.pointee.peer)
        guard !slot.pointee.flags.contains(.reachSeen), ticks > Self.reachTicks,
            client.pointee.flags.contains(.replayable), slot.pointee.flags.contains(.rewindable)
        else { return false }
        slot.pointee.flags.insert(.reachSeen)
        if socket_is_unacknowledged(fd, 500) {
            serverBroke(fd, .unanswered)
        } else {
            wheel.arm(slab, fd, slot, at: now &+ ticks &- Self.reachTicks)
        }
        return true
    }

    /// Keeps the request with the server's connection until it has answered, or someone else has to.
    @inline(__always)
    mutating func store(_ request: RequestBytes, in slot: ConnectionSlot, sent: Int) {
        slot.pointee.flags.insert(.rewindable)
        guard let bytes = request.bytes else { return }
        if let sizeClass = request.ownedClass {
            slot.pointee.queue = bytes
            slot.pointee.queueClass = sizeClass
        } else {
            let sizeClass = BufferPool.sizeClass(request.count)
            let copy = buffers.take(sizeClass)
            memcpy(copy, bytes, request.count)
            slot.pointee.queue = copy
            slot.pointee.queueClass = sizeClass
        }
        slot.pointee.queueCount = Int32(request.count)
        slot.pointee.queueSent = Int32(sent)
    }

    mutating func give(_ request: RequestBytes) {
        if let bytes = request.bytes, let sizeClass = request.ownedClass { buffers.give(bytes, sizeClass) }
    }

    /// Takes the request back from a server that won't answer it, or from a client that waited. nil: part of it is gone.
    mutating func takeBack(_ slot: ConnectionSlot) -> RequestBytes? {
        guard slot.pointee.flags.contains(.rewindable) else { return nil }
        let request = RequestBytes(
            owned: slot.pointee.queue, count: Int(slot.pointee.queueCount), sizeClass: slot.pointee.queueClass)
        slot.pointee.queue = nil
        slot.pointee.queueCount = 0
        slot.pointee.queueSent = 0
        slot.pointee.flags.remove(.rewindable)
        return request
    }

    // MARK: what becomes of an attempt

    /// connect has come to a good end.
    mutating func serverConnected(_ fd: Int32) {
        let slot = slab.slot(fd)
        let client = slab.slot(slot.pointee.peer)
        client.pointee.exchange.connected = client.pointee.exchange.offset(microseconds)
        if slot.pointee.flags.contains(.owesIntroduction) {
            slot.pointee.flags.remove(.owesIntroduction)
            guard introduce(slot.pointee.peer, to: fd, Int(slot.pointee.server)) == .done else {
                serverBroke(fd, .connect)
                return
            }
        }
        if let queue = slot.pointee.queue {
            let sent = socket_send(fd, queue, Int(slot.pointee.queueCount))
            if sent < 0 && !isTransient(errno) {
                serverBroke(fd, .connect)
                return
            }
            slot.pointee.queueSent = Int32(max(0, sent))
            if sent > 0 { slot.pointee.flags.insert(.sent) }
        }
        if client.pointee.phase == .tunnel {
            slot.pointee.phase = .tunnel
            slot.pointee.flags.remove(.rewindable)
            if slot.pointee.queueSent == slot.pointee.queueCount { dropQueue(slot) }
            beginTunnel(fd, slot, slot.pointee.peer, client)
            return
        }
        slot.pointee.phase = .head
        touch(fd, slot)
        if slot.pointee.hasUnsent { return }
        if !client.pointee.flags.contains(.replayable) { dropQueue(slot) }
        if client.pointee.phase == .body { makeReady(slot.pointee.peer) }
        if slot.pointee.flags.contains(.readable) { serverReady(fd) }
    }

    /// What a tunnel begins with and the server hasn't taken yet.
    private mutating func keepOpening(_ request: RequestBytes, _ server: Int32, _ slot: ConnectionSlot, sent: Int) {
        guard sent < request.count else {
            give(request)
            return
        }
        store(request, in: slot, sent: sent)
        slot.pointee.flags.remove(.rewindable)
        awaitRoom(server, slot)
    }

    private mutating func beginTunnel(_ fd: Int32, _ slot: ConnectionSlot, _ peer: Int32, _ client: ConnectionSlot) {
        forgive(client)
        slot.pointee.body = .untilClose
        touch(fd, slot)
        touch(peer, client)
        client.pointee.flags.insert(.answered)
        if client.pointee.flags.contains(.readable) { makeReady(peer) }
        if slot.pointee.flags.contains(.readable) { makeReady(fd) }
    }
}
