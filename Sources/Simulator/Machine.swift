import Election

/// A simulated node: its clock, disk and kernel, which outlive a crash, and its daemon, which doesn't.
struct Machine {
    let node: NodeIndex
    var clock: NodeClock
    var disk: Disk
    /// By the group's place in the rules.
    var gates: [Gate]
    var process: Process?
    var lives: UInt32 = 0
    /// True time until which the daemon doesn't run.
    var pausedUntil: UInt64 = 0
    /// A pause that falls into the middle of the next step's effects.
    var stall: Span?
    /// What came while the daemon stood still, oldest first; packets only up to `inboxLimit`.
    var inbox: [Parcel] = []
    /// What a stall interrupted, to be done first when the daemon runs on.
    var unfinished: [Effect] = []
    /// What the clock read when those were decided.
    var decidedAt = Instant.zero
    /// The verdicts of the checks, the interface, the proxy process.
    var checks: [Bool]
    var linkIsUp = true
    var dataPlaneIsUp = true
    var hasLeft = false
    var isStubborn = false
    /// Its state directory was lost once.
    var wasWiped = false
    var isMisconfigured = false
    /// Until then the machine stood still with its clock, in true time.
    var frozenUntil: UInt64 = 0
    /// It answers whoever asks for a vote or a promise, and tells false priorities.
    var lies = false
    /// What its wall clock shows too much. Nothing ever reads it.
    var wallOffset: Int64 = 0
    /// An earlier state of its disk.
    var copy: Disk?
    /// True time of the last start, crash or end.
    var changedAt: UInt64 = 0

    static let inboxLimit = 256

    func isRunning(at now: UInt64) -> Bool { process != nil && !hasLeft && now >= pausedUntil }
}

/// A daemon's process: the elector and the little that the shell keeps beside it.
final class Process {
    // Each is asked for and changed within one call, on one thread: what would be checked at every access can't happen.
    @exclusivity(unchecked) var elector: Elector
    let life: UInt32
    /// True time of the earliest entered timer; `.max` for none.
    @exclusivity(unchecked) var timerAt: UInt64 = .max
    /// When the deadline comes that the timer was last set for, by the clock of then.
    @exclusivity(unchecked) var aim: Aim?
    /// The newest heartbeat of each node that came directly, as signed, for passing on.
    @exclusivity(unchecked) var newest: [Parcel?]
    @exclusivity(unchecked) var windows: [ReplayWindow]
    @exclusivity(unchecked) var recording: Recording?
    @exclusivity(unchecked) var stepsToRecord: Int
    /// Changes of logs that the next write takes with it.
    var unwritten: [LogChange] = []
    /// What was last told of each group's log.
    var lastTold: [String]

    struct Aim {
        var deadline: Instant
        var clock: NodeClock
        var due: UInt64
    }

    init(rules: Rules, life: UInt32, stepsToRecord: Int) {
        elector = Elector(rules: rules)
        self.life = life
        newest = Array(repeating: nil, count: rules.nodes.count)
        lastTold = Array(repeating: "", count: rules.groups.count)
        windows = Array(repeating: ReplayWindow(), count: rules.nodes.count)
        self.stepsToRecord = stepsToRecord
        recording = stepsToRecord > 0 ? Recording(rules: rules) : nil
    }

    /// True time of a deadline; most steps leave it where it was.
    func due(_ deadline: Instant, by clock: NodeClock) -> UInt64 {
        if let aim, aim.deadline == deadline, aim.clock == clock { return aim.due }
        let due = clock.trueTime(of: deadline)
        aim = Aim(deadline: deadline, clock: clock, due: due)
        return due
    }

    /// Asks the elector in its place: to read it out of a class would be to copy it.
    func ask<Answer>(_ question: (inout Elector) -> Answer) -> Answer { question(&elector) }
}

/// As the wire's: of each sender's life every packet is let in once, those more than 64 behind not at all.
struct ReplayWindow {
    private var incarnation = Incarnation(0)
    private var newest: UInt64 = 0
    private var seen: UInt64 = 0

