/// A Host field's value, or an authority: `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
///
/// What isn't one is refused, not passed on: servers that route or build links by it each read it in their own way.
enum HostText {
    /// `bytes[0..<count]` is one; an empty one is (RFC 9112 section 3.2).
    @inline(__always)
    static func isValid(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var i = 0
        if count > 0, bytes[0] == 0x5b {
            guard let end = endOfLiteral(bytes, count) else { return false }
            i = end
        } else {
            while i < count, bytes[i] != CharacterClass.colon {
                if CharacterClass.isHostName(bytes[i]) {
                    i &+= 1
                } else if isEscape(bytes, i, count) {
                    i &+= 3
                } else {
                    return false
                }
            }
        }
        if i == count { return true }
        // A port may be empty; more than five digits are none, whatever they add up to.
        if bytes[i] != CharacterClass.colon || count &- i > 6 { return false }
        i &+= 1
        while i < count, bytes[i] &- 48 <= 9 { i &+= 1 }
        return i == count
    }

    private static func isEscape(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Bool {
        start &+ 2 < count && bytes[start] == 0x25 && CharacterClass.isHexDigit(bytes[start &+ 1])
            && CharacterClass.isHexDigit(bytes[start &+ 2])
    }

    /// `[` hexadecimal digits, colons and dots `]`: which of these are addresses, the server may judge; none of them can
    /// be taken for two things.
    private static func endOfLiteral(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        var i = 1
        while i < count, CharacterClass.isHexDigit(bytes[i]) || bytes[i] == CharacterClass.colon || bytes[i] == 0x2e {
            i &+= 1
        }
        return i > 2 && i < count && bytes[i] == 0x5d ? i &+ 1 : nil
    }
}
