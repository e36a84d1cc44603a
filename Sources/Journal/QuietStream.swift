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
package struct StreamState {
    /// Bytes of the last event's encoding.
    private var count = 0
    /// Of a row: `count`, and zeros up to whole lanes.
    private var width = 0
    /// Four rows in one array, since each step of a journal touches all of them: the last event's encoding; the next
    /// one's as far as anybody can tell, for each byte goes on by its step; the steps; and by how much each byte changed
    /// last. A change has to come twice running to become the step: a number that counts up keeps its
    /// step over a carry or a lost packet, and one that only shakes is expected to stay.
    private var rows: [UInt8] = []
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

    private static let lane = SIMD16<UInt8>.scalarCount

    package init(at instant: UInt64) { self.instant = instant }

    package var bytes: ArraySlice<UInt8> { rows[..<count] }
    package var guess: ArraySlice<UInt8> { rows[width..<width + count] }

    /// Intervals shake by some milliseconds, and what was late isn't late by twice as much the next time.
    private static let grain: UInt64 = 10_000_000

    var expectedInstant: UInt64? { interval.map { instant &+ ($0 &+ Self.grain / 2) / Self.grain * Self.grain } }

    mutating func pass(to newInstant: UInt64) {
        interval = newInstant &- instant
        instant = newInstant
    }

    /// The stream's first event, or one of another length than the last.
    package mutating func begin(with event: [UInt8]) {
        count = event.count
        width = (count + Self.lane - 1) / Self.lane * Self.lane
        rows = Array(repeating: 0, count: 4 * width)
        rows.replaceSubrange(..<count, with: event)
        correct(to: event)
    }

    /// The stream's next event, of the length of the last, in place of the guess.
    package mutating func correct(to event: [UInt8]) {
        precondition(event.count == count, "an event of another length begins the stream anew")
        rows.replaceSubrange(width..<width + count, with: event)
    }

    /// One byte of the guess; false where there is none.
    mutating func correct(_ place: Int, to byte: UInt8) -> Bool {
        guard place < count else { return false }
        rows[width + place] = byte
        return true
    }

    /// Makes the guess, which is the event by now, the last one, and guesses the next.
    package mutating func take() {
        let width = width
        rows.withUnsafeMutableBytes { rows in
            for place in stride(from: 0, to: width, by: Self.lane) {
                let last = rows.loadUnaligned(fromByteOffset: place, as: SIMD16<UInt8>.self)
                let new = rows.loadUnaligned(fromByteOffset: width + place, as: SIMD16<UInt8>.self)
                var steps = rows.loadUnaligned(fromByteOffset: 2 * width + place, as: SIMD16<UInt8>.self)
                let changes = rows.loadUnaligned(fromByteOffset: 3 * width + place, as: SIMD16<UInt8>.self)
                let change = new &- last
                steps.replace(with: change, where: change .== changes)
                rows.storeBytes(of: new, toByteOffset: place, as: SIMD16<UInt8>.self)
                rows.storeBytes(of: new &+ steps, toByteOffset: width + place, as: SIMD16<UInt8>.self)
                rows.storeBytes(of: steps, toByteOffset: 2 * width + place, as: SIMD16<UInt8>.self)
                rows.storeBytes(of: change, toByteOffset: 3 * width + place, as: SIMD16<UInt8>.self)
            }
        }
    }
}

/// How a body says what differs from the guess: so many bytes stay, so many are replaced.
enum Patch {
    /// In a patch's head: no other follows.
    static let isLast: UInt8 = 0x80
    /// A gap of so many bytes says that these stay, and replaces none.
    static let longGap = 31
    /// Bytes that one patch replaces, at most.
    static let most = 4
    /// In place of the first patch: the event follows, whole.
    static let whole: UInt8 = 0xFF

    static func head(gap: Int, count: Int) -> UInt8 { UInt8(gap << 2 | (count - 1)) }
}

/// Each item of a run begins with it.
enum ItemTag {
    static let slotMask: UInt8 = 0x0F
    /// In place of a tag: the distance of the item that follows is in nanoseconds.
    static let isFine: UInt8 = 0x0E
    /// The slot's number, less 14, follows.
    static let slotFollows: UInt8 = 0x0F
    /// Slots that fit into the tag.
    static let slots = 14
    static let hasBody: UInt8 = 0x10
    static let hasDigest: UInt8 = 0x20
    static let hasMark: UInt8 = 0x40
    /// The instant is told by its distance from where the stream's last interval would put it; else from the last
    /// record.
    static let isRegular: UInt8 = 0x80
}

/// A distance in time as it is written: in microseconds where it is whole ones, as the daemon's clock shows; else in
/// nanoseconds.
struct Distance {
    var isFine: Bool
    /// Zigzag.
    var value: UInt64

    init(_ nanoseconds: Int64) {
        isFine = nanoseconds % 1000 != 0
        value = ZigZag.encode(isFine ? nanoseconds : nanoseconds / 1000)
    }

    func isShorter(than other: Distance) -> Bool {
        isFine == other.isFine ? value < other.value : other.isFine
    }

    /// - Throws: for what isn't written so.
    static func decode(_ value: UInt64, isFine: Bool) throws(Malformed) -> Int64 {
        let told = ZigZag.decode(value)
        if isFine {
            guard told % 1000 != 0 else { throw .outOfRange }
            return told
        }
        let (nanoseconds, overflow) = told.multipliedReportingOverflow(by: 1000)
        guard !overflow else { throw .outOfRange }
        return nanoseconds
    }
}

/// Signed as unsigned, small for small ones of either sign: 0, -1, 1, -2 as 0, 1, 2, 3.
enum ZigZag {
    static func encode(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }
    static func decode(_ value: UInt64) -> Int64 { Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
}
