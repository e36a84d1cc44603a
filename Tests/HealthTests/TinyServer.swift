import Glibc
import Health
import Synchronization

/// Accepts one connection after the other on the loopback interface, reads once, writes what the closure says, and
/// closes.
final class TinyServer: Sendable {
    struct NoSocket: Error {}

    let endpoint: Endpoint
    private let listener: Int32
    private let stopped = Atomic(false)

    init(ipv6: Bool = false, _ answer: @escaping @Sendable (String) -> [UInt8]) throws {
        let (listener, port) = try Self.listening(ipv6: ipv6)
        self.listener = listener
        endpoint = Endpoint(address: ipv6 ? "::1" : "127.0.0.1", port: port)
        let service = Service(listener: listener, answer: answer)
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(service).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Service>.fromOpaque(argument).takeRetainedValue().serve()
                return nil
            }, argument)
        guard code == 0 else { throw NoSocket() }
        pthread_detach(thread)
    }

    deinit {
        // Wakes the accept; the thread closes the descriptor, which nobody else can have reused before.
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// A port that nobody listens on.
    static func unusedPort() throws -> UInt16 {
        let (listener, port) = try listening(ipv6: false)
        close(listener)
        return port
    }

    private final class Service: Sendable {
        let listener: Int32
        let answer: @Sendable (String) -> [UInt8]

        init(listener: Int32, answer: @escaping @Sendable (String) -> [UInt8]) {
            self.listener = listener
            self.answer = answer
        }

        func serve() {
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                var bytes = [UInt8](repeating: 0, count: 8192)
                let count = recv(connection, &bytes, bytes.count, 0)
                let reply = answer(String(decoding: bytes[..<max(0, count)], as: UTF8.self))
                var sent = 0
                while sent < reply.count {
                    let count = reply[sent...].withUnsafeBytes {
                        send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    guard count > 0 else { break }
                    sent += count
                }
                close(connection)
            }
            close(listener)
        }
    }

    private static func listening(ipv6: Bool) throws -> (Int32, UInt16) {
        let listener = socket(
            ipv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var storage = sockaddr_storage()
        let length = socklen_t(ipv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &storage) { storage -> UInt16? in
            let raw = UnsafeMutableRawPointer(storage)
            if ipv6 {
                raw.assumingMemoryBound(to: sockaddr_in6.self).pointee.sin6_family = sa_family_t(AF_INET6)
                raw.assumingMemoryBound(to: sockaddr_in6.self).pointee.sin6_addr = in6addr_loopback
            } else {
                raw.assumingMemoryBound(to: sockaddr_in.self).pointee.sin_family = sa_family_t(AF_INET)
                raw.assumingMemoryBound(to: sockaddr_in.self).pointee.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            }
            let address = raw.assumingMemoryBound(to: sockaddr.self)
            var filled = length
            guard bind(listener, address, length) == 0, listen(listener, 16) == 0,
                getsockname(listener, address, &filled) == 0
            else { return nil }
            // The port stands at the same place in both forms.
            return UInt16(bigEndian: raw.assumingMemoryBound(to: sockaddr_in.self).pointee.sin_port)
        }
        guard let port else {
            close(listener)
            throw NoSocket()
        }
        return (listener, port)
    }
}
