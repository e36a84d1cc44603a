import Glibc

/// Why the control socket could not be opened.
package enum ControlSocketError: Error, Equatable, CustomStringConvertible {
    /// A socket's path has at most 107 bytes (unix(7)).
    case pathTooLong(String)
    /// The path has no directory part, or the directory can't be made or opened.
    case directory(String, reason: String)
    /// Something else stands at the path and is not ours to remove.
    case notASocket(String)
    /// Another process answers there.
    case inUse(String)
    case system(call: String, path: String, reason: String)

    package var description: String {
        switch self {
        case .pathTooLong(let path): "\(path): longer than a socket's path can be; choose a shorter one with --socket"
        case .directory(let path, let reason): "\(path): \(reason); the socket needs a directory to stand in"
        case .notASocket(let path): "\(path): exists and is not a socket; move it away, or choose another --socket"
        case .inUse(let path): "\(path): another electd answers there; stop it first, or choose another --socket"
        case .system(let call, let path, let reason): "\(path): \(call): \(reason)"
        }
    }
}

/// The listening unix socket: made so that at no moment a wrong mode, or nothing, stands at its path.
///
/// It is bound under a temporary name, gets owner and mode before it listens, and is renamed over what a crash left
/// behind. A lock on the directory makes two daemons that start together see one another.
struct ControlSocket {
    let descriptor: Int32
    let path: String
    private let device: dev_t
    private let inode: ino_t

    static let pathLimit = 107
    private static let backlog: Int32 = 64

    /// - Parameter groupID: may use the socket beside root; nil leaves the process's own group.
    static func open(path: String, groupID: gid_t?) throws(ControlSocketError) -> ControlSocket {
        guard let slash = path.lastIndex(of: "/"), path.index(after: slash) < path.endIndex else {
            throw .directory(path, reason: "not a path with a directory")
        }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        let temporary = "\(directory)/.electd-\(getpid())"
        guard path.utf8.count <= pathLimit, temporary.utf8.count <= pathLimit else { throw .pathTooLong(path) }
        let lock = try lockedDirectory(directory)
        defer { close(lock) }
        try requireFree(path)
        let descriptor = try bound(to: temporary)
        do throws(ControlSocketError) {
            try prepare(descriptor, at: temporary, groupID: groupID)
            guard rename(temporary, path) == 0 else { throw failure("rename", path) }
            var status = stat()
            guard lstat(path, &status) == 0 else { throw failure("stat", path) }
            return ControlSocket(descriptor: descriptor, path: path, device: status.st_dev, inode: status.st_ino)
        } catch {
            close(descriptor)
            unlink(temporary)
            throw error
        }
    }

    /// Takes the socket's name away, unless another one stands there by now.
    func remove() {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode else { return }
        unlink(path)
    }

    /// Makes the directory if it is missing (0755), and locks it until the descriptor is closed.
    private static func lockedDirectory(_ directory: String) throws(ControlSocketError) -> Int32 {
        if mkdir(directory, 0o755) == 0 {
            // The umask may have taken from the mode.
            chmod(directory, 0o755)
        } else if errno != EEXIST {
            throw .directory(directory, reason: text(errno))
        }
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .directory(directory, reason: text(errno)) }
        // Held by another daemon for the instant of its own start; five seconds mean that something is wrong.
        for _ in 0..<500 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            guard errno == EWOULDBLOCK || errno == EINTR else { break }
            usleep(10_000)
        }
        let reason = text(errno)
        close(descriptor)
        throw .directory(directory, reason: "lock: \(reason)")
    }

    /// Nothing at the path, or a socket that nobody listens on.
    private static func requireFree(_ path: String) throws(ControlSocketError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw failure("stat", path)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        let probe = socket(AF_UNIX, streamType, 0)
        guard probe >= 0 else { throw failure("socket", path) }
        defer { close(probe) }
        // EAGAIN is a full backlog: somebody listens there, and is busy.
        guard UnixAddress.call(path, { connect(probe, $0, $1) }) != 0 else { throw .inUse(path) }
        switch errno {
        case ECONNREFUSED, ENOENT: return
        default: throw .inUse(path)
        }
    }

    private static func bound(to temporary: String) throws(ControlSocketError) -> Int32 {
        let descriptor = socket(AF_UNIX, streamType, 0)
        guard descriptor >= 0 else { throw failure("socket", temporary) }
        unlink(temporary)
        guard UnixAddress.call(temporary, { bind(descriptor, $0, $1) }) == 0 else {
            let error = failure("bind", temporary)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func prepare(_ descriptor: Int32, at temporary: String, groupID: gid_t?) throws(ControlSocketError) {
        if let groupID, lchown(temporary, uid_t.max, groupID) != 0 { throw failure("chown", temporary) }
        guard chmod(temporary, 0o660) == 0 else { throw failure("chmod", temporary) }
        guard listen(descriptor, backlog) == 0 else { throw failure("listen", temporary) }
    }

    private static let streamType =
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)

    private static func failure(_ call: String, _ path: String) -> ControlSocketError {
        .system(call: call, path: path, reason: text(errno))
    }

    private static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}

/// A path as `sockaddr_un`.
enum UnixAddress {
    /// Calls `body` with the path's address; the path must have at most ``ControlSocket/pathLimit`` bytes.
    static func call(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        precondition(path.utf8.count <= ControlSocket.pathLimit, "the path of a unix socket has at most 107 bytes")
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
