/// One field line of a head, as indices into the bytes it stands in.
struct FieldLine {
    var start = 0
    var nameEnd = 0
    var valueStart = 0
    /// Without trailing blanks.
    var valueEnd = 0
    /// The next line's start.
    var next = 0

    enum Scan {
        case field, endOfHead, incomplete, malformed
    }

    @inline(__always)
    var nameCount: Int { nameEnd &- start }

    /// Reads the line at `position`, in RFC 9112's strict form: a token, a colon right behind it, a value without
    /// control bytes, CR LF. Whatever two parsers could read differently (bare LF, NUL, blanks before the colon, folded
    /// lines) is malformed. At the end of the head `next` points behind the empty line.
    @inline(__always)
    mutating func scan(_ bytes: UnsafePointer<UInt8>, at position: Int, limit: Int) -> Scan {
        start = position
        var i = CharacterClass.endOfToken(bytes, position, limit)
        if i == limit { return .incomplete }
        if i == position { return scanEnd(bytes, at: position, limit: limit) }
        if bytes[i] != CharacterClass.colon { return .malformed }
        nameEnd = i
        i &+= 1
        while i < limit, CharacterClass.isBlank(bytes[i]) { i &+= 1 }
        valueStart = i
        i = CharacterClass.endOfText(bytes, i, limit)
        if i == limit { return .incomplete }
        if bytes[i] != CharacterClass.carriageReturn { return .malformed }
        if i &+ 1 == limit { return .incomplete }
        if bytes[i &+ 1] != CharacterClass.lineFeed { return .malformed }
        next = i &+ 2
        while i > valueStart, CharacterClass.isBlank(bytes[i &- 1]) { i &-= 1 }
        valueEnd = i
        return .field
    }

    private mutating func scanEnd(_ bytes: UnsafePointer<UInt8>, at position: Int, limit: Int) -> Scan {
        if bytes[position] != CharacterClass.carriageReturn { return .malformed }
        if position + 1 == limit { return .incomplete }
        if bytes[position + 1] != CharacterClass.lineFeed { return .malformed }
        next = position + 2
        return .endOfHead
    }

    /// The value as Content-Length: digits only, at most 18. nil: malformed.
    func contentLength(_ bytes: UnsafePointer<UInt8>) -> Int64? {
        guard valueEnd > valueStart, valueEnd - valueStart <= 18 else { return nil }
        var value: Int64 = 0
        for i in valueStart..<valueEnd {
            let digit = bytes[i] &- 48
            if digit > 9 { return nil }
            value = value &* 10 &+ Int64(digit)
        }
        return value
    }

    /// The value is exactly the one transfer coding that everyone reads alike.
    func isChunked(_ bytes: UnsafePointer<UInt8>) -> Bool {
        HeaderText.equals(bytes + valueStart, valueEnd - valueStart, "chunked")
    }
}
