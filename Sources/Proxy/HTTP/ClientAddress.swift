import Glibc

/// A client's address and port in 20 bytes, as accept(2) gave them.
struct ClientAddress {
    /// Network order; an IPv4 address lies in the first four bytes of `high`.
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private(set) var isIPv6 = false
    private(set) var port: UInt16 = 0

    init() {}

    /// Only the port is known.
    init(port: UInt16) { self.port = port }

    /// - Parameter name: `sockaddr_in` or `sockaddr_in6`, of at least 28 readable bytes.
    init(_ name: UnsafeRawPointer) {
        let family = name.loadUnaligned(as: sa_family_t.self)
        // Both families have the port in the same place.
        port = UInt16(bigEndian: name.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        if Int32(family) == AF_INET6 {
            high = name.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            low = name.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            isIPv6 = true
        } else {
            high = UInt64(name.loadUnaligned(fromByteOffset: 4, as: UInt32.self).littleEndian)
        }
    }

    /// - Parameter bytes: 4 or 16 in network order.
    init(bytes: UnsafePointer<UInt8>, isIPv6: Bool, port: UInt16 = 0) {
        let raw = UnsafeRawPointer(bytes)
        self.isIPv6 = isIPv6
        self.port = port
        if isIPv6 {
            high = raw.loadUnaligned(as: UInt64.self)
            low = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        } else {
            high = UInt64(raw.loadUnaligned(as: UInt32.self).littleEndian)
        }
    }

    /// The address has what `mask` covers in common with `network`.
    @inline(__always)
    func isIn(_ network: ClientAddress, _ mask: ClientAddress) -> Bool {
        isIPv6 == network.isIPv6 && high & mask.high == network.high && low & mask.low == network.low
    }

    func with(port: UInt16) -> ClientAddress {
        var address = self
        address.port = port
        return address
    }

    /// Writes the address's 4 or 16 bytes in network order.
    func putRaw(into output: inout HeadOutput) {
        var octets = (high.littleEndian, low.littleEndian)
        withUnsafeBytes(of: &octets) { raw in
            for i in 0..<(isIPv6 ? 16 : 4) { output.put(byte: raw[i]) }
        }
    }

    /// Writes the address as text (RFC 5952).
    @inline(__always)
    func put(into output: inout HeadOutput) {
        if isIPv6 {
            putIPv6(into: &output)
            return
        }
        let word = high
        putOctet(UInt8(truncatingIfNeeded: word), into: &output)
        output.put(byte: 0x2e)
        putOctet(UInt8(truncatingIfNeeded: word &>> 8), into: &output)
        output.put(byte: 0x2e)
        putOctet(UInt8(truncatingIfNeeded: word &>> 16), into: &output)
        output.put(byte: 0x2e)
        putOctet(UInt8(truncatingIfNeeded: word &>> 24), into: &output)
    }

    @inline(__always)
    private func putOctet(_ value: UInt8, into output: inout HeadOutput) {
        if value >= 100 { output.put(byte: 48 &+ value / 100) }
        if value >= 10 { output.put(byte: 48 &+ value / 10 % 10) }
        output.put(byte: 48 &+ value % 10)
    }

    private func putIPv6(into output: inout HeadOutput) {
        var octets = (high, low)
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            guard let start = text.baseAddress,
                inet_ntop(AF_INET6, &octets, start, socklen_t(text.count)) != nil
            else { return }
            let length = strlen(start)
            start.withMemoryRebound(to: UInt8.self, capacity: length) { output.put($0, length) }
        }
    }

    /// Whom limits count as one: the address, of IPv6 the /64 that a single customer usually has. Never 0.
    @inline(__always)
    var source: UInt64 { isIPv6 ? max(1, high) : high | 0xffff_0000_0000 }

    /// Spreads clients over servers (FNV-1a); the same on every node, whatever the architecture.
    var hash: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var octets = (high, low)
        withUnsafeBytes(of: &octets) { raw in
            for byte in raw { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        }
        return hash
    }
}
