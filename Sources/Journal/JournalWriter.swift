import Election
import Glibc
import Sodium

/// Whose journal it is: what every segment's opening says of its writer.
package struct JournalIdentity: Sendable {
    package var clusterTag: [UInt8]
    package var node: String
    package var incarnation: Incarnation
    /// The kernel's `boot_id`, 16 bytes.
    package var bootID: [UInt8]
    package var software: String

    /// - Parameters:
    ///   - clusterTag: 8 bytes.
    ///   - node: 1 to `Bound.name` bytes.
    ///   - software: name and version, up to 63 bytes.
    package init(
        clusterTag: [UInt8], node: String, incarnation: Incarnation, bootID: [UInt8] = Boot.id(), software: String
    ) {
        precondition(clusterTag.count == 8 && bootID.count == 16, "a tag has 8 bytes, a boot id 16")
        self.clusterTag = clusterTag
        self.node = node
        self.incarnation = incarnation
        self.bootID = bootID
        self.software = software
    }
}

/// When a segment is full, how much of the journal is kept, and how often it is signed.
package struct JournalLimits: Sendable {
    /// Bytes after which `isRotationDue` asks for a new segment.
    package var segmentBytes: UInt64
    /// Bytes of all segments; whole old ones are deleted beyond.
    package var totalBytes: UInt64
    package var age: Span
    package var checkpointInterval: Span

    package init(
        segmentBytes: UInt64 = 64 << 20, totalBytes: UInt64 = 4 << 30,
        age: Span = Span(nanoseconds: 90 * 86_400 * 1_000_000_000), checkpointInterval: Span = .milliseconds(10_000)
    ) {
        self.segmentBytes = segmentBytes
        self.totalBytes = totalBytes
        self.age = age
        self.checkpointInterval = checkpointInterval
    }
}

