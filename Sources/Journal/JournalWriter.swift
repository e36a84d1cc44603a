import Election
import Glibc
import Sodium

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
    private let keys: SealKeys
    private let limits: JournalLimits
    private let wallClock: () -> WallClock

    private var segment: OpenSegment
    private var segmentBegan: Instant
    private var pending: [UInt8] = []
    /// Of `pending`, what the file has already.
    private var written = 0
    private var lastCheckpoint: Instant
    /// A checkpoint waits in `pending`: its key is wiped when it is on disk, and signs nothing else.
    private var owesAdvance = false
    private var isStopped = false
    private var hasGap = false
    private var isFull = false
    private var lastInstant: Instant

    /// What the start found of the segment before; nil when that was whole, or there was none.
    package let recovery: Recovery?
    /// The chain of epoch keys begins with this life: the journal is new, or the file of the key was lost.
    package var sealBegan: Bool { keys.isRoot }
    /// The epoch of the checkpoint that comes next, and its key.
    package var seal: (epoch: UInt64, key: PublicKey) { (keys.epoch, keys.publicKey) }
    /// Where the chain of epoch keys stood when this life began.
    package let sealStart: Opening.SealStart
    /// Where the journal stands on disk. What a crash may still take back would look like a truncation afterwards.
    package private(set) var durableMark: JournalMark
    /// The newest checkpoint that is on disk, for peers to cosign.
    package private(set) var durableClaim: CheckpointClaim?
    /// The newest that earlier lives witnessed of each peer.
    package let witnessed: [Witnessed]

    /// Puts right what a crash left, keeps what is damaged, and begins a new segment, durably.
    ///
    /// - Parameters:
    ///   - genesis: rules and state that replay starts from.
    ///   - epochKey: gives the key of each epoch; another than random only for worked examples.
    package static func open(
        in state: StateDirectory, identity: JournalIdentity, key: SigningKey, genesis: [UInt8], at instant: Instant,
        limits: JournalLimits = JournalLimits(), wallClock: @escaping () -> WallClock = WallClock.now,
        epochKey: @escaping () -> SigningKey = SigningKey.generate
    ) throws(JournalError) -> JournalWriter {
        try checkSizes(identity, genesis)
        let directory = SegmentDirectory(state.journalPath)
        let past: Past
        do throws(SystemError) {
            try directory.removeUnfinished()
            past = try Past.survey(directory, before: genesis)
        } catch {
            throw .unusableDirectory(path: state.journalPath, error)
        }
        if let other = past.key, other != key.publicKey {
            throw .anotherIdentity(path: state.journalPath, key: other)
        }
        let keys = try SealKeys(
            in: state, node: key, lastSealed: past.lastSealed, isWhole: past.isWhole, generate: epochKey)
        do throws(SystemError) {
            let opening = Opening(
                clusterTag: identity.clusterTag, node: identity.node, key: key.publicKey,
                incarnation: identity.incarnation, segment: past.nextSegment, previous: past.previous,
                seal: keys.start(
                    clusterTag: identity.clusterTag, length: limits.epoch, isRoot: keys.isRoot),
                instant: instant, wallClock: wallClock(), bootID: identity.bootID, software: identity.software,
                genesis: genesis)
            let segment = try OpenSegment.create(in: directory, opening: opening, recovery: past.recovery, keys: keys)
            return JournalWriter(
                directory, identity, keys, limits, wallClock, segment: segment, past: past, at: instant)
        } catch {
            throw .unusableDirectory(path: state.journalPath, error)
        }
    }

    private init(
        _ directory: SegmentDirectory, _ identity: JournalIdentity, _ keys: SealKeys, _ limits: JournalLimits,
        _ wallClock: @escaping () -> WallClock, segment: OpenSegment, past: Past, at instant: Instant
    ) {
        self.directory = directory
        self.identity = identity
        self.keys = keys
        self.limits = limits
        self.wallClock = wallClock
        self.segment = segment
        recovery = past.recovery
        witnessed = past.witnessed
        sealStart = segment.opening.seal
        segmentBegan = instant
        lastCheckpoint = instant
        lastInstant = instant
        durableMark = segment.mark
        durableClaim = segment.firstClaim
    }

    private static func checkSizes(_ identity: JournalIdentity, _ genesis: [UInt8]) throws(JournalError) {
        guard (1...Bound.name).contains(identity.node.utf8.count) else { throw .tooLarge(what: "the node's name") }
        guard identity.software.utf8.count <= Opening.softwareLimit else {
            throw .tooLarge(what: "the software's name")
        }
        guard genesis.count <= JournalFrame.payloadLimit - 1024 else { throw .tooLarge(what: "the election's state") }
    }

    /// The current segment is full or old, or a gap has to be bridged: call `rotate` soon.
    package func isRotationDue(at instant: Instant) -> Bool {
        hasGap || segment.size >= limits.segmentBytes || instant.since(segmentBegan) >= limits.segmentAge
    }

    /// Takes the step into memory; `commit` makes it durable.
    ///
    /// - Throws: `.backlogFull`, `.stopped`.
    package func append(_ event: Event, outcome: StepOutcome, at instant: Instant) throws(JournalError) {
        try checkRoom()
        lastInstant = instant
        segment.append(event, outcome, at: instant, to: &pending)
    }

    /// The election's state after the last step, as `Election` encodes it; only its hash is kept.
    package func append(state: [UInt8]) throws(JournalError) {
        try append(.state(JournalRecord.stateDigest(of: state)))
    }

    /// A peer's word for a checkpoint of this journal.
    package func append(_ cosignature: Cosignature) throws(JournalError) { try append(.cosignature(cosignature)) }

    /// This node's word for a peer's checkpoint: may leave once it is durable.
    package func append(_ witnessed: Witnessed) throws(JournalError) { try append(.witnessed(witnessed)) }

    package func append(_ pruned: Pruned) throws(JournalError) { try append(.pruned(pruned)) }

    /// Ends the epoch when it has lasted as long as it should. Call it at least once a second, also when nothing
    /// happens: an epoch without a checkpoint was tampered with, or its node stood still.
    ///
    /// - Throws: as `commit`, since an epoch ends on the disk.
    package func checkpointIfDue(at instant: Instant) throws(JournalError) {
        if owesAdvance { return try flush() }
        guard instant.since(lastCheckpoint) >= limits.epoch else { return }
        try checkpoint(at: instant)
    }

    /// Ends the epoch: the checkpoint is on disk and its key gone when this returns.
    package func checkpoint(at instant: Instant) throws(JournalError) {
        try appendCheckpoint(at: instant)
        try flush()
    }

    private func appendCheckpoint(at instant: Instant) throws(JournalError) {
        if owesAdvance { try flush() }
        try checkRoom()
        do throws(SystemError) {
            let draft = segment.draft(at: instant, wallClock: wallClock(), to: &pending)
            let checkpoint = try keys.checkpoint(draft)(segment.opening)
            segment.append(.checkpoint(checkpoint), to: &pending)
        } catch {
            throw fatal(error)
        }
        owesAdvance = true
        lastCheckpoint = instant
        lastInstant = instant
    }

    private func append(_ record: JournalRecord) throws(JournalError) {
        try checkRoom()
        segment.append(record, to: &pending)
    }

    private func checkRoom() throws(JournalError) {
        guard !isStopped else { throw .stopped }
        guard !hasGap, pending.count + segment.waiting < Self.backlogLimit else {
            hasGap = true
            throw .backlogFull
        }
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
        segment.endRun(to: &pending)
        guard !pending.isEmpty else { return }
        try ensureRoom()
        do throws(SystemError) {
            try write()
        } catch {
            if error.isNoSpace && error.call == "write" { throw .noSpace(error) }
            throw fatal(error)
        }
    }

    private func write() throws(SystemError) {
        while written < pending.count { written += try segment.file.write(pending, from: written) }
        try segment.file.syncData()
        pending.removeAll(keepingCapacity: pending.count < Self.keptCapacity)
        written = 0
        durableMark = segment.mark
        guard owesAdvance else { return }
        durableClaim = segment.lastCheckpoint.map {
            CheckpointClaim(segment: segment.number, checkpoint: $0, sealKey: keys.publicKey)
        }
        try keys.advance()
        owesAdvance = false
    }

    /// Notes in the journal that the disk is full while that still fits into what was reserved, and that it has room
    /// again.
    private func ensureRoom() throws(JournalError) {
        do throws(SystemError) {
            try segment.ensureRoom()
        } catch {
            guard error.isNoSpace else { throw fatal(error) }
            if !isFull {
                isFull = true
                segment.append(.room(Room(instant: lastInstant, isFull: true)), to: &pending)
                if segment.fitsReserve { try writeIntoReserve() }
            }
            throw .noSpace(error)
        }
        guard isFull else { return }
        isFull = false
        segment.append(.room(Room(instant: lastInstant, isFull: false)), to: &pending)
    }

    private func writeIntoReserve() throws(JournalError) {
        do throws(SystemError) {
            try write()
        } catch {
            if error.isNoSpace && error.call == "write" { throw .noSpace(error) }
            throw fatal(error)
        }
    }

    private func fatal(_ error: SystemError) -> JournalError {
        isStopped = true
        return .failed(error)
    }

    /// Ends the segment and begins the next, with the rules and the state of this moment.
    ///
    /// - Throws: `.noSpace`: the journal goes on in the old segment, try again later. `.failed`: fatal for holding.
    package func rotate(genesis: [UInt8], at instant: Instant) throws(JournalError) {
        try Self.checkSizes(identity, genesis)
        try end(.rotated, at: instant)
        let opening = Opening(
            clusterTag: identity.clusterTag, node: identity.node, key: keys.nodeKey,
            incarnation: identity.incarnation, segment: segment.number + 1, previous: segment.asPrevious,
            seal: keys.start(clusterTag: identity.clusterTag, length: limits.epoch, isRoot: false), instant: instant,
            wallClock: wallClock(), bootID: identity.bootID, software: identity.software, genesis: genesis)
        do throws(SystemError) {
            try segment.releaseReserve()
            segment = try OpenSegment.create(in: directory, opening: opening, recovery: nil, keys: keys)
        } catch {
            if error.isNoSpace { throw .noSpace(error) }
            throw fatal(error)
        }
        hasGap = false
        isFull = false
        durableMark = segment.mark
        durableClaim = segment.firstClaim
        segmentBegan = instant
        lastCheckpoint = instant
        lastInstant = instant
    }

    /// The clean end of the daemon's life: closing record, checkpoint, sync. Nothing can be appended afterwards.
    package func close(at instant: Instant) throws(JournalError) {
        try end(.stopped, at: instant)
        isStopped = true
        try? segment.releaseReserve()
    }

    private func end(_ reason: Closing.Reason, at instant: Instant) throws(JournalError) {
        // After a gap nothing more may follow what is there: the segment ends without a closing record.
        if !hasGap {
            try append(.closing(Closing(instant: instant, reason: reason)))
            try appendCheckpoint(at: instant)
        }
        try flush()
    }

    /// What `Upkeep` works on.
    package var upkeep: Upkeep { Upkeep(directory: directory, current: segment.number, limits: limits) }
}