    mutating func admits(_ label: Parcel.Label) -> Bool {
        if label.sender.incarnation < incarnation { return false }
        let sequence = label.sequence.rawValue
        if label.sender.incarnation > incarnation {
            self = ReplayWindow()
            incarnation = label.sender.incarnation
        }
        if sequence > newest {
            let distance = sequence - newest
            seen = distance < 64 ? (seen << distance) | 1 : 1
            newest = sequence
            return true
        }
        let behind = newest - sequence
        if behind >= 64 || seen & (1 << behind) != 0 { return false }
        seen |= 1 << behind
        return true
    }
}

/// The state directory. What isn't durable when the node crashes may be there afterwards, or not.
struct Disk {
    struct Write {
        var ticket: Ticket
        var life: UInt32
        var memory: Memory
        /// By group: the term of the certificate that this node held when the write was asked for.
        var certificates: [Term]
        /// Goes to disk before the memory.
        var logs: [LogChange]
    }

    var durable: Memory?
    var durableCertificates: [Term]
    /// By the group's place in the rules.
    var durableLogs: [DurableLog]
    /// A slice, for its first goes without moving the others: a disk that stands still may owe thousands.
    var queue: ArraySlice<Write> = []
    /// True time at which the first write in the queue is done.
    var dueAt: UInt64 = 0
    /// Nanoseconds of true time for one write.
    var latency: UInt64
    var hasFailed = false
    var isFull = false
    /// The number of the life that was begun last.
    var incarnation: UInt64 = 0

    mutating func settle(_ write: Write) {
        settle(write.logs)
        durable = write.memory
        for place in durableCertificates.indices {
            durableCertificates[place] = max(durableCertificates[place], write.certificates[place])
        }
    }
}

/// A change of the log of the group in that place of the rules.
struct LogChange {
    var place: Int
    var write: LogWrite
}

/// A log as the disk has it. What its entries come to is asked at a start, and worked out then.
struct DurableLog {
    private var log = ReplicatedLog()
    /// How far the disk says that it is committed; `log` may not have got there yet.
    private var committed: UInt64 = 0

    var base: LogPosition { log.base }
    var last: LogPosition { log.last }

    @inline(__always) func position(at index: UInt64) -> LogPosition? { log.position(at: index) }

    mutating func whole() -> ReplicatedLog {
        log.apply(.committed(committed))
        return log
    }

    mutating func apply(_ write: LogWrite) {
        switch write {
        case .committed(let index) where index <= log.last.index:
            committed = max(committed, index)
            return
        case .entries(let place, _) where place.index >= committed: break
        case .image: committed = 0
        case .committed, .entries: log.apply(.committed(committed))
        }
        log.apply(write)
    }
}

extension Disk {
    mutating func settle(_ changes: [LogChange]) {
        for change in changes { durableLogs[change.place].apply(change.write) }
    }
}

/// The kernel's rule for one group's addresses on one node: open until an instant of the node's own clock, whatever
/// becomes of the daemon.
struct Gate {
    private(set) var openedAt: UInt64?
    private(set) var closesAt: UInt64 = 0
    private(set) var deadline = Instant.zero
    private(set) var lag: UInt64 = 0
    /// The term under which it was opened.
    private(set) var term = Term.none
    /// The deadline has been moved to `closesAt` by an order to close.
    private(set) var isClosing = false
    var hasAddresses = false

    func isOpen(at now: UInt64) -> Bool { openedAt != nil && now < closesAt }

    mutating func open(term: Term, until deadline: Instant, lag: UInt64, clock: NodeClock, at now: UInt64) {
        openedAt = now
        isClosing = false
        self.term = term
        arm(until: deadline, lag: lag, clock: clock)
    }

    mutating func arm(until deadline: Instant, lag: UInt64, clock: NodeClock) {
        guard !isClosing else { return }
        self.deadline = deadline
        self.lag = lag
        let lapse = clock.trueTime(of: deadline)
        closesAt = lapse == .max ? .max : lapse + lag
    }

    /// The clock's rate has changed. A timer that is due already is late once, not anew.
    mutating func rearm(clock: NodeClock, at now: UInt64) {
        guard isOpen(at: now), clock.reading(at: now) < deadline else { return }
        arm(until: deadline, lag: lag, clock: clock)
    }

    mutating func close(at instant: UInt64) {
        closesAt = min(closesAt, instant)
        isClosing = true
    }
}
