/// The bounds of everything that a file or the network can make this module hold.
package enum Bound {
    /// Nodes of a cluster: voters, witnesses and observers together.
    package static let nodes = 32
    /// Groups on one daemon.
    package static let groups = 256
    /// Health checks of a node.
    package static let checks = 256
    /// Addresses of a group.
    package static let addresses = 64
    /// Bytes of a name of a node, group or check.
    package static let name = 63
    /// Bytes of one signed grant, as a certificate carries it.
    package static let proof = 256
    /// Rounds of heartbeats whose send time a holder remembers.
    package static let rounds = 64
    /// Takings of a group that flap damping remembers: its dwell grows to 2 to the power of one less.
    package static let takings = 6
}

/// A node's place in the cluster's list of nodes, sorted by name: 0 to `Bound.nodes` - 1.
package struct NodeIndex: Hashable, Comparable, Sendable {
    package var rawValue: UInt8

    package init(_ rawValue: UInt8) { self.rawValue = rawValue }

    package static func < (left: NodeIndex, right: NodeIndex) -> Bool { left.rawValue < right.rawValue }
}

/// All nodes of a cluster in the order of their indices.
package struct NodeIndices: RandomAccessCollection, Sendable {
    package let count: Int

    init(count: Int) {
        precondition(count <= Bound.nodes)
        self.count = count
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { count }
    package subscript(position: Int) -> NodeIndex { NodeIndex(UInt8(truncatingIfNeeded: position)) }
}

/// A set of nodes; its order of iteration is the order of the indices.
package struct NodeSet: Hashable, Sendable {
    package private(set) var bits: UInt32

    package init() { bits = 0 }

    package mutating func insert(_ node: NodeIndex) { bits |= 1 << UInt32(node.rawValue) }

    package mutating func remove(_ node: NodeIndex) { bits &= ~(1 << UInt32(node.rawValue)) }

    package func contains(_ node: NodeIndex) -> Bool {
        node.rawValue < UInt8(Bound.nodes) && bits & (1 << UInt32(node.rawValue)) != 0
    }

    package var count: Int { bits.nonzeroBitCount }

    package var members: [NodeIndex] {
        (0..<UInt8(Bound.nodes)).map(NodeIndex.init).filter { contains($0) }
    }
}

/// A group's name on the wire: 32 bits of a hash of its name, made by the shell, unique within a configuration.
package struct GroupID: Hashable, Comparable, Sendable {
    package var rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    package static func < (left: GroupID, right: GroupID) -> Bool { left.rawValue < right.rawValue }
}

/// The number of an election; 0 means that there was none yet.
package struct Term: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static let none = Term(0)

    /// The next election's number; it stays where it is at the end of the range, which no cluster reaches honestly.
    package var next: Term { Term(rawValue == .max ? .max : rawValue + 1) }

    /// Honest nodes are never further apart; a liar may not run the others out of numbers in one step.
    func isWithinReach(of known: Term) -> Bool { rawValue <= known.rawValue || rawValue - known.rawValue <= 1_000_000 }

    package static func < (left: Term, right: Term) -> Bool { left.rawValue < right.rawValue }
}

/// How often a node has started: counted up durably before anything is sent (rule S7).
package struct Incarnation: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: Incarnation, right: Incarnation) -> Bool { left.rawValue < right.rawValue }
}

/// The number of a packet within its sender's incarnation, from 1. A round is named by the packet that opened it.
package struct Sequence: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: Sequence, right: Sequence) -> Bool { left.rawValue < right.rawValue }
}

/// Marks what the shell has been asked to do, so that its completion can be told from an older one's.
package struct Ticket: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: Ticket, right: Ticket) -> Bool { left.rawValue < right.rawValue }
}

/// A node in one of its lives.
package struct NodeLife: Hashable, Sendable {
    package var node: NodeIndex
    package var incarnation: Incarnation

    package init(node: NodeIndex, incarnation: Incarnation) {
        self.node = node
        self.incarnation = incarnation
    }
}

extension NodeIndex: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.byte(rawValue) }

    package init(from reader: inout ByteReader) throws(Malformed) {
        let value = try reader.byte()
        guard value < UInt8(Bound.nodes) else { throw .outOfRange }
        rawValue = value
    }
}

extension GroupID: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.fixed(rawValue) }
    package init(from reader: inout ByteReader) throws(Malformed) { rawValue = try reader.fixed() }
}

extension Term: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.varint(rawValue) }
    package init(from reader: inout ByteReader) throws(Malformed) { rawValue = try reader.varint() }
}

extension Incarnation: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.varint(rawValue) }
    package init(from reader: inout ByteReader) throws(Malformed) { rawValue = try reader.varint() }
}

extension Sequence: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.varint(rawValue) }
    package init(from reader: inout ByteReader) throws(Malformed) { rawValue = try reader.varint() }
}

extension Ticket: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.varint(rawValue) }
    package init(from reader: inout ByteReader) throws(Malformed) { rawValue = try reader.varint() }
}

extension NodeLife: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        node.encode(to: &writer)
        incarnation.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        node = try NodeIndex(from: &reader)
        incarnation = try Incarnation(from: &reader)
    }
}

extension NodeSet: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.fixed(bits) }
    package init(from reader: inout ByteReader) throws(Malformed) { bits = try reader.fixed() }
}

extension Instant: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.varint(nanoseconds) }
    package init(from reader: inout ByteReader) throws(Malformed) { nanoseconds = try reader.varint() }
}

extension Span: Transcribable {
    package func encode(to writer: inout ByteWriter) { writer.varint(nanoseconds) }
    package init(from reader: inout ByteReader) throws(Malformed) { nanoseconds = try reader.varint() }
}
