import Glibc

/// The PROXY protocol's header, which a proxy in front of us puts before a connection's own bytes
/// (proxy-protocol.txt of HAProxy, versions 1 and 2). Read strictly: what isn't exactly one is refused.
enum ProxyHeader {
    /// Bytes of a whole header with its TLVs; version 1 ends at 107.
    static let limit = 4_096
    static let limitV1 = 107

    enum Verdict {
        case incomplete
        case malformed
        case complete(Parsed)
    }

    struct Parsed {
        var consumed: Int
        /// Whom it names; otherwise (LOCAL, UNKNOWN, a family that isn't IP) the connection's own addresses hold.
        var hasAddresses = false
        var source = ClientAddress()
        var target = ClientAddress()
    }

    static func parse(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Verdict {
        guard count > 0 else { return .incomplete }
        return bytes[0] == 0x0d ? parseV2(bytes, count) : parseV1(bytes, count)
    }

    // MARK: version 1

    private static func parseV1(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Verdict {
        let start: StaticString = "PROXY "
        for i in 0..<min(count, start.utf8CodeUnitCount) where bytes[i] != start.utf8Start[i] { return .malformed }
        var end = 0
        let limit = min(count, limitV1)
        while end < limit, bytes[end] != CharacterClass.carriageReturn {
            // A line of visible ASCII.
            if bytes[end] < 0x20 || bytes[end] > 0x7e { return .malformed }
            end += 1
        }
        if end + 1 >= limit { return limit == limitV1 ? .malformed : .incomplete }
        guard bytes[end + 1] == CharacterClass.lineFeed else { return .malformed }
        var line = WordReader(bytes: bytes, position: start.utf8CodeUnitCount, end: end)
        guard let family = line.next() else { return .malformed }
        let name = bytes + family.lowerBound
        if family.count == 7, memcmp(name, "UNKNOWN", 7) == 0 { return .complete(Parsed(consumed: end + 2)) }
        guard family.count == 4, memcmp(name, "TCP", 3) == 0, name[3] == 0x34 || name[3] == 0x36 else {
            return .malformed
        }
        let isIPv6 = name[3] == 0x36
        guard let source = line.address(isIPv6), let target = line.address(isIPv6), let sourcePort = line.port(),
            let targetPort = line.port(), line.isAtEnd
        else { return .malformed }
        return .complete(
            Parsed(
                consumed: end + 2, hasAddresses: true, source: source.with(port: sourcePort),
                target: target.with(port: targetPort)))
    }

    /// Words with one space between them.
    private struct WordReader {
        let bytes: UnsafePointer<UInt8>
        var position: Int
        let end: Int

        /// Behind the last word.
        var isAtEnd: Bool { position == end + 1 }

        mutating func next() -> Range<Int>? {
            let start = position
            while position < end, bytes[position] != CharacterClass.space { position += 1 }
            guard start < position else { return nil }
            defer { position += 1 }
            return start..<position
        }

        mutating func address(_ isIPv6: Bool) -> ClientAddress? {
            guard let word = next(), word.count < Int(INET6_ADDRSTRLEN) else { return nil }
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
                for (place, i) in word.enumerated() { text[place] = CChar(bitPattern: bytes[i]) }
                text[word.count] = 0
                var raw: (UInt64, UInt64) = (0, 0)
                guard let start = text.baseAddress, inet_pton(isIPv6 ? AF_INET6 : AF_INET, start, &raw) == 1 else {
                    return nil
                }
                return withUnsafeBytes(of: &raw) { buffer in
                    buffer.baseAddress.map {
                        ClientAddress(bytes: $0.assumingMemoryBound(to: UInt8.self), isIPv6: isIPv6)
                    }
                }
            }
        }

        mutating func port() -> UInt16? {
            guard let word = next(), word.count <= 5, word.count == 1 || bytes[word.lowerBound] != 0x30 else {
                return nil
            }
            var value = 0
            for i in word {
                let digit = bytes[i] &- 48
                if digit > 9 { return nil }
                value = value * 10 + Int(digit)
            }
            return UInt16(exactly: value)
        }
    }

    // MARK: version 2

    /// CR LF CR LF NUL CR LF QUIT LF
    static func putSignature(into output: inout HeadOutput) {
        output.put("\r\n\r\n\0\r\nQUIT\n")
    }

    private static func parseV2(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Verdict {
        let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"
        for i in 0..<min(count, 12) where bytes[i] != signature.utf8Start[i] { return .malformed }
        if count < 16 { return .incomplete }
        let length = Int(word(bytes + 14))
        let isLocal = bytes[12] == 0x20
        guard isLocal || bytes[12] == 0x21, 16 + length <= limit else { return .malformed }
        if count < 16 + length { return .incomplete }
        var parsed = Parsed(consumed: 16 + length)
        let body = bytes + 16
        let addresses: Int
        switch bytes[13] {
        case 0x00: addresses = 0
        case 0x11: addresses = 12
        case 0x21: addresses = 36
        case 0x31: addresses = 216
        // LOCAL is to be taken whatever else it says.
        default: return isLocal ? .complete(parsed) : .malformed
        }
        if isLocal { return .complete(parsed) }
        guard length >= addresses else { return .malformed }
        if bytes[13] == 0x11 || bytes[13] == 0x21 {
            let isIPv6 = bytes[13] == 0x21
            let size = isIPv6 ? 16 : 4
            parsed.hasAddresses = true
            parsed.source = ClientAddress(bytes: body, isIPv6: isIPv6, port: word(body + 2 * size))
            parsed.target = ClientAddress(bytes: body + size, isIPv6: isIPv6, port: word(body + 2 * size + 2))
        }
        guard areWhole(bytes, from: 16 + addresses, to: 16 + length) else { return .malformed }
        return .complete(parsed)
    }

    private static func word(_ bytes: UnsafePointer<UInt8>) -> UInt16 { UInt16(bytes[0]) << 8 | UInt16(bytes[1]) }

    /// The TLVs fill their room exactly, and a checksum among them is right.
    private static func areWhole(_ bytes: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Bool {
        var i = start
        while i < end {
            guard i + 3 <= end else { return false }
            let size = Int(word(bytes + i + 1))
            guard i + 3 + size <= end else { return false }
            if bytes[i] == 0x03, size != 4 || !isChecksum(bytes, end, at: i + 3) { return false }
            i += 3 + size
        }
        return true
    }

    /// CRC32c over the header with the checksum's own bytes as zero.
    private static func isChecksum(_ bytes: UnsafePointer<UInt8>, _ count: Int, at place: Int) -> Bool {
        var crc = UInt32.max
        for i in 0..<count {
            crc ^= i >= place && i < place + 4 ? 0 : UInt32(bytes[i])
            for _ in 0..<8 { crc = crc & 1 != 0 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        return ~crc == UInt32(word(bytes + place)) << 16 | UInt32(word(bytes + place + 2))
    }

    // MARK: writing

    /// Both addresses are of one family.
    static func put(
        _ source: ClientAddress, _ target: ClientAddress, version: ServicePlan.ProxyHeader,
        into output: inout HeadOutput
    ) {
        if version == .v1 { putV1(source, target, into: &output) } else { putV2(source, target, into: &output) }
    }

    private static func putV1(_ source: ClientAddress, _ target: ClientAddress, into output: inout HeadOutput) {
        output.put(source.isIPv6 ? "PROXY TCP6 " : "PROXY TCP4 ")
        source.put(into: &output)
        output.put(byte: CharacterClass.space)
        target.put(into: &output)
        output.put(byte: CharacterClass.space)
        output.put(decimal: Int(source.port))
        output.put(byte: CharacterClass.space)
        output.put(decimal: Int(target.port))
        output.put("\r\n")
    }

    private static func putV2(_ source: ClientAddress, _ target: ClientAddress, into output: inout HeadOutput) {
        let isIPv6 = source.isIPv6
        putSignature(into: &output)
        output.put(byte: 0x21)
        output.put(byte: isIPv6 ? 0x21 : 0x11)
        output.put(byte: 0)
        output.put(byte: isIPv6 ? 36 : 12)
        source.putRaw(into: &output)
        target.putRaw(into: &output)
        put(source.port, into: &output)
        put(target.port, into: &output)
    }

    private static func put(_ port: UInt16, into output: inout HeadOutput) {
        output.put(byte: UInt8(port >> 8))
        output.put(byte: UInt8(port & 0xff))
    }
}
