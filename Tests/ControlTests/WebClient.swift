import Control
import Glibc
import Testing

/// A blocking TCP client of 127.0.0.1 without manners.
final class WebClient: Sendable {
    struct Failure: Error {}

    /// One answer: its status, its fields' lines in lower case, and what came behind them.
    struct Answer {
        let status: Int
        let fields: [String]
        let body: String

        subscript(name: String) -> String? {
            fields.first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.utf8.count + 2)) }
        }
    }

    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let socket = descriptor
        let code = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            close(descriptor)
            throw Failure()
        }
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// What comes until the other side closes.
    func everything() -> String {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            all += chunk[..<count]
        }
        return String(decoding: all, as: UTF8.self)
    }

    /// What comes at once; empty when the other side has closed.
    func something() -> String {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        return String(decoding: chunk[..<max(0, recv(descriptor, &chunk, chunk.count, 0))], as: UTF8.self)
    }

    /// Asks once on a connection of its own; nil when the server closes without an answer.
    static func ask(_ port: UInt16, raw text: String) async throws -> Answer? {
        let received = try await blocking {
            let client = try WebClient(port: port)
            client.send(text)
            return client.everything()
        }
        let parts = received.components("\r\n\r\n")
        let lines = parts[0].components("\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { return nil }
        return Answer(
            status: status, fields: lines.dropFirst().map { $0.lowercased() },
            body: parts.dropFirst().joined(separator: "\r\n\r\n"))
    }

    static func ask(
        _ port: UInt16, _ target: String, method: String = "GET", login: String? = nil
    ) async throws -> Answer {
        let login = login.map { "authorization: Basic \($0)\r\n" } ?? ""
        let text = "\(method) \(target) HTTP/1.1\r\nhost: x\r\n\(login)connection: close\r\n\r\n"
        return try #require(try await ask(port, raw: text))
    }
}
