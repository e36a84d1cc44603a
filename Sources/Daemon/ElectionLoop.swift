import CLinux
import Configuration
import Election
import Glibc
import Journal
import Logging
import Sodium
import VirtualIP
import Wire

/// The election thread: turns the world into events, and carries effects out. It owns the node's word, the gate and
/// the addresses, and waits for nothing but the world.
final class ElectionLoop {
    private static let stateInterval = 1000
    /// Datagrams taken at once: what waits behind them is read when they are done with.
    private static let burst = 256

    var configuration: Configuration
    var elector: Elector
    let mailbox: Mailbox<ElectionLetter>
    let store: Store
    let reports: ElectionReports
    let log: Logger
    let socket: PeerSocket
    var interfaces: VirtualInterfaces?
    var gatekeeper: Gatekeeper
    let sealer: Sealer
    let key: SigningKey
    let secret: ClusterSecret

    /// Groups that have a place in this machine, with their names.
    var placed: [GroupID: String] = [:]
    var events: [Event] = []
    var withdrawals: [PendingWithdrawal] = []
    var lastChanges: [GroupID: LastChange] = [:]
    var conflicts: [GroupID: [String]] = [:]
    var problems: [String: Instant] = [:]
    var sent: UInt64 = 0
    var accepted: UInt64 = 0
    var fatalCause: FatalCause?
    /// Changes of the first steps, told when the links are known: until then every interface counts as down.
    var firstChanges: [Change]? = []
    private var steps = 0
    private var isStopping = false
    private let epoll: Int32
    private let timer: Int32
    private var watched: [Int32] = []
    private var lastTurn = BootInstant.now()
    var brake = LogBrake()
    private var letters = LetterBudget()

    struct PendingWithdrawal {
        var group: GroupID
        var ticket: Ticket
    }

    init(_ parts: ElectionParts) throws(SystemCallError) {
        configuration = parts.configuration
        elector = parts.elector
        mailbox = parts.mailbox
        store = parts.store
        reports = parts.reports
        log = parts.log
        socket = try PeerSocket(nodes: parts.configuration.nodes, this: parts.elector.rules.this)
        interfaces = parts.interfaces
        gatekeeper = parts.gatekeeper
        sealer = parts.sealer
        key = parts.key
        secret = parts.secret
        epoll = polling_create()
        guard epoll >= 0 else { throw SystemCallError("epoll_create1") }
        timer = polling_timer(CLOCK_BOOTTIME)
        guard timer >= 0 else { throw SystemCallError("timerfd_create") }
        for group in parts.configuration.placements(on: parts.this) {
            placed[GroupID(named: group.group)] = group.group
        }
        for descriptor in [socket.descriptor, mailbox.descriptor, timer] {
            guard polling_add(epoll, descriptor, POLLING_READABLE, UInt64(descriptor)) == 0 else {
                throw SystemCallError("epoll_ctl")
            }
        }
    }

    deinit {
        close(epoll)
        close(timer)
    }

    /// - Parameter logs: what the disk has of the groups' replicated logs.
    func run(from start: Start, recalling logs: [(group: GroupID, image: LogImage)]) {
        _ = store.take(.witness(witnessParts()))
        watchInterfaces()
        for log in logs { step(.recalled(log.group, log.image)) }
        step(.started(start))
        for group in elector.rules.groups {
            step(.link(group.id, up: isUsable(group.id)))
        }
        tellFirstRoles()
        var ready = [epoll_event](repeating: epoll_event(), count: 32)
        while !isStopping {
            setTimer()
            let count = epoll_wait(epoll, &ready, Int32(ready.count), -1)
            // After a stop of any length: what has lapsed goes first, before sockets are read.
            closeAfterGap()
            tick()
            for place in 0..<max(0, Int(count)) { handle(Int32(truncatingIfNeeded: polling_token(&ready, place))) }
            tick()
        }
        do throws(VirtualIPError) {
            try interfaces?.stop()
        } catch {
            log.error("\(error)")
        }
        closeStore()
        reports.stopped()
    }

    /// The journal's last record, signature and sync; a disk that takes longer is left to itself.
    private func closeStore() {
        guard store.take(.close(BootInstant.now())) else { return }
        let deadline = BootInstant.now() + .milliseconds(5_000)
        while BootInstant.now() < deadline {
            mailbox.wait(milliseconds: 100)
            for letter in mailbox.collect() {
                if case .store(.closed) = letter { return }
            }
        }
    }

    /// The kernel's timeouts stand still while the machine is suspended, and boot time doesn't: after a gap that no
    /// lease survives, the gates are closed before anything is looked at.
    private func closeAfterGap() {
        let now = BootInstant.now()
        defer { lastTurn = now }
        guard now.since(lastTurn) > elector.rules.timing.promise else { return }
        do throws(VirtualIPError) {
            try interfaces?.closeAllGates()
        } catch {
            log.error("\(error)")
        }
    }

    private func handle(_ descriptor: Int32) {
        switch descriptor {
        case socket.descriptor: receiveDatagrams()
        case mailbox.descriptor: for letter in mailbox.collect() { open(letter) }
        case timer: _ = polling_timer_expirations(timer)
        default:
            for event in interfaces?.readable(descriptor, at: BootClock.now()) ?? [] { notice(event) }
        }
    }

    /// What time alone makes due.
    private func tick() {
        let now = BootInstant.now()
        if let deadline = elector.nextDeadline, now >= deadline { step(.timer) }
        if let interfaces, let deadline = interfaces.nextDeadline, now.nanoseconds >= deadline {
            for event in interfaces.fire(at: now.nanoseconds) { notice(event) }
        }
        retryWithdrawals()
    }

