/// A place in a group's log: after this entry. The hash stands for everything up to it.
package struct LogPosition: Hashable, Sendable {
    package var index: UInt64
    package var term: Term
    package var hash: Digest

    package static let start = LogPosition(index: 0, term: .none, hash: .zero)

    package init(index: UInt64, term: Term, hash: Digest) {
        self.index = index
        self.term = term
        self.hash = hash
    }

    /// Whether a log that ends here lacks what one with the other end may have committed: by (last term, length).
    func isBehind(term otherTerm: Term, index otherIndex: UInt64) -> Bool {
        term != otherTerm ? term < otherTerm : index < otherIndex
    }
}

/// One entry of a group's log, chained to all before it.
package struct LogEntry: Hashable, Sendable {
    package let index: UInt64
    package let term: Term
    package let content: LogContent
    /// Of the entry before, this entry's place and its content.
    package let hash: Digest

    package init(after before: LogPosition, term: Term, content: LogContent) {
        var writer = ByteWriter(reserving: 128)
        before.hash.encode(to: &writer)
        writer.varint(before.index + 1)
        term.encode(to: &writer)
        content.encode(to: &writer)
        index = before.index + 1
        self.term = term
        self.content = content
        hash = Digest(of: writer.bytes)
    }

    package var position: LogPosition { LogPosition(index: index, term: term, hash: hash) }
}

/// What a group's log says. Boxed, since an entry is handed on many times and looked into seldom.
package indirect enum LogContent: Hashable, Sendable {
    /// A certificate of the entry's term was given to this life; the first entry of every holder.
    case held(NodeLife, because: Reason)
    /// The life before gave the group up by itself; recorded by its successor.
    case released(NodeLife, Release)
    /// What an operator or a node asked for.
    case command(CommandID, Command)
    /// Pair: what the other branch of a fork said last, of each matter by itself.
    case adopted([Adopted])
    /// Pair: a fork ended here; both branches' ends.
    case merged(Fork)
}

/// Numbers a node's orders: each is taken at most once, and in the order of its origin.
package struct CommandID: Hashable, Comparable, Sendable {
    package var origin: NodeLife
    package var number: UInt64

    package init(origin: NodeLife, number: UInt64) {
        self.origin = origin
        self.number = number
    }

    /// Of one node: the later life's are later.
    package static func < (left: CommandID, right: CommandID) -> Bool {
        left.origin.incarnation != right.origin.incarnation
            ? left.origin.incarnation < right.origin.incarnation : left.number < right.number
    }
}

package enum Command: Hashable, Sendable {
    case server(ServerName, ServerChange)
    case maintenance(NodeIndex, Bool)
    /// A configuration's text of so many bytes follows, in `text` commands of the same origin.
    case propose(size: UInt32, digest: Digest)
    case text(offset: UInt32, [UInt8])
    /// The holder's word on a proposal, after every node that it reaches has examined it.
    case decide(CommandID, accepted: Bool, why: String)
    /// The two signed packets that prove what a voter must never do (I11).
    case evidence(Evidence)
}

/// A server of a service, as the configuration names them.
package struct ServerName: Hashable, Comparable, Sendable {
    package var service: String
    package var server: String

    package init(service: String, server: String) {
        self.service = service
        self.server = server
    }

    /// By bytes: a locale or a Unicode version must not order it.
    package static func < (left: ServerName, right: ServerName) -> Bool {
        left.service != right.service
            ? precedes(left.service, right.service) : precedes(left.server, right.server)
    }

    private static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.withContiguousStorageIfAvailable { left in
            right.utf8.withContiguousStorageIfAvailable { right in left.lexicographicallyPrecedes(right) }
        }.flatMap { $0 } ?? left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}

package enum ServerDuty: UInt8, Hashable, Sendable {
    /// As configured.
    case ready = 1
    /// No new clients; bound ones are still served.
    case drain
    /// No clients at all.
    case maintenance
}

package enum ServerChange: Hashable, Sendable {
    case duty(ServerDuty)
    /// nil: as configured.
    case weight(UInt16?)
}

package struct Evidence: Hashable, Sendable {
    package var against: NodeIndex
    package var term: Term
    /// At most two, each at most `Bound.proof` bytes.
    package var proofs: [[UInt8]]

    package init(against: NodeIndex, term: Term, proofs: [[UInt8]]) {
        self.against = against
        self.term = term
        self.proofs = proofs
    }
}

/// Pair: where two branches ended that had a common beginning.
package struct Fork: Hashable, Sendable {
    package var kept: LogPosition
    package var other: LogPosition
    package var otherNode: NodeIndex

    package init(kept: LogPosition, other: LogPosition, otherNode: NodeIndex) {
        self.kept = kept
        self.other = other
        self.otherNode = otherNode
    }
}

/// Pair: one matter as the other branch left it.
package enum Adopted: Hashable, Sendable {
    case server(ServerName, LogState.Setting)
    case maintenance(NodeIndex, LogState.Maintenance)
    case evidence(Evidence)
    case watermark(CommandID)
}

extension Bound {
    /// Bytes of a configuration that `electd apply` can replicate.
    package static let configurationText = 128 * 1024
    /// Bytes of it in one entry: a datagram with one isn't fragmented.
    static let textPart = 900
    /// Bytes of the reason in a refusal.
    package static let refusal = 160
    /// Matters in one entry of a merge.
    static let adopted = 4
    /// Pieces of evidence and ends of forks that a group's state keeps.
    static let evidence = 16
    static let forks = 16
    /// Servers of one group that differ from the configuration.
    static let settings = 512
    /// Entries of one group's log that nothing has folded into the state yet.
    static let entries = 2048
}

