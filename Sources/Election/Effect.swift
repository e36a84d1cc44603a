/// Everything that a step may ask of the shell. The order within the list is the order to carry them out in; what
/// has to be complete before a later step's effects comes back as an event.
///
/// What is large and rare is boxed, or every other effect would take as much room.
package enum Effect: Hashable, Sendable {
    /// Write the elector's `memory`, the event and what led to it to disk, then report `.persisted` with the ticket.
    ///
    /// A vote leaves and an address is taken only after that report (rule S2, I4, I10). Never waited for on the
    /// way of giving up.
    case persist(Ticket)
    /// Part of what the next `persist` waits for, in this order and before the memory: a change of a group's log.
    indirect case writeLog(GroupID, LogWrite)
    /// Sign, seal and send. To the node itself: sign, and report as received.
    case send(Packet, to: Destination)
    /// Pass the newest heartbeat of `origin` on, as signed (design L1).
    case relay(origin: NodeIndex, to: NodeIndex)
    /// Let traffic through until the deadline; the lease is certain. Before the addresses.
    case openGate(GroupID, until: Instant)
    /// Add the group's addresses, then announce them by gratuitous ARP and unsolicited NA.
    case takeAddresses(GroupID, until: Instant)
    /// The lease is longer now. Must fail, and report `.gateLost`, when the gate has lapsed meanwhile (rule S10).
    case renewGate(GroupID, until: Instant)
    /// Close the gate, remove the addresses, and report `.withdrawn` once the kernel confirmed both.
    case withdraw(GroupID, Ticket)
    /// Announce the addresses again: somebody else claimed them, or a partition ended.
    case announce(GroupID)
    /// For the log, for `on_change` scripts, and for people.
    indirect case changed(Change)
    /// What a voter must never do, with the two signed packets that prove it (I11).
    indirect case accuse(NodeIndex, group: GroupID, term: Term, proofs: [[UInt8]])
    /// The group's log says something new: see `Elector.logState`. The data plane follows it.
    case derived(GroupID, index: UInt64, stateHash: UInt64)
    /// Look whether this node could take the proposed configuration, then report `.examined`.
    indirect case examine(GroupID, CommandID)
    /// How the order of that number ended.
    indirect case answered(UInt64, CommandOutcome)
    /// Pair: keep both branches of a fork as evidence.
    indirect case forked(GroupID, kept: LogImage, other: LogImage)
    /// Everything that was held is given up: the daemon may end.
    case left
}

package enum Destination: Hashable, Sendable {
    case everyone
    case node(NodeIndex)
}

/// A change of a node's role in a group.
package struct Change: Hashable, Sendable {
    package enum Role: UInt8, Hashable, Sendable {
        case standby
        case holder
        case fault
    }

    package var group: GroupID
    package var role: Role
    package var term: Term
    package var reason: Reason

    package init(group: GroupID, role: Role, term: Term, reason: Reason) {
        self.group = group
        self.role = role
        self.term = term
        self.reason = reason
    }
}

/// Why a role changed.
package enum Reason: UInt8, Hashable, Sendable, CaseIterable {
    /// A majority's promises had run out, and voted for this node.
    case elected = 1
    /// The holder released the group to this node.
    case handedOver
    /// Pair mode: nothing was heard of the other node for a lease.
    case peerSilent
    /// Pair mode: the other node is heard and doesn't hold; this one ranks higher or is the only eligible one.
    case peerStandsBack
    /// No majority answered within the lease.
    case leaseLapsed
    /// The kernel's gate lapsed or was armed too late; the node had been stopped for a while.
    case gateLapsed
    /// A better node had been better for `preempt_after`.
    case betterNode
    /// An operator moved the group.
    case ordered
    /// A check of weight 0 fails.
    case checkFailed
    /// The interface is down.
    case linkDown
    /// The proxy process doesn't answer.
    case dataPlaneDown
    /// An operator put the node into maintenance.
    case maintenance
    /// A newer certificate exists.
    case superseded
    /// Pair mode: the other node holds too, and ranks higher.
    case doubleHolder
    /// The disk refused a write.
    case storageFailed
    /// The daemon ends.
    case leaving
    /// What made the node ineligible is over.
    case recovered
    /// The configuration takes the group from this node.
    case reconfigured
    /// The disk has owed a write for longer than D.
    case storageSlow

    package var text: String {
        switch self {
        case .elected: "elected by a majority"
        case .handedOver: "handed over by the holder"
        case .peerSilent: "the other node is silent"
        case .peerStandsBack: "the other node stands back"
        case .leaseLapsed: "no majority answered within the lease"
        case .gateLapsed: "the gate lapsed while this node was stopped"
        case .betterNode: "a better node is ready"
        case .ordered: "moved by an operator"
        case .checkFailed: "a check fails"
        case .linkDown: "the interface is down"
        case .dataPlaneDown: "the proxy does not answer"
        case .maintenance: "maintenance"
        case .superseded: "a newer certificate exists"
        case .doubleHolder: "the other node holds too and ranks higher"
        case .storageFailed: "the disk refused a write"
        case .leaving: "the daemon ends"
        case .recovered: "eligible again"
        case .reconfigured: "the configuration changed"
        case .storageSlow: "the disk is too slow"
        }
    }
}

extension Effect {
    /// The one form as bytes that the journal's hash is taken of. Effects are never read back: replay derives them.
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .persist(let ticket):
            writer.byte(1)
            ticket.encode(to: &writer)
        case .send(let packet, let destination):
            writer.byte(2)
            packet.encode(to: &writer)
            switch destination {
            case .everyone: writer.byte(0xFF)
            case .node(let node): node.encode(to: &writer)
            }
        case .relay(let origin, let peer):
            writer.byte(3)
            origin.encode(to: &writer)
            peer.encode(to: &writer)
        case .openGate(let group, let until):
            writer.byte(4)
            group.encode(to: &writer)
            until.encode(to: &writer)
        case .takeAddresses(let group, let until):
            writer.byte(5)
            group.encode(to: &writer)
            until.encode(to: &writer)
        case .renewGate(let group, let until):
            writer.byte(6)
            group.encode(to: &writer)
            until.encode(to: &writer)
        case .withdraw(let group, let ticket):
            writer.byte(7)
            group.encode(to: &writer)
            ticket.encode(to: &writer)
        case .announce(let group):
            writer.byte(8)
            group.encode(to: &writer)
        case .changed(let change):
            writer.byte(9)
            change.group.encode(to: &writer)
            writer.byte(change.role.rawValue)
            change.term.encode(to: &writer)
            writer.byte(change.reason.rawValue)
        case .accuse(let node, let group, let term, let proofs):
            writer.byte(10)
            node.encode(to: &writer)
            group.encode(to: &writer)
            term.encode(to: &writer)
            writer.list(proofs) { writer, proof in writer.blob(proof) }
        case .left: writer.byte(11)
        case .writeLog(let group, let write):
            writer.byte(12)
            group.encode(to: &writer)
            write.encode(to: &writer)
        case .derived(let group, let index, let stateHash):
            writer.byte(13)
            group.encode(to: &writer)
            writer.varint(index)
            writer.fixed(stateHash)
        case .examine(let group, let proposal):
            writer.byte(14)
            group.encode(to: &writer)
            proposal.encode(to: &writer)
        case .answered(let request, let outcome):
            writer.byte(15)
            writer.varint(request)
            outcome.encode(to: &writer)
        case .forked(let group, let kept, let other):
            writer.byte(16)
            group.encode(to: &writer)
            kept.encode(to: &writer)
            other.encode(to: &writer)
        }
    }
}
