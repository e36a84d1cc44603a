import CLinux
import Glibc

/// Why a text is no virtual address, and what to write instead.
package struct VirtualAddressProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String
    package let mend: String
    package var description: String { "\(reason): \(mend)" }
}

/// An IPv4 or IPv6 address with its prefix length, as it is put on an interface. Ordered by family, address, prefix.
package struct VirtualAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    package enum Family: UInt8, Sendable, Comparable {
        case ipv4 = 4
        case ipv6 = 6

        package static func < (left: Family, right: Family) -> Bool { left.rawValue < right.rawValue }
        /// AF_INET or AF_INET6.
        var number: UInt8 { self == .ipv4 ? UInt8(AF_INET) : UInt8(AF_INET6) }
        var byteCount: Int { self == .ipv4 ? 4 : 16 }
        var bitCount: UInt8 { self == .ipv4 ? 32 : 128 }
    }

    package let family: Family
    // The address as one big-endian number in two halves; an IPv4 address fills the low 32 bits.
    private let high: UInt64
    private let low: UInt64
    /// 1...32 or 1...128. A whole-length ("host") prefix brings no route to a subnet along.
    package let prefixLength: UInt8

    package static func < (left: VirtualAddress, right: VirtualAddress) -> Bool {
        (left.family, left.high, left.low, left.prefixLength) < (
            right.family, right.high, right.low, right.prefixLength
        )
    }

    /// From the kernel's form: 4 or 16 bytes in network order. nil for other sizes or an impossible prefix length.
    package init?(bytes: some Collection<UInt8>, prefixLength: UInt8) {
        switch bytes.count {
        case 4: family = .ipv4
        case 16: family = .ipv6
        default: return nil
        }
        guard prefixLength <= family.bitCount else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for byte in bytes {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(byte)
        }
        self.high = high
        self.low = low
        self.prefixLength = prefixLength
    }

    /// Reads `ADDRESS` or `ADDRESS/PREFIX`; without a prefix the whole length is meant. No name is looked up.
    ///
    /// Refused: what can't be the address of one host (unspecified, multicast, broadcast, IPv4-mapped IPv6).
    package init(parsing text: String) throws(VirtualAddressProblem) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        // Longest form: 45 characters of IPv6 with embedded IPv4, "/128".
        // A zero byte would end the text early in inet_pton.
        guard let addressPart = parts.first, parts.count <= 2, text.utf8.count <= 49, !text.utf8.contains(0),
            let bytes = Self.parseBytes(String(Substring(addressPart)))
        else {
            throw VirtualAddressProblem(
                reason: "\"\(text.prefix(60))\" is no IP address",
                mend: "write for example 192.0.2.200/32 or 2001:db8::200/128")
        }
        let bits = UInt8(bytes.count * 8)
        var prefixLength = bits
        if parts.count == 2 {
            let digits = parts[1]
            guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let length = UInt8(String(Substring(digits))), (1...bits).contains(length)
            else {
                throw VirtualAddressProblem(
                    reason: "the prefix length in \"\(text)\" isn't in 1...\(bits)",
                    mend: "write /\(bits) for the address alone, or the length of its subnet")
            }
            prefixLength = length
        }
        guard let address = VirtualAddress(bytes: bytes, prefixLength: prefixLength) else {
            throw VirtualAddressProblem(
                reason: "\"\(text)\" is no IP address", mend: "write for example 192.0.2.200/32")
        }
        if let reason = address.unusable {
            throw VirtualAddressProblem(
                reason: "\(address.addressText) is \(reason), which can't be the address of one host",
                mend: "choose a free unicast address of the interface's network")
        }
        self = address
    }

    private static func parseBytes(_ text: String) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &buffer) == 1 { return Array(buffer.prefix(4)) }
        if inet_pton(AF_INET6, text, &buffer) == 1 { return buffer }
        return nil
    }

    private var unusable: String? {
        switch family {
        case .ipv4:
            if low == 0 { return "the unspecified address" }
            if low == 0xffff_ffff { return "the broadcast address" }
            if low >> 28 == 0xe { return "a multicast address" }
            if low >> 28 == 0xf { return "a reserved address" }
        case .ipv6:
            if high == 0 && low == 0 { return "the unspecified address" }
            if high >> 56 == 0xff { return "a multicast address" }
            if high == 0 && low >> 32 == 0xffff { return "an IPv4-mapped address" }
        }
        return nil
    }

    /// 4 or 16 bytes in network order.
    package var bytes: [UInt8] {
        (0..<family.byteCount).reversed().map { index in
            UInt8(truncatingIfNeeded: (index < 8 ? low : high) >> UInt64(index % 8 * 8))
        }
    }

    /// The last four bytes as a number: all of an IPv4 address, the tail of an IPv6 address.
    var lastWord: UInt32 { UInt32(truncatingIfNeeded: low) }

    package var isHostPrefix: Bool { prefixLength == family.bitCount }

    /// The address without its prefix length.
    package var addressText: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(Int32(family.number), bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package var description: String { "\(addressText)/\(prefixLength)" }
}

/// An Ethernet (MAC) address.
package struct HardwareAddress: Hashable, Sendable, CustomStringConvertible {
    /// Six bytes, the first in the highest of the low 48 bits.
    private let value: UInt64

    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 6 else { return nil }
        value = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    package static let broadcast = HardwareAddress(value: 0xffff_ffff_ffff)
    /// 33:33:00:00:00:01, where ff02::1 (all nodes) goes: RFC 2464, section 7.
    static let allNodes = HardwareAddress(value: 0x3333_0000_0001)

    private init(value: UInt64) { self.value = value }

    package var bytes: [UInt8] { (0..<6).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) } }

    package var description: String {
        let digits = Array("0123456789abcdef")
        return bytes.map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined(separator: ":")
    }
}
