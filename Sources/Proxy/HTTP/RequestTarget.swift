import Glibc

/// What routes compare requests by. Pure functions over bytes.
enum RequestTarget {
    /// A Host field's name without port and without the dot at its end (RFC 9110 section 7.2).
    ///
    /// - Returns: how many bytes of it are the name.
    static func nameCount(ofHost host: UnsafePointer<UInt8>, _ count: Int) -> Int {
        var end = count
        if count > 0, host[0] == 0x5b {
            end = 0
            while end < count, host[end] != 0x5d { end += 1 }
            return min(end + 1, count)
        }
        while end > 0, host[end - 1] &- 48 <= 9 { end -= 1 }
        end = end > 0 && host[end - 1] == CharacterClass.colon ? end - 1 : count
        return end > 0 && host[end - 1] == 0x2e ? end - 1 : end
    }

    /// The path of a target as a server may understand it: percent-encoding undone, dot segments resolved, slashes that
    /// repeat made one (RFC 3986 section 6.2.2), up to the query. Rules compare this form, so that `/%61dmin`,
    /// `//admin` and `/x/../admin` can't go past a rule about `/admin`.
    ///
    /// - Parameter room: for as many bytes as the target has.
    /// - Returns: bytes written; -1: a broken escape, a NUL, or a path that climbs above its root.
    static func normalise(_ target: UnsafePointer<UInt8>, _ count: Int, into room: Bytes) -> Int {
        var written = 0
        var i = 0
        while i < count, target[i] != 0x3f {
            var byte = target[i]
            i += 1
            if byte == 0x25 {
                guard i + 2 <= count, let high = hexValue(target[i]), let low = hexValue(target[i + 1]) else {
                    return -1
                }
                byte = high << 4 | low
                i += 2
            }
            // Where a server ends the path there, a rule must not read on.
            if byte == 0 { return -1 }
            if byte == slash {
                if !closeSegment(room, &written) { return -1 }
                if written > 0, room[written - 1] == slash { continue }
            }
            room[written] = byte
            written += 1
        }
        if !closeSegment(room, &written) { return -1 }
        if written == 0 {
            room[0] = slash
            return count > 0 ? 1 : 0
        }
        return written
    }

    @inline(__always) private static var slash: UInt8 { 0x2f }

    /// The segment before the next slash is whole: `.` and `..` are resolved. false: above the root.
    private static func closeSegment(_ room: Bytes, _ written: inout Int) -> Bool {
        var start = written
        while start > 0, room[start - 1] != slash { start -= 1 }
        let length = written - start
        guard length == 1 || length == 2, room[start] == 0x2e, room[written - 1] == 0x2e else { return true }
        written = start
        if length == 1 { return true }
        if written <= 1 { return false }
        written -= 1
        while written > 0, room[written - 1] != slash { written -= 1 }
        return true
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        if byte &- 48 <= 9 { return byte &- 48 }
        let lower = byte | 0x20
        return lower &- 97 <= 5 ? lower &- 87 : nil
    }

    /// `path` lies at or below `prefix`, in whole segments.
    static func isBelow(_ path: UnsafePointer<UInt8>, _ count: Int, _ prefix: OwnedText) -> Bool {
        guard let bytes = prefix.bytes, count >= prefix.count, memcmp(path, bytes, prefix.count) == 0 else {
            return false
        }
        return count == prefix.count || bytes[prefix.count - 1] == slash || path[prefix.count] == slash
    }
}
