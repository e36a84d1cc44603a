import Election
import Glibc
import Sodium

/// What earlier lives left of the journal, once it has been put right.
struct Past {
    /// For the new segment.
    var nextSegment: UInt64 = 1
    var previous: Opening.Previous?
    var recovery: Recovery?
    /// The epoch of the newest checkpoint that can be read, and the key that it names.
    var lastSealed: (epoch: UInt64, next: PublicKey)?
    /// What was cosigned of peers' journals.
    var witnessed: [Witnessed] = []
    /// Nothing after that checkpoint is damaged.
    var isWhole = true

    /// Reads the newest segment through: a torn tail is cut, a damaged segment is renamed and kept. Older segments
    /// stay unread; the start doesn't wait for what `electd log verify` does.
    static func survey(_ directory: SegmentDirectory) throws(SystemError) -> Past {
        var past = Past()
        guard let newest = try directory.segments().last else { return past }
        if newest.isDamaged {
            past.isWhole = false
        } else {
            try past.putRight(newest, in: directory)
        }
        guard let found = try directory.segments().last else { return past }
        let whole = try digest(found.path)
        past.nextSegment = found.number + 1
        past.previous = Opening.Previous(segment: found.number, size: whole.size, head: whole.head)
        return past
    }

    private mutating func putRight(
        _ segment: SegmentDirectory.Segment, in directory: SegmentDirectory
    ) throws(SystemError) {
        var found = Recovery(finding: .damage, segment: segment.number, offset: 0, bytes: segment.size, records: 0)
        do throws(JournalDamage) {
            let reader = try JournalReader(segment.path)
            defer { lastSealed = reader.nextSeal.map { ($0.epoch &- 1, $0.key) } }
            while let entry = try reader.next() {
                if case .witnessed(let seen) = entry.record { note(seen) }
            }
            guard let torn = reader.tornTail else { return }
            found.finding = .tornTail
            found.offset = torn.offset
            found.bytes = torn.bytes
            found.records = reader.records
        } catch {
            if case .system(let error) = error { throw error }
            if case .damaged(let offset, let record, _) = error {
                found.offset = offset
                found.bytes = segment.size > offset ? segment.size - offset : 0
                found.records = record
            }
            isWhole = false
            recovery = found
            try directory.keepAsDamaged(segment)
            return
        }
        recovery = found
        let file = try OpenFile(segment.path, O_RDWR | O_NOFOLLOW)
        try file.truncate(to: found.offset)
        try file.syncAll()
    }

    /// The newest of each peer.
    private mutating func note(_ seen: Witnessed) {
        witnessed.removeAll { $0.node == seen.node }
        if witnessed.count < Bound.nodes { witnessed.append(seen) }
    }

    /// BLAKE2b-256 and bytes of a whole segment.
    static func digest(_ path: String) throws(SystemError) -> (size: UInt64, head: [UInt8]) {
        let source = try SegmentSource(path)
        var hash = Blake2b()
        var size: UInt64 = 0
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        while true {
            let count = try source.read(into: &buffer, from: 0)
            if count == 0 { return (size, hash.digest()) }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            size += UInt64(count)
        }
    }
}
