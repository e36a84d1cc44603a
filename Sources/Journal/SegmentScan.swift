import Election
import Glibc
import Sodium

/// `JournalReader`'s work: a value, so that one access to it serves a whole record.
struct SegmentScan {
    /// The frame that is being taken apart, if one is, and what is left of it.
    private struct RunInHand {
        var decoder = RunDecoder()
        var isOpen = false
        var offset: UInt64 = 0
        var frame: UInt64 = 0
        var rest = ByteReader([])

        mutating func open(_ payload: [UInt8], offset: UInt64, frame: UInt64) {
            isOpen = true
            self.offset = offset
            self.frame = frame
            rest = ByteReader(payload)
        }

        mutating func next(_ index: UInt64) throws(JournalDamage) -> JournalReader.Entry {
            do throws(Malformed) {
                let record = try decoder.next(&rest)
                if rest.remaining == 0 { isOpen = false }
                return JournalReader.Entry(index: index, frame: frame, offset: offset, record: record)
            } catch {
                isOpen = false
                throw .damaged(offset: offset, record: index, what: .content)
            }
        }
    }

    /// A tail longer than this isn't torn: no more than this is ever written between two syncs.
    static let tornLimit = UInt64(JournalWriter.backlogLimit + JournalFrame.payloadLimit)
    private static let readCount = 256 * 1024

    private let source: SegmentSource
    private var buffer: [UInt8] = []
    private var start = 0
    private var end = 0
    private var run = RunInHand()
    private(set) var seal = SealCheck()

    private(set) var opening: Opening?
    private(set) var offset: UInt64 = 0
    private(set) var frames: UInt64 = 0
    private(set) var records: UInt64 = 0
    private(set) var tornTail: JournalReader.TornTail?
    private(set) var clock: (instant: Instant, wallClock: WallClock)?
    var onFrame: ((UInt64, UnsafeRawBufferPointer, [UInt8]) -> Void)?

    init(_ path: String) throws(JournalDamage) {
        do throws(SystemError) {
            source = try SegmentSource(path)
        } catch {
            throw .system(error)
        }
        guard try fill(JournalFrame.preamble.count) else { throw .notAJournal }
        let preamble = buffer[..<JournalFrame.preamble.count]
        guard preamble.dropLast().elementsEqual(JournalFrame.preamble.dropLast()) else { throw .notAJournal }
        let version = buffer[JournalFrame.preamble.count - 1]
        guard version == JournalFrame.version else { throw .unknownVersion(version) }
        seal.chain.update(Array(preamble))
        start = JournalFrame.preamble.count
        offset = UInt64(start)
    }

    mutating func next() throws(JournalDamage) -> JournalReader.Entry? {
        if run.isOpen { return try nextOfRun() }
        guard tornTail == nil else { return nil }
        guard let frame = try wholeFrame() else { return nil }
        if frame.kind == .run {
            guard records > 0 else { throw damage(.notOpening) }
            let payload = Array(buffer[start + JournalFrame.headCount..<start + frame.count])
            run.open(payload, offset: offset, frame: frames)
            let first = try nextOfRun()
            consume(frame.count)
            return first
        }
        var reader = ByteReader(buffer[start + JournalFrame.headCount..<start + frame.count])
        let record: JournalRecord
        do throws(Malformed) {
            record = try JournalRecord(kind: frame.kind, from: &reader)
        } catch {
            throw damage(.content)
        }
        try check(record)
        let entry = JournalReader.Entry(index: records, frame: frames, offset: offset, record: record)
        consume(frame.count)
        records += 1
        return entry
    }

    private mutating func nextOfRun() throws(JournalDamage) -> JournalReader.Entry {
        let entry = try run.next(records)
        records += 1
        return entry
    }

