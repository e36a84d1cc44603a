/// Everything that can happen to a node. A journal is a list of these with their instants.
///
/// What is large or rare is boxed: events are copied far more often than looked into.
package enum Event: Hashable, Sendable {
    /// The first event of a life, once everything that an earlier life left behind in the kernel is gone.
    indirect case started(Start)
    /// What the disk has of a group's log; before `started`.
    indirect case recalled(GroupID, LogImage)
    /// A packet whose signature and replay window the shell has checked; also the node's own grant to itself.
    indirect case received(Reception)
    /// The instant given by `Elector.nextDeadline` has come.
    case timer
    /// What `Effect.persist` asked for is on disk.
    case persisted(Ticket)
    /// The disk refused. Nothing durable can be promised any more: the node gives up what it holds.
    case storageFailed
    /// The kernel confirmed that the gate is closed and the addresses are gone, and no command that could open the
    /// gate is outstanding (rule S9).
    case withdrawn(GroupID, Ticket)
    /// The gate had lapsed when it was to be renewed, or it was armed too late (rule S10).
    case gateLost(GroupID)
    /// A health check's state changed; the index is that of `Rules.checks`.
    case check(UInt16, passing: Bool)
    /// The group's interface went up or down.
    case link(GroupID, up: Bool)
    /// The proxy process answers, or it doesn't.
    case dataPlane(up: Bool)
    /// An operator takes this node out of service, or back.
    case maintenance(Bool)
    /// An operator wants the group on another node.
    case transfer(GroupID, to: NodeIndex)
    /// An order for the group's log; answered by `Effect.answered` with that number, unless it is 0.
    indirect case command(UInt64, GroupID, Command)
    /// A configuration's text for the whole cluster, answered likewise when it is decided.
    case propose(UInt64, text: [UInt8])
    /// What this node's shell found of a proposal that it was asked to examine; empty: it can take it.
    indirect case examined(GroupID, CommandID, obstacle: String)
    /// A checked configuration that differs in nothing the safety rests on.
    indirect case reconfigured(Rules)
    /// The daemon is to end: hand over and stay away.
    case leaving
}

package struct Start: Hashable, Sendable {
    /// Greater than that of every earlier life, and durable.
    package var incarnation: Incarnation
    /// What the last life left on disk; nil when the state directory was new.
    package var memory: Memory?

    package init(incarnation: Incarnation, memory: Memory?) {
        self.incarnation = incarnation
        self.memory = memory
    }
}

package struct Reception: Hashable, Sendable {
    package var packet: Packet
    /// The peer that passed it on; nil when it came from its sender directly.
    package var relay: NodeIndex?
    /// The packet as signed, for grants only: a certificate is made of these.
    package var proof: [UInt8]
    /// Where the sender's journal stood: size and head. Recorded, never decided upon.
    package var journal: JournalMark?

    package init(packet: Packet, relay: NodeIndex?, proof: [UInt8] = [], journal: JournalMark? = nil) {
        self.packet = packet
        self.relay = relay
        self.proof = proof
        self.journal = journal
    }
}

/// Where a journal stood: peers record each other's, which pins the tails.
package struct JournalMark: Hashable, Sendable {
    /// The segment's number.
    package var segment: UInt64
    /// Bytes of the segment.
    package var size: UInt64
    /// The first 16 bytes of the chain's head.
    package var head: [UInt8]

    package init(segment: UInt64, size: UInt64, head: [UInt8]) {
        precondition(head.count == 16)
        self.segment = segment
        self.size = size
        self.head = head
    }
}

/// What a voter must not forget (rules S2, S4, S6, I5).
package struct Memory: Hashable, Sendable {
    package struct GroupMemory: Hashable, Sendable {
        package var group: GroupID
        package var ballot: Ballot

        package init(group: GroupID, ballot: Ballot) {
            self.group = group
            self.ballot = ballot
        }
    }

    /// Sorted by group.
    package var groups: [GroupMemory]
    /// The longest D that a promise of this state may run: a restart under a shorter one stays silent as long.
    package var promise: Span
    package var maintenance: Bool
    /// The newest word of the log on this node's maintenance that was followed (G9).
    package var maintenanceSeen: LogState.Stamp
    /// The directory is new, and no floor for terms has been set yet (S12).
    package var needsFloor: Bool

    package init(
        groups: [GroupMemory], promise: Span, maintenance: Bool, maintenanceSeen: LogState.Stamp = .never,
        needsFloor: Bool
    ) {
        self.groups = groups
        self.promise = promise
        self.maintenance = maintenance
        self.maintenanceSeen = maintenanceSeen
        self.needsFloor = needsFloor
    }
}

/// The last vote: no lower term, and no other node in this term, ever gets one.
package struct Ballot: Hashable, Sendable {
    package var term: Term
    /// nil: the term is only a floor that a new state directory set itself.
    package var candidate: NodeLife?

    package init(term: Term, candidate: NodeLife?) {
        self.term = term
        self.candidate = candidate
    }
}

