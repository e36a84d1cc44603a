/// Where a message's body ends, and how much of it is still to come. Trivial: it lies in the connection's slot.
struct MessageBody {
    enum Kind: UInt8 {
        /// Whole, or there never was one.
        case done
        /// `remaining` bytes.
        case length
        /// Chunks (RFC 9112 section 7.1), checked strictly and passed on as they came.
        case chunked
        /// The same, with the chunks' frames taken off for an HTTP/1.0 client.
        case unchunked
        /// Until the sender closes; also a tunnel.
        case untilClose
    }

    private enum Step: UInt8 {
        case firstDigit, digits, parameters, sizeLineFeed
        case data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, lastLineFeed
    }

    /// Bytes of chunk parameters in one chunk, and of all trailers.
    static let parametersLimit = 256
    static let trailersLimit = 4_096

    private(set) var kind = Kind.done
    private var step = Step.firstDigit
    private var lineCount: UInt16 = 0
    /// Of a length or a chunk; while a trailer's name is read: its hash.
    private(set) var remaining: Int64 = 0

    static let none = MessageBody()
    static let untilClose = MessageBody(kind: .untilClose)

    private init(kind: Kind = .done) { self.kind = kind }

    init(length: Int64) {
        kind = length > 0 ? .length : .done
        remaining = length
    }

    init(chunkedKeepingFrames keepsFrames: Bool) { kind = keepsFrames ? .chunked : .unchunked }

    @inline(__always)
    var isDone: Bool { kind == .done }

    /// Bytes that may move without being looked at: the rest of a length or of a chunk.
    @inline(__always)
    var unseenBytes: Int64 {
        switch kind {
        case .length: remaining
        case .chunked, .unchunked: step == .data ? remaining : 0
        case .untilClose: .max
        case .done: 0
        }
    }

    /// `count` bytes of `unseenBytes` went by.
    mutating func skip(_ count: Int) {
        precondition(Int64(count) <= unseenBytes, "only a body's own bytes are skipped")
        if kind == .untilClose { return }
        remaining &-= Int64(count)
        if remaining == 0 { if kind == .length { kind = .done } else { step = .dataReturn } }
    }

    /// How much of the given bytes belongs to the body, and how much of that is to be passed on.
    struct Portion {
        /// -1: malformed.
        var taken: Int
        var kept: Int
    }

    /// Follows the body through `bytes[0..<count]`. Frames that aren't kept are squeezed out in place.
    @inline(__always)
    mutating func advance(_ bytes: Bytes, _ count: Int) -> Portion {
        switch kind {
        case .length:
            let taken = Int(min(Int64(count), remaining))
            remaining &-= Int64(taken)
            if remaining == 0 { kind = .done }
            return Portion(taken: taken, kept: taken)
        case .untilClose: return Portion(taken: count, kept: count)
        case .done: return Portion(taken: 0, kept: 0)
        case .chunked:
            let taken = advanceChunks(bytes, count, keptBytes: nil)
            return Portion(taken: taken, kept: taken)
        case .unchunked:
            var kept = 0
            let taken = advanceChunks(bytes, count, keptBytes: &kept)
            return Portion(taken: taken, kept: kept)
        }
    }

    private mutating func advanceChunks(_ bytes: Bytes, _ count: Int, keptBytes: UnsafeMutablePointer<Int>?) -> Int {
        var i = 0
        while i < count {
            if step == .data {
                let size = Int(min(Int64(count &- i), remaining))
                if let keptBytes {
                    (bytes + keptBytes.pointee).update(from: bytes + i, count: size)
                    keptBytes.pointee &+= size
                }
                remaining &-= Int64(size)
                i &+= size
                if remaining == 0 { step = .dataReturn }
                continue
            }
            if !take(bytes[i]) { return -1 }
            i &+= 1
            if kind == .done { return i }
        }
        return i
    }

    /// One byte of a chunk's frame or of the trailers; false: malformed.
    @inline(__always)
    private mutating func take(_ byte: UInt8) -> Bool {
        switch step {
        case .firstDigit:
            lineCount = 0
            remaining = 0
            step = .digits
            return takeDigit(byte)
        case .digits:
            if byte == CharacterClass.carriageReturn {
                step = .sizeLineFeed
                return true
            }
            if byte == CharacterClass.semicolon {
                step = .parameters
                lineCount = 0
                return true
            }
            return takeDigit(byte)
        case .parameters:
            if byte == CharacterClass.carriageReturn {
                step = .sizeLineFeed
                return true
            }
            lineCount &+= 1
            return isText(byte) && lineCount <= Self.parametersLimit
        case .sizeLineFeed:
            lineCount = 0
            step = remaining == 0 ? .trailerStart : .data
            return byte == CharacterClass.lineFeed
        case .data: return false
        case .dataReturn:
            step = .dataLineFeed
            return byte == CharacterClass.carriageReturn
        case .dataLineFeed:
            step = .firstDigit
            return byte == CharacterClass.lineFeed
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed: return takeTrailer(byte)
        }
    }

    /// At most 15 digits: a chunk is shorter than 2^60.
    private mutating func takeDigit(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        let digit: UInt8
        if byte &- 48 <= 9 { digit = byte &- 48 } else if lower &- 97 <= 5 { digit = lower &- 87 } else { return false }
        lineCount &+= 1
        remaining = remaining &<< 4 | Int64(digit)
        return lineCount <= 15
    }

    private mutating func takeTrailer(_ byte: UInt8) -> Bool {
        lineCount &+= 1
        if lineCount > Self.trailersLimit { return false }
        switch step {
        case .trailerStart where byte == CharacterClass.carriageReturn: step = .lastLineFeed
        case .trailerStart:
            step = .trailerName
            remaining = TrailerName.start
            return takeTrailerName(byte)
        case .trailerName:
            if byte != CharacterClass.colon { return takeTrailerName(byte) }
            step = .trailerValue
            return !TrailerName.isForbidden(remaining)
        case .trailerValue:
            if byte != CharacterClass.carriageReturn { return isText(byte) }
            step = .trailerLineFeed
        case .trailerLineFeed:
            step = .trailerStart
            return byte == CharacterClass.lineFeed
        case .lastLineFeed:
            kind = .done
            return byte == CharacterClass.lineFeed
        default: return false
        }
        return true
    }

    private mutating func takeTrailerName(_ byte: UInt8) -> Bool {
        remaining = TrailerName.extend(remaining, byte)
        return CharacterClass.isToken(byte)
    }

    private func isText(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7f) || byte == CharacterClass.tab }
}

/// Trailer fields that would change how the message is framed or routed if someone merged them into the head
/// (RFC 9110 section 6.5.1). Names are compared by hash, since they may come byte by byte.
enum TrailerName {
    static let start = Int64(bitPattern: 0xcbf2_9ce4_8422_2325)

    /// `_` counts as `-`, as in a head: servers with environment variables can't tell the two apart.
    static func extend(_ hash: Int64, _ byte: UInt8) -> Int64 {
        let mixed = UInt64(bitPattern: hash) ^ UInt64(byte == 0x5f ? 0x2d : HeaderText.lowercased(byte))
        return Int64(bitPattern: mixed &* 0x0000_0100_0000_01b3)
    }

    private static let forbidden: [Int64] = [
        "content-length", "transfer-encoding", "host", "connection", "cookie", "set-cookie", "authorization",
        "x-forwarded-for", "upgrade", "trailer", "te",
    ].map { name in name.utf8.reduce(start, extend) }

    static func isForbidden(_ hash: Int64) -> Bool { forbidden.contains(hash) }
}
