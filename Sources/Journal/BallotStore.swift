import Election
import Glibc

/// What a voter must not forget (rules S2, S4, I5), in one file of two slots that are written in turn: a write that a
/// crash tears leaves the other slot, and `write` hadn't returned, so no vote had left. Specs/journal.md, "Ballots".
///
/// Used by one thread.
package final class BallotStore {
    package static let fileName = "ballot.electd"
    /// Bytes of content.
    package static let contentLimit = 64 * 1024
    static let slotSize = 17 * 4096
    private static let magic: [UInt8] = Array("electdB1".utf8)
    /// Magic, sequence number, length, CRC.
    private static let headCount = 8 + 8 + 4 + 4

    private let file: OpenFile
    private let path: String
    private var sequence: UInt64
    private var isStopped = false
    /// The newest content that is on disk; nil when nothing was ever written.
    package private(set) var content: [UInt8]?

    private init(file: consuming OpenFile, path: String, newest: Slot) {
        self.file = file
        self.path = path
        sequence = newest.sequence
        content = newest.sequence == 0 ? nil : newest.content
    }

    /// Opens the file, or creates it in a state directory that has no journal yet.
    package static func open(in state: StateDirectory) throws(StateError) -> BallotStore {
        let path = state.ballotPath
        if access(path, F_OK) != 0 && errno == ENOENT {
            let segments = try StateError.at(state.journalPath) { () throws(SystemError) in
                try SegmentDirectory(state.journalPath).segments()
            }
            guard segments.isEmpty else { throw .ballotMissing(path: path) }
            try StateError.at(path) { () throws(SystemError) in try create(in: state.path) }
        }
        let file = try StateError.at(path) { () throws(SystemError) in try OpenFile(path, O_RDWR | O_NOFOLLOW) }
        let newest = try StateError.at(path) { () throws(SystemError) in try newestSlot(of: file) }
        guard let newest else { throw .ballotDamaged(path: path) }
        return BallotStore(file: file, path: path, newest: newest)
    }

    /// Replaces the content; durable when this returns. After a failure every further call fails: nobody knows then
    /// which of the two contents the next start will find.
    package func write(_ new: [UInt8]) throws(StateError) {
        guard !isStopped else { throw .ballotStopped }
        guard new.count <= Self.contentLimit else { throw .ballotTooLarge(bytes: new.count) }
        let slot = Slot(sequence: sequence + 1, content: new)
        do throws(SystemError) {
            try file.writeAll(slot.bytes, at: slot.offset)
            try file.syncData()
        } catch {
            isStopped = true
            throw .system(path: path, error)
        }
        sequence = slot.sequence
        content = new
    }

    private static func create(in directory: String) throws(SystemError) {
        _ = try createDurably(fileName, in: directory) { (file) throws(SystemError) in
            // Real zeros rather than a hole: later writes then change no metadata, and can't fail for lack of space.
            try file.writeAll([UInt8](repeating: 0, count: 2 * slotSize), at: 0)
            try file.writeAll(Slot(sequence: 0, content: []).bytes, at: 0)
        }
    }

    private static func newestSlot(of file: borrowing OpenFile) throws(SystemError) -> Slot? {
        var bytes = [UInt8](repeating: 0, count: 2 * slotSize)
        var got = 0
        while got < bytes.count {
            let count = try file.read(into: &bytes, from: got)
            if count == 0 { break }
            got += count
        }
        let slots = [bytes[..<slotSize], bytes[slotSize...]].compactMap(Slot.init(reading:))
        return slots.max { $0.sequence < $1.sequence }
    }

    /// One of the two copies.
    private struct Slot {
        var sequence: UInt64
        var content: [UInt8]

        var offset: Int { sequence % 2 == 0 ? 0 : BallotStore.slotSize }

        init(sequence: UInt64, content: [UInt8]) {
            self.sequence = sequence
            self.content = content
        }

        init?(reading bytes: ArraySlice<UInt8>) {
            var reader = ByteReader(bytes)
            do throws(Malformed) {
                guard try reader.raw(count: 8) == BallotStore.magic else { return nil }
                let sequence: UInt64 = try reader.fixed()
                let count: UInt32 = try reader.fixed()
                let crc: UInt32 = try reader.fixed()
                guard count <= UInt32(BallotStore.contentLimit) else { return nil }
                self.init(sequence: sequence, content: try reader.raw(count: Int(count)))
                guard self.crc == crc else { return nil }
            } catch {
                return nil
            }
        }

        /// Over sequence number, length and content.
        private var crc: UInt32 {
            var writer = ByteWriter()
            writer.fixed(sequence)
            writer.fixed(UInt32(content.count))
            writer.raw(content)
            return CRC32C.of(writer.bytes)
        }

        var bytes: [UInt8] {
            var writer = ByteWriter(reserving: BallotStore.headCount + content.count)
            writer.raw(BallotStore.magic)
            writer.fixed(sequence)
            writer.fixed(UInt32(content.count))
            writer.fixed(crc)
            writer.raw(content)
            return writer.bytes
        }
    }
}
