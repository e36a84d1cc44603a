import Election
import Journal

/// Reads a journal that is being written, across rotations and restarts of the daemon.
package final class JournalFollower {
    private let path: String
    private var segment: UInt64?
    private var reader: JournalReader?
    private var wording: Wording?
    /// Records of the segment that were told already.
    private var told: UInt64 = 0

    /// - Parameter path: a state directory or a journal directory.
    package init(_ path: String) { self.path = path }

    /// Calls `line` for every record that came since the last call; at first for all of the newest segment.
    ///
    /// - Throws: damage; nothing after it can be trusted.
    package func poll(_ line: (RecordLine) -> Void) throws(JournalDamage) {
        while try follow(line) {}
    }

    /// - Returns: whether there may be more at once.
    private func follow(_ line: (RecordLine) -> Void) throws(JournalDamage) -> Bool {
        // Listed before reading: what is written to the old segment before the next one appears isn't missed then.
        let next = try next()
        if let reader {
            while let entry = try reader.next() { tell(entry, line) }
            guard next == nil || reader.tornTail == nil else { return begin(next) }
            // A record that is half written: read it anew when there is more of it.
            if reader.tornTail != nil { self.reader = nil }
            return next != nil && begin(next)
        }
        if let segment, next == nil { return try reopen(segment, line) }
        return begin(next)
    }

    private func begin(_ next: SegmentDirectory.Segment?) -> Bool {
        guard let next else { return false }
        segment = next.number
        told = 0
        wording = nil
        reader = try? JournalReader(next.path)
        return reader != nil
    }

    private func reopen(_ number: UInt64, _ line: (RecordLine) -> Void) throws(JournalDamage) -> Bool {
        guard let found = try segments().first(where: { $0.number == number && !$0.isDamaged }) else { return false }
        let reader = try JournalReader(found.path)
        while let entry = try reader.next() { tell(entry, line) }
        self.reader = reader.tornTail == nil ? reader : nil
        return false
    }

    private func tell(_ entry: JournalReader.Entry, _ line: (RecordLine) -> Void) {
        if case .opening(let opening) = entry.record { wording = RecordText.wording(of: opening) }
        if case .step(let step) = entry.record, case .reconfigured(let rules) = step.event { wording?.rules = rules }
        guard entry.index >= told else { return }
        told = entry.index + 1
        line(RecordText.line(entry, wording))
    }

    /// The newest segment at first, then the one after the current.
    private func next() throws(JournalDamage) -> SegmentDirectory.Segment? {
        let whole = try segments().filter { !$0.isDamaged }
        guard let segment else { return whole.last }
        return whole.first { $0.number > segment }
    }

    private func segments() throws(JournalDamage) -> [SegmentDirectory.Segment] {
        do throws(SystemError) {
            return try SegmentDirectory.of(path).segments()
        } catch {
            throw .system(error)
        }
    }
}
