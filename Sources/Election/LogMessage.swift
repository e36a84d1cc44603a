/// What heartbeats say of a group's log: where it ends, how far it is committed, and what it comes to there.
package struct LogMark: Hashable, Sendable {
    package var term: Term
    package var index: UInt64
    package var committed: UInt64
    /// Of the state after `committed`: equal on all nodes at an equal index.
    package var stateHash: UInt64

    package init(term: Term, index: UInt64, committed: UInt64, stateHash: UInt64) {
        self.term = term
        self.index = index
        self.committed = committed
        self.stateHash = stateHash
    }

    /// Where the log ends, as far as a mark says it.
    var position: LogPosition { LogPosition(index: index, term: term, hash: .zero) }
}

/// One thing that is said about one group's log; a packet carries several.
package enum LogPart: Hashable, Sendable {
    case append(LogAppend)
    case acknowledge(LogAcknowledgement)
    case want(LogWant)
    case piece(LogPiece)
    /// "My log goes further than yours": to a candidate that can't have this voter's vote for that.
    case longer(GroupID, LogMark)
    /// An order for the holder to put into the log.
    case order(GroupID, CommandID, Command)
    /// The holder won't.
    case refuse(GroupID, CommandID, why: String)
    /// What its sender thinks of a proposed configuration; empty: it can take it.
    case verdict(GroupID, proposal: CommandID, obstacle: String)
}

/// From the holder: entries, durable before they are acknowledged.
package struct LogAppend: Hashable, Sendable {
    package var group: GroupID
    /// The term that its sender holds.
    package var term: Term
    /// Where the entries follow.
    package var place: LogPosition
    package var entries: [LogEntry]
    package var committed: UInt64
    /// The end of what the sender keeps only as state: who lacks that has to ask for an image.
    package var oldest: UInt64

    package init(
        group: GroupID, term: Term, place: LogPosition, entries: [LogEntry], committed: UInt64, oldest: UInt64
    ) {
        self.group = group
        self.term = term
        self.place = place
        self.entries = entries
        self.committed = committed
        self.oldest = oldest
    }
}

package struct LogAcknowledgement: Hashable, Sendable {
    package var group: GroupID
    package var holder: NodeLife
    package var term: Term
    /// Everything up to here is on the sender's disk as the holder has it; nil: the entries didn't follow on its log.
    package var durable: UInt64?
    /// Where the sender's committed part ends.
    package var committed: LogPosition

    package init(group: GroupID, holder: NodeLife, term: Term, durable: UInt64?, committed: LogPosition) {
        self.group = group
        self.holder = holder
        self.term = term
        self.durable = durable
        self.committed = committed
    }
}

/// Asks for the log of whoever is asked, from a byte of its image on.
package struct LogWant: Hashable, Sendable {
    package var group: GroupID
    /// What the sender has; nil: everything is wanted.
    package var place: LogPosition?
    package var offset: UInt32

    package init(group: GroupID, place: LogPosition?, offset: UInt32) {
        self.group = group
        self.place = place
        self.offset = offset
    }
}

package struct LogPiece: Hashable, Sendable {
    package var group: GroupID
    /// Of the whole image.
    package var digest: UInt64
    package var size: UInt32
    package var offset: UInt32
    package var bytes: [UInt8]
}

extension Bound {
    /// Parts of one packet.
    static let logParts = 64
    /// Bytes of entries in one part, and of an image in one piece: a datagram with one isn't fragmented.
    static let logBytes = 940
    /// Pieces or appends that are sent ahead of an answer.
    static let logWindow = 8
}

extension LogMark: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        term.encode(to: &writer)
        writer.varint(index)
        writer.varint(committed)
        writer.fixed(stateHash)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        term = try Term(from: &reader)
        index = try reader.varint()
        committed = try reader.varint()
        stateHash = try reader.fixed()
    }
}

extension LogPart: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .append(let append):
            writer.byte(1)
            append.encode(to: &writer)
        case .acknowledge(let word):
            writer.byte(2)
            word.encode(to: &writer)
        case .want(let want):
            writer.byte(3)
            want.group.encode(to: &writer)
            writer.optional(want.place)
            writer.fixed(want.offset)
        case .piece(let piece):
            writer.byte(4)
            piece.encode(to: &writer)
        case .longer(let group, let mark):
            writer.byte(5)
            group.encode(to: &writer)
            mark.encode(to: &writer)
        case .order(let group, let id, let command):
            writer.byte(6)
            group.encode(to: &writer)
            id.encode(to: &writer)
            command.encode(to: &writer)
        case .refuse(let group, let id, let why):
            writer.byte(7)
            group.encode(to: &writer)
            id.encode(to: &writer)
            writer.text(why)
        case .verdict(let group, let proposal, let obstacle):
            writer.byte(8)
            group.encode(to: &writer)
            proposal.encode(to: &writer)
            writer.text(obstacle)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1: self = .append(try LogAppend(from: &reader))
        case 2: self = .acknowledge(try LogAcknowledgement(from: &reader))
        case 3:
            self = .want(
                LogWant(
                    group: try GroupID(from: &reader), place: try reader.optional(), offset: try reader.fixed()))
        case 4: self = .piece(try LogPiece(from: &reader))
        case 5: self = .longer(try GroupID(from: &reader), try LogMark(from: &reader))
        case 6:
            self = .order(try GroupID(from: &reader), try CommandID(from: &reader), try Command(from: &reader))
        case 7:
            self = .refuse(
                try GroupID(from: &reader), try CommandID(from: &reader), why: try reader.text(atMost: Bound.refusal))
        case 8:
            self = .verdict(
                try GroupID(from: &reader), proposal: try CommandID(from: &reader),
                obstacle: try reader.text(atMost: Bound.refusal))
        default: throw .outOfRange
        }
    }
}

extension LogAppend: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        term.encode(to: &writer)
        place.encode(to: &writer)
        entries.encodeChained(to: &writer)
        writer.varint(committed)
        writer.varint(oldest)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        term = try Term(from: &reader)
        place = try LogPosition(from: &reader)
        entries = try [LogEntry](chainedAfter: place, from: &reader)
        committed = try reader.varint()
        oldest = try reader.varint()
    }
}

extension LogAcknowledgement: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        holder.encode(to: &writer)
        term.encode(to: &writer)
        writer.optional(durable) { $0.varint($1) }
        committed.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        holder = try NodeLife(from: &reader)
        term = try Term(from: &reader)
        durable = try reader.optional { (reader: inout ByteReader) throws(Malformed) in try reader.varint() }
        committed = try LogPosition(from: &reader)
    }
}

extension LogPiece: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        writer.fixed(digest)
        writer.fixed(size)
        writer.fixed(offset)
        writer.blob(bytes)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        digest = try reader.fixed()
        size = try reader.fixed()
        offset = try reader.fixed()
        bytes = try reader.blob(atMost: Bound.logBytes)
        guard size <= UInt32(LogImage.limit) else { throw .tooLong }
    }
}
