import Election
import Sodium

/// One record of a segment. Specs/journal.md gives each kind's bytes.
///
/// What is rare is boxed; steps come by the million.
package enum JournalRecord: Hashable, Sendable {
    /// The first record of every segment.
    indirect case opening(Opening)
    /// Something happened, and the election decided.
    case step(Step)
    /// Ends a run of quiet steps: what the digests of all their effects come to.
    case effects(EffectsSum)
    /// The first 16 bytes of the BLAKE2b-256 of the election's state after the step before.
    case state([UInt8])
    /// Ends an epoch.
    indirect case checkpoint(Checkpoint)
    /// What the start of the daemon found of the segment before.
    indirect case recovery(Recovery)
    case closing(Closing)
    /// A peer's word for one of this journal's checkpoints.
    indirect case cosignature(Cosignature)
    /// This node's word for a peer's checkpoint, written before it leaves.
    indirect case witnessed(Witnessed)
    /// The disk is full, or has room again.
    case room(Room)
    /// Older segments were deleted.
    indirect case pruned(Pruned)

    package static func stateDigest(of state: [UInt8]) -> [UInt8] { Array(Blake2b.hash(state).prefix(16)) }

    /// The number on disk. A run holds several records; every other frame is one.
    enum Kind: UInt8 {
        case opening = 1
        case step
        case state
        case checkpoint
        case recovery
        case closing
        case run
        case cosignature
        case witnessed
        case room
        case pruned
    }

    /// nil for what only a run holds.
    var kind: Kind? {
        switch self {
        case .opening: .opening
        case .step(let step): step.isQuiet ? nil : .step
        case .effects: nil
        case .state: .state
        case .checkpoint: .checkpoint
        case .recovery: .recovery
        case .closing: .closing
        case .cosignature: .cosignature
        case .witnessed: .witnessed
        case .room: .room
        case .pruned: .pruned
        }
    }
}

/// Whose journal this is, what came before, and where replay starts.
package struct Opening: Hashable, Sendable {
    package var clusterTag: [UInt8]
    package var node: String
    package var key: PublicKey
    package var incarnation: Incarnation
    /// The segment's number, counting up over all lives of the node.
    package var segment: UInt64
    package var previous: Previous?
    package var seal: SealStart
    package var instant: Instant
    /// A note for people; nothing is decided on it.
    package var wallClock: WallClock
    /// The kernel's `boot_id`: instants of two segments compare only when it is the same.
    package var bootID: [UInt8]
    /// Name and version of what wrote this.
    package var software: String
    /// Rules and state that replay starts from, as `Election` encodes them.
    package var genesis: [UInt8]

    /// The segment before, as it was found when this one was begun.
    package struct Previous: Hashable, Sendable {
        package var segment: UInt64
        package var size: UInt64
        /// BLAKE2b-256 of the whole segment.
        package var head: [UInt8]

        package init(segment: UInt64, size: UInt64, head: [UInt8]) {
            self.segment = segment
            self.size = size
            self.head = head
        }
    }

    /// Where the chain of epoch keys stands at the segment's start.
    package struct SealStart: Hashable, Sendable {
        /// Of the first checkpoint in this segment.
        package var epoch: UInt64
        /// The key that signs it: named by the checkpoint before, or by `root`.
        package var key: PublicKey
        /// The longest time from one checkpoint to the next.
        package var length: Span
        /// The node's own signature, where the chain of keys begins; nil where it goes on.
        package var root: Signature?
    }

    /// The name of this segment's log (C2SP tlog-checkpoint: the origin): `electd/CLUSTER TAG/NODE/SEGMENT`.
    package var origin: String {
        CheckpointNote.origin(clusterTag, node, segment)
    }
}

package struct Step: Hashable, Sendable {
    package var instant: Instant
    package var effects: RecordedEffects
    /// Of a reception, without the sender's mark: that is in `mark`.
    package var event: Event
    /// Where the sender's journal stood, when that is news.
    package var mark: PeerMark?
    /// Kept as its difference from an earlier one, because nothing was decided.
    package var isQuiet: Bool

    package init(
        instant: Instant, effects: RecordedEffects, event: Event, mark: PeerMark? = nil, isQuiet: Bool = false
    ) {
        self.instant = instant
        self.effects = effects
        self.event = event
        self.mark = mark
        self.isQuiet = isQuiet
    }
}