/// Appends to one node's journal. Every life of the daemon, and every rotation, begins a new segment, which names the
/// one before by its chain head.
///
/// Used by one thread, which waits for the disk; nobody else does.
package final class JournalWriter {
    /// Bytes that may wait in memory while the disk takes nothing.
    package static let backlogLimit = 8 << 20
    private static let keptCapacity = 256 * 1024

    private let directory: SegmentDirectory
    private let identity: JournalIdentity
    private let key: SigningKey
    private let limits: JournalLimits
    private let wallClock: () -> WallClock

    private var segment: OpenSegment
    private var pending: [UInt8] = []
    /// Of `pending`, what the file has already.
    private var written = 0
    private var lastCheckpoint: Instant
    private var isStopped = false
    private var hasGap = false

    /// What the start found of the segment before; nil when that was whole, or there was none.
    package let recovery: Recovery?
    /// Where the journal stands on disk. This, not `mark`, belongs into heartbeats: what a crash may still take back
    /// would look like a truncation afterwards.
    package private(set) var durableMark: JournalMark

    /// Puts right what a crash left, keeps what is damaged, and begins a new segment, durably.
    ///
    /// - Parameter genesis: rules and state that replay starts from.
    package static func open(
        in state: StateDirectory, identity: JournalIdentity, key: SigningKey, genesis: [UInt8], at instant: Instant,
        limits: JournalLimits = JournalLimits(), wallClock: @escaping () -> WallClock = WallClock.now
    ) throws(JournalError) -> JournalWriter {
        try checkSizes(identity, genesis)
        let directory = SegmentDirectory(state.journalPath)
        do throws(SystemError) {
            try directory.removeUnfinished()
            let past = try Past.survey(directory)
            let opening = Opening(
                clusterTag: identity.clusterTag, node: identity.node, key: key.publicKey,
                incarnation: identity.incarnation, segment: past.nextSegment,
                previous: past.previous, instant: instant, wallClock: wallClock(), bootID: identity.bootID,
                software: identity.software, genesis: genesis)
            let segment = try OpenSegment.create(in: directory, opening: opening, recovery: past.recovery, key: key)
            return JournalWriter(
                directory, identity, key, limits, wallClock, segment: segment, recovery: past.recovery, at: instant)
        } catch {
            throw .unusableDirectory(path: state.journalPath, error)
        }
    }

    private init(
        _ directory: SegmentDirectory, _ identity: JournalIdentity, _ key: SigningKey, _ limits: JournalLimits,
        _ wallClock: @escaping () -> WallClock, segment: OpenSegment, recovery: Recovery?, at instant: Instant
    ) {
        self.directory = directory
        self.identity = identity
        self.key = key
        self.limits = limits
        self.wallClock = wallClock
        self.segment = segment
        self.recovery = recovery
        lastCheckpoint = instant
        durableMark = segment.mark
    }

    private static func checkSizes(_ identity: JournalIdentity, _ genesis: [UInt8]) throws(JournalError) {
        guard (1...Bound.name).contains(identity.node.utf8.count) else { throw .tooLarge(what: "the node's name") }
        guard identity.software.utf8.count <= Opening.softwareLimit else {
            throw .tooLarge(what: "the software's name")
        }
        guard genesis.count <= JournalFrame.payloadLimit - 1024 else { throw .tooLarge(what: "the election's state") }
    }

    /// Where the journal will stand once all that was appended is on disk.
    package var mark: JournalMark { segment.mark }

    /// The current segment is full, or a gap has to be bridged: call `rotate` soon.
    package var isRotationDue: Bool { hasGap || segment.size >= limits.segmentBytes }

    /// Takes the record into memory; `commit` makes it durable.
    ///
    /// - Throws: `.backlogFull`, `.stopped`.
    package func append(_ event: Event, effects: EffectsDigest, at instant: Instant) throws(JournalError) {
        try append(.step(Step(instant: instant, effects: effects, event: event)))
    }

    /// The election's state after the last step, as `Election` encodes it; only its hash is kept.
    package func append(state: [UInt8]) throws(JournalError) {
        try append(.state(JournalRecord.stateDigest(of: state)))
    }

    /// Appends a signed checkpoint when the last one is older than the interval. Call it at least once a second, also
    /// when nothing happens: a journal without checkpoints for longer than that was tampered with, or its node stood
    /// still.
    package func checkpointIfDue(at instant: Instant) throws(JournalError) {
        guard instant.since(lastCheckpoint) >= limits.checkpointInterval else { return }
        try checkpoint(at: instant)
    }

    package func checkpoint(at instant: Instant) throws(JournalError) {
        try append(.checkpoint(segment.checkpoint(at: instant, wallClock: wallClock(), key: key)))
        lastCheckpoint = instant
    }

    private func append(_ record: JournalRecord) throws(JournalError) {
        guard !isStopped else { throw .stopped }
        guard !hasGap, pending.count < Self.backlogLimit else {
            hasGap = true
            throw .backlogFull
        }
        segment.append(record, to: &pending)
    }

    /// Makes everything that was appended durable.
    ///
    /// - Throws: `.noSpace`: nothing is lost, try again later. `.backlogFull`: records are missing until `rotate`, so
    ///   whoever waits for one of them must go on waiting. `.failed`: fatal for holding.
    package func commit() throws(JournalError) {
        try flush()
        guard !hasGap else { throw .backlogFull }
    }

    private func flush() throws(JournalError) {
        guard !isStopped else { throw .stopped }
        guard !pending.isEmpty else { return }
        do throws(SystemError) {
            while written < pending.count { written += try segment.file.write(pending, from: written) }
            try segment.file.syncData()
            pending.removeAll(keepingCapacity: pending.count < Self.keptCapacity)
            written = 0
        } catch {
            if error.isNoSpace && error.call == "write" { throw .noSpace(error) }
            isStopped = true
            throw .failed(error)
        }
        durableMark = segment.mark
    }

    /// Ends the segment and begins the next, with the rules and the state of this moment.
    ///
    /// - Throws: `.noSpace`: the journal goes on in the old segment, try again later. `.failed`: fatal for holding.
    package func rotate(genesis: [UInt8], at instant: Instant) throws(JournalError) {
        try Self.checkSizes(identity, genesis)
        try end(.rotated, at: instant)
        let opening = Opening(
            clusterTag: identity.clusterTag, node: identity.node, key: key.publicKey,
            incarnation: identity.incarnation, segment: segment.number + 1,
            previous: segment.asPrevious, instant: instant, wallClock: wallClock(), bootID: identity.bootID,
            software: identity.software, genesis: genesis)
        do throws(SystemError) {
            segment = try OpenSegment.create(in: directory, opening: opening, recovery: nil, key: key)
            hasGap = false
            durableMark = segment.mark
            lastCheckpoint = instant
            try directory.prune(
                current: segment.number, bytes: limits.totalBytes, age: limits.age.nanoseconds,
                now: wallClock().nanoseconds)
        } catch {
            if error.isNoSpace { throw .noSpace(error) }
            isStopped = true
            throw .failed(error)
        }
    }

    /// The clean end of the daemon's life: closing record, checkpoint, sync. Nothing can be appended afterwards.
    package func close(at instant: Instant) throws(JournalError) {
        try end(.stopped, at: instant)
        isStopped = true
    }

    private func end(_ reason: Closing.Reason, at instant: Instant) throws(JournalError) {
        // After a gap nothing more may follow what is there: the segment ends without a closing record.
        if !hasGap {
            try append(.closing(Closing(instant: instant, reason: reason)))
            try checkpoint(at: instant)
        }
        try flush()
    }
}

extension WallClock {
    package static func now() -> WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallClock(nanoseconds: UInt64(max(time.tv_sec, 0)) * 1_000_000_000 + UInt64(time.tv_nsec))
    }
}

/// The kernel's life, as the journal names it.
package enum Boot {
    /// The kernel's random `boot_id`, 16 bytes; zeros where /proc has none.
    package static func id() -> [UInt8] {
        var text = [UInt8](repeating: 0, count: 36)
        guard let file = try? OpenFile("/proc/sys/kernel/random/boot_id", O_RDONLY),
            let count = try? file.read(into: &text, from: 0), count == text.count
        else { return [UInt8](repeating: 0, count: 16) }
        let digits = text.filter { $0 != UInt8(ascii: "-") }.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 32 else { return [UInt8](repeating: 0, count: 16) }
        return (0..<16).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
    }
}
