/// The server's name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), read without taking part in TLS.
enum ServerName {
    /// Bytes of records that are looked at. A ClientHello with post-quantum keys has about 2 KiB.
    static let limit = 16_384
    /// Bytes of a name.
    static let longest = 255

    enum Verdict: Equatable {
        case incomplete
        /// No TLS, no name, or one that can't be a host's.
        case none
        /// So many bytes of `room` are the name, in lower case, without a dot at its end.
        case name(Int)
    }

    /// - Parameter room: for `longest` bytes.
    static func parse(_ bytes: UnsafePointer<UInt8>, _ count: Int, into room: Bytes) -> Verdict {
        var reader = HandshakeReader(bytes: bytes, count: min(count, limit))
        let verdict = read(&reader, into: room)
        if let verdict { return verdict }
        return reader.isShort && count < limit ? .incomplete : .none
    }

    /// nil: the bytes end, or aren't a ClientHello.
    private static func read(_ reader: inout HandshakeReader, into room: Bytes) -> Verdict? {
        guard reader.number(1) == 1, let length = reader.number(3) else { return nil }
        // Version and random, session, cipher suites, compression methods.
        guard reader.skip(34), let session = reader.number(1), session <= 32, reader.skip(session),
            let suites = reader.number(2), suites >= 2, suites % 2 == 0, reader.skip(suites),
            let methods = reader.number(1), methods >= 1, reader.skip(methods)
        else { return nil }
        var left = length - 38 - session - suites - methods
        if left == 0 { return Verdict.none }
        guard left >= 2, let extensions = reader.number(2), extensions == left - 2 else { return nil }
        left = extensions
        while left > 0 {
            guard left >= 4, let kind = reader.number(2), let size = reader.number(2), size <= left - 4 else {
                return nil
            }
            if kind == 0 { return readName(&reader, size, into: room) }
            guard reader.skip(size) else { return nil }
            left -= 4 + size
        }
        return Verdict.none
    }

    private static func readName(_ reader: inout HandshakeReader, _ size: Int, into room: Bytes) -> Verdict? {
        guard size >= 5, let list = reader.number(2), list == size - 2, let kind = reader.number(1),
            let count = reader.number(2), count == list - 3
        else { return nil }
        guard kind == 0, (1...longest).contains(count) else { return Verdict.none }
        for i in 0..<count {
            guard let value = reader.number(1) else { return nil }
            let byte = HeaderText.lowercased(UInt8(truncatingIfNeeded: value))
            guard isHostByte(byte) else { return Verdict.none }
            room[i] = byte
        }
        let isAbsolute = room[count - 1] == 0x2e
        return isAbsolute && count == 1 ? Verdict.none : .name(isAbsolute ? count - 1 : count)
    }

    /// Letters, digits, hyphen, dot, and the underscore that some use.
    private static func isHostByte(_ byte: UInt8) -> Bool {
        byte &- 97 < 26 || byte &- 48 < 10 || byte == 0x2d || byte == 0x2e || byte == 0x5f
    }
}

/// The bytes of a handshake message, across the records that it is cut into.
private struct HandshakeReader {
    let bytes: UnsafePointer<UInt8>
    let count: Int
    private var position = 0
    private var leftInRecord = 0
    /// What was asked for isn't there yet.
    private(set) var isShort = false
    private var isBroken = false

    init(bytes: UnsafePointer<UInt8>, count: Int) {
        self.bytes = bytes
        self.count = count
    }

    /// A big-endian number of `size` bytes.
    mutating func number(_ size: Int) -> Int? {
        var value = 0
        for _ in 0..<size {
            guard openRecord() else { return nil }
            value = value << 8 | Int(bytes[position])
            position += 1
            leftInRecord -= 1
        }
        return value
    }

    mutating func skip(_ size: Int) -> Bool {
        var left = size
        while left > 0 {
            guard openRecord() else { return false }
            let step = min(left, leftInRecord, count - position)
            position += step
            leftInRecord -= step
            left -= step
        }
        return true
    }

    /// Goes on to the next record if this one is read. false: no byte is left, or the next isn't a handshake record.
    private mutating func openRecord() -> Bool {
        if isBroken { return false }
        if leftInRecord == 0 {
            guard isHeader() else { return false }
            leftInRecord = Int(bytes[position + 3]) << 8 | Int(bytes[position + 4])
            guard (1...16_384).contains(leftInRecord) else {
                isBroken = true
                return false
            }
            position += 5
        }
        isShort = position == count
        return !isShort
    }

    /// Handshake, version 3.x; what has come of it must be able to become one.
    private mutating func isHeader() -> Bool {
        if (position < count && bytes[position] != 22) || (position + 1 < count && bytes[position + 1] != 3) {
            isBroken = true
            return false
        }
        isShort = position + 5 > count
        return !isShort
    }
}