/// Where a peer's journal stood, as its heartbeat said it.
package struct PeerMark: Hashable, Sendable {
    package static let headCount = 8

    package var node: NodeIndex
    package var segment: UInt64
    /// Bytes of the segment.
    package var size: UInt64
    /// The first 8 bytes of the chain's head there: all that a second history would have to meet.
    package var head: UInt64

    init(node: NodeIndex, _ mark: JournalMark) {
        self.init(node: node, segment: mark.segment, size: mark.size, head: Self.word(mark.head))
    }

    package init(node: NodeIndex, segment: UInt64, size: UInt64, head: UInt64) {
        self.node = node
        self.segment = segment
        self.size = size
        self.head = head
    }

    /// The first 8 bytes as a number, least significant first.
    package static func word(_ head: [UInt8]) -> UInt64 {
        head.prefix(headCount).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// What was found of the newest segment when the daemon started.
package struct Recovery: Hashable, Sendable {
    package enum Finding: UInt8, Hashable, Sendable {
        /// The last record was incomplete, as a crash leaves it; it was cut off.
        case tornTail = 1
        /// Damage that a crash doesn't leave; the segment is kept under another name.
        case damage
    }

    package var finding: Finding
    package var segment: UInt64
    /// Where in that segment, bytes.
    package var offset: UInt64
    /// Bytes from there to the end of the file as it was found.
    package var bytes: UInt64
    /// Whole records before.
    package var records: UInt64

    package init(finding: Finding, segment: UInt64, offset: UInt64, bytes: UInt64, records: UInt64) {
        self.finding = finding
        self.segment = segment
        self.offset = offset
        self.bytes = bytes
        self.records = records
    }
}

package struct Closing: Hashable, Sendable {
    package enum Reason: UInt8, Hashable, Sendable {
        /// Another segment follows in the same life.
        case rotated = 1
        /// The daemon ended.
        case stopped
    }

    package var instant: Instant
    package var reason: Reason

    package init(instant: Instant, reason: Reason) {
        self.instant = instant
        self.reason = reason
    }
}

/// The disk took nothing more, or takes again what waited in memory meanwhile.
package struct Room: Hashable, Sendable {
    package var instant: Instant
    package var isFull: Bool

    package init(instant: Instant, isFull: Bool) {
        self.instant = instant
        self.isFull = isFull
    }
}

/// Segments that were deleted because of the journal's size or age, and the last word that they ended with.
package struct Pruned: Hashable, Sendable {
    package var first: UInt64
    package var last: UInt64
    /// Of the last one, whole: BLAKE2b-256 and bytes.
    package var size: UInt64
    package var head: [UInt8]
    /// Its last checkpoint; nil when it had none that could be read.
    package var checkpoint: Checkpoint?

    package init(first: UInt64, last: UInt64, size: UInt64, head: [UInt8], checkpoint: Checkpoint?) {
        self.first = first
        self.last = last
        self.size = size
        self.head = head
        self.checkpoint = checkpoint
    }
}

/// Nanoseconds since 1970 in UTC, by a clock that nobody vouches for: for people who read, never for a decision.
package struct WallClock: Hashable, Sendable {
    /// Below 2^62, which is in 2116: differences of two, and of one and an instant, fit in 63 bits.
    package private(set) var nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = min(nanoseconds, Self.limit - 1) }

    static let limit: UInt64 = 1 << 62
}

extension WallClock {
    init(from reader: inout ByteReader) throws(Malformed) {
        let nanoseconds: UInt64 = try reader.fixed()
        guard nanoseconds < Self.limit else { throw .outOfRange }
        self.init(nanoseconds: nanoseconds)
    }
}

extension Instant {
    /// Nanoseconds: 36 years after a boot. What claims more is no clock's reading, and arithmetic stays within 63 bits.
    static let journalLimit: UInt64 = 1 << 60

    init(journal reader: inout ByteReader) throws(Malformed) {
        let nanoseconds: UInt64 = try reader.fixed()
        guard nanoseconds < Self.journalLimit else { throw .outOfRange }
        self.init(nanoseconds: nanoseconds)
    }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
