import Election
import Glibc
import Journal
import Sodium
import Synchronization

/// The thread that waits for the disk, so that the election never does: it appends the journal, and writes votes
/// before it says that they are written.
final class Store: Sendable {
    enum Job: Sendable {
        /// - beats: the node's own heartbeat left with it.
        case record(Event, StepOutcome, Instant, beats: Bool)
        /// The state's bytes after the last record.
        case state([UInt8])
        /// A change of a group's replicated log; durable before the next `persist` is reported.
        case log(GroupID, LogWrite)
        /// Write the memory and everything recorded before, then report the ticket.
        case persist(Ticket, memory: [UInt8])
        /// Begin a new segment with the state of this moment.
        case rotate(genesis: [UInt8], Instant)
        case close(Instant)
        /// The peers' socket is there: checkpoints are shown to peers, and theirs are looked at.
        case witness(WitnessDesk.Parts)
        /// The nodes may have other keys now.
        case peers([(name: String, key: PublicKey)])
        /// A peer's checkpoint, or its word for one of ours, as it came.
        case letter([UInt8])
        /// Old segments are about to be deleted.
        case pruned(Pruned)
    }

    enum Report: Sendable {
        case persisted(Ticket)
        case failed(String)
        /// The disk is full: nothing is lost yet, but nothing can be promised until there is room.
        case full(String)
        case roomAgain
        case rotationDue
        case closed
    }

    /// Jobs that may wait for a slow disk: several minutes of a busy cluster.
    private static let capacity = 100_000

    private let jobs: Mailbox<Job>
    private let journalMark: Mutex<JournalMark>
    private let recordCount = Atomic<UInt64>(0)
    /// One thread at a time packs and prunes.
    fileprivate let isKeepingUp = Atomic<Bool>(false)

    /// Where the journal stands on disk, for heartbeats and for status.
    var mark: JournalMark { journalMark.withLock { $0 } }
    var records: UInt64 { recordCount.load(ordering: .relaxed) }

    /// - Parameter report: called on the store's own thread.
    init(
        writer: sending JournalWriter, logs: sending LogStore, ballots: sending BallotStore, heartbeat: Span,
        report: @escaping @Sendable (Report) -> Void
    ) throws(SystemCallError) {
        jobs = try Mailbox(capacity: Self.capacity)
        journalMark = Mutex(writer.durableMark)
        let clerk = Handover(
            Clerk(writer: writer, logs: logs, ballots: ballots, heartbeat: heartbeat, report: report))
        try DedicatedThread.start(name: "electd-store") { [self] in
            var clerk = clerk.value
            clerk.work(for: self)
        }
    }

    /// - Returns: false when the disk has been too slow for too long; the election must treat that as a failed disk.
    func take(_ job: Job) -> Bool { jobs.post(job) }

    fileprivate func next(within patience: Span) -> [Job] {
        jobs.wait(milliseconds: Int32(clamping: patience.nanoseconds / 1_000_000 + 1))
        return jobs.collect()
    }

    fileprivate func publish(_ mark: JournalMark, records: UInt64) {
        journalMark.withLock { $0 = mark }
        recordCount.store(records, ordering: .relaxed)
    }
}

/// What the store's thread owns.
private struct Clerk {
    let writer: JournalWriter
    let logs: LogStore
    let ballots: BallotStore
    let report: @Sendable (Store.Report) -> Void
    private var rhythm: CommitRhythm
    private var desk: WitnessDesk?
    private var records: UInt64 = 0
    private var waiting: [Ticket] = []
    private var memory: [UInt8]?
    private var written: [UInt8]?
    private var isFull = false
    private var hasReportedFull = false
    private var hasFailed = false
    private var isClosed = false
    private var hasAskedForRotation = false

    init(
        writer: JournalWriter, logs: LogStore, ballots: BallotStore, heartbeat: Span,
        report: @escaping @Sendable (Store.Report) -> Void
    ) {
        self.writer = writer
        self.logs = logs
        rhythm = CommitRhythm(heartbeat: heartbeat, at: BootInstant.now())
        self.ballots = ballots
        self.report = report
        written = ballots.content
    }

