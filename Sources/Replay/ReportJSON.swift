import Election
import Journal

/// The report as `electd replay --json` prints it: schema 1.
extension ReplayReport: Encodable {
    private enum Key: String, CodingKey {
        case schema, good, segments, breaks, records, decisions
        case durationMilliseconds = "duration_ms"
        case recordsPerSecond = "records_per_s"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(1, forKey: .schema)
        try container.encode(isGood, forKey: .good)
        try container.encode(segments, forKey: .segments)
        try container.encode(breaks.map(\.text), forKey: .breaks)
        try container.encode(records, forKey: .records)
        try container.encode(steps, forKey: .decisions)
        try container.encode(duration / 1_000_000, forKey: .durationMilliseconds)
        try container.encode(recordsPerSecond, forKey: .recordsPerSecond)
    }
}

extension SegmentReport: Encodable {
    private enum Key: String, CodingKey {
        case path, node, incarnation, segment, outcome, problem, records, decisions, states, checkpoints, closing
        case tornOffset = "torn_offset"
        case tornBytes = "torn_bytes"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(path, forKey: .path)
        try container.encodeIfPresent(opening?.node, forKey: .node)
        try container.encodeIfPresent(opening?.incarnation.rawValue, forKey: .incarnation)
        try container.encodeIfPresent(opening?.segment, forKey: .segment)
        try container.encode(records, forKey: .records)
        try container.encode(steps, forKey: .decisions)
        try container.encode(states, forKey: .states)
        try container.encode(checkpoints, forKey: .checkpoints)
        try container.encodeIfPresent(closing.map { $0 == .rotated ? "rotated" : "stopped" }, forKey: .closing)
        try container.encodeIfPresent(tornTail?.offset, forKey: .tornOffset)
        try container.encodeIfPresent(tornTail?.bytes, forKey: .tornBytes)
        switch outcome {
        case .good: try container.encode("good", forKey: .outcome)
        case .damaged(let damage):
            try container.encode("damaged", forKey: .outcome)
            try container.encode(Problem(damage), forKey: .problem)
        case .diverged(let divergence):
            try container.encode("diverged", forKey: .outcome)
            try container.encode(Problem(divergence), forKey: .problem)
        }
    }

    /// The first record that isn't as it should be.
    private struct Problem: Encodable {
        var offset: UInt64?
        var record: UInt64?
        var what: String
        var event: String?
        var recorded: String?
        var derived: String?
        var effects: [String]?

        init(_ damage: JournalDamage) {
            what = damage.description
            if case .damaged(let offset, let record, _) = damage {
                self.offset = offset
                self.record = record
            }
        }

        init(_ divergence: Divergence) {
            offset = divergence.offset
            record = divergence.index
            event = divergence.event
            switch divergence.what {
            case .genesis: what = "genesis"
            case .version(let version):
                what = "version"
                recorded = "\(version)"
                derived = "\(Elector.stateVersion)"
            case .effects(let recorded, let derived):
                what = "effects"
                self.recorded = recorded.description
                self.derived = derived.description
                effects = divergence.effects
            case .sum(let recorded, let derived):
                what = "effects"
                self.recorded = "\(recorded)"
                self.derived = "\(derived)"
            case .state(let recorded, let derived):
                what = "state"
                self.recorded = hex(recorded)
                self.derived = hex(derived)
            }
        }
    }
}
