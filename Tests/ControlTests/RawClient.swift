import Glibc

/// A blocking unix socket without manners, and the test's own tools around it.
final class RawClient: Sendable {
    struct Failure: Error {}

    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let socket = descriptor
        guard Self.address(path, { connect(socket, $0, $1) }) == 0 else {
            close(descriptor)
            throw Failure()
        }
    }

    deinit { close(descriptor) }

    /// Sends `text` and reads until the other side closes.
    func everything(after text: String) throws -> String {
        let bytes = Array(text.utf8)
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { throw Failure() }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            answer += chunk[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// Sends `text` and reads once.
    func first(after text: String) throws -> String {
        let bytes = Array(text.utf8)
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { throw Failure() }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        return String(decoding: chunk[..<max(0, recv(descriptor, &chunk, chunk.count, 0))], as: UTF8.self)
    }

    /// A listener at `path` that never answers.
    static func listening(at path: String) throws -> Int32 {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard address(path, { bind(listener, $0, $1) }) == 0, listen(listener, 8) == 0 else { throw Failure() }
        return listener
    }

    private static func address(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// A directory of its own, removed at the end with the sockets and files in it.
struct Scratch: ~Copyable {
    let path: String

    init() {
        var template = Array("/tmp/electd-control-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? "/nonexistent"
        }
    }

    deinit {
        unlink("\(path)/s")
        rmdir(path)
    }
}

/// Waits until `condition` holds, for ten seconds at most: slow machines run these tests, too.
@discardableResult
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<1000 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

extension String {
    /// The pieces between occurrences of `separator`.
    func components(_ separator: String) -> [String] {
        var pieces: [String] = []
        var rest = Substring(self)
        while let range = rest.firstRange(of: separator) {
            pieces.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return pieces + [String(rest)]
    }
}
