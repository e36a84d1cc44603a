import Glibc

/// An IPv4 or IPv6 address.
package struct IPAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes in network order.
    package let bytes: [UInt8]

    package var isIPv6: Bool { bytes.count == 16 }

    /// Reads a dotted quad without leading zeros, or an IPv6 address (RFC 4291) without a zone.
    ///
    /// nil for anything else, and for an IPv6 address that wraps an IPv4 one: the kernel treats those as both.
    package init?(_ text: String) {
        let family = text.utf8.contains(UInt8(ascii: ":")) ? AF_INET6 : AF_INET
        var bytes = [UInt8](repeating: 0, count: family == AF_INET6 ? 16 : 4)
        guard text.utf8.count <= 45, !text.utf8.contains(0), inet_pton(family, text, &bytes) == 1 else { return nil }
        if family == AF_INET6, bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]) { return nil }
        self.bytes = bytes
    }

    /// The form of RFC 5952.
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let written = inet_ntop(isIPv6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count))
        precondition(written != nil, "4 or 16 bytes always have a text of at most INET6_ADDRSTRLEN")
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// IPv4 before IPv6, then by bytes.
    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.bytes.count != right.bytes.count
            ? left.bytes.count < right.bytes.count : left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// `0.0.0.0` or `::`.
    package var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    /// 127.0.0.0/8 or `::1`.
    package var isLoopback: Bool {
        isIPv6 ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1 : bytes[0] == 127
    }

    /// 224.0.0.0/4, 255.255.255.255 or ff00::/8.
    var isMulticastOrBroadcast: Bool {
        isIPv6 ? bytes[0] == 0xff : (224...239).contains(bytes[0]) || bytes.allSatisfy { $0 == 255 }
    }

    /// fe80::/10, which means nothing without an interface.
    var isLinkLocalIPv6: Bool { isIPv6 && bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 }
}

/// An address and a port.
package struct Endpoint: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    /// Never 0.
    package let port: UInt16

    package init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `192.0.2.1:80` or `[2001:db8::1]:80`.
    package var description: String { address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }

    package static func < (left: Endpoint, right: Endpoint) -> Bool {
        left.address != right.address ? left.address < right.address : left.port < right.port
    }
}

/// An address that a group moves about, with the length of its subnet's prefix.
package struct VirtualAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    /// 1 to 32 or 1 to 128.
    package let prefixLength: Int

    /// `192.0.2.200/32`.
    package var description: String { "\(address)/\(prefixLength)" }

    package static func < (left: VirtualAddress, right: VirtualAddress) -> Bool { left.address < right.address }
}

extension IPAddress {
    /// `0.0.0.0`
    static let unspecified = IPAddress(bytes: [0, 0, 0, 0])

    private init(bytes: [UInt8]) { self.bytes = bytes }
}
