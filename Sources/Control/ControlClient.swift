import Glibc

/// Why a question to the daemon got no answer.
package enum ControlClientError: Error, Equatable, CustomStringConvertible {
    /// Nothing can be reached at the path; the command line ends with 69.
    case unreachable(path: String, reason: String)
    case timeout(path: String, milliseconds: Int)
    /// What came back is no HTTP answer, or too long.
    case malformed(path: String, reason: String)

    package var description: String {
        switch self {
        case .unreachable(let path, let reason): "\(path): \(reason)"
        case .timeout(let path, let milliseconds): "\(path): no answer within \(milliseconds) ms; the daemon may hang"
        case .malformed(let path, let reason): "\(path): not an answer of electd: \(reason)"
        }
    }
}

/// Asks the daemon one thing over its socket, and blocks until the answer is there: for the command line.
package struct ControlClient: Sendable {
    package struct Answer: Sendable, Equatable {
        package let status: Int
        package let body: [UInt8]
    }

    /// Longest answer.
    static let bodyLimit = 8 * 1024 * 1024

    private let path: String
    private let timeoutMS: Int

    /// - Parameter timeoutMS: for the whole exchange, 1 ... 600,000.
    package init(path: String, timeoutMS: Int = 5000) {
        self.path = path
        self.timeoutMS = min(max(timeoutMS, 1), 600_000)
    }

    package func get(_ route: ControlRoute, query: String = "") throws(ControlClientError) -> Answer {
        try exchange("GET", query.isEmpty ? route.rawValue : "\(route.rawValue)?\(query)", [])
    }

    package func post(_ route: ControlRoute, _ order: some Encodable) throws(ControlClientError) -> Answer {
        try exchange("POST", route.rawValue, ControlJSON.encode(order))
    }

    /// Any request, well-formed or not: also for tests.
    package func exchange(_ method: String, _ target: String, _ body: [UInt8]) throws(ControlClientError) -> Answer {
        let head =
            "\(method) \(target) HTTP/1.1\r\nHost: electd\r\nConnection: close\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
        return try exchange(raw: Array(head.utf8) + body)
    }

    package func exchange(raw request: [UInt8]) throws(ControlClientError) -> Answer {
        var stream = try UnixStream(path: path, timeoutMS: timeoutMS)
        defer { stream.end() }
        try stream.send(request)
        return try AnswerReader(path: path).read(&stream)
    }
}

/// A connected unix socket with one deadline for everything done on it.
struct UnixStream {
    private let descriptor: Int32
    private let path: String
    private let timeoutMS: Int
    private let deadlineMS: Int64

    init(path: String, timeoutMS: Int) throws(ControlClientError) {
        self.path = path
        self.timeoutMS = timeoutMS
        deadlineMS = Self.nowMS() + Int64(timeoutMS)
        guard path.utf8.count <= ControlSocket.pathLimit else {
            throw .unreachable(path: path, reason: "longer than a socket's path can be")
        }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw .unreachable(path: path, reason: String(cString: strerror(errno))) }
        let socket = descriptor
        while UnixAddress.call(path, { connect(socket, $0, $1) }) != 0 {
            let reason = errno
            // EAGAIN: its backlog is full at the moment.
            if reason == EAGAIN || reason == EINTR, Self.nowMS() < deadlineMS {
                usleep(10_000)
                continue
            }
            close(descriptor)
            throw .unreachable(path: path, reason: Self.text(reason))
        }
    }

    func end() { close(descriptor) }

    func send(_ bytes: [UInt8]) throws(ControlClientError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if count < 0 && errno == EAGAIN {
                try wait(for: Int16(POLLOUT))
            } else if count < 0 && (errno == EPIPE || errno == ECONNRESET) {
                // Refused before its end: the answer may say why.
                return
            } else if count < 0 && errno != EINTR {
                throw .unreachable(path: path, reason: Self.text(errno))
            }
        }
    }

    /// The next bytes, at most 64 KiB; empty at the end.
    func receive() throws(ControlClientError) -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count >= 0 { return Array(chunk[..<count]) }
            switch errno {
            case EAGAIN: try wait(for: Int16(POLLIN))
            case EINTR: continue
            case ECONNRESET: return []
            default: throw .unreachable(path: path, reason: Self.text(errno))
            }
        }
    }

    private func wait(for events: Int16) throws(ControlClientError) {
        let left = deadlineMS - Self.nowMS()
        guard left > 0 else { throw .timeout(path: path, milliseconds: timeoutMS) }
        var waiting = pollfd(fd: descriptor, events: events, revents: 0)
        _ = poll(&waiting, 1, Int32(left))
    }

    private static func nowMS() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec / 1_000_000)
    }

    private static func text(_ number: Int32) -> String {
        switch number {
        case ENOENT: "no socket there: electd is not running, or has another --socket"
        case ECONNREFUSED: "nobody listens there: electd has ended"
        case EACCES, EPERM: "not allowed: ask as root"
        case EAGAIN: "too many are asking at once"
        default: String(cString: strerror(number))
        }
    }
}

/// Reads one HTTP/1.1 answer with a `Content-Length`, which is all that ``ControlServer`` sends.
struct AnswerReader {
    let path: String
    private static let headLimit = 16 * 1024

    func read(_ stream: inout UnixStream) throws(ControlClientError) -> ControlClient.Answer {
        var bytes: [UInt8] = []
        var bodyStart: Int?
        while bodyStart == nil {
            guard bytes.count <= Self.headLimit else { throw malformed("its head is too long") }
            let chunk = try stream.receive()
            guard !chunk.isEmpty else { throw malformed("the connection was closed before an answer") }
            let searchFrom = max(0, bytes.count - 3)
            bytes += chunk
            bodyStart = Self.endOfHead(bytes, from: searchFrom)
        }
        guard let bodyStart else { throw malformed("no head") }
        let (status, length) = try parse(bytes[..<bodyStart])
        var body = Array(bytes[bodyStart...])
        while body.count < length {
            let chunk = try stream.receive()
            guard !chunk.isEmpty else { throw malformed("the connection was closed within the answer") }
            body += chunk
        }
        return ControlClient.Answer(status: status, body: Array(body.prefix(length)))
    }

    private static func endOfHead(_ bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let blank: [UInt8] = [13, 10, 13, 10]
        return (start...(bytes.count - 4)).first { bytes[$0..<($0 + 4)].elementsEqual(blank) }.map { $0 + 4 }
    }

    private func parse(_ head: ArraySlice<UInt8>) throws(ControlClientError) -> (status: Int, length: Int) {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]), (100...599).contains(status) else {
            throw malformed("no status line")
        }
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { continue }
            guard let length = Int(parts[1].filter { $0 != " " }), (0...ControlClient.bodyLimit).contains(length) else {
                throw malformed("its length is out of bounds")
            }
            return (status, length)
        }
        return (status, 0)
    }

    private func malformed(_ reason: String) -> ControlClientError { .malformed(path: path, reason: reason) }
}
