import Election

/// What `electd log verify` found.
package struct AuditReport: Sendable {
    package var segments: [SegmentFacts]
    package var findings: [AuditFinding] = []
    /// Places where one journal's word on another was compared with it, and agrees.
    package var pinned: UInt64 = 0
    /// Wall time that it took, nanoseconds.
    package var duration: UInt64 = 0

    init(segments: [SegmentFacts]) { self.segments = segments }

    package var records: UInt64 { segments.reduce(0) { $0 + $1.records } }
    package var checkpoints: UInt64 { segments.reduce(0) { $0 + $1.checkpoints } }

    /// Nothing contradicts that the journals are as they were written. A tail that a crash tore doesn't.
    package var isGood: Bool { !segments.isEmpty && findings.allSatisfy(\.what.isHarmless) }
}

/// Something that isn't as it was written, and where.
package struct AuditFinding: Sendable {
    package enum What: Hashable, Sendable {
        case damaged(JournalDamage.What)
        case unreadable(JournalDamage)
        /// As a crash leaves it, of the newest segment.
        case tornTail(UInt64)
        /// A start of the daemon found damage, and kept the segment.
        case damageRecorded(Recovery)
        case epochOverdue(UInt64)
        case foreignCosigner(String)
        /// In the directory of another node's journal.
        case ofAnotherNode
        case namedOtherwise(UInt64)
        case prefixMissing
        case missing(UInt64, UInt64)
        /// The segment after it names another size or head.
        case notWhatFollowed(UInt64, UInt64?)
        case sealBeganAgain(UInt64)
        case epochsBroken(UInt64, UInt64)
        case twice(String)
        /// A peer has seen more than is there.
        case cutShort(seenAt: UInt64, by: String, record: UInt64)
        case segmentsGone(UInt64, by: String, record: UInt64)
        /// A peer has seen something else there.
        case rewritten(by: String, record: UInt64)

        package var isHarmless: Bool { if case .tornTail = self { true } else { false } }
    }

    package var what: What
    package var path: String
    package var node: String
    package var segment: UInt64
    /// Where it begins, as far as that is known.
    package var offset: UInt64?
    package var record: UInt64?
    /// It begins before this offset.
    package var end: UInt64?

    init(_ what: What, in facts: SegmentFacts, offset: UInt64? = nil, record: UInt64? = nil, end: UInt64? = nil) {
        self.what = what
        path = facts.path
        node = facts.opening?.node ?? "?"
        segment = facts.opening?.segment ?? facts.namedNumber ?? 0
        self.offset = offset
        self.record = record
        self.end = end
    }

    package var text: String {
        var place = "\(path): \(node) segment \(segment)"
        if let record { place += ", record \(record)" }
        if let offset { place += ", offset \(offset)" }
        if let end { place += " to \(end)" }
        return "\(place): \(what.text)"
    }
}

extension AuditFinding.What {
    /// One word for tables and for JSON.
    package var name: String {
        switch self {
        case .damaged(let what): what.name
        case .unreadable: "unreadable"
        case .tornTail: "torn_tail"
        case .damageRecorded: "damage_recorded"
        case .epochOverdue: "epoch_overdue"
        case .foreignCosigner: "foreign_cosigner"
        case .ofAnotherNode: "of_another_node"
        case .namedOtherwise: "named_otherwise"
        case .prefixMissing: "prefix_missing"
        case .missing: "missing"
        case .notWhatFollowed: "not_what_followed"
        case .sealBeganAgain: "seal_began_again"
        case .epochsBroken: "epochs_broken"
        case .twice: "twice"
        case .cutShort: "cut_short"
        case .segmentsGone: "segments_gone"
        case .rewritten: "rewritten"
        }
    }

    package var text: String {
        switch self {
        case .damaged(let what): "damaged: \(what.text)"
        case .unreadable(let damage): "\(damage)"
        case .tornTail(let bytes): "a torn tail of \(bytes) bytes, as a crash leaves it"
        case .damageRecorded(let recovery):
            "its start found segment \(recovery.segment) damaged at offset \(recovery.offset)"
        case .epochOverdue(let epoch): "epoch \(epoch) goes on without a checkpoint for longer than it may"
        case .foreignCosigner(let node): "a cosignature of \(node) with a key that is no node's"
        case .ofAnotherNode: "it is of another node than the journal that it lies in"
        case .namedOtherwise(let number): "its file is named as segment \(number)"
        case .prefixMissing: "the segments before it are gone, and no record says that they were deleted"
        case .missing(let first, let last):
            first == last
                ? "segment \(first) before it is missing" : "segments \(first) to \(last) before it are missing"
        case .notWhatFollowed(let later, let size):
            "segment \(later) goes on from another one"
                + (size.map { ", of \($0) bytes" } ?? "") + ": this one was changed or cut afterwards"
        case .sealBeganAgain(let epoch):
            "the chain of epoch keys begins again here, with epoch \(epoch): what is before isn't protected by it"
        case .epochsBroken(let expected, let found):
            found == expected
                ? "epoch \(found) has another key than the checkpoint before names"
                : "epoch \(found) follows where epoch \(expected) should"
        case .twice(let path): "\(path) claims to be the same segment"
        case .cutShort(let size, let node, let record):
            "\(node) has seen it at \(size) bytes (its record \(record)): the tail was cut off"
        case .segmentsGone(let number, let node, let record):
            "\(node) has seen segment \(number) of this node (its record \(record)): what follows is gone"
        case .rewritten(let node, let record):
            "\(node) has seen something else up to there (its record \(record)): it was rewritten"
        }
    }
}

extension JournalDamage.What {
    package var name: String {
        switch self {
        case .frame: "frame"
        case .content: "content"
        case .notOpening: "not_opening"
        case .checkpointDiffers: "checkpoint_differs"
        case .signature: "signature"
        case .epoch: "epoch"
        case .seal: "seal"
        case .cosignature: "cosignature"
        }
    }
}

extension AuditReport {
    package var lines: [String] {
        var lines = segments.map { facts in
            let name = facts.opening.map { "\($0.node) life \($0.incarnation.rawValue) segment \($0.segment)" }
            let end =
                switch facts.closing {
                case .rotated: ", goes on in the next"
                case .stopped: ", ended cleanly"
                case nil: ", no clean end"
                }
            return "\(facts.path): \(name ?? "no opening"): \(facts.records) records in \(facts.frames) frames, "
                + "\(facts.steps) decisions, \(facts.checkpoints) checkpoints, \(facts.cosignatures) cosignatures"
                + (facts.damage == nil ? end : "")
        }
        lines += findings.map(\.text)
        let rate = duration == 0 ? 0 : UInt64(Double(records) * 1e9 / Double(duration))
        lines.append(
            "\(segments.count) segments, \(records) records, \(checkpoints) checkpoints, \(pinned) marks of peers in "
                + "\(duration / 1_000_000) ms (\(rate) records/s): " + (isGood ? "good" : "NOT as written"))
        return lines.map(\.harmless)
    }
}
