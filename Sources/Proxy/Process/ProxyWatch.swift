import CLinux
import Glibc

/// The supervisor's thread: one process at a time, what it is told, and how long it has been silent.
struct ProxyWatch {
    enum Timing {
        static let pollMilliseconds: Int32 = 100
        /// A process that comes up has this long until its workers' first pulse on the plan.
        static let startUp: UInt64 = 5_000
        /// Wedged for so long: killed.
        static let patience: UInt64 = 3_000
        /// So many times the silence is allowed to a process that would run if it had a core, or loops.
        static let starving: UInt64 = 4
        /// A gap in our own loop that makes us the late one.
        static let ownGap: UInt64 = 300
        static let firstBackOff: UInt64 = 100
        static let lastBackOff: UInt64 = 5_000
        /// A process that lasted so long starts with the first back-off again.
        static let goodRun: UInt64 = 10_000
        static let stopMilliseconds: UInt64 = 1_000
    }

    private let supervisor: ProxySupervisor
    private var child: ProxyChild?
    private var startedAt: UInt64 = 0
    private var nextStart: UInt64 = 0
    private var backOff = Timing.firstBackOff
    private var lastLoop: UInt64 = 0
    private var wasKilled = false
    /// The process has still to be written down.
    private var isUnrecorded = false
    /// Of each worker: when its last pulse came, and on which plan.
    private var pulses: [(at: UInt64, serial: UInt32)] = []
    private var sentSerial: UInt32 = 0
    /// Messages that the channel hasn't taken yet.
    private var outgoing: [(bytes: [UInt8], fds: [Int32])] = []

    /// Far more than a plan and an update for each server: a process that lets so much pile up is stuck.
    private static let outgoingLimit = 16_384

    init(_ supervisor: ProxySupervisor) { self.supervisor = supervisor }

