import CZlib
import Glibc

/// A segment's bytes, be it as it was written or packed away by gzip (RFC 1952).
final class SegmentSource {
    private let file: OpenFile
    private let inflater: Inflater?

    /// Bytes of the file as it lies on disk.
    let fileSize: UInt64
    var isPacked: Bool { inflater != nil }

    init(_ path: String) throws(SystemError) {
        file = try OpenFile(path, O_RDONLY | O_NONBLOCK)
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("open", EINVAL) }
        fileSize = UInt64(status.st_size)
        inflater = file.begins(with: [0x1F, 0x8B]) ? try Inflater() : nil
    }

    /// Fills `bytes` from `index` on as far as one call does; 0 at the end.
    func read(into bytes: inout [UInt8], from index: Int) throws(SystemError) -> Int {
        guard let inflater else { return try file.read(into: &bytes, from: index) }
        return try inflater.read(into: &bytes, from: index, file)
    }
}

/// zlib's state while a file is unpacked.
private final class Inflater {
    private var stream = z_stream()
    private var input = [UInt8](repeating: 0, count: 64 * 1024)
    private var start = 0
    private var end = 0
    private var isAtEnd = false

    init() throws(SystemError) {
        guard electd_inflate_gzip(&stream) == Z_OK else { throw SystemError("inflate", ENOMEM) }
    }

    deinit { inflateEnd(&stream) }

    func read(into bytes: inout [UInt8], from index: Int, _ file: borrowing OpenFile) throws(SystemError) -> Int {
        guard !isAtEnd, index < bytes.count else { return 0 }
        while true {
            if start == end {
                start = 0
                end = try file.read(into: &input, from: 0)
                // The file ends before its content does: what came so far counts, and its tail is torn or damaged.
                if end == 0 { return 0 }
            }
            let (code, made, taken) = bytes.withUnsafeMutableBytes { out in
                input.withUnsafeMutableBytes { source in step(out, index, source) }
            }
            start += taken
            if code == Z_STREAM_END { isAtEnd = true }
            guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else { throw SystemError("inflate", EIO) }
            if made > 0 || isAtEnd { return made }
        }
    }

    private func step(
        _ out: UnsafeMutableRawBufferPointer, _ index: Int, _ source: UnsafeMutableRawBufferPointer
    ) -> (code: Int32, made: Int, taken: Int) {
        let room = UInt32(clamping: out.count - index)
        let available = UInt32(clamping: end - start)
        stream.next_out = out.baseAddress?.advanced(by: index).assumingMemoryBound(to: UInt8.self)
        stream.avail_out = room
        stream.next_in = source.baseAddress?.advanced(by: start).assumingMemoryBound(to: UInt8.self)
        stream.avail_in = available
        let code = inflate(&stream, Z_NO_FLUSH)
        return (code, Int(room - stream.avail_out), Int(available - stream.avail_in))
    }
}
