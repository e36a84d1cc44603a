import Election
import Glibc

/// The groups' replicated logs on disk: one file of changes, each write in one frame, synced before anything that it
/// stands behind is said (rule G1). Specs/journal.md, "Replicated logs".
///
/// A frame that a crash tore is the last one, and nobody was told of it: it is cut. Used by one thread.
package final class LogStore {
    package static let fileName = "log.electd"
    private static let preamble: [UInt8] = Array("electdL1".utf8)
    private static let frameMagic: [UInt8] = Array("elog".utf8)
    /// Magic, length, the payload's CRC, and the CRC of these three.
    private static let headCount = 4 + 4 + 4 + 4
    private static let frameLimit = 64 << 20
    /// What a disk writes whole or not at all.
    private static let sector = 512
    /// Bytes that may wait for a disk that is full: beyond that a change is lost, and nothing after it may count.
    private static let backlogLimit = 16 << 20
    /// Below this the file is never written anew.
    private static let leastRewritten = 1 << 20

    private let directory: String
    private let path: String
    private var file: OpenFile
    private var size: Int
    /// What of the file still counts: each group's changes since its last image.
    private var live: [Live]
    private var pending: [(group: GroupID, write: [UInt8])] = []
    private var pendingBytes = 0
    private var isStopped = false
    /// What the file said when it was opened, by group.
    package let recovered: [(group: GroupID, image: LogImage)]
    /// Bytes that a crash had torn.
    package let tornBytes: Int

    private struct Live {
        var group: GroupID
        var writes: [[UInt8]]

        var bytes: Int { writes.reduce(0) { $0 + $1.count } }
    }

    private init(directory: String, path: String, file: consuming OpenFile, content: Content) {
        self.directory = directory
        self.path = path
        self.file = file
        size = content.end
        tornBytes = content.torn
        recovered = content.logs.map { (group: $0.group, image: $0.log.image) }
        live = recovered.map { Live(group: $0.group, writes: [Self.encoded(.image($0.image))]) }
    }

    /// Whether there is no file: this node has forgotten what it may have acknowledged (rule G7).
    ///
    /// To be asked, and the answer made durable, before `open` makes a file: else a crash between the two would hide it.
    package static func isMissing(in state: StateDirectory) -> Bool {
        access(state.path + "/" + fileName, F_OK) != 0 && errno == ENOENT
    }

    /// Opens the file, or creates it.
    package static func open(in state: StateDirectory) throws(StateError) -> LogStore {
        let path = state.path + "/" + fileName
        if isMissing(in: state) {
            try StateError.at(path) { () throws(SystemError) in
                _ = try createDurably(fileName, in: state.path) { (file) throws(SystemError) in
                    try file.writeAll(preamble, at: 0)
                }
            }
        }
        let file = try StateError.at(path) { () throws(SystemError) in try OpenFile(path, O_RDWR | O_NOFOLLOW) }
        let bytes = try StateError.at(path) { () throws(SystemError) in try contents(of: file) }
        guard let content = Content(bytes) else { throw .logDamaged(path: path) }
        if content.torn > 0 {
            try StateError.at(path) { () throws(SystemError) in
                try file.truncate(to: UInt64(content.end))
                try file.syncAll()
            }
        }
        return LogStore(directory: state.path, path: path, file: file, content: content)
    }

    private static func contents(of file: borrowing OpenFile) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(try file.status().st_size))
        var got = 0
        while got < bytes.count {
            let count = try file.read(into: &bytes, from: got)
            if count == 0 { break }
            got += count
        }
        return Array(bytes.prefix(got))
    }

    private static func encoded(_ write: LogWrite) -> [UInt8] {
        var writer = ByteWriter(reserving: 256)
        write.encode(to: &writer)
        return writer.bytes
    }

    /// Takes a change up; `commit` makes it durable.
    package func append(_ write: LogWrite, of group: GroupID) throws(StateError) {
        guard !isStopped else { throw .logStopped }
        let bytes = Self.encoded(write)
        pendingBytes += bytes.count
        guard pendingBytes <= Self.backlogLimit else {
            isStopped = true
            throw .logStopped
        }
        pending.append((group, bytes))
        let place = live.firstIndex { $0.group == group } ?? live.count
        if place == live.count { live.append(Live(group: group, writes: [])) }
        if case .image = write { live[place].writes = [] }
        live[place].writes.append(bytes)
    }

    /// Everything appended is durable when this returns. On a full disk it stays for the next try; after any other
    /// failure every further call fails, for nobody knows what the disk has.
    package func commit() throws(StateError) {
        guard !isStopped else { throw .logStopped }
        guard !pending.isEmpty else { return }
        let frame = Self.frame(of: pending)
        do throws(SystemError) {
            try file.writeAll(frame, at: size)
        } catch {
            // Half a frame must not stand before the next one.
            do throws(SystemError) { try file.truncate(to: UInt64(size)) } catch { isStopped = true }
            if !error.isNoSpace { isStopped = true }
            throw .system(path: path, error)
        }
        do throws(SystemError) { try file.syncData() } catch {
            isStopped = true
            throw .system(path: path, error)
        }
        size += frame.count
        pending.removeAll(keepingCapacity: true)
        pendingBytes = 0
        rewriteIfLong()
    }

    /// A new file with what still counts, in place of one that is mostly history. What goes wrong here costs nothing.
    private func rewriteIfLong() {
        let counting = live.reduce(0) { $0 + $1.bytes }
        guard size > Self.leastRewritten, size > 4 * counting, counting < Self.frameLimit / 2 else { return }
        let writes = live.flatMap { live in live.writes.map { (group: live.group, write: $0) } }
        let content = Self.preamble + (writes.isEmpty ? [] : Self.frame(of: writes))
        let made: OpenFile
        do throws(SystemError) {
            made = try createDurably(Self.fileName, in: directory) { (file) throws(SystemError) in
                try file.writeAll(content, at: 0)
            }
        } catch {
            // The name may stand for either file: only a start can tell.
            if !error.isNoSpace { isStopped = true }
            return
        }
        file = made
        size = content.count
    }

    private static func frame(of writes: [(group: GroupID, write: [UInt8])]) -> [UInt8] {
        var payload = ByteWriter(reserving: 1024)
        payload.list(writes) { writer, item in
            item.group.encode(to: &writer)
            writer.raw(item.write)
        }
        var frame = ByteWriter(reserving: payload.bytes.count + headCount)
        frame.raw(frameMagic)
        frame.fixed(UInt32(payload.bytes.count))
        frame.fixed(CRC32C.of(payload.bytes))
        frame.fixed(CRC32C.of(frame.bytes))
        frame.raw(payload.bytes)
        return frame.bytes
    }

    /// What a file says; nil when it is damaged and no crash can have done that.
    private struct Content {
        var logs: [(group: GroupID, log: ReplicatedLog)] = []
        var end: Int
        var torn = 0

        init?(_ bytes: [UInt8]) {
            guard bytes.starts(with: preamble) else { return nil }
            end = preamble.count
            while end < bytes.count {
                guard let payload = Self.frame(in: bytes, at: end) else { break }
                var reader = ByteReader(payload)
                do throws(Malformed) { try read(&reader) } catch { return nil }
                end += headCount + payload.count
            }
            torn = bytes.count - end
            guard torn == 0 || Self.isTorn(bytes, from: end) else { return nil }
        }

        /// Whether a crash amid one write can have left this. Then that write is the last one, and of its sectors some
        /// are missing or still zero; else somebody may have been told of what stands here, and it was spoilt later.
        private static func isTorn(_ bytes: [UInt8], from start: Int) -> Bool {
            var place = start + 1
            while place + headCount <= bytes.count {
                // A whole frame behind a broken one was synced after it.
                if frame(in: bytes, at: place) != nil { return false }
                place += 1
            }
            guard let head = head(in: bytes, at: start) else {
                return bytes.count - start < headCount || hasEmptySector(bytes[start...])
            }
            let end = start + headCount + head.count
            return end > bytes.count || hasEmptySector(bytes[start..<end])
        }

        private static func hasEmptySector(_ bytes: ArraySlice<UInt8>) -> Bool {
            var place = bytes.startIndex
            while place < bytes.endIndex {
                let next = min((place / sector + 1) * sector, bytes.endIndex)
                if bytes[place..<next].allSatisfy({ $0 == 0 }) { return true }
                place = next
            }
            return false
        }

        private static func head(in bytes: [UInt8], at place: Int) -> (count: Int, crc: UInt32)? {
            guard place + headCount <= bytes.count, bytes[place] == frameMagic[0],
                bytes[place..<place + 4].elementsEqual(frameMagic)
            else { return nil }
            var reader = ByteReader(bytes[(place + 4)..<(place + headCount)])
            guard let count = try? reader.fixed(UInt32.self), let crc = try? reader.fixed(UInt32.self),
                let own = try? reader.fixed(UInt32.self), count <= UInt32(frameLimit),
                CRC32C.of(Array(bytes[place..<(place + headCount - 4)])) == own
            else { return nil }
            return (Int(count), crc)
        }

        private static func frame(in bytes: [UInt8], at place: Int) -> ArraySlice<UInt8>? {
            guard let head = head(in: bytes, at: place), place + headCount + head.count <= bytes.count else {
                return nil
            }
            let payload = bytes[(place + headCount)..<(place + headCount + head.count)]
            return CRC32C.of(Array(payload)) == head.crc ? payload : nil
        }

        private mutating func read(_ reader: inout ByteReader) throws(Malformed) {
            let count = try reader.varint(as: Int.self)
            for _ in 0..<count {
                let group = try GroupID(from: &reader)
                let write = try LogWrite(from: &reader)
                let place = logs.firstIndex { $0.group == group } ?? logs.count
                if place == logs.count { logs.append((group, ReplicatedLog())) }
                logs[place].log.apply(write)
            }
            try reader.finish()
        }
    }
}
