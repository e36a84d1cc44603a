import Election
import Glibc
import Sodium

/// Streams the records of one segment, in constant memory, and checks every one: frame, checksum, content, chain and
/// the signatures of checkpoints.
package final class JournalReader {
    package struct Entry: Sendable {
        /// From 0.
        package var index: UInt64
        /// Of the record's first byte in the file.
        package var offset: UInt64
        package var record: JournalRecord
    }

    /// What a crash leaves: the last bytes don't make a whole record, and no record follows.
    package struct TornTail: Hashable, Sendable {
        package var offset: UInt64
        package var bytes: UInt64
    }

    /// A tail longer than this isn't torn: no more than this is ever written between two syncs.
    static let tornLimit = UInt64(JournalWriter.backlogLimit + JournalFrame.payloadLimit)
    private static let readCount = 256 * 1024

    private let file: OpenFile
    /// Bytes of the file when it was opened; a writer may append meanwhile.
    package let fileSize: UInt64
    private var buffer: [UInt8] = []
    private var start = 0
    private var chain = Blake2b()
    private var lastCheckpoint: UInt64?

    /// Set by the first `next`.
    package private(set) var opening: Opening?
    /// Bytes and records that were read and found good.
    package private(set) var offset: UInt64 = 0
    package private(set) var records: UInt64 = 0
    /// Set when `next` returned nil before the end of the file.
    package private(set) var tornTail: TornTail?
    package private(set) var checkpoints: UInt64 = 0

    /// - Throws: `.system`, `.notAJournal`, `.unknownVersion`.
    package init(_ path: String) throws(JournalDamage) {
        do throws(SystemError) {
            file = try OpenFile(path, O_RDONLY | O_NONBLOCK)
            let status = try file.status()
            guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("open", EINVAL) }
            fileSize = UInt64(status.st_size)
        } catch {
            throw .system(error)
        }
        guard try fill(JournalFrame.preamble.count) else { throw .notAJournal }
        guard buffer.starts(with: JournalFrame.preamble.dropLast()) else { throw .notAJournal }
        let version = buffer[JournalFrame.preamble.count - 1]
        guard version == JournalFrame.version else { throw .unknownVersion(version) }
        consume(JournalFrame.preamble.count)
    }

    /// BLAKE2b-256 of the file's first `offset` bytes.
    package var head: [UInt8] { chain.digest() }

    /// The next record; nil at the end, be it clean or torn.
    ///
    /// - Throws: `.damaged` where bytes were changed; nothing after that can be trusted.
    package func next() throws(JournalDamage) -> Entry? {
        guard tornTail == nil else { return nil }
        guard let frame = try wholeFrame() else { return nil }
        var reader = ByteReader(buffer[start + JournalFrame.headCount..<start + frame.count])
        let record: JournalRecord
        do throws(Malformed) {
            record = try JournalRecord(kind: frame.kind, from: &reader)
        } catch {
            throw damage(.content)
        }
        try check(record)
        let entry = Entry(index: records, offset: offset, record: record)
        consume(frame.count)
        records += 1
        return entry
    }

    /// The head of a frame that is in the buffer as a whole and matches its checksum; nil at the end.
    private func wholeFrame() throws(JournalDamage) -> JournalFrame.Head? {
        guard try fill(1) else { return nil }
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

    private func check(_ record: JournalRecord) throws(JournalDamage) {
        switch record {
        case .opening(let opening):
            guard records == 0 else { throw damage(.notOpening) }
            self.opening = opening
        case .checkpoint(let checkpoint):
            guard let opening else { throw damage(.notOpening) }
            let head = head
            guard checkpoint.records == records, checkpoint.size == offset, checkpoint.head == head else {
                throw damage(.checkpointDiffers)
            }
            let message = Checkpoint.message(
                of: opening, instant: checkpoint.instant, wallClock: checkpoint.wallClock, records: records,
                size: offset, head: head)
            guard opening.key.verifies(checkpoint.signature, over: message) else { throw damage(.signature) }
            checkpoints += 1
        default:
            guard records > 0 else { throw damage(.notOpening) }
        }
    }

    private func damage(_ what: JournalDamage.What) -> JournalDamage {
        .damaged(offset: offset, record: records, what: what)
    }

    private func consume(_ count: Int) {
        buffer.withUnsafeBytes { chain.update(frameBytes($0, count)) }
        start += count
        offset += UInt64(count)
    }

    /// Makes `count` bytes available from `start`; false when the file ends before.
    private func fill(_ count: Int) throws(JournalDamage) -> Bool {
        while buffer.count - start < count {
            if start > 0 {
                buffer.removeFirst(start)
                start = 0
            }
            let had = buffer.count
            buffer.append(contentsOf: repeatElement(0, count: max(Self.readCount, count - had)))
            var got = 0
            do throws(SystemError) {
                got = try file.read(into: &buffer, from: had)
            } catch {
                throw .system(error)
            }
            buffer.removeLast(buffer.count - had - got)
            if got == 0 { return false }
        }
        return true
    }
}

// What stands where no whole record is: the tail that a crash tore, or damage.
extension JournalReader {
    /// - Throws: `.damaged` when a record follows, or more is left than a crash can leave.
    private func classifyTail() throws(JournalDamage) {
        // The opening was durable before the file had its name, so no crash can tear it.
        guard records > 0 else { throw damage(.frame) }
        guard try !fill(Int(Self.tornLimit) + 1) else { throw damage(.frame) }
        let rest = buffer.count - start
        let recordFollows = buffer.withUnsafeBytes { bytes in
            let tail = UnsafeRawBufferPointer(rebasing: bytes[start...])
            return tail.indices.dropFirst().contains { Self.holdsRecord(tail, at: $0) }
        }
        guard !recordFollows else { throw damage(.frame) }
        tornTail = TornTail(offset: offset, bytes: UInt64(rest))
    }

    private static func holdsRecord(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Bool {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[index...])
        guard let head = JournalFrame.Head(rest), head.kind != .opening, head.count <= rest.count else { return false }
        return head.matches(rest)
    }
}