extension Event: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .started(let start):
            writer.byte(1)
            start.incarnation.encode(to: &writer)
            writer.optional(start.memory)
        case .received(let reception):
            writer.byte(2)
            reception.encode(to: &writer)
        case .timer: writer.byte(3)
        case .persisted(let ticket):
            writer.byte(4)
            ticket.encode(to: &writer)
        case .storageFailed: writer.byte(5)
        case .withdrawn(let group, let ticket):
            writer.byte(6)
            group.encode(to: &writer)
            ticket.encode(to: &writer)
        case .gateLost(let group):
            writer.byte(7)
            group.encode(to: &writer)
        case .check(let index, let passing):
            writer.byte(8)
            writer.fixed(index)
            writer.flag(passing)
        case .link(let group, let up):
            writer.byte(9)
            group.encode(to: &writer)
            writer.flag(up)
        case .dataPlane(let up):
            writer.byte(10)
            writer.flag(up)
        case .maintenance(let on):
            writer.byte(11)
            writer.flag(on)
        case .transfer(let group, let node):
            writer.byte(12)
            group.encode(to: &writer)
            node.encode(to: &writer)
        case .reconfigured(let rules):
            writer.byte(13)
            rules.encode(to: &writer)
        case .leaving: writer.byte(14)
        case .recalled(let group, let image):
            writer.byte(15)
            group.encode(to: &writer)
            image.encode(to: &writer)
        case .command(let request, let group, let command):
            writer.byte(16)
            writer.varint(request)
            group.encode(to: &writer)
            command.encode(to: &writer)
        case .propose(let request, let text):
            writer.byte(17)
            writer.varint(request)
            writer.blob(text)
        case .examined(let group, let proposal, let obstacle):
            writer.byte(18)
            group.encode(to: &writer)
            proposal.encode(to: &writer)
            writer.text(obstacle)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1: self = .started(Start(incarnation: try Incarnation(from: &reader), memory: try reader.optional()))
        case 2: self = .received(try Reception(from: &reader))
        case 3: self = .timer
        case 4: self = .persisted(try Ticket(from: &reader))
        case 5: self = .storageFailed
        case 6: self = .withdrawn(try GroupID(from: &reader), try Ticket(from: &reader))
        case 7: self = .gateLost(try GroupID(from: &reader))
        case 8: self = .check(try reader.fixed(), passing: try reader.flag())
        case 9: self = .link(try GroupID(from: &reader), up: try reader.flag())
        case 10: self = .dataPlane(up: try reader.flag())
        case 11: self = .maintenance(try reader.flag())
        case 12: self = .transfer(try GroupID(from: &reader), to: try NodeIndex(from: &reader))
        case 13: self = .reconfigured(try Rules(from: &reader))
        case 14: self = .leaving
        case 15: self = .recalled(try GroupID(from: &reader), try LogImage(from: &reader))
        case 16:
            self = .command(try reader.varint(), try GroupID(from: &reader), try Command(from: &reader))
        case 17: self = .propose(try reader.varint(), text: try reader.blob(atMost: Bound.configurationText))
        case 18:
            self = .examined(
                try GroupID(from: &reader), try CommandID(from: &reader),
                obstacle: try reader.text(atMost: Bound.refusal))
        default: throw .outOfRange
        }
    }
}

extension Reception: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        packet.encode(to: &writer)
        writer.optional(relay)
        writer.blob(proof)
        writer.optional(journal)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        let packet = try Packet(from: &reader)
        let relay = try reader.flag() ? try NodeIndex(from: &reader) : nil
        let proof = try reader.blob(atMost: Bound.proof)
        self.init(packet: packet, relay: relay, proof: proof, journal: try reader.optional())
    }
}

extension JournalMark: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.varint(segment)
        writer.varint(size)
        writer.raw(head)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        segment = try reader.varint()
        size = try reader.varint()
        head = try reader.raw(count: 16)
    }
}

extension Memory: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.list(groups)
        promise.encode(to: &writer)
        writer.flag(maintenance)
        maintenanceSeen.encode(to: &writer)
        writer.flag(needsFloor)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        groups = try reader.list(atMost: Bound.groups)
        promise = try Span(from: &reader)
        maintenance = try reader.flag()
        maintenanceSeen = try LogState.Stamp(from: &reader)
        needsFloor = try reader.flag()
    }
}

extension Memory.GroupMemory: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        group.encode(to: &writer)
        ballot.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        group = try GroupID(from: &reader)
        ballot = try Ballot(from: &reader)
    }
}

extension Ballot: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        term.encode(to: &writer)
        writer.optional(candidate)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        term = try Term(from: &reader)
        candidate = try reader.optional()
    }
}
