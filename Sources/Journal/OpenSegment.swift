import CLinux
import Election
import Glibc
import Sodium

/// The segment that is being written: its file, and what its chain and its tree have come to.
final class OpenSegment {
    /// Bytes that are kept free on the disk beyond what is written, so that the note that it is full still fits.
    static let reserve = 64 * 1024
    /// Bytes that are asked of the disk at a time.
    private static let allocationStep = 256 * 1024

    let file: OpenFile
    let opening: Opening
    private var chain: Blake2b
    private var tree: MerkleTree
    private var records: UInt64
    /// Bytes, those that aren't written yet included.
    private(set) var size: UInt64
    private var allocated: UInt64 = 0
    /// A file system that can't reserve says so once.
    private var canReserve = true
    private var runs: RunEncoder
    /// The newest checkpoint that was appended.
    private(set) var lastCheckpoint: Checkpoint?

    var number: UInt64 { opening.segment }

    /// Of everything but an open run.
    var mark: JournalMark { JournalMark(segment: number, size: size, head: Array(chain.digest().prefix(16))) }

    var asPrevious: Opening.Previous {
        Opening.Previous(segment: number, size: size, head: chain.digest())
    }

    private init(file: consuming OpenFile, start: SegmentStart) {
        self.file = file
        opening = start.opening
        chain = start.chain
        tree = start.tree
        records = start.records
        size = UInt64(start.bytes.count)
        lastCheckpoint = start.checkpoint
        runs = RunEncoder(from: start.opening.instant)
    }

    /// A new file with its first records, durable under its name when this returns: no crash leaves half an opening.
    static func create(
        in directory: SegmentDirectory, opening: Opening, recovery: Recovery?, keys: SealKeys
    ) throws(SystemError) -> OpenSegment {
        var start = SegmentStart(opening)
        if let recovery { start.append(.recovery(recovery)) }
        let checkpoint = try keys.checkpoint(start.draft)(opening)
        start.append(.checkpoint(checkpoint))
        start.checkpoint = checkpoint
        let bytes = start.bytes
        let name = SegmentDirectory.fileName(opening.segment)
        let file = try createDurably(name, in: directory.path) { (file) throws(SystemError) in
            var done = 0
            while done < bytes.count { done += try file.write(bytes, from: done) }
        }
        try keys.advance()
        return OpenSegment(file: file, start: start)
    }

    /// Of the checkpoint that follows the opening.
    var firstClaim: CheckpointClaim? {
        lastCheckpoint.map { CheckpointClaim(segment: number, checkpoint: $0, sealKey: opening.seal.key) }
    }

    /// Bytes that wait in an open run.
    var waiting: Int { runs.count }

    /// Takes a step into a run, or writes it whole.
    func append(_ event: Event, _ outcome: StepOutcome, at instant: Instant, to pending: inout [UInt8]) {
        if runs.append(event, outcome, at: instant) {
            if runs.isFull { endRun(to: &pending) }
            return
        }
        var mark: PeerMark?
        if let told = QuietStream.hasMark(event), case .received(let reception) = event {
            mark = PeerMark(node: reception.packet.sender.node, told)
        }
        let step = Step(instant: instant, effects: .whole(outcome.digest), event: event.withoutMark, mark: mark)
        append(.step(step), to: &pending)
        runs.pass(instant)
    }

    func append(_ record: JournalRecord, to pending: inout [UInt8]) {
        endRun(to: &pending)
        let had = pending.count
        JournalFrame.append(record, to: &pending)
        take(pending, from: had, records: 1)
        if case .checkpoint(let checkpoint) = record {
            runs.reset(at: checkpoint.instant)
            lastCheckpoint = checkpoint
        }
    }

    /// Makes a frame of the steps that wait, so that it can be written.
    func endRun(to pending: inout [UInt8]) {
        guard !runs.isEmpty else { return }
        let had = pending.count
        let steps = UInt64(runs.steps)
        JournalFrame.append(.run, runs.end(), to: &pending)
        take(pending, from: had, records: steps + 1)
    }

    private func take(_ pending: [UInt8], from start: Int, records count: UInt64) {
        pending.withUnsafeBytes { bytes in
            let frame = UnsafeRawBufferPointer(rebasing: bytes[start...])
            chain.update(frame)
            tree.append(frame)
        }
        records += count
        size += UInt64(pending.count - start)
    }

    func draft(at instant: Instant, wallClock: WallClock, to pending: inout [UInt8]) -> SealKeys.Draft {
        endRun(to: &pending)
        return SealKeys.Draft(
            instant: instant, wallClock: wallClock, frames: tree.count, root: tree.root, records: records, size: size,
            head: chain.digest())
    }

    /// Asks the disk for room for everything up to here and the reserve.
    ///
    /// - Throws: `ENOSPC`: the reserve, at most, is left.
    func ensureRoom() throws(SystemError) {
        guard canReserve, size + UInt64(Self.reserve) > allocated else { return }
        let step = UInt64(Self.allocationStep)
        let wanted = (size + UInt64(Self.reserve) + step - 1) / step * step
        // The large step first; near the end of the disk what is needed will do.
        for end in [wanted, size + UInt64(Self.reserve)] {
            if file_reserve(file.descriptor, off_t(end)) == 0 {
                allocated = end
                return
            }
            if errno == EOPNOTSUPP || errno == ENOSYS {
                canReserve = false
                return
            }
        }
        throw SystemError("fallocate")
    }

    /// What was written fits into what the disk has promised.
    var fitsReserve: Bool { !canReserve || size <= allocated }

    /// Gives back what was reserved and isn't needed.
    func releaseReserve() throws(SystemError) {
        if allocated > size { try file.truncate(to: size) }
        allocated = 0
    }
}

/// The bytes that a segment's file begins with.
private struct SegmentStart {
    let opening: Opening
    var bytes = JournalFrame.preamble
    var chain = Blake2b()
    var tree = MerkleTree()
    var records: UInt64 = 0
    var checkpoint: Checkpoint?

    init(_ opening: Opening) {
        self.opening = opening
        chain.update(bytes)
        append(.opening(opening))
    }

    mutating func append(_ record: JournalRecord) {
        let had = bytes.count
        JournalFrame.append(record, to: &bytes)
        bytes.withUnsafeBytes { whole in
            let frame = UnsafeRawBufferPointer(rebasing: whole[had...])
            chain.update(frame)
            tree.append(frame)
        }
        records += 1
    }

    var draft: SealKeys.Draft {
        SealKeys.Draft(
            instant: opening.instant, wallClock: opening.wallClock, frames: tree.count, root: tree.root,
            records: records, size: UInt64(bytes.count), head: chain.digest())
    }
}
