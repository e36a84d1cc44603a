import Election
import Journal

/// What reading one segment, and deriving its decisions again, gave.
package struct SegmentReport: Sendable {
    package enum Outcome: Sendable {
        /// Every record is as it was written; and, where decisions were derived, every one came out the same.
        case good
        case damaged(JournalDamage)
        case diverged(Divergence)
    }

    package var path: String
    package var outcome = Outcome.good
    package var opening: Opening?
    package var records: UInt64 = 0
    package var steps: UInt64 = 0
    /// State hashes that were compared.
    package var states: UInt64 = 0
    /// Checkpoints whose signature holds.
    package var checkpoints: UInt64 = 0
    /// Bytes.
    package var size: UInt64 = 0
    /// BLAKE2b-256 of those.
    package var head: [UInt8] = []
    package var lastInstant: Instant?
    package var tornTail: JournalReader.TornTail?
    /// How the segment ends; nil when it just stops, as after a crash, or while it is still written.
    package var closing: Closing.Reason?
    /// What the segment says of the one before.
    package var recovery: Recovery?

    package var isGood: Bool {
        if case .good = outcome { true } else { false }
    }
}

/// The first record whose decision doesn't come out as recorded.
package struct Divergence: Error, Sendable {
    package enum What: Sendable {
        /// The genesis is no state of this version of the rules, or not of the node whose key signs.
        case genesis
        /// The segment was written by another version of the rules, whose decisions this one can't derive.
        case version(UInt16)
        /// Other effects than recorded.
        case effects(recorded: RecordedEffects, derived: EffectsDigest)
        /// The effects of one of the quiet steps before, since the last such record, aren't those recorded.
        case sum(recorded: UInt16, derived: UInt16)
        /// The same effects, and another state.
        case state(recorded: [UInt8], derived: [UInt8])
    }

    package var what: What
    package var offset: UInt64
    package var index: UInt64
    package var instant: Instant?
    package var event: String
    /// What this software derives, in words.
    package var effects: [String]
    /// The state before the event, field by field.
    package var stateBefore: String
}

/// Two segments that don't fit together.
package struct ContinuityBreak: Hashable, Sendable {
    package enum What: Hashable, Sendable {
        /// Segments between the two weren't given, or don't exist.
        case missing
        /// The later one names another head or size than the earlier one has: the earlier was changed afterwards.
        case head
        /// The later one's genesis isn't the state that the earlier one ends in.
        case state
        /// Two files claim one number.
        case twice
    }

    package var what: What
    package var node: String
    package var earlier: UInt64
    package var later: UInt64
}

package struct ReplayReport: Sendable {
    /// By node, then by number.
    package var segments: [SegmentReport]
    package var breaks: [ContinuityBreak]
    /// Wall time that it took, nanoseconds.
    package var duration: UInt64

    package var records: UInt64 { segments.reduce(0) { $0 + $1.records } }
    package var steps: UInt64 { segments.reduce(0) { $0 + $1.steps } }

    package var recordsPerSecond: UInt64 {
        let product = records.multipliedFullWidth(by: 1_000_000_000)
        return duration > product.high ? duration.dividingFullWidth(product).quotient : 0
    }

    /// Nothing is damaged, nothing diverges, nothing is missing in between.
    package var isGood: Bool { !segments.isEmpty && breaks.isEmpty && segments.allSatisfy(\.isGood) }

    /// Nothing is wrong but that some segments are for another version of this software to derive.
    package var isForAnotherVersion: Bool {
        !isGood && breaks.isEmpty
            && segments.allSatisfy { segment in
                if case .diverged(let divergence) = segment.outcome, case .version = divergence.what { return true }
                return segment.isGood
            }
    }
}
