import Glibc

/// Why a file can't be used.
enum FileTrouble: Error, Equatable {
    case system(Int32)
    case notRegular
    case tooLong(max: Int)

    var what: String {
        switch self {
        case .system(ENOENT): "doesn't exist"
        case .system(let code): "can't be read: \(String(cString: strerror(code)))"
        case .notRegular: "isn't a regular file"
        case .tooLong(let max): "is longer than \(max) bytes"
        }
    }

    func mend(_ path: String) -> String {
        switch self {
        case .system(ENOENT): "check the path"
        case .system(EACCES): "run electd as root, or `chown` and `chmod` \(path)"
        case .system: "check the path and its file system"
        case .notRegular: "name a regular file"
        case .tooLong: "name the right file, or shorten it"
        }
    }
}

/// A regular file, open for reading.
struct OpenFile: ~Copyable {
    private let descriptor: Int32
    /// What the kernel says of the open file, which is the one that gets read whatever happens to its name.
    let status: stat

    init(path: String) throws(FileTrouble) {
        // Without O_NONBLOCK a FIFO would hold the daemon until somebody writes to it.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .system(errno) }
        var status = stat()
        let outcome = fstat(descriptor, &status)
        let code = errno
        guard outcome == 0 else {
            close(descriptor)
            throw .system(code)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .notRegular
        }
        self.descriptor = descriptor
        self.status = status
    }

    deinit { close(descriptor) }

    /// All bytes, if they are no more than `max`.
    func contents(max: Int) throws(FileTrouble) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= max else { throw .tooLong(max: max) }
        }
    }
}
