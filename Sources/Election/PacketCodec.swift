extension Packet: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        sender.encode(to: &writer)
        sequence.encode(to: &writer)
        message.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        sender = try NodeLife(from: &reader)
        sequence = try Sequence(from: &reader)
        message = try Message(from: &reader)
    }
}

extension Message: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .heartbeat(let heartbeat):
            writer.byte(1)
            heartbeat.encode(to: &writer)
        case .promise(let promise):
            writer.byte(2)
            promise.encode(to: &writer)
        case .voteRequest(let request):
            writer.byte(3)
            request.encode(to: &writer)
        case .grant(let grant):
            writer.byte(4)
            grant.encode(to: &writer)
        case .certificate(let certificate):
            writer.byte(5)
            certificate.encode(to: &writer)
        case .transferRequest(let request):
            writer.byte(6)
            request.encode(to: &writer)
        case .log(let parts):
            writer.byte(7)
            writer.list(parts)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1: self = .heartbeat(try Heartbeat(from: &reader))
        case 2: self = .promise(try Promise(from: &reader))
        case 3: self = .voteRequest(try VoteRequest(from: &reader))
        case 4: self = .grant(try Grant(from: &reader))
        case 5: self = .certificate(try Certificate(from: &reader))
        case 6: self = .transferRequest(try TransferRequest(from: &reader))
        case 7: self = .log(try reader.list(atMost: Bound.logParts))
        default: throw .outOfRange
        }
    }
}

extension Heartbeat: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.fixed(safetyDigest)
        writer.fixed(configurationDigest)
        writer.list(heard)
        writer.list(groups)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        safetyDigest = try reader.fixed()
        configurationDigest = try reader.fixed()
        heard = try reader.list(atMost: Bound.nodes)
        groups = try reader.list(atMost: Bound.groups)
    }
}

extension Heard: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        node.encode(to: &writer)
        incarnation.encode(to: &writer)
        sequence.encode(to: &writer)
        writer.fixed(ageMilliseconds)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        node = try NodeIndex(from: &reader)
        incarnation = try Incarnation(from: &reader)
        sequence = try Sequence(from: &reader)
        ageMilliseconds = try reader.fixed()
    }
}

extension GroupBeat: Transcribable {
    private static let eligibleBit: UInt8 = 1
    private static let holdingBit: UInt8 = 2
    private static let holderBit: UInt8 = 4
    private static let releaseBit: UInt8 = 8
    private static let logBit: UInt8 = 16

    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        var flags: UInt8 = 0
        if eligible { flags |= Self.eligibleBit }
        if holding { flags |= Self.holdingBit }
        if holder != nil { flags |= Self.holderBit }
        if release != nil { flags |= Self.releaseBit }
        if log != nil { flags |= Self.logBit }
        writer.byte(flags)
        writer.fixed(priority)
        term.encode(to: &writer)
        holder?.encode(to: &writer)
        release?.encode(to: &writer)
        log?.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        let flags = try reader.byte()
        guard flags < 32 else { throw .outOfRange }
        eligible = flags & Self.eligibleBit != 0
        holding = flags & Self.holdingBit != 0
        priority = try reader.fixed()
        term = try Term(from: &reader)
        holder = flags & Self.holderBit != 0 ? try NodeIndex(from: &reader) : nil
        release = flags & Self.releaseBit != 0 ? try Release(from: &reader) : nil
        log = flags & Self.logBit != 0 ? try LogMark(from: &reader) : nil
    }
}

extension Release: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        term.encode(to: &writer)
        writer.optional(successor)
        writer.flag(ordered)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        term = try Term(from: &reader)
        successor = try reader.optional()
        ordered = try reader.flag()
    }
}

extension Promise: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        holder.encode(to: &writer)
        round.encode(to: &writer)
        writer.list(bonds) { writer, bond in
            bond.group.encode(to: &writer)
            bond.term.encode(to: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        holder = try NodeLife(from: &reader)
        round = try Sequence(from: &reader)
        bonds = try reader.list(atMost: Bound.groups) { (reader: inout ByteReader) throws(Malformed) in
            Bond(group: try GroupID(from: &reader), term: try Term(from: &reader))
        }
    }
}

extension VoteRequest: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        term.encode(to: &writer)
        writer.flag(trial)
        writer.fixed(priority)
        logTerm.encode(to: &writer)
        writer.varint(logIndex)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        term = try Term(from: &reader)
        trial = try reader.flag()
        priority = try reader.fixed()
        logTerm = try Term(from: &reader)
        logIndex = try reader.varint()
    }
}

extension Grant: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        term.encode(to: &writer)
        writer.flag(trial)
        candidate.encode(to: &writer)
        round.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        term = try Term(from: &reader)
        trial = try reader.flag()
        candidate = try NodeLife(from: &reader)
        round = try Sequence(from: &reader)
    }
}

extension Certificate: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        term.encode(to: &writer)
        holder.encode(to: &writer)
        writer.list(votes) { writer, vote in
            vote.voter.encode(to: &writer)
            writer.blob(vote.proof)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        term = try Term(from: &reader)
        holder = try NodeLife(from: &reader)
        votes = try reader.list(atMost: Bound.nodes) { (reader: inout ByteReader) throws(Malformed) in
            Vote(voter: try NodeIndex(from: &reader), proof: try reader.blob(atMost: Bound.proof))
        }
    }
}

extension TransferRequest: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        to.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        to = try NodeIndex(from: &reader)
    }
}
