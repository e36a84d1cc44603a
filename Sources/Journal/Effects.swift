import Election
import Sodium

/// The first 8 bytes of the BLAKE2b-256 of a step's effects: their number as varint, then each one's encoding.
package struct EffectsDigest: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    /// Of no effects at all.
    package static let none: EffectsDigest = {
        var writer = ByteWriter()
        return EffectsDigest(hashing: [], in: &writer)
    }()

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// - Parameter writer: what the encoding is made in; whoever has many lends the same one.
    init(of effects: [Effect], in writer: inout ByteWriter) {
        self = effects.isEmpty ? .none : EffectsDigest(hashing: effects, in: &writer)
    }

    private init(hashing effects: [Effect], in writer: inout ByteWriter) {
        writer.removeAll()
        writer.varint(UInt64(effects.count))
        for effect in effects { effect.encode(to: &writer) }
        rawValue = Blake2b.prefix(of: writer.bytes)
    }

    package var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// What of a step's effects the journal wants to know.
package struct StepOutcome: Hashable, Sendable {
    package var digest: EffectsDigest
    package var isEmpty: Bool
    /// Something was decided: a vote, a role, an address, an accusation; not only heartbeats, promises and renewals.
    package var decides: Bool

    package init(of effects: [Effect]) {
        var writer = ByteWriter(reserving: 160)
        self.init(of: effects, in: &writer)
    }

    /// - Parameter writer: what the effects are encoded in; whoever has many lends the same one.
    package init(of effects: [Effect], in writer: inout ByteWriter) {
        digest = EffectsDigest(of: effects, in: &writer)
        isEmpty = effects.isEmpty
        decides = effects.contains(where: \.isDecision)
    }

    package init(digest: EffectsDigest, isEmpty: Bool, decides: Bool) {
        self.digest = digest
        self.isEmpty = isEmpty
        self.decides = decides
    }
}

extension Effect {
    package var isDecision: Bool {
        switch self {
        case .renewGate, .relay: false
        case .send(let packet, _):
            switch packet.message {
            case .heartbeat, .promise: false
            case .voteRequest, .grant, .certificate, .transferRequest, .log: true
            }
        case .persist, .openGate, .takeAddresses, .withdraw, .announce, .changed, .accuse, .left, .writeLog, .derived,
            .examine, .answered, .forked:
            true
        }
    }
}

/// What a step's record says of its effects.
package enum RecordedEffects: Hashable, Sendable, CustomStringConvertible {
    /// There were none.
    case none
    /// The digest's lowest byte; the run's sum has the rest.
    case short(UInt8)
    case whole(EffectsDigest)

    /// Whether these may be the effects that were recorded: certainly not when false; when true, the run's sum tells
    /// what a single byte lets through.
    package func agrees(with outcome: StepOutcome) -> Bool {
        switch self {
        case .none: outcome.isEmpty
        case .short(let byte): !outcome.isEmpty && UInt8(truncatingIfNeeded: outcome.digest.rawValue) == byte
        case .whole(let digest): digest == outcome.digest
        }
    }

    package var description: String {
        switch self {
        case .none: "none"
        case .short(let byte): (byte < 16 ? "0" : "") + String(byte, radix: 16)
        case .whole(let digest): digest.description
        }
    }
}

/// What the digests of a run's steps come to, in order: 16 bits that another decision anywhere in the run changes.
/// It guards against mistakes, not against malice: who can forge a record can forge its digests.
package struct EffectsSum: Hashable, Sendable {
    /// Bytes of it in a run.
    static let count = 2

    private var state: UInt64

    package init() { state = 0 }

    init(rawValue: UInt16) { state = UInt64(rawValue) << 48 }

    package mutating func add(_ digest: EffectsDigest) {
        state = (state ^ digest.rawValue) &* 0x9E37_79B9_7F4A_7C15
        state ^= state >> 32
    }

    package var value: UInt16 { UInt16(truncatingIfNeeded: state >> 48) }

    package static func == (left: EffectsSum, right: EffectsSum) -> Bool { left.value == right.value }

    package func hash(into hasher: inout Hasher) { hasher.combine(value) }
}
