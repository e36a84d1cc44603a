/// The report for programs: what `electd log verify --json` prints.
extension AuditReport: Encodable {
    private enum Key: String, CodingKey {
        case good, segments, findings, records, checkpoints, pinned
        case durationNS = "duration_ns"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(isGood, forKey: .good)
        try container.encode(records, forKey: .records)
        try container.encode(checkpoints, forKey: .checkpoints)
        try container.encode(pinned, forKey: .pinned)
        try container.encode(duration, forKey: .durationNS)
        try container.encode(findings, forKey: .findings)
        try container.encode(segments, forKey: .segments)
    }
}

extension AuditFinding: Encodable {
    private enum Key: String, CodingKey {
        case finding, text, path, node, segment, record, offset, end, harmless
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(what.name, forKey: .finding)
        try container.encode(what.text, forKey: .text)
        try container.encode(what.isHarmless, forKey: .harmless)
        try container.encode(path, forKey: .path)
        try container.encode(node, forKey: .node)
        try container.encode(segment, forKey: .segment)
        try container.encode(record, forKey: .record)
        try container.encode(offset, forKey: .offset)
        try container.encode(end, forKey: .end)
    }
}

extension SegmentFacts: Encodable {
    private enum Key: String, CodingKey {
        case path, node, segment, incarnation, records, frames, steps, checkpoints, cosignatures, size, head, closing
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(path, forKey: .path)
        try container.encode(opening?.node, forKey: .node)
        try container.encode(opening?.segment, forKey: .segment)
        try container.encode(opening?.incarnation.rawValue, forKey: .incarnation)
        try container.encode(records, forKey: .records)
        try container.encode(frames, forKey: .frames)
        try container.encode(steps, forKey: .steps)
        try container.encode(checkpoints, forKey: .checkpoints)
        try container.encode(cosignatures, forKey: .cosignatures)
        try container.encode(size, forKey: .size)
        try container.encode(hexadecimal(head), forKey: .head)
        try container.encode(
            closing.map { reason in
                switch reason {
                case .rotated: "rotated"
                case .stopped: "stopped"
                }
            }, forKey: .closing)
    }
}
