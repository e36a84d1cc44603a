import Election
import Sodium

extension JournalRecord {
    /// Payload only; the frame around it is `JournalFrame`'s.
    func encode(to writer: inout ByteWriter) {
        switch self {
        case .opening(let opening): opening.encode(to: &writer)
        case .step(let step):
            writer.fixed(step.instant.nanoseconds)
            writer.fixed(step.effects.rawValue)
            step.event.encode(to: &writer)
        case .state(let digest): writer.raw(digest)
        case .checkpoint(let checkpoint): checkpoint.encode(to: &writer)
        case .recovery(let recovery):
            writer.byte(recovery.finding.rawValue)
            for value in [recovery.segment, recovery.offset, recovery.bytes, recovery.records] { writer.varint(value) }
        case .closing(let closing):
            writer.fixed(closing.instant.nanoseconds)
            writer.byte(closing.reason.rawValue)
        }
    }

    init(kind: Kind, from reader: inout ByteReader) throws(Malformed) {
        switch kind {
        case .opening: self = .opening(try Opening(from: &reader))
        case .step:
            let instant = Instant(nanoseconds: try reader.fixed())
            let effects = EffectsDigest(rawValue: try reader.fixed())
            self = .step(Step(instant: instant, effects: effects, event: try Event(from: &reader)))
        case .state: self = .state(try reader.raw(count: 16))
        case .checkpoint: self = .checkpoint(try Checkpoint(from: &reader))
        case .recovery:
            guard let finding = Recovery.Finding(rawValue: try reader.byte()) else { throw .outOfRange }
            self = .recovery(
                Recovery(
                    finding: finding, segment: try reader.varint(), offset: try reader.varint(),
                    bytes: try reader.varint(), records: try reader.varint()))
        case .closing:
            let instant = Instant(nanoseconds: try reader.fixed())
            guard let reason = Closing.Reason(rawValue: try reader.byte()) else { throw .outOfRange }
            self = .closing(Closing(instant: instant, reason: reason))
        }
        try reader.finish()
    }
}

extension Opening: Transcribable {
    /// Bytes of the software's name.
    static let softwareLimit = 63

    package func encode(to writer: inout ByteWriter) {
        writer.raw(clusterTag)
        writer.text(node)
        writer.raw(key.bytes)
        incarnation.encode(to: &writer)
        writer.varint(segment)
        writer.optional(previous) { writer, previous in
            writer.varint(previous.segment)
            writer.varint(previous.size)
            writer.raw(previous.head)
        }
        writer.fixed(instant.nanoseconds)
        writer.fixed(wallClock.nanoseconds)
        writer.raw(bootID)
        writer.text(software)
        writer.blob(genesis)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        clusterTag = try reader.raw(count: 8)
        node = try reader.text(atMost: Bound.name)
        guard let key = PublicKey(bytes: try reader.raw(count: PublicKey.byteCount)) else { throw .outOfRange }
        self.key = key
        incarnation = try Incarnation(from: &reader)
        segment = try reader.varint()
        previous = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            Previous(segment: try reader.varint(), size: try reader.varint(), head: try reader.raw(count: 32))
        }
        instant = Instant(nanoseconds: try reader.fixed())
        wallClock = WallClock(nanoseconds: try reader.fixed())
        bootID = try reader.raw(count: 16)
        software = try reader.text(atMost: Self.softwareLimit)
        genesis = try reader.blob(atMost: JournalFrame.payloadLimit)
    }
}

extension Checkpoint: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.fixed(instant.nanoseconds)
        writer.fixed(wallClock.nanoseconds)
        writer.fixed(records)
        writer.fixed(size)
        writer.raw(head)
        writer.raw(signature.bytes)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        instant = Instant(nanoseconds: try reader.fixed())
        wallClock = WallClock(nanoseconds: try reader.fixed())
        records = try reader.fixed()
        size = try reader.fixed()
        head = try reader.raw(count: 32)
        guard let signature = Signature(bytes: try reader.raw(count: Signature.byteCount)) else { throw .outOfRange }
        self.signature = signature
    }
}
