import Election
import Sodium

extension JournalRecord {
    /// Payload only; the frame around it is `JournalFrame`'s. What only a run holds has none of its own.
    func encode(to writer: inout ByteWriter) {
        switch self {
        case .opening(let opening): opening.encode(to: &writer)
        case .step(let step):
            guard case .whole(let digest) = step.effects else { preconditionFailure("a whole step has a whole digest") }
            writer.fixed(step.instant.nanoseconds)
            writer.fixed(digest.rawValue)
            step.event.encode(to: &writer)
            writer.optional(step.mark) { writer, mark in
                writer.varint(mark.segment)
                writer.varint(mark.size)
                writer.fixed(mark.head)
            }
        case .effects: preconditionFailure("a run writes its sum itself")
        case .state(let digest): writer.raw(digest)
        case .checkpoint(let checkpoint): checkpoint.encode(to: &writer)
        case .recovery(let recovery):
            writer.byte(recovery.finding.rawValue)
            for value in [recovery.segment, recovery.offset, recovery.bytes, recovery.records] { writer.varint(value) }
        case .closing(let closing):
            writer.fixed(closing.instant.nanoseconds)
            writer.byte(closing.reason.rawValue)
        case .cosignature(let cosignature): cosignature.encode(to: &writer)
        case .witnessed(let witnessed): witnessed.encode(to: &writer)
        case .room(let room):
            writer.fixed(room.instant.nanoseconds)
            writer.flag(room.isFull)
        case .pruned(let pruned): pruned.encode(to: &writer)
        }
    }

    /// - Parameter kind: any but a run.
    init(kind: Kind, from reader: inout ByteReader) throws(Malformed) {
        switch kind {
        case .opening: self = .opening(try Opening(from: &reader))
        case .step: self = .step(try Step(whole: &reader))
        case .run: throw .outOfRange
        case .state: self = .state(try reader.raw(count: 16))
        case .checkpoint: self = .checkpoint(try Checkpoint(from: &reader))
        case .recovery:
            guard let finding = Recovery.Finding(rawValue: try reader.byte()) else { throw .outOfRange }
            self = .recovery(
                Recovery(
                    finding: finding, segment: try reader.varint(), offset: try reader.varint(),
                    bytes: try reader.varint(), records: try reader.varint()))
        case .closing:
            let instant = try Instant(journal: &reader)
            guard let reason = Closing.Reason(rawValue: try reader.byte()) else { throw .outOfRange }
            self = .closing(Closing(instant: instant, reason: reason))
        case .cosignature: self = .cosignature(try Cosignature(from: &reader))
        case .witnessed: self = .witnessed(try Witnessed(from: &reader))
        case .room: self = .room(Room(instant: try Instant(journal: &reader), isFull: try reader.flag()))
        case .pruned: self = .pruned(try Pruned(from: &reader))
        }
        try reader.finish()
    }
}

extension Step {
    init(whole reader: inout ByteReader) throws(Malformed) {
        let instant = try Instant(journal: &reader)
        let digest = EffectsDigest(rawValue: try reader.fixed())
        let event = try Event(from: &reader)
        let mark = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            guard case .received(let reception) = event else { throw .outOfRange }
            return PeerMark(
                node: reception.packet.sender.node, segment: try reader.varint(), size: try reader.varint(),
                head: try reader.fixed())
        }
        self.init(instant: instant, effects: .whole(digest), event: event, mark: mark)
    }
}

extension PublicKey {
    init(from reader: inout ByteReader) throws(Malformed) {
        guard let key = PublicKey(bytes: try reader.raw(count: Self.byteCount)) else { throw .outOfRange }
        self = key
    }
}

extension Signature {
    init(from reader: inout ByteReader) throws(Malformed) {
        guard let signature = Signature(bytes: try reader.raw(count: Self.byteCount)) else { throw .outOfRange }
        self = signature
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
        writer.varint(seal.epoch)
        writer.raw(seal.key.bytes)
        writer.fixed(seal.length.nanoseconds)
        writer.optional(seal.root) { writer, root in writer.raw(root.bytes) }
        writer.fixed(instant.nanoseconds)
        writer.fixed(wallClock.nanoseconds)
        writer.raw(bootID)
        writer.text(software)
        writer.blob(genesis)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        clusterTag = try reader.raw(count: 8)
        node = try reader.text(atMost: Bound.name)
        key = try PublicKey(from: &reader)
        incarnation = try Incarnation(from: &reader)
        segment = try reader.varint()
        previous = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            Previous(segment: try reader.varint(), size: try reader.varint(), head: try reader.raw(count: 32))
        }
        seal = SealStart(
            epoch: try reader.varint(), key: try PublicKey(from: &reader),
            length: Span(nanoseconds: try reader.fixed()),
            root: try reader.optional { (reader: inout ByteReader) throws(Malformed) in try Signature(from: &reader) })
        instant = try Instant(journal: &reader)
        wallClock = try WallClock(from: &reader)
        bootID = try reader.raw(count: 16)
        software = try reader.text(atMost: Self.softwareLimit)
        genesis = try reader.blob(atMost: JournalFrame.payloadLimit)
    }
}

extension Checkpoint: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.fixed(instant.nanoseconds)
        writer.fixed(wallClock.nanoseconds)
        writer.varint(epoch)
        writer.varint(frames)
        writer.raw(root)
        writer.varint(records)
        writer.varint(size)
        writer.raw(head)
        writer.raw(next.bytes)
        writer.raw(sealSignature.bytes)
        writer.raw(nodeSignature.bytes)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        instant = try Instant(journal: &reader)
        wallClock = try WallClock(from: &reader)
        epoch = try reader.varint()
        frames = try reader.varint()
        root = try reader.raw(count: 32)
        records = try reader.varint()
        size = try reader.varint()
        head = try reader.raw(count: 32)
        next = try PublicKey(from: &reader)
        sealSignature = try Signature(from: &reader)
        nodeSignature = try Signature(from: &reader)
    }
}

extension Cosignature: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.varint(segment)
        writer.varint(epoch)
        writer.text(node)
        writer.raw(key.bytes)
        writer.fixed(time)
        writer.raw(signature.bytes)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        segment = try reader.varint()
        epoch = try reader.varint()
        node = try reader.text(atMost: Bound.name)
        key = try PublicKey(from: &reader)
        time = try reader.fixed()
        signature = try Signature(from: &reader)
    }
}

extension Witnessed: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.text(node)
        writer.varint(segment)
        writer.varint(epoch)
        writer.varint(frames)
        writer.raw(root)
        writer.varint(size)
        writer.raw(head)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        node = try reader.text(atMost: Bound.name)
        segment = try reader.varint()
        epoch = try reader.varint()
        frames = try reader.varint()
        root = try reader.raw(count: 32)
        size = try reader.varint()
        head = try reader.raw(count: 32)
    }
}

extension Pruned: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.varint(first)
        writer.varint(last)
        writer.varint(size)
        writer.raw(head)
        writer.optional(checkpoint)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        first = try reader.varint()
        last = try reader.varint()
        size = try reader.varint()
        head = try reader.raw(count: 32)
        checkpoint = try reader.optional()
    }
}