    mutating func work(for store: Store) {
        keepUp(for: store)
        while !isClosed {
            for job in store.next(within: rhythm.patience(at: BootInstant.now())) { carryOut(job, for: store) }
            let now = BootInstant.now()
            if isClosed {
                // The last word of this life: nobody waits for what peers say to it.
                desk?.show(writer.durableClaim, at: now)
                break
            }
            attempt { clerk throws(JournalError) in try clerk.writer.checkpointIfDue(at: now) }
            if !waiting.isEmpty || rhythm.isDue(at: now) {
                settle()
                rhythm.committed(at: BootInstant.now())
            }
            if writer.isRotationDue(at: now) && !hasAskedForRotation {
                hasAskedForRotation = true
                report(.rotationDue)
            }
            desk?.show(writer.durableClaim, at: now)
            store.publish(writer.durableMark, records: records)
        }
        report(.closed)
    }

    /// Packs and prunes closed segments on a thread that nobody waits for; it ends with its work.
    private func keepUp(for store: Store) {
        guard store.isKeepingUp.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else {
            return
        }
        let upkeep = writer.upkeep
        try? DedicatedThread.start(name: "electd-pack") {
            defer { store.isKeepingUp.store(false, ordering: .relaxed) }
            ThreadCare.stepBack()
            // What can't be packed stays as it is, and is tried again after the next rotation.
            try? upkeep.pack()
            try? upkeep.prune(now: .now()) { store.take(.pruned($0)) }
        }
    }

    private mutating func carryOut(_ job: Store.Job, for store: Store) {
        switch job {
        case .record(let event, let outcome, let instant, let beats):
            records += 1
            if beats { rhythm.beat(at: instant) }
            attempt { clerk throws(JournalError) in try clerk.writer.append(event, outcome: outcome, at: instant) }
        case .state(let bytes):
            attempt { clerk throws(JournalError) in try clerk.writer.append(state: bytes) }
        case .log(let group, let write): keep { logs throws(StateError) in try logs.append(write, of: group) }
        case .persist(let ticket, let memory):
            waiting.append(ticket)
            self.memory = memory
        case .rotate(let genesis, let instant):
            hasAskedForRotation = false
            attempt { clerk throws(JournalError) in try clerk.writer.rotate(genesis: genesis, at: instant) }
            keepUp(for: store)
        case .witness(let parts): desk = WitnessDesk(parts, witnessed: writer.witnessed)
        case .peers(let nodes): desk?.change(to: nodes)
        case .letter(let datagram):
            switch desk?.take(datagram, at: BootInstant.now()) {
            case .witnessed(let witnessed):
                attempt { clerk throws(JournalError) in try clerk.writer.append(witnessed) }
            case .cosignature(let cosignature):
                attempt { clerk throws(JournalError) in try clerk.writer.append(cosignature) }
            case nil: break
            }
        case .pruned(let pruned):
            attempt { clerk throws(JournalError) in try clerk.writer.append(pruned) }
        case .close(let instant):
            settle()
            attempt { clerk throws(JournalError) in try clerk.writer.close(at: instant) }
            isClosed = true
        }
    }

    /// Journal first, then the logs, then the votes: a vote that counts is always one that the journal shows (I4,
    /// I10), and a log that a vote speaks of is on disk with it (G1).
    private mutating func settle() {
        guard !hasFailed else { return }
        isFull = false
        attempt { clerk throws(JournalError) in try clerk.writer.commit() }
        guard !hasFailed, !isFull else { return }
        desk?.answer()
        keep { logs throws(StateError) in try logs.commit() }
        guard !hasFailed, !isFull else { return }
        if hasReportedFull { report(.roomAgain) }
        hasReportedFull = false
        if let memory, memory != written {
            do throws(StateError) {
                try ballots.write(memory)
                written = memory
            } catch {
                fail(error.description)
                return
            }
        }
        for ticket in waiting { report(.persisted(ticket)) }
        waiting.removeAll(keepingCapacity: true)
    }

    private mutating func attempt(_ body: (inout Clerk) throws(JournalError) -> Void) {
        guard !hasFailed else { return }
        do throws(JournalError) {
            try body(&self)
        } catch {
            switch error {
            case .noSpace, .backlogFull:
                isFull = true
                if !hasReportedFull { report(.full(error.description)) }
                hasReportedFull = true
            default: fail(error.description)
            }
        }
    }

    private mutating func keep(_ body: (LogStore) throws(StateError) -> Void) {
        guard !hasFailed else { return }
        do throws(StateError) {
            try body(logs)
        } catch {
            guard case .system(_, let cause) = error, cause.isNoSpace else { return fail(error.description) }
            isFull = true
            if !hasReportedFull { report(.full("the logs' disk is full (\(error)); free space there")) }
            hasReportedFull = true
        }
    }

    private mutating func fail(_ why: String) {
        guard !hasFailed else { return }
        hasFailed = true
        report(.failed(why))
    }
}
