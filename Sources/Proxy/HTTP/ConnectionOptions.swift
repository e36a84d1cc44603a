import Glibc

/// What the Connection fields of one head say (RFC 9110 section 7.6.1).
struct ConnectionOptions {
    var close = false
    var keepAlive = false
    var upgrade = false
    /// Other names: fields that end at this hop and must be taken out.
    var namesFields = false

    /// Adds one Connection field's value.
    mutating func add(_ bytes: UnsafePointer<UInt8>, _ line: FieldLine) {
        var position = line.valueStart
        while let range = HeaderText.nextListElement(bytes, &position, line.valueEnd) {
            let option = bytes + range.lowerBound
            switch range.count {
            case 5 where HeaderText.equals(option, "close"): close = true
            case 7 where HeaderText.equals(option, "upgrade"): upgrade = true
            case 10 where HeaderText.equals(option, "keep-alive"): keepAlive = true
            case 2 where HeaderText.equals(option, "te"): break  // TE is always taken out
            case 14 where HeaderText.equals(option, "http2-settings"): break  // and so is this
            default: namesFields = true
            }
        }
    }

    /// Takes the fields that Connection names out of the rewritten head `output[from...]`; the head as received is
    /// `bytes[start..<end]`, whose Connection fields are read again because this path is rare.
    ///
    /// - Returns: false when Connection names a field that isn't the sender's to hide, or too many.
    static func strip(
        namedBy bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int, from output: inout HeadOutput, at from: Int
    ) -> Bool {
        var line = FieldLine()
        var position = start
        var named = 0
        while case .field = line.scan(bytes, at: position, limit: end) {
            position = line.next
            guard HeaderText.equals(bytes + line.start, line.nameCount, "connection") else { continue }
            var element = line.valueStart
            while let range = HeaderText.nextListElement(bytes, &element, line.valueEnd) {
                named += 1
                if named > HeadLimit.connectionOptions { return false }
                let name = bytes + range.lowerBound
                if isProtected(name, range.count) { return false }
                remove(name, range.count, from: &output, at: from)
            }
        }
        return true
    }

    /// Fields that frame the message or that we set: naming one of these in Connection is an attempt to make the next
    /// hop read another message than we did.
    private static func isProtected(_ name: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        switch count {
        case 4: HeaderText.equals(name, "host")
        case 6: HeaderText.equals(name, "cookie") || HeaderText.equals(name, "expect")
        case 9: HeaderText.equals(name, "forwarded")
        case 10: HeaderText.equals(name, "set-cookie")
        case 13: HeaderText.equals(name, "cache-control") || HeaderText.equals(name, "authorization")
        case 14: HeaderText.equals(name, "content-length")
        case 15: HeaderText.equals(name, "x-forwarded-for")
        case 17: HeaderText.equals(name, "transfer-encoding")
        default: false
        }
    }

    private static func remove(
        _ name: UnsafePointer<UInt8>, _ count: Int, from output: inout HeadOutput, at from: Int
    ) {
        var line = FieldLine()
        var position = from
        var kept = from
        while case .field = line.scan(output.base, at: position, limit: output.count) {
            let size = line.next - line.start
            let isNamed =
                line.nameCount == count && HeaderText.equalsIgnoringCase(output.base + line.start, name, count)
            if !isNamed {
                memmove(output.base + kept, output.base + line.start, size)
                kept += size
            }
            position = line.next
        }
        output.truncate(to: kept)
    }
}
