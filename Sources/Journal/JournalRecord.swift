import Election
import Sodium

/// One record of a segment. Specs/journal.md gives each kind's bytes.
package enum JournalRecord: Hashable, Sendable {
    /// The first record of every segment.
    case opening(Opening)
    /// Something happened, and the election decided.
    case step(Step)
    /// The first 16 bytes of the BLAKE2b-256 of the election's state after the step before.
    case state([UInt8])
    case checkpoint(Checkpoint)
    /// What the start of the daemon found of the segment before.
    case recovery(Recovery)
    case closing(Closing)

    package static func stateDigest(of state: [UInt8]) -> [UInt8] { Array(Blake2b.hash(state).prefix(16)) }

    /// The number on disk.
    enum Kind: UInt8 {
        case opening = 1
        case step
        case state
        case checkpoint
        case recovery
        case closing
    }

    var kind: Kind {
        switch self {
        case .opening: .opening
        case .step: .step
        case .state: .state
        case .checkpoint: .checkpoint
        case .recovery: .recovery
        case .closing: .closing
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
        /// BLAKE2b-256 of the whole file.
        package var head: [UInt8]
    }
}

package struct Step: Hashable, Sendable {
    package var instant: Instant
    package var effects: EffectsDigest
    package var event: Event

    package init(instant: Instant, effects: EffectsDigest, event: Event) {
        self.instant = instant
        self.effects = effects
        self.event = event
    }
}

/// The first 8 bytes of the BLAKE2b-256 of a step's effects: their number as varint, then each one's encoding.
package struct EffectsDigest: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init(of effects: [Effect]) {
        var writer = ByteWriter()
        writer.list(effects) { writer, effect in effect.encode(to: &writer) }
        rawValue = Blake2b.hash(writer.bytes).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    package var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The node's signature under everything that the segment holds so far.
package struct Checkpoint: Hashable, Sendable {
    package var instant: Instant
    package var wallClock: WallClock
    /// Records, bytes and chain head before this record.
    package var records: UInt64
    package var size: UInt64
    package var head: [UInt8]
    package var signature: Signature

    /// What is signed: a domain, the journal's identity, then the fields above; integers in 8 bytes.
    static func message(
        of opening: Opening, instant: Instant, wallClock: WallClock, records: UInt64, size: UInt64, head: [UInt8]
    ) -> [UInt8] {
        var writer = ByteWriter(reserving: 160)
        writer.raw("electd checkpoint v1\n".utf8)
        writer.raw(opening.clusterTag)
        writer.raw(opening.key.bytes)
        for value in [
            opening.incarnation.rawValue, opening.segment, records, size, instant.nanoseconds, wallClock.nanoseconds,
        ] { writer.fixed(value) }
        writer.raw(head)
        return writer.bytes
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

/// Nanoseconds since 1970 in UTC, by a clock that nobody vouches for: for people who read, never for a decision.
package struct WallClock: Hashable, Sendable {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
}
