import Election
import Glibc
import Journal
import Sodium
import Synchronization

/// The thread that waits for the disk, so that the election never does: it appends the journal, and writes votes
/// before it says that they are written.
final class Store: Sendable {
    enum Job: Sendable {
        case record(Event, EffectsDigest, Instant)
        /// The state's bytes after the last record.
        case state([UInt8])
        /// Write the memory and everything recorded before, then report the ticket.
        case persist(Ticket, memory: [UInt8])
        /// Begin a new segment with the state of this moment.
        case rotate(genesis: [UInt8], Instant)
        case close(Instant)
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

    /// Where the journal stands on disk, for heartbeats and for status.
    var mark: JournalMark { journalMark.withLock { $0 } }
    var records: UInt64 { recordCount.load(ordering: .relaxed) }

    /// - Parameter report: called on the store's own thread.
    init(
        writer: sending JournalWriter, ballots: sending BallotStore, report: @escaping @Sendable (Report) -> Void
    ) throws(SystemCallError) {
        jobs = try Mailbox(capacity: Self.capacity)
        journalMark = Mutex(writer.durableMark)
        let clerk = Handover(Clerk(writer: writer, ballots: ballots, report: report))
        try DedicatedThread.start(name: "electd-store") { [self] in
            var clerk = clerk.value
            clerk.work(for: self)
        }
    }

    /// - Returns: false when the disk has been too slow for too long; the election must treat that as a failed disk.
    func take(_ job: Job) -> Bool { jobs.post(job) }

    fileprivate func next() -> [Job] {
        jobs.wait(milliseconds: 500)
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
    let ballots: BallotStore
    let report: @Sendable (Store.Report) -> Void
    private var records: UInt64 = 0
    private var waiting: [Ticket] = []
    private var memory: [UInt8]?
    private var written: [UInt8]?
    private var isFull = false
    private var hasReportedFull = false
    private var hasFailed = false
    private var isClosed = false
    private var hasAskedForRotation = false

    init(writer: JournalWriter, ballots: BallotStore, report: @escaping @Sendable (Store.Report) -> Void) {
        self.writer = writer
        self.ballots = ballots
        self.report = report
        written = ballots.content
    }

    mutating func work(for store: Store) {
        var lastCommit = BootInstant.now()
        while !isClosed {
            for job in store.next() { carryOut(job) }
            let now = BootInstant.now()
            attempt { clerk throws(JournalError) in try clerk.writer.checkpointIfDue(at: now) }
            // What nobody waits for may be lost by a crash of the machine for half a second.
            if !waiting.isEmpty || now.since(lastCommit) >= .milliseconds(500) {
                settle()
                lastCommit = now
            }
            if writer.isRotationDue && !hasAskedForRotation {
                hasAskedForRotation = true
                report(.rotationDue)
            }
            store.publish(writer.durableMark, records: records)
        }
        report(.closed)
    }

    private mutating func carryOut(_ job: Store.Job) {
        switch job {
        case .record(let event, let effects, let instant):
            records += 1
            attempt { clerk throws(JournalError) in try clerk.writer.append(event, effects: effects, at: instant) }
        case .state(let bytes):
            attempt { clerk throws(JournalError) in try clerk.writer.append(state: bytes) }
        case .persist(let ticket, let memory):
            waiting.append(ticket)
            self.memory = memory
        case .rotate(let genesis, let instant):
            hasAskedForRotation = false
            attempt { clerk throws(JournalError) in try clerk.writer.rotate(genesis: genesis, at: instant) }
        case .close(let instant):
            settle()
            attempt { clerk throws(JournalError) in try clerk.writer.close(at: instant) }
            isClosed = true
        }
    }

    /// Journal first, then the votes: a vote that counts is always one that the journal shows (I4, I10).
    private mutating func settle() {
        guard !hasFailed else { return }
        isFull = false
        attempt { clerk throws(JournalError) in try clerk.writer.commit() }
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

    private mutating func fail(_ why: String) {
        guard !hasFailed else { return }
        hasFailed = true
        report(.failed(why))
    }
}
