/// Finds one cookie in a request's Cookie field, and takes it out.
struct PersistenceCookie {
    let name: UnsafePointer<UInt8>
    let nameCount: Int

    /// Where a value stands.
    struct Found {
        var valueStart = -1
        var valueCount = 0
    }

    /// A pair of a Cookie value: its range without blanks around it, and where its value begins if it is ours.
    private struct Pair {
        var start: Int
        var end: Int
        /// -1: another's.
        var valueStart: Int
        /// `$Path` and the like (RFC 2965), which belong to the pair before them.
        var isAttribute: Bool

        var isOurs: Bool { valueStart >= 0 }
    }

    /// The pair at or after `position`. A `;` within a quoted value is part of it, as HAProxy reads it; a quote that
    /// nothing closes is an ordinary byte (RFC 6265), so that it can't hide what follows.
    @inline(__always)
    private func nextPair(_ bytes: UnsafePointer<UInt8>, _ position: inout Int, _ end: Int) -> Pair? {
        while position < end, bytes[position] == CharacterClass.semicolon || CharacterClass.isBlank(bytes[position]) {
            position &+= 1
        }
        guard position < end else { return nil }
        let start = position
        while position < end, bytes[position] != CharacterClass.semicolon, bytes[position] != Self.equals {
            position &+= 1
        }
        var nameEnd = position
        while nameEnd > start, CharacterClass.isBlank(bytes[nameEnd &- 1]) { nameEnd &-= 1 }
        var valueStart = -1
        if position < end, bytes[position] == Self.equals {
            position &+= 1
            while position < end, CharacterClass.isBlank(bytes[position]) { position &+= 1 }
            valueStart = position
            if position < end, bytes[position] == Self.quote {
                position = Self.endOfQuoted(bytes, position, end) ?? position
            }
            while position < end, bytes[position] != CharacterClass.semicolon { position &+= 1 }
        }
        var last = position
        while last > start, CharacterClass.isBlank(bytes[last &- 1]) { last &-= 1 }
        let isNamed = valueStart >= 0 && nameEnd &- start == nameCount && isName(bytes + start)
        return Pair(
            start: start, end: last, valueStart: isNamed ? min(valueStart, last) : -1, isAttribute: bytes[start] == 0x24
        )
    }

    @inline(__always) private static var equals: UInt8 { 0x3d }
    @inline(__always) private static var quote: UInt8 { 0x22 }

    /// The index behind the closing quote of the string that begins at `start`; nil when nothing closes it.
    private static func endOfQuoted(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var i = start &+ 1
        while i < end, bytes[i] != quote { i &+= bytes[i] == 0x5c ? 2 : 1 }
        return i < end ? i &+ 1 : nil
    }

    @inline(__always)
    private func isName(_ bytes: UnsafePointer<UInt8>) -> Bool {
        var i = 0
        while i < nameCount {
            if bytes[i] != name[i] { return false }
            i &+= 1
        }
        return true
    }

    /// A Set-Cookie value sets our cookie. Names are case-sensitive (RFC 6265 section 4.1.1).
    @inline(__always)
    func isOurs(_ pair: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard count > nameCount, isName(pair) else { return false }
        var i = nameCount
        while i < count, CharacterClass.isBlank(pair[i]) { i &+= 1 }
        return i < count && pair[i] == Self.equals
    }

    /// The first value under our name at or after `position`, which goes on behind it; nil: there is none (left).
    @inline(__always)
    func find(_ bytes: UnsafePointer<UInt8>, _ position: inout Int, _ end: Int) -> Found? {
        while let pair = nextPair(bytes, &position, end) {
            if pair.isOurs { return Found(valueStart: pair.valueStart, valueCount: pair.end &- pair.valueStart) }
        }
        return nil
    }

    /// Writes the field without our pairs and their attributes; nothing when no other pair is left.
    func putStripped(_ bytes: UnsafePointer<UInt8>, _ line: FieldLine, into output: inout HeadOutput) {
        var position = line.valueStart
        var isFirst = true
        var isBehindOurs = false
        while let pair = nextPair(bytes, &position, line.valueEnd) {
            if pair.isOurs || (isBehindOurs && pair.isAttribute) {
                isBehindOurs = true
                continue
            }
            isBehindOurs = false
            if isFirst { output.put(bytes + line.start, line.valueStart - line.start) } else { output.put("; ") }
            isFirst = false
            output.put(bytes + pair.start, pair.end - pair.start)
        }
        if !isFirst { output.put("\r\n") }
    }
}
