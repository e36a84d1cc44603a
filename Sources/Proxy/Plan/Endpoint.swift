import CLinux
import Glibc

extension ServicePlan {
    /// An IPv4 or IPv6 address and a port, as a listener binds it or a server is reached at.
    package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
        /// 4 or 16 bytes in network order.
        package let address: [UInt8]
        package let port: UInt16
        /// Interface index of a link-local IPv6 address, otherwise 0.
        package let scope: UInt32

        /// - Parameter address: 4 or 16 bytes in network order; nil for any other count.
        package init?(address: [UInt8], port: UInt16, scope: UInt32 = 0) {
            guard address.count == 4 || address.count == 16 else { return nil }
            self.address = address
            self.port = port
            self.scope = scope
        }

        /// Reads `192.0.2.1:80` or `[2001:db8::1]:80`; nil for anything else.
        package init?(_ text: String) {
            guard text.utf8.count <= 64, let colon = text.lastIndex(of: ":") else { return nil }
            let digits = text[text.index(after: colon)...]
            guard digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let port = UInt16(digits) else { return nil }
            var host = text[..<colon]
            let isIPv6 = host.hasPrefix("[") && host.hasSuffix("]")
            if isIPv6 { host = host.dropFirst().dropLast() }
            var bytes = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
            guard !host.utf8.contains(0), inet_pton(isIPv6 ? AF_INET6 : AF_INET, String(host), &bytes) == 1 else {
                return nil
            }
            self.init(address: bytes, port: port)
        }

        package var isIPv6: Bool { address.count == 16 }

        package var description: String {
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            let written = inet_ntop(isIPv6 ? AF_INET6 : AF_INET, address, &text, socklen_t(text.count))
            precondition(written != nil, "4 or 16 bytes always have a text of at most INET6_ADDRSTRLEN")
            let host = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            return isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)"
        }

        /// The same as the kernel wants it (ip(7), ipv6(7)).
        var socketName: SocketName { SocketName(self) }
    }
}

/// A `sockaddr_in` or `sockaddr_in6`, in 28 bytes without references, to lie in a table that the data path reads.
struct SocketName {
    private var storage: sockaddr_in6
    let length: socklen_t

    init(family: sa_family_t) {
        storage = sockaddr_in6()
        storage.sin6_family = family
        length = 0
    }

    init(_ endpoint: ServicePlan.Endpoint) {
        storage = sockaddr_in6()
        if endpoint.isIPv6 {
            storage.sin6_family = sa_family_t(AF_INET6)
            storage.sin6_port = endpoint.port.bigEndian
            storage.sin6_scope_id = endpoint.scope
            withUnsafeMutableBytes(of: &storage.sin6_addr) { $0.copyBytes(from: endpoint.address) }
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        } else {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = endpoint.port.bigEndian
            withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: endpoint.address) }
            withUnsafeMutableBytes(of: &storage) { room in
                withUnsafeBytes(of: &name) { room.copyMemory(from: $0) }
            }
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
        }
    }

    var family: Int32 { Int32(storage.sin6_family) }

    /// The address as the system calls take it.
    @inline(__always)
    func withPointer<Result>(_ body: (UnsafeRawPointer, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { body(UnsafeRawPointer($0), length) }
    }
}
