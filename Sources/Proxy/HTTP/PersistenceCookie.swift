/// Finds one cookie in a request's Cookie field, and takes it out.
struct PersistenceCookie {
    let name: UnsafePointer<UInt8>
    let nameCount: Int

    /// Where the value stands.
    struct Found {
        var valueStart = -1
        var valueCount = 0
    }

    /// The pair at or after `position` of a Cookie value: its range without blanks, and whether it is ours.
    @inline(__always)
    private func nextPair(_ bytes: UnsafePointer<UInt8>, _ position: inout Int, _ end: Int) -> (Range<Int>, Bool)? {
        while position < end, bytes[position] == CharacterClass.semicolon || CharacterClass.isBlank(bytes[position]) {
            position &+= 1
        }
        guard position < end else { return nil }
        let start = position
        while position < end, bytes[position] != CharacterClass.semicolon { position &+= 1 }
        var last = position
        while last > start, CharacterClass.isBlank(bytes[last &- 1]) { last &-= 1 }
        return (start..<last, isOurs(bytes + start, last &- start))
    }

    /// Cookie names are case-sensitive (RFC 6265 section 4.1.1).
    @inline(__always)
    func isOurs(_ pair: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard count > nameCount, pair[nameCount] == 0x3d else { return false }
        var i = 0
        while i < nameCount {
            if pair[i] != name[i] { return false }
            i &+= 1
        }
        return true
    }

    /// The first value under our name; nil when the field doesn't have it.
    @inline(__always)
    func find(_ bytes: UnsafePointer<UInt8>, _ line: FieldLine) -> Found? {
        var position = line.valueStart
        while let (range, isOurs) = nextPair(bytes, &position, line.valueEnd) {
            if isOurs {
                let start = range.lowerBound + nameCount + 1
                return Found(valueStart: start, valueCount: range.upperBound - start)
            }
        }
        return nil
    }

    /// Writes the field without our pairs; nothing when no other pair is left.
    func putStripped(_ bytes: UnsafePointer<UInt8>, _ line: FieldLine, into output: inout HeadOutput) {
        var position = line.valueStart
        var isFirst = true
        while let (range, isOurs) = nextPair(bytes, &position, line.valueEnd) {
            if isOurs { continue }
            if isFirst { output.put(bytes + line.start, line.valueStart - line.start) } else { output.put("; ") }
            isFirst = false
            output.put(bytes + range.lowerBound, range.count)
        }
        if !isFirst { output.put("\r\n") }
    }
}
