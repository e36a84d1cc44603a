import Election
import Glibc
import Sodium

/// What earlier lives left of the journal, once it has been put right.
struct Past {
    /// For the new segment.
    var nextSegment: UInt64 = 1
    var previous: Opening.Previous?
    var recovery: Recovery?

    /// Reads the newest segment through: a torn tail is cut, a damaged segment is renamed and kept. Older segments
    /// stay unread; the start doesn't wait for what `electd log verify` does.
    static func survey(_ directory: SegmentDirectory) throws(SystemError) -> Past {
        var past = Past()
        guard let newest = try directory.segments().last else { return past }
        if !newest.isDamaged { past.recovery = try putRight(newest, in: directory) }
        guard let found = try directory.segments().last else { return past }
        past.nextSegment = found.number + 1
        past.previous = Opening.Previous(segment: found.number, size: found.size, head: try hash(found.path))
        return past
    }

    private static func putRight(
        _ segment: SegmentDirectory.Segment, in directory: SegmentDirectory
    ) throws(SystemError) -> Recovery? {
        var recovery = Recovery(finding: .damage, segment: segment.number, offset: 0, bytes: segment.size, records: 0)
        do throws(JournalDamage) {
            let reader = try JournalReader(segment.path)
            while try reader.next() != nil {}
            guard let torn = reader.tornTail else { return nil }
            recovery.finding = .tornTail
            recovery.offset = torn.offset
            recovery.bytes = torn.bytes
            recovery.records = reader.records
        } catch {
            if case .system(let error) = error { throw error }
            if case .damaged(let offset, let record, _) = error {
                recovery.offset = offset
                recovery.bytes = segment.size - offset
                recovery.records = record
            }
            try directory.keepAsDamaged(segment)
            return recovery
        }
        let file = try OpenFile(segment.path, O_RDWR | O_NOFOLLOW)
        try file.truncate(to: recovery.offset)
        try file.syncAll()
        return recovery
    }

    /// BLAKE2b-256 of a whole file.
    private static func hash(_ path: String) throws(SystemError) -> [UInt8] {
        let file = try OpenFile(path, O_RDONLY)
        var hash = Blake2b()
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        while true {
            let count = try file.read(into: &buffer, from: 0)
            if count == 0 { return hash.digest() }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }
}
