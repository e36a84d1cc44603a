import CZlib
import Election
import Glibc
import Sodium

/// Packs closed segments away and deletes old ones: slow work on files that nobody writes any more, for a thread that
/// nobody waits for.
package struct Upkeep: Sendable {
    private static let level: Int32 = 6

    private let directory: String
    private let current: UInt64
    private let limits: JournalLimits

    init(directory: SegmentDirectory, current: UInt64, limits: JournalLimits) {
        self.directory = directory.path
        self.current = current
        self.limits = limits
    }

    /// Packs every closed segment that isn't packed yet, as `NNNNNNNNNN.electd.gz`.
    ///
    /// - Throws: the first failure; what is unpacked stays, and is whole.
    package func pack() throws(SystemError) {
        for segment in try SegmentDirectory(directory).segments()
        where segment.number < current && !segment.isDamaged && !segment.isPacked {
            try pack(segment)
        }
    }

    private func pack(_ segment: SegmentDirectory.Segment) throws(SystemError) {
        let input = try OpenFile(segment.path, O_RDONLY | O_NOFOLLOW)
        let status = try input.status()
        let name = SegmentDirectory.fileName(segment.number) + SegmentDirectory.packedSuffix
        _ = try createDurably(name, in: directory) { (file) throws(SystemError) in
            let deflater = try Deflater(level: Self.level)
            var buffer = [UInt8](repeating: 0, count: 256 * 1024)
            while true {
                let count = try input.read(into: &buffer, from: 0)
                try deflater.write(buffer[..<count], isLast: count == 0, to: file)
                if count == 0 { break }
            }
            // Its age is the segment's, not the packing's.
            var times = (status.st_atim, status.st_mtim)
            _ = withUnsafePointer(to: &times) { pair in
                pair.withMemoryRebound(to: timespec.self, capacity: 2) { futimens(file.descriptor, $0) }
            }
        }
        guard unlink(segment.path) == 0 else { throw SystemError("unlink") }
        try syncDirectory(directory)
    }

    /// Deletes whole segments, oldest first, until the journal keeps to its bounds. Neither the current nor a damaged
    /// segment is ever deleted.
    ///
    /// - Parameter record: called before the first is deleted with what is to be recorded of that; deletes nothing
    ///   when it returns false.
    package func prune(now: WallClock, record: (Pruned) -> Bool) throws(SystemError) {
        let segments = try SegmentDirectory(directory).segments()
        var total = segments.reduce(0) { $0 + $1.size }
        var count = segments.count { !$0.isDamaged }
        var doomed: [SegmentDirectory.Segment] = []
        for segment in segments where segment.number < current && !segment.isDamaged {
            let isOld =
                now.nanoseconds > segment.modified && now.nanoseconds - segment.modified > limits.age.nanoseconds
            guard total > limits.totalBytes || count > limits.segments || isOld else { break }
            doomed.append(segment)
            total -= segment.size
            count -= 1
        }
        guard let first = doomed.first, let last = doomed.last else { return }
        let whole = try Past.digest(last.path)
        let pruned = Pruned(
            first: first.number, last: last.number, size: whole.size, head: whole.head,
            checkpoint: Self.lastCheckpoint(of: last.path))
        guard record(pruned) else { return }
        for segment in doomed {
            guard unlink(segment.path) == 0 || errno == ENOENT else { throw SystemError("unlink") }
        }
    }

    private static func lastCheckpoint(of path: String) -> Checkpoint? {
        guard let reader = try? JournalReader(path) else { return nil }
        while (try? reader.next()) ?? nil != nil {}
        return reader.lastCheckpoint
    }
}

/// zlib's state while a file is packed.
private final class Deflater {
    private var stream = z_stream()
    private var output = [UInt8](repeating: 0, count: 256 * 1024)

    init(level: Int32) throws(SystemError) {
        guard electd_deflate_gzip(&stream, level) == Z_OK else { throw SystemError("deflate", ENOMEM) }
    }

    deinit { deflateEnd(&stream) }

    func write(_ bytes: ArraySlice<UInt8>, isLast: Bool, to file: borrowing OpenFile) throws(SystemError) {
        var input = Array(bytes)
        var taken = 0
        while true {
            let available = UInt32(input.count - taken)
            let (code, made, left) = input.withUnsafeMutableBytes { source in
                output.withUnsafeMutableBytes { out in
                    stream.next_in = source.baseAddress?.advanced(by: taken).assumingMemoryBound(to: UInt8.self)
                    stream.avail_in = available
                    stream.next_out = out.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.avail_out = UInt32(out.count)
                    let code = deflate(&stream, isLast ? Z_FINISH : Z_NO_FLUSH)
                    return (code, out.count - Int(stream.avail_out), stream.avail_in)
                }
            }
            guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else { throw SystemError("deflate", EIO) }
            taken += Int(available - left)
            let ready = Array(output[..<made])
            var done = 0
            while done < ready.count { done += try file.write(ready, from: done) }
            if isLast ? code == Z_STREAM_END : taken == input.count && made < output.count { return }
        }
    }
}
