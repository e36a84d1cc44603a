import Glibc
import NIOCore

/// One client among others: an IPv4 address, or an IPv6 network of 64 bits, which is what one client is given.
package struct ClientSource: Hashable, Sendable, CustomStringConvertible {
    private let bytes: [UInt8]

    init?(_ address: SocketAddress) {
        switch address {
        case .v4(let address): bytes = withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address): bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0.prefix(8)) }
        case .unixDomainSocket: return nil
        }
    }

    /// `192.0.2.7`, or `2001:db8:1:2::/64`.
    package var description: String {
        let isIPv6 = bytes.count == 8
        let whole = isIPv6 ? bytes + [UInt8](repeating: 0, count: 8) : bytes
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(isIPv6 ? AF_INET6 : AF_INET, whole, &text, socklen_t(text.count))
        let name = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return isIPv6 ? "\(name)/64" : name
    }
}
