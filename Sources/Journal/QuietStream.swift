import Election

/// Which quiet events are like each other: each one is kept as what differs from the one before of its stream.
enum QuietStream {
    /// The stream's name; nil for an event that is always kept whole. Specs/journal.md, "Runs".
    static func key(of event: Event) -> UInt32? {
        switch event {
        case .timer: return 0
        case .received(let reception):
            guard reception.proof.isEmpty else { return nil }
            let kind: UInt32
            switch reception.packet.message {
            case .heartbeat: kind = 1
            case .promise: kind = 2
            case .voteRequest, .grant, .certificate, .transferRequest, .log: return nil
            }
            let relay = reception.relay.map { UInt32($0.rawValue) + 1 } ?? 0
            return kind << 16 | UInt32(reception.packet.sender.node.rawValue) << 8 | relay
        default: return nil
        }
    }

    /// How many streams a segment may have between two checkpoints.
    static let limit = 2048

    static func hasMark(_ event: Event) -> JournalMark? {
        guard case .received(let reception) = event else { return nil }
        return reception.journal
    }
}

/// What the next event of a stream is guessed from.
struct StreamState {
    /// The last event's encoding.
    var bytes: [UInt8]
    /// The one before, while it had the same length: bytes that counted up are expected to go on so.
    var before: [UInt8] = []
    var instant: UInt64
    /// Between the last two; nil before there were two.
    var interval: UInt64?
    var mark = MarkState()

    /// The mark that was written last in this stream.
    struct MarkState: Hashable {
        var segment: UInt64 = 0
        var size: UInt64 = 0
        var head: UInt64 = 0
    }

    init(_ bytes: [UInt8], at instant: UInt64) {
        self.bytes = bytes
        self.instant = instant
    }

    var expectedInstant: UInt64? { interval.map { instant &+ $0 } }

    mutating func pass(to newInstant: UInt64) {
        interval = newInstant &- instant
        instant = newInstant
    }

    /// Exchanges the two, and makes `bytes` the guess.
    mutating func guess() {
        guard before.count == bytes.count else {
            before = bytes
            return
        }
        let count = bytes.count
        before.withUnsafeMutableBufferPointer { old in
            bytes.withUnsafeBufferPointer { new in
                for index in 0..<count { old[index] = new[index] &+ (new[index] &- old[index]) }
            }
        }
        swap(&before, &bytes)
    }
}

/// Between a first byte and the payload of a run. Each item begins with it.
enum ItemTag {
    static let slotMask: UInt8 = 0x0F
    /// The slot's number, less 15, follows.
    static let slotFollows: UInt8 = 0x0F
    static let hasBody: UInt8 = 0x10
    static let hasDigest: UInt8 = 0x20
    static let hasMark: UInt8 = 0x40
    /// The instant is told by its distance from where the stream's last interval would put it; else from the last
    /// record.
    static let isRegular: UInt8 = 0x80
}

/// A distance in time as it is written: in microseconds and even where it is whole ones, in nanoseconds and odd else.
/// The daemon's clock shows whole microseconds.
enum Distance {
    static func encode(_ nanoseconds: Int64) -> UInt64 {
        nanoseconds % 1000 == 0 ? ZigZag.encode(nanoseconds / 1000) << 1 : ZigZag.encode(nanoseconds) << 1 | 1
    }

    /// - Throws: for what `encode` doesn't write.
    static func decode(_ told: UInt64) throws(Malformed) -> Int64 {
        let value = ZigZag.decode(told >> 1)
        if told & 1 == 1 {
            guard value % 1000 != 0 else { throw .outOfRange }
            return value
        }
        let (nanoseconds, overflow) = value.multipliedReportingOverflow(by: 1000)
        guard !overflow else { throw .outOfRange }
        return nanoseconds
    }
}

/// Signed as unsigned, small for small ones of either sign: 0, -1, 1, -2 as 0, 1, 2, 3.
enum ZigZag {
    static func encode(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }
    static func decode(_ value: UInt64) -> Int64 { Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
}
