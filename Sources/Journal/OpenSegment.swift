import Election
import Glibc
import Sodium

/// The segment that is being written: its file, and what its chain has come to.
final class OpenSegment {
    let file: OpenFile
    let opening: Opening
    private var chain: Blake2b
    private var records: UInt64
    /// Bytes, those that aren't written yet included.
    private(set) var size: UInt64

    var number: UInt64 { opening.segment }

    var mark: JournalMark { JournalMark(segment: number, size: size, head: Array(chain.digest().prefix(16))) }

    var asPrevious: Opening.Previous {
        Opening.Previous(segment: number, size: size, head: chain.digest())
    }

    private init(file: consuming OpenFile, start: SegmentStart) {
        self.file = file
        opening = start.opening
        chain = start.chain
        records = start.records
        size = UInt64(start.bytes.count)
    }

    /// A new file with its first records, durable under its name when this returns: no crash leaves half an opening.
    static func create(
        in directory: SegmentDirectory, opening: Opening, recovery: Recovery?, key: SigningKey
    ) throws(SystemError) -> OpenSegment {
        var start = SegmentStart(opening)
        if let recovery { start.append(.recovery(recovery)) }
        start.append(
            .checkpoint(
                Checkpoint(
                    signing: opening, instant: opening.instant, wallClock: opening.wallClock, records: start.records,
                    size: UInt64(start.bytes.count), head: start.chain.digest(), with: key)))
        let bytes = start.bytes
        let name = SegmentDirectory.fileName(opening.segment)
        let file = try createDurably(name, in: directory.path) { (file) throws(SystemError) in
            var done = 0
            while done < bytes.count { done += try file.write(bytes, from: done) }
        }
        return OpenSegment(file: file, start: start)
    }

    func append(_ record: JournalRecord, to pending: inout [UInt8]) {
        let had = pending.count
        JournalFrame.append(record, to: &pending)
        pending.withUnsafeBytes { chain.update(UnsafeRawBufferPointer(rebasing: $0[had...])) }
        records += 1
        size += UInt64(pending.count - had)
    }

    func checkpoint(at instant: Instant, wallClock: WallClock, key: SigningKey) -> Checkpoint {
        Checkpoint(
            signing: opening, instant: instant, wallClock: wallClock, records: records, size: size,
            head: chain.digest(), with: key)
    }
}

/// The bytes that a segment's file begins with.
private struct SegmentStart {
    let opening: Opening
    var bytes = JournalFrame.preamble
    var chain = Blake2b()
    var records: UInt64 = 0

    init(_ opening: Opening) {
        self.opening = opening
        chain.update(bytes)
        append(.opening(opening))
    }

    mutating func append(_ record: JournalRecord) {
        let had = bytes.count
        JournalFrame.append(record, to: &bytes)
        bytes.withUnsafeBytes { chain.update(UnsafeRawBufferPointer(rebasing: $0[had...])) }
        records += 1
    }
}

extension Checkpoint {
    init(
        signing opening: Opening, instant: Instant, wallClock: WallClock, records: UInt64, size: UInt64, head: [UInt8],
        with key: SigningKey
    ) {
        self.instant = instant
        self.wallClock = wallClock
        self.records = records
        self.size = size
        self.head = head
        signature = key.sign(
            Self.message(
                of: opening, instant: instant, wallClock: wallClock, records: records, size: size, head: head))
    }
}