    /// The head of a frame that is in the buffer as a whole and matches its checksum; nil at the end.
    private mutating func wholeFrame() throws(JournalDamage) -> JournalFrame.Head? {
        guard try fill(1) else {
            // The opening was durable before the file had its name: somebody cut it off.
            if frames == 0 { throw damage(.frame) }
            return nil
        }
        guard try fill(JournalFrame.headCount), let head = buffer.withUnsafeBytes({ frameHead($0) }),
            try fill(head.count), buffer.withUnsafeBytes({ head.matches(frameBytes($0, head.count)) })
        else {
            try classifyTail()
            return nil
        }
        return head
    }

    private func frameHead(_ bytes: UnsafeRawBufferPointer) -> JournalFrame.Head? {
        JournalFrame.Head(frameBytes(bytes, JournalFrame.headCount))
    }

    private func frameBytes(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
    }

    private mutating func check(_ record: JournalRecord) throws(JournalDamage) {
        if case .opening(let opening) = record {
            guard records == 0 else { throw damage(.notOpening) }
            self.opening = opening
            guard seal.begin(opening) else { throw damage(.signature) }
            run.decoder.reset(at: opening.instant)
            clock = (opening.instant, opening.wallClock)
            return
        }
        guard let opening else { throw damage(.notOpening) }
        switch record {
        case .step(let step): run.decoder.pass(step.instant)
        case .checkpoint(let checkpoint):
            let here = SealCheck.Place(frames: frames, records: records, size: offset)
            if let what = seal.take(checkpoint, in: opening, at: here) { throw damage(what) }
            run.decoder.reset(at: checkpoint.instant)
            clock = (checkpoint.instant, checkpoint.wallClock)
        case .cosignature(let cosignature):
            guard seal.take(cosignature, in: opening) else { throw damage(.cosignature) }
        default: break
        }
    }

    private func damage(_ what: JournalDamage.What) -> JournalDamage {
        .damaged(offset: offset, record: records, what: what)
    }

    private mutating func consume(_ count: Int) {
        buffer.withUnsafeBytes { bytes in
            let frame = frameBytes(bytes, count)
            let leaf = seal.add(frame)
            onFrame?(offset, frame, leaf)
        }
        start += count
        offset += UInt64(count)
        frames += 1
    }

    /// Makes `count` bytes available from `start`; false when the file ends before.
    private mutating func fill(_ count: Int) throws(JournalDamage) -> Bool {
        while end - start < count {
            if start > 0 {
                buffer.withUnsafeMutableBytes { bytes in
                    bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                }
                end -= start
                start = 0
            }
            // No more than the file turns out to have, whatever is asked for.
            if buffer.count - end < Self.readCount {
                buffer.append(contentsOf: repeatElement(0, count: end + Self.readCount - buffer.count))
            }
            do throws(SystemError) {
                let got = try source.read(into: &buffer, from: end)
                if got == 0 { return false }
                end += got
            } catch {
                throw .system(error)
            }
        }
        return true
    }
}

// What stands where no whole frame is: the tail that a crash tore, or damage.
extension SegmentScan {
    /// - Throws: `.damaged` when a frame follows, or more is left than a crash can leave.
    private mutating func classifyTail() throws(JournalDamage) {
        // The opening was durable before the file had its name, so no crash can tear it; what is packed was whole.
        guard frames > 0, !source.isPacked else { throw damage(.frame) }
        guard try !fill(Int(Self.tornLimit) + 1) else { throw damage(.frame) }
        let rest = end - start
        let recordFollows = buffer.withUnsafeBytes { bytes in
            let tail = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            return tail.indices.dropFirst().contains { Self.holdsFrame(tail, at: $0) }
        }
        guard !recordFollows else { throw damage(.frame) }
        tornTail = JournalReader.TornTail(offset: offset, bytes: UInt64(rest))
    }

    private static func holdsFrame(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Bool {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[index...])
        guard let head = JournalFrame.Head(rest), head.kind != .opening, head.count <= rest.count else { return false }
        return head.matches(rest)
    }
}