    /// Milliseconds of the monotonic clock.
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
    }

    mutating func run() {
        lastLoop = Self.now()
        while !supervisor.desired.withLock({ $0.stops }) {
            wait()
            let now = Self.now()
            receivePulses(now)
            // We were stopped, or starved: the silence is ours. Whoever is really wedged is found a silence later.
            if now - lastLoop > Timing.ownGap { for worker in pulses.indices { pulses[worker].at = now } }
            lastLoop = now
            supervisor.desired.withLock { $0.takeFigures(at: now) }
            reap(now)
            startIfDue(now)
            writeRecord()
            tell()
            judge(now)
        }
        end()
    }

    private func wait() {
        var polls = [pollfd(fd: supervisor.bell, events: Int16(POLLIN), revents: 0)]
        if let child {
            let events = outgoing.isEmpty ? POLLIN : POLLIN | POLLOUT
            polls.append(pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0))
            polls.append(pollfd(fd: child.channel, events: Int16(events), revents: 0))
        }
        poll(&polls, nfds_t(polls.count), Timing.pollMilliseconds)
        _ = polling_silence(supervisor.bell)
    }

    // MARK: what comes

    private mutating func receivePulses(_ now: UInt64) {
        guard let child else { return }
        for _ in 0..<4_096 {
            guard case .message(let bytes, let fds) = ChannelMessage.receive(child.channel) else { return }
            for fd in fds { close(fd) }
            if let pulse = Pulse(bytes), pulses.indices.contains(pulse.worker) {
                pulses[pulse.worker] = (now, pulse.serial)
                count(pulse.worker, pulse.serial) { desired in
                    desired.linesLost = pulse.linesLost
                    for entry in pulse.entries { desired.counters[pulse.worker].take(entry) }
                }
            } else if let report = LatencyReport(bytes), pulses.indices.contains(report.worker) {
                count(report.worker, report.serial) { desired in
                    for entry in report.entries { desired.counters[report.worker].take(entry) }
                }
            }
        }
    }

    /// Takes what a worker counted, unless it is about an earlier plan.
    private func count(_ worker: Int, _ serial: UInt32, _ body: (inout ProxySupervisor.Desired) -> Void) {
        supervisor.desired.withLock { desired in
            guard serial == desired.serial, let plan = desired.plan else { return }
            while desired.counters.count <= worker { desired.counters.append(ProxyCounterTable(plan)) }
            body(&desired)
        }
    }

    private mutating func reap(_ now: UInt64) {
        guard let child, case .ended(let code) = child.reap() else { return }
        child.close()
        self.child = nil
        outgoing.removeAll()
        pulses.removeAll()
        sentSerial = 0
        if now - startedAt >= Timing.goodRun { backOff = Timing.firstBackOff }
        nextStart = now + backOff
        backOff = min(backOff * 2, Timing.lastBackOff)
        supervisor.desired.withLock { $0.bury() }
        let reason =
            wasKilled
            ? "killed, because it was wedged" : (code > 128 ? "ended by signal \(code - 128)" : "exit code \(code)")
        change(to: .down(reason: reason))
    }

    // MARK: what goes

    private mutating func startIfDue(_ now: UInt64) {
        guard child == nil, now >= nextStart else { return }
        let (threads, connections) = supervisor.desired.withLock { desired in
            (desired.plan?.threads, desired.plan?.services.reduce(0) { $0 + $1.maxConnections } ?? 0)
        }
        guard let threads else { return }
        guard let started = ProxyChild.start(supervisor.executable, supervisor.arguments) else {
            let reason = "can't start \(supervisor.executable): \(String(cString: strerror(errno)))"
            nextStart = now + backOff
            backOff = min(backOff * 2, Timing.lastBackOff)
            change(to: .down(reason: reason))
            return
        }
        child = started
        wasKilled = false
        startedAt = now
        isUnrecorded = supervisor.record != nil
        sentSerial = 0
        pulses = Array(repeating: (at: now, serial: 0), count: threads)
        // Two descriptors a connection, and as many again for pipes and idle connections to servers.
        let descriptors = UInt32(min(1_000_000, max(16_384, connections * 4)))
        let hello = ChannelMessage.Hello(
            uid: supervisor.uid, gid: supervisor.gid, parent: getpid(), threads: UInt8(threads),
            descriptors: descriptors, linger: supervisor.linger)
        outgoing = [(hello.bytes, [])]
        supervisor.desired.withLock { desired in
            desired.pid = started.pid
            desired.starts += 1
        }
        if case .down = supervisor.condition { change(to: .starting) }
    }

    private mutating func writeRecord() {
        guard isUnrecorded, let child, let file = supervisor.record else { return }
        // Its directory may come later, in a first life.
        if let record = ProxyRecord(running: child.pid), record.write(to: file) { isUnrecorded = false }
    }

    private mutating func tell() {
        let (retired, messages) = supervisor.desired.withLock { desired in
            defer { desired.retired.removeAll() }
            return (desired.retired, news(&desired))
        }
        outgoing.append(contentsOf: messages)
        // No message names these any more: a new plan has thrown away whatever was left of the old one.
        for fd in retired { close(fd) }
        guard let child else { return }
        if outgoing.count > Self.outgoingLimit {
            child.kill()
            return
        }
        var sent = 0
        for message in outgoing {
            let count = socket_send_descriptors(
                child.channel, message.bytes, message.bytes.count, message.fds, message.fds.count)
            if count < 0 { break }
            sent += 1
        }
        outgoing.removeFirst(sent)
    }

    /// What the process has to be told since the last time.
    private mutating func news(_ desired: inout ProxySupervisor.Desired) -> [(bytes: [UInt8], fds: [Int32])] {
        guard child != nil, let plan = desired.planWithStandings() else { return [] }
        if desired.serial != sentSerial {
            // Everything but the greeting is overtaken by the new plan.
            outgoing.removeAll { $0.bytes.first != ChannelMessage.Kind.hello.rawValue }
            sentSerial = desired.serial
            desired.untold.removeAll()
            guard let bytes = try? plan.encoded() else { return [] }
            return ChannelMessage.messages(
                of: bytes, serial: desired.serial, listeners: desired.listenersInOrder, logs: desired.logsInOrder)
        }
        defer { desired.untold.removeAll() }
        return desired.untold.compactMap { server in
            guard let service = plan.services.firstIndex(where: { $0.name == server.service }),
                let place = plan.services[service].servers.firstIndex(where: { $0.name == server.name })
            else { return nil }
            let entry = plan.services[service].servers[place]
            let message = ChannelMessage.server(
                service: service, server: place, health: entry.health, duty: entry.duty,
                weight: entry.weight)
            return (message, [])
        }
    }

    // MARK: what it means

    private mutating func judge(_ now: UInt64) {
        guard let child, !pulses.isEmpty else { return }
        let serial = supervisor.desired.withLock { $0.serial }
        let hasBegun = pulses.allSatisfy { $0.serial != 0 }
        let silence = pulses.map { now - $0.at }.max() ?? 0
        var allowed = hasBegun ? supervisor.silence : Timing.startUp
        // One that wants to run is held up by the machine's load, which the next holder would get as well.
        if hasBegun, silence > allowed, child.isRunnable { allowed *= Timing.starving }
        if silence > allowed {
            if silence > allowed + Timing.patience && !wasKilled {
                wasKilled = true
                child.kill()
            }
            change(to: .wedged(silentMilliseconds: Int(silence)))
        } else if pulses.allSatisfy({ $0.serial == serial }) {
            change(to: .running)
        } else if case .wedged = supervisor.condition {
            change(to: hasBegun ? .running : .starting)
        }
    }

    private func change(to condition: ProxyCondition) {
        let isNews = supervisor.desired.withLock { desired in
            defer { desired.condition = condition }
            return !desired.condition.isSameKind(as: condition)
        }
        if isNews { supervisor.onChange(condition) }
    }

    // MARK: the end

    private mutating func end() {
        if let child {
            let message = [ChannelMessage.Kind.stop.rawValue]
            _ = socket_send_descriptors(child.channel, message, message.count, nil, 0)
            var wait = pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0)
            if poll(&wait, 1, Int32(Timing.stopMilliseconds)) != 1 {
                child.kill()
                poll(&wait, 1, Int32(Timing.stopMilliseconds))
            }
            _ = child.reap()
            child.close()
        }
        let sockets = supervisor.desired.withLock { desired in
            defer {
                desired.listeners.removeAll()
                desired.logs.removeAll()
                desired.retired.removeAll()
                desired.pid = nil
            }
            return Array(desired.listeners.values.joined()) + desired.logs.values + desired.retired
        }
        for fd in sockets { close(fd) }
        change(to: .stopped)
    }
}
