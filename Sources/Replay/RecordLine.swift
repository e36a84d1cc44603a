import Election
import Journal

/// A record as `electd log show` and `log follow` print it: a line for people, or with `--json` an object of schema 1.
package enum RecordLine {
    case record(JournalReader.Entry, text: String)
    /// Bytes at the end that make no record.
    case torn(JournalReader.TornTail)

    /// For people. Holds nothing that a terminal would act upon.
    package var text: String {
        switch self {
        case .record(let entry, let text):
            "\(Self.pad(entry.index, 8)) @\(Self.pad(entry.offset, 10))  \(text)"
        case .torn(let tail): "torn tail: \(tail.bytes) bytes at offset \(tail.offset) don't make a record"
        }
    }

    private static func pad(_ value: UInt64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: " ", count: max(0, width - digits.count)) + digits
    }
}

extension RecordLine: Encodable {
    private enum Key: String, CodingKey {
        case record, frame, offset, kind, effects, text, bytes
        /// Nanoseconds of the node's own boot clock.
        case instant = "at_ns"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .record(let entry, let text):
            try container.encode(entry.index, forKey: .record)
            try container.encode(entry.frame, forKey: .frame)
            try container.encode(entry.offset, forKey: .offset)
            try container.encode(entry.record.name, forKey: .kind)
            try container.encodeIfPresent(entry.record.instant?.nanoseconds, forKey: .instant)
            if case .step(let step) = entry.record, step.effects != .none {
                try container.encode(step.effects.description, forKey: .effects)
            }
            try container.encode(text, forKey: .text)
        case .torn(let tail):
            try container.encode("torn tail", forKey: .kind)
            try container.encode(tail.offset, forKey: .offset)
            try container.encode(tail.bytes, forKey: .bytes)
        }
    }
}

extension JournalRecord {
    fileprivate var name: String {
        switch self {
        case .opening: "opening"
        case .step: "step"
        case .effects: "effects"
        case .state: "state"
        case .checkpoint: "checkpoint"
        case .recovery: "recovery"
        case .closing: "closing"
        case .cosignature: "cosignature"
        case .witnessed: "witnessed"
        case .room: "room"
        case .pruned: "pruned"
        }
    }

    /// nil for what has none of its own.
    fileprivate var instant: Instant? {
        switch self {
        case .opening(let opening): opening.instant
        case .step(let step): step.instant
        case .checkpoint(let checkpoint): checkpoint.instant
        case .closing(let closing): closing.instant
        case .room(let room): room.instant
        case .effects, .state, .recovery, .cosignature, .witnessed, .pruned: nil
        }
    }
}