    private func setTimer() {
        var next = elector.nextDeadline?.nanoseconds ?? .max
        next = min(next, interfaces?.nextDeadline ?? .max)
        if !withdrawals.isEmpty { next = min(next, BootClock.now() + 50_000_000) }
        // Zero would disarm it.
        if next != .max { _ = polling_timer_set(timer, max(next, 1)) }
    }

    /// A group that moves no addresses depends on no interface.
    func isUsable(_ group: GroupID) -> Bool {
        guard let name = placed[group], let interfaces else { return true }
        return interfaces.isUsable(name)
    }

    func watchInterfaces() {
        guard let interfaces else { return }
        for descriptor in watched where !interfaces.descriptors.contains(descriptor) {
            _ = polling_remove(epoll, descriptor)
        }
        for descriptor in interfaces.descriptors where !watched.contains(descriptor) {
            _ = polling_add(epoll, descriptor, POLLING_READABLE, UInt64(descriptor))
        }
        watched = interfaces.descriptors
    }

    private func receiveDatagrams() {
        var frames: [Backlog.Frame] = []
        for _ in 0..<Self.burst {
            guard let datagram = socket.receive() else { break }
            if WitnessDatagram.isOne(datagram) {
                // Not the election's business; what a flood of them displaces is asked for again.
                if letters.take(at: BootInstant.now()) { _ = store.take(.letter(datagram)) }
            } else {
                frames += gatekeeper.open(datagram)
            }
        }
        var backlog = Backlog(frames)
        while let frame = backlog.next() {
            if let arrival = gatekeeper.admit(frame, at: BootInstant.now()) {
                backlog.noteAdmitted(frame)
                take(arrival)
            }
            tick()
        }
    }

    private func open(_ letter: ElectionLetter) {
        switch letter {
        case .store(let report): hear(report)
        case .contradiction(let what):
            if problems[what] == nil { log.critical("\(what)") }
            problems[what] = BootInstant.now()
        case .check(let name, let passing):
            if let index = elector.rules.checks.firstIndex(of: name) { step(.check(UInt16(index), passing: passing)) }
        case .dataPlane(let up): step(.dataPlane(up: up))
        case .maintenance(let on): step(.maintenance(on))
        case .transfer(let group, let node): step(.transfer(group, to: node))
        case .reconfigure(let configuration, let rules):
            self.configuration = configuration
            changeKeys()
            step(.reconfigured(rules))
        case .order(let request, let group, let command): step(.command(request, group, command))
        case .propose(let request, let text): step(.propose(request, text: text))
        case .examined(let group, let proposal, let obstacle):
            step(.examined(group, proposal, obstacle: obstacle))
        case .history(let answer): answer(history())
        case .look(let answer): answer(view())
        case .problem(let what): problems[what] = BootInstant.now()
        case .leave: step(.leaving)
        case .stop: isStopping = true
        }
    }

    private func hear(_ report: Store.Report) {
        switch report {
        case .persisted(let ticket): step(.persisted(ticket))
        case .failed(let why): failStorage(why)
        case .full(let why):
            log.error("\(why): this node can give up what it holds, and take nothing")
            problems[why] = BootInstant.now()
        case .roomAgain: problems = problems.filter { !$0.key.contains("disk") }
        case .rotationDue: _ = store.take(.rotate(genesis: encodedState(), BootInstant.now()))
        case .closed: break
        }
    }

    func failStorage(_ why: String) {
        guard fatalCause == nil else { return }
        fatalCause = .storage(why)
        log.critical("\(FatalCause.storage(why))")
        step(.storageFailed)
        step(.leaving)
    }

    /// Feeds an event to the election, records it, and carries out what it asks for; then what came of that.
    func step(_ event: Event) {
        events.append(event)
        // A step that is under way takes it up when its own effects are carried out.
        guard events.count == 1 else { return }
        while let next = events.first {
            let now = BootInstant.now()
            let effects = elector.step(next, at: now)
            record(next, effects, at: now)
            carryOut(effects)
            events.removeFirst()
        }
    }

    private func record(_ event: Event, _ effects: [Effect], at now: Instant) {
        steps += 1
        var isTaken = store.take(.record(event, StepOutcome(of: effects), now, beats: effects.contains(where: \.beats)))
        if steps % Self.stateInterval == 0 { isTaken = store.take(.state(encodedState())) && isTaken }
        if !isTaken && fatalCause == nil {
            fatalCause = .storage("the journal's disk took nothing for minutes")
            events.append(.storageFailed)
            events.append(.leaving)
        }
    }

    func encodedState() -> [UInt8] {
        var writer = ByteWriter(reserving: 4096)
        elector.encode(to: &writer)
        return writer.bytes
    }
}

extension Effect {
    /// The node's own heartbeat goes to everybody, with the journal's mark.
    fileprivate var beats: Bool {
        if case .send(let packet, .everyone) = self, case .heartbeat = packet.message { true } else { false }
    }
}

/// What the election thread is made of.
struct ElectionParts {
    var configuration: Configuration
    var this: Configuration.Node
    var elector: Elector
    var mailbox: Mailbox<ElectionLetter>
    var store: Store
    var reports: ElectionReports
    var log: Logger
    var interfaces: VirtualInterfaces?
    var gatekeeper: Gatekeeper
    var sealer: Sealer
    var key: SigningKey
    var secret: ClusterSecret
}