extension LogPosition: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.varint(index)
        term.encode(to: &writer)
        hash.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        index = try reader.varint()
        term = try Term(from: &reader)
        hash = try Digest(from: &reader)
        // The end of the range is no place: there is always a next one.
        guard index < .max / 2 else { throw .outOfRange }
    }
}

/// Without index and hash: whoever reads knows the place, and works the hash out.
extension [LogEntry] {
    func encodeChained(to writer: inout ByteWriter) {
        writer.list(self) { writer, entry in
            entry.term.encode(to: &writer)
            entry.content.encode(to: &writer)
        }
    }

    init(chainedAfter start: LogPosition, from reader: inout ByteReader) throws(Malformed) {
        var before = start
        self = try reader.list(atMost: Bound.entries) { (reader: inout ByteReader) throws(Malformed) in
            let entry = LogEntry(
                after: before, term: try Term(from: &reader), content: try LogContent(from: &reader))
            guard entry.term >= before.term else { throw .outOfRange }
            before = entry.position
            return entry
        }
    }
}

extension LogContent: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .held(let life, let reason):
            writer.byte(1)
            life.encode(to: &writer)
            writer.byte(reason.rawValue)
        case .released(let life, let release):
            writer.byte(2)
            life.encode(to: &writer)
            release.encode(to: &writer)
        case .command(let id, let command):
            writer.byte(3)
            id.encode(to: &writer)
            command.encode(to: &writer)
        case .adopted(let items):
            writer.byte(4)
            writer.list(items)
        case .merged(let fork):
            writer.byte(5)
            fork.encode(to: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1:
            let life = try NodeLife(from: &reader)
            guard let reason = Reason(rawValue: try reader.byte()) else { throw .outOfRange }
            self = .held(life, because: reason)
        case 2: self = .released(try NodeLife(from: &reader), try Release(from: &reader))
        case 3: self = .command(try CommandID(from: &reader), try Command(from: &reader))
        case 4: self = .adopted(try reader.list(atMost: Bound.adopted))
        case 5: self = .merged(try Fork(from: &reader))
        default: throw .outOfRange
        }
    }
}

extension CommandID: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        origin.encode(to: &writer)
        writer.varint(number)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        origin = try NodeLife(from: &reader)
        number = try reader.varint()
    }
}

extension Command: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .server(let name, let change):
            writer.byte(1)
            name.encode(to: &writer)
            change.encode(to: &writer)
        case .maintenance(let node, let on):
            writer.byte(2)
            node.encode(to: &writer)
            writer.flag(on)
        case .propose(let size, let digest):
            writer.byte(3)
            writer.fixed(size)
            digest.encode(to: &writer)
        case .text(let offset, let part):
            writer.byte(4)
            writer.fixed(offset)
            writer.blob(part)
        case .decide(let proposal, let accepted, let why):
            writer.byte(5)
            proposal.encode(to: &writer)
            writer.flag(accepted)
            writer.text(why)
        case .evidence(let evidence):
            writer.byte(6)
            evidence.encode(to: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1: self = .server(try ServerName(from: &reader), try ServerChange(from: &reader))
        case 2: self = .maintenance(try NodeIndex(from: &reader), try reader.flag())
        case 3: self = .propose(size: try reader.fixed(), digest: try Digest(from: &reader))
        case 4: self = .text(offset: try reader.fixed(), try reader.blob(atMost: Bound.textPart))
        case 5:
            self = .decide(
                try CommandID(from: &reader), accepted: try reader.flag(), why: try reader.text(atMost: Bound.refusal))
        case 6: self = .evidence(try Evidence(from: &reader))
        default: throw .outOfRange
        }
    }
}

extension ServerName: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.text(service)
        writer.text(server)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        service = try reader.text(atMost: Bound.name)
        server = try reader.text(atMost: Bound.name)
    }
}

extension ServerChange: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .duty(let duty): writer.byte(duty.rawValue)
        case .weight(let weight):
            writer.byte(0)
            writer.optional(weight) { $0.fixed($1) }
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        let kind = try reader.byte()
        if kind == 0 {
            self = .weight(
                try reader.optional { (reader: inout ByteReader) throws(Malformed) in try reader.fixed() })
        } else {
            guard let duty = ServerDuty(rawValue: kind) else { throw .outOfRange }
            self = .duty(duty)
        }
    }
}

extension Evidence: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        against.encode(to: &writer)
        term.encode(to: &writer)
        writer.list(proofs) { writer, proof in writer.blob(proof) }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        against = try NodeIndex(from: &reader)
        term = try Term(from: &reader)
        proofs = try reader.list(atMost: 2) { (reader: inout ByteReader) throws(Malformed) in
            try reader.blob(atMost: Bound.proof)
        }
    }
}

extension Fork: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        kept.encode(to: &writer)
        other.encode(to: &writer)
        otherNode.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        kept = try LogPosition(from: &reader)
        other = try LogPosition(from: &reader)
        otherNode = try NodeIndex(from: &reader)
    }
}

extension Adopted: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .server(let name, let setting):
            writer.byte(1)
            name.encode(to: &writer)
            setting.encode(to: &writer)
        case .maintenance(let node, let maintenance):
            writer.byte(2)
            node.encode(to: &writer)
            maintenance.encode(to: &writer)
        case .evidence(let evidence):
            writer.byte(3)
            evidence.encode(to: &writer)
        case .watermark(let id):
            writer.byte(4)
            id.encode(to: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1: self = .server(try ServerName(from: &reader), try LogState.Setting(from: &reader))
        case 2: self = .maintenance(try NodeIndex(from: &reader), try LogState.Maintenance(from: &reader))
        case 3: self = .evidence(try Evidence(from: &reader))
        case 4: self = .watermark(try CommandID(from: &reader))
        default: throw .outOfRange
        }
    }
}
