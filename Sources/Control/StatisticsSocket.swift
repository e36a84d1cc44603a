import Glibc

/// Why the statistics page's socket could not be opened; the description names the mend.
package struct StatisticsSocketError: Error, Equatable, CustomStringConvertible {
    package let endpoint: String
    package let call: String
    package let code: Int32

    package var description: String {
        let mend = code == EADDRINUSE ? "; another program listens there, choose another port for `statistics`" : ""
        return "statistics on \(endpoint): \(call): \(String(cString: strerror(code)))\(mend)"
    }
}

/// A listening TCP socket on an address that may not be here yet: a virtual IP comes and goes, the socket stays.
enum StatisticsSocket {
    /// ip(7) and linux/in6.h; Glibc's module doesn't show them.
    private static let freeBind: Int32 = 15
    private static let freeBindIPv6: Int32 = 78
    private static let onlyIPv6: Int32 = 26
    private static let backlog: Int32 = 64

    /// - Parameter address: 4 or 16 bytes in network order.
    /// - Returns: the descriptor, which doesn't block and is closed on exec.
    static func open(address: [UInt8], port: UInt16) throws(StatisticsSocketError) -> Int32 {
        precondition(address.count == 4 || address.count == 16, "an IP address has 4 or 16 bytes")
        let isIPv6 = address.count == 16
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, type, 0)
        func failure(_ call: String) -> StatisticsSocketError {
            .init(endpoint: text(address, port), call: call, code: errno)
        }
        guard descriptor >= 0 else { throw failure("socket") }
        let options: [(level: Int, name: Int32)] =
            [(Int(SOL_SOCKET), SO_REUSEADDR)]
            + (isIPv6
                ? [(Int(IPPROTO_IPV6), freeBindIPv6), (Int(IPPROTO_IPV6), onlyIPv6)] : [(Int(IPPROTO_IP), freeBind)])
        do throws(StatisticsSocketError) {
            for option in options {
                var on: Int32 = 1
                let size = socklen_t(MemoryLayout<Int32>.size)
                guard setsockopt(descriptor, Int32(option.level), option.name, &on, size) == 0 else {
                    throw failure("setsockopt")
                }
            }
            guard bind(descriptor, to: address, port) == 0 else { throw failure("bind") }
            guard listen(descriptor, backlog) == 0 else { throw failure("listen") }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func bind(_ descriptor: Int32, to address: [UInt8], _ port: UInt16) -> Int32 {
        if address.count == 16 {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address) }
            return bind(descriptor, &name)
        }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address) }
        return bind(descriptor, &name)
    }

    private static func bind<Name>(_ descriptor: Int32, _ name: inout Name) -> Int32 {
        withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<Name>.size))
            }
        }
    }

    private static func text(_ address: [UInt8], _ port: UInt16) -> String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(address.count == 16 ? AF_INET6 : AF_INET, address, &text, socklen_t(text.count))
        let name = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return address.count == 16 ? "[\(name)]:\(port)" : "\(name):\(port)"
    }
}
