/// Which bytes may stand where in a message head (RFC 9110 section 5.6, RFC 9112).
///
/// Classes are bit sets in two words: no lazily initialised global on the data path. Names are checked byte by byte by
/// way of a table that lies in the program.
enum CharacterClass {
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09
    static let carriageReturn: UInt8 = 0x0d
    static let lineFeed: UInt8 = 0x0a
    static let colon: UInt8 = 0x3a
    static let comma: UInt8 = 0x2c
    static let semicolon: UInt8 = 0x3b

    @inline(__always)
    private static func contains(_ low: UInt64, _ high: UInt64, _ byte: UInt8) -> Bool {
        let word = byte < 64 ? low : (byte < 128 ? high : 0)
        return (word &>> UInt64(byte & 63)) & 1 != 0
    }

    /// tchar of RFC 9110 section 5.6.2: methods and field names consist of these.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool { contains(0x03ff_6cfa_0000_0000, 0x57ff_ffff_c7ff_fffe, byte) }

    /// The first index in `start..<end` that is no tchar; `end` if there is none.
    @inline(__always)
    static func endOfToken(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        // `1` for each tchar.
        let table: StaticString = """
            0000000000000000000000000000000001011111001101101111111111000000\
            0111111111111111111111111110001111111111111111111111111111101010\
            0000000000000000000000000000000000000000000000000000000000000000\
            0000000000000000000000000000000000000000000000000000000000000000
            """
        let classes = table.utf8Start
        var i = start
        while i < end, classes[Int(bytes[i])] == 0x31 { i &+= 1 }
        return i
    }

    /// cookie-octet of RFC 6265 section 4.1.1.
    static func isCookieOctet(_ byte: UInt8) -> Bool { contains(0xf7ff_effa_0000_0000, 0x7fff_ffff_efff_ffff, byte) }

    /// unreserved and sub-delims of RFC 3986 without the comma, which would make a list of a host.
    @inline(__always)
    static func isHostName(_ byte: UInt8) -> Bool { contains(0x2bff_6fd2_0000_0000, 0x47ff_fffe_87ff_fffe, byte) }

    @inline(__always)
    static func isHexDigit(_ byte: UInt8) -> Bool { byte &- 48 <= 9 || (byte | 0x20) &- 97 <= 5 }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    /// The first index in `start..<end` that is neither visible, blank nor obs-text: CR, LF or another control byte.
    /// `end` if there is none.
    @inline(__always)
    static func endOfText(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        var i = start
        while i < end {
            if i &+ 8 <= end {
                let word = UnsafeRawPointer(bytes + i).loadUnaligned(as: UInt64.self).littleEndian
                let found = bytesBelow(word, 0x20) | bytesEqual(word, 0x7f)
                if found == 0 {
                    i &+= 8
                    continue
                }
                // Borrows can only mark bytes above a true find, so the lowest mark is true.
                i &+= found.trailingZeroBitCount / 8
            }
            let byte = bytes[i]
            if (byte < 0x20 && byte != tab) || byte == 0x7f { return i }
            i &+= 1
        }
        return end
    }

    /// The first index in `start..<end` that can't stand in a request target: blank, control, not ASCII, or `#`.
    @inline(__always)
    static func endOfTarget(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        var i = start
        while i < end {
            let byte = bytes[i]
            if byte <= 0x20 || byte >= 0x7f || byte == 0x23 { return i }
            i &+= 1
        }
        return end
    }

    @inline(__always)
    private static func bytesBelow(_ word: UInt64, _ limit: UInt64) -> UInt64 {
        (word &- (0x0101_0101_0101_0101 &* limit)) & ~word & 0x8080_8080_8080_8080
    }

    @inline(__always)
    private static func bytesEqual(_ word: UInt64, _ value: UInt64) -> UInt64 {
        bytesBelow(word ^ (0x0101_0101_0101_0101 &* value), 1)
    }
}

/// Comparisons of raw header bytes, without `String`.
enum HeaderText {
    /// `bytes[0..<lower.count]`, ASCII letters in any case, equals `lower`, which is in lower case.
    @inline(__always)
    static func equals(_ bytes: UnsafePointer<UInt8>, _ lower: StaticString) -> Bool {
        let other = lower.utf8Start
        var i = 0
        while i < lower.utf8CodeUnitCount {
            if lowercased(bytes[i]) != other[i] { return false }
            i &+= 1
        }
        return true
    }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

    @inline(__always)
    static func equals(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ lower: StaticString) -> Bool {
        count == lower.utf8CodeUnitCount && equals(bytes, lower)
    }

    /// `bytes[0..<lower.count]` is `lower` but for `_` where it has `-`: servers that put fields into environment
    /// variables (CGI, WSGI, PHP) can't tell the two apart.
    static func isAlias(_ bytes: UnsafePointer<UInt8>, _ lower: StaticString) -> Bool {
        let other = lower.utf8Start
        for i in 0..<lower.utf8CodeUnitCount {
            let byte = lowercased(bytes[i])
            if byte != other[i] && !(byte == 0x5f && other[i] == 0x2d) { return false }
        }
        return true
    }

    /// Two texts of the same length, letters in any case.
    static func equalsIgnoringCase(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        for i in 0..<count where lowercased(a[i]) != lowercased(b[i]) { return false }
        return true
    }

    /// Walks a comma-separated list from `position`: the next element's range without blanks around it. nil at the end.
    @inline(__always)
    static func nextListElement(_ bytes: UnsafePointer<UInt8>, _ position: inout Int, _ end: Int) -> Range<Int>? {
        while position < end, bytes[position] == CharacterClass.comma || CharacterClass.isBlank(bytes[position]) {
            position &+= 1
        }
        guard position < end else { return nil }
        let start = position
        while position < end, bytes[position] != CharacterClass.comma { position &+= 1 }
        var last = position
        while last > start, CharacterClass.isBlank(bytes[last &- 1]) { last &-= 1 }
        return start..<last
    }
}
