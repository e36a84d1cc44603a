import CLinux
import Glibc

/// One thread of the data plane: an edge-triggered epoll loop over trivial connection slots.
///
/// The worker is a value that nobody shares, so that Swift proves exclusive access when it compiles instead of checking
/// it at every field. On the data path there is no `String`, array, class, closure that escapes, or allocation.
///
/// How a request goes: `acceptClients` -> `readRequest` (parse and rewrite in one pass) -> `dispatch` (choose a server,
/// a pooled or new connection) -> `readResponse` -> `relayResponse` -> `finishExchange`. A connection that can't go on is
/// left alone until an event, a timer or `makeReady` brings it back; every function that may close a connection is the
/// last thing its caller does with it.
package struct ProxyWorker: ~Copyable {
    enum Size {
        /// Read at once while bodies or tunnels go by.
        static let scratch = 65_536
        /// Read at once when a request's head is expected: what is pipelined behind it stays in the kernel.
        static let requestRead = 16_384
        static let responseRead = 32_768
        /// Room for a rewritten head and what came with it.
        static let output = 65_536
        static let events = 256
        /// A response's first bytes of body are copied behind the head up to here, and sent apart beyond.
        static let copiedBody = 4_096
    }

    /// Counted from 0.
    let number: UInt8
    let slab: ConnectionSlab
    let inbox: WorkerInbox
    let gauges: ConnectionGauges
    /// Where pulses go, -1: nowhere. Worker 0 of a process also reads it, through `control`.
    let channel: Int32
    let control: ControlChannel?
    /// Where lines of the access log go; nil: nobody takes them.
    let logRing: LogRing?
    let logBell: Int32
    let accessLog: AccessLog?

    let epoll: Int32
    let events: UnsafeMutablePointer<epoll_event>
    let scratch: Bytes
    let outputBuffer: Bytes

    /// Ticks of the coarse monotonic clock.
    var now: UInt32
    /// The monotonic clock in microseconds, of this turn of the loop.
    var microseconds: UInt64
    var logClock = LogClock()
    /// Lines were written since the log thread was last woken, and when that was.
    var hasLogged = false
    var lastLogTick: UInt32 = 0
    var wheel: TimerWheel
    var buffers = BufferPool()
    var pipes = PipePool()
    var ready = ReadyQueue()
    var tables = PlanTables()
    /// The doorbells of all workers by number; -1: no such worker.
    let peerBells: UnsafeMutablePointer<Int32>
    var seenEjections: UInt32 = 0
    /// Clients of all services and workers, and how many there may be.
    let allClients: ConnectionGauge
    var mostClients = Int.max
    /// Connections that wait for buffers.
    var starved = ReadyQueue()
    var reserve: [Int32] = []
    /// State of the generator that `random` draws from.
    var random: UInt64
    var lastPulse: UInt32
    /// Accepts at once: doubles while connections wait, halves when none do.
    var acceptBurst = 1
    /// Some listener is paused; looked at with every pulse.
    var hasPausedListeners = false
    /// The highest descriptor this worker has had: where a walk over its connections ends.
    var highest: Int32 = 0
    /// Pulses so far, which time the trimming of the buffer pool.
    var pulses: UInt32 = 0
    /// Whose latencies are looked at first by the next pulse: services, and behind them servers.
    var nextLatency = 0
    var stops = false
    /// Milliseconds to serve on when the supervisor has ended, and the tick at which that is over; 0: it hasn't ended.
    var linger: UInt32 = 0
    var lingersUntil: UInt32 = 0

    /// - Parameters:
    ///   - slab: shared by the workers of a process.
    ///   - channel: a SOCK_SEQPACKET socket for pulses, or -1.
    ///   - control: for the one worker that reads the channel.
    package init(
        number: UInt8, slab: ProxyDescriptors, inbox: WorkerInbox, gauges: ConnectionGauges, channel: Int32 = -1,
        control: ControlChannel? = nil, log: AccessLog? = nil
    ) throws(WorkerError) {
        self.number = number
        self.slab = slab.slab
        self.inbox = inbox
        self.gauges = gauges
        self.channel = channel
        self.control = control
        logRing = log.flatMap { $0.rings.indices.contains(Int(number)) ? $0.rings[Int(number)] : nil }
        logBell = log?.bell ?? -1
        accessLog = log
        let epoll = polling_create()
        guard epoll >= 0, inbox.bell >= 0 else { throw WorkerError(call: "epoll_create1", code: errno) }
        self.epoll = epoll
        events = .allocate(capacity: Size.events)
        peerBells = .allocate(capacity: ServicePlan.Limit.threads)
        peerBells.initialize(repeating: -1, count: ServicePlan.Limit.threads)
        allClients = gauges.all
        reserve.reserveCapacity(16)
        random = 0
        getentropy(&random, MemoryLayout<UInt64>.size)
        random |= 1
        scratch = .allocate(capacity: Size.scratch)
        outputBuffer = .allocate(capacity: Size.output)
        microseconds = Self.microsecondsNow()
        now = Self.ticks(microseconds)
        logClock.set(monotonic: microseconds)
        lastPulse = now &- 100
        wheel = TimerWheel(now: now)
        gauges.register(number, bell: inbox.bell)
        watch(inbox.bell, as: .bell)
        if control != nil { watch(channel, as: .channel) }
    }

    deinit {
        close(epoll)
        events.deallocate()
        scratch.deallocate()
        outputBuffer.deallocate()
        wheel.deallocate()
        ready.deallocate()
        tables.deallocate()
        peerBells.deallocate()
        starved.deallocate()
        for fd in reserve { close(fd) }
    }

    private func watch(_ fd: Int32, as role: Connection.Role) {
        _ = slab.open(fd, as: role, owner: number)
        _ = polling_add(epoll, fd, POLLING_READABLE, slab.token(fd))
    }

    /// Takes a new descriptor into the table and the epoll set.
    @inline(__always)
    mutating func open(_ fd: Int32, as role: Connection.Role, watching events: UInt32) -> ConnectionSlot {
        if fd > highest { highest = fd }
        let slot = slab.open(fd, as: role, owner: number)
        if events & POLLING_WRITABLE != 0 { slot.pointee.flags.insert(.watchesOutput) }
        // Fails only without kernel memory (or max_user_watches); the connection's deadline ends it then.
        _ = polling_add(epoll, fd, events, slab.token(fd))
        return slot
    }

    static func microsecondsNow() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000 &+ UInt64(time.tv_nsec) / 1_000
    }

    private static func ticks(_ microseconds: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: microseconds / UInt64(TimerWheel.tickMilliseconds * 1_000))
    }

    /// Looks at the clock: once a turn, and again within a long one.
    @inline(__always)
    private mutating func readClock() {
        microseconds = Self.microsecondsNow()
        let tick = Self.ticks(microseconds)
        if tick == now { return }
        now = tick
        if logRing != nil { logClock.set(monotonic: microseconds) }
    }

    // MARK: the loop

    /// Works until it is told to stop, then closes every connection.
    package mutating func run() {
        while !stops {
            let count = epoll_wait(epoll, events, Int32(Size.events), waitMilliseconds())
            readClock()
            if gauges.ejections.load(ordering: .relaxed) != seenEjections { readEjections() }
            var i = 0
            while i < Int(count) {
                if i & 15 == 15 { readClock() }
                handle(polling_token(events, i), polling_events(events, i))
                i &+= 1
            }
            handleReady()
            handleDeadlines()
            serveQueues()
            ringForLog()
            if lingersUntil != 0 && Int32(bitPattern: now &- lingersUntil) >= 0 { stops = true }
            if now &- lastPulse >= PulseInterval.ticks { beat() }
        }
        shutDown()
    }

    private func waitMilliseconds() -> Int32 {
        if ready.count > 0 || tables.freedCount > 0 { return 0 }
        let sinceLast = now &- lastPulse
        let pulse = sinceLast >= PulseInterval.ticks ? 0 : PulseInterval.ticks &- sinceLast
        let limit = hasLogged ? min(pulse, 1) : pulse
        return Int32(wheel.ticksToNext(now: now, limit: limit)) * Int32(TimerWheel.tickMilliseconds)
    }

    @inline(__always)
    private mutating func handle(_ token: UInt64, _ events: UInt32) {
        let fd = Int32(truncatingIfNeeded: token & 0xffff_ffff)
        let slot = slab.slot(fd)
        // An event for an earlier connection of that number, closed in this very round.
        if slot.pointee.generation != UInt32(truncatingIfNeeded: token >> 32) { return }
        switch slot.pointee.role {
        case .client: handleClient(fd, slot, events)
        case .server: handleServer(fd, slot, events)
        case .listener: acceptClients(fd, slot)
        case .bell: handleInbox()
        case .channel: handleChannel()
        case .free: break
        }
    }

    @inline(__always)
    private mutating func handleClient(_ fd: Int32, _ slot: ConnectionSlot, _ events: UInt32) {
        note(events, slot)
        if events & POLLING_WRITABLE != 0, slot.pointee.hasUnsent {
            let generation = slot.pointee.generation
            flush(fd)
            if slot.pointee.generation != generation { return }
        }
        if events & ~POLLING_WRITABLE != 0 { clientReady(fd) }
    }

    @inline(__always)
    private mutating func handleServer(_ fd: Int32, _ slot: ConnectionSlot, _ events: UInt32) {
        note(events, slot)
        if slot.pointee.phase == .connecting {
            if events & (POLLING_ERROR | POLLING_HANGUP) != 0 {
                serverBroke(fd, .connect)
                return
            }
            if events & POLLING_WRITABLE == 0 { return }
            serverConnected(fd)
            return
        }
        if events & POLLING_WRITABLE != 0, slot.pointee.hasUnsent {
            let generation = slot.pointee.generation
            flush(fd)
            if slot.pointee.generation != generation { return }
        }
        if events & ~POLLING_WRITABLE != 0 { serverReady(fd) }
    }

    @inline(__always)
    private func note(_ events: UInt32, _ slot: ConnectionSlot) {
        if events & ~POLLING_WRITABLE == 0 { return }
        slot.pointee.flags.insert(.readable)
        if events & (POLLING_PEER_CLOSED | POLLING_HANGUP | POLLING_ERROR) == 0 { return }
        slot.pointee.flags.insert(.peerClosed)
        if events & (POLLING_HANGUP | POLLING_ERROR) != 0 { slot.pointee.flags.insert(.hungUp) }
    }

    /// Brings a connection back in this round: its peer took what was queued, or it has had its share of the thread.
    @inline(__always)
    mutating func makeReady(_ fd: Int32) {
        let slot = slab.slot(fd)
        if slot.pointee.flags.contains(.queued) { return }
        slot.pointee.flags.insert(.queued)
        ready.append(slab.token(fd))
    }

    private mutating func handleReady() {
        // Those that come back while this goes on wait for the next round, behind fresh events.
        var left = ready.count
        while left > 0 {
            left &-= 1
            let token = ready.popFirst()
            let fd = Int32(truncatingIfNeeded: token & 0xffff_ffff)
            let slot = slab.slot(fd)
            if slot.pointee.generation != UInt32(truncatingIfNeeded: token >> 32) { continue }
            slot.pointee.flags.remove(.queued)
            if slot.pointee.role == .client { clientReady(fd) } else if slot.pointee.role == .server { serverReady(fd) }
        }
    }

    // MARK: what a ready connection does

    @inline(__always)
    mutating func clientReady(_ fd: Int32) {
        let slot = slab.slot(fd)
        switch slot.pointee.phase {
        case .head: readRequest(fd)
        case .body: relayRequestBody(fd)
        case .greeting: readGreeting(fd)
        case .hello: readHello(fd)
        case .response: if slot.pointee.flags.contains(.hungUp) { clientGone(fd) }
        case .tunnel: relayTunnel(fd)
        case .lingering: discard(fd)
        case .closing: if slot.pointee.flags.contains(.hungUp) { clientGone(fd) }
        case .connecting, .idle, .bound: break
        }
    }

    @inline(__always)
    mutating func serverReady(_ fd: Int32) {
        let slot = slab.slot(fd)
        switch slot.pointee.phase {
        case .head: readResponse(fd)
        case .body: relayResponse(fd)
        case .tunnel: relayTunnel(fd)
        case .idle, .bound: closeServer(fd)  // it closed, or it talks although nobody asked
        case .connecting, .response, .closing, .lingering, .greeting, .hello: break
        }
    }

    /// Visits every listener, client and server connection of this worker; the visitor may close the one it is given.
    mutating func forEachConnection(_ visit: (inout ProxyWorker, Int32, ConnectionSlot) -> Void) {
        for fd in 0...highest {
            let slot = slab.slot(fd)
            if slot.pointee.owner != number { continue }
            switch slot.pointee.role {
            case .client, .server, .listener: visit(&self, fd, slot)
            case .bell, .channel, .free: break
            }
        }
    }

    private mutating func shutDown() {
        forEachConnection { worker, fd, slot in
            if slot.pointee.role == .client { worker.leaveService(slot) }
            worker.closeSocket(fd, slot)
        }
        slab.release(slab.slot(inbox.bell))
        if control != nil { slab.release(slab.slot(channel)) }
        buffers.drain()
        pipes.drain()
    }
}

/// A worker couldn't begin.
package struct WorkerError: Error, CustomStringConvertible {
    let call: String
    let code: Int32

    package var description: String {
        "\(call): \(String(cString: strerror(code))); look at the unit's limits (LimitNOFILE=, LimitAS=, MemoryMax=)"
    }
}

/// The table of connections that the workers of one process share.
package struct ProxyDescriptors: Sendable {
    let slab: ConnectionSlab

    /// As many as the process may open (RLIMIT_NOFILE), at most 1,048,576.
    package init() throws(WorkerError) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard let slab = ConnectionSlab(capacity: Int(min(limit.rlim_cur, 1_048_576))) else {
            throw WorkerError(call: "mmap", code: errno)
        }
        self.slab = slab
    }

    /// When all workers have returned.
    package func unmap() { slab.unmap() }
}
