/// What a node knew and had promised at an instant, for whoever explains its decisions afterwards. Nothing is decided
/// from it.
package struct GroupInsight: Hashable, Sendable {
    package enum Part: Hashable, Sendable {
        case standby
        /// Asking who would vote for it.
        case canvassing(Term)
        case candidate(Term)
        /// Has its majority, and waits for the disk.
        case acquiring
        case holding
        case withdrawing(Reason)
    }

    package var id: GroupID
    package var name: String
    package var mode: GroupRules.Mode
    package var part: Part
    /// The newest term seen anywhere.
    package var newestTerm: Term
    package var ballot: Ballot
    package var promise: (to: NodeLife, term: Term, until: Instant)? {
        promisedTo.map { ($0, promisedTerm, promisedUntil) }
    }
    var promisedTo: NodeLife?
    var promisedTerm: Term
    var promisedUntil: Instant
    package var certificate: Certificate?
    /// When the certificate's holder was last heard to claim it.
    package var claimedAt: Instant?
    package var released: Release?
    package var releasedAt: Instant
    /// What this node holds; nil when it doesn't.
    package var term: Term?
    package var leaseUntil: Instant?
    package var heldSince: Instant?
    package var isPinned: Bool
    /// When the newest round was sent that each node answered, by node index; empty when it doesn't hold.
    package var acknowledged: [Instant?]
    package var linkIsUp: Bool
    package var priority: UInt16
    package var mayHold: Bool
    package var ineligibility: Reason?
    package var holder: NodeIndex?
    package var better: (node: NodeIndex, since: Instant)? { betterNode.map { ($0, betterSince) } }
    var betterNode: NodeIndex?
    var betterSince: Instant
}

/// What a node knew of another one.
package struct PeerInsight: Hashable, Sendable {
    package var node: NodeIndex
    package var incarnation: Incarnation?
    /// When something last came from it directly, and what.
    package var directAt: Instant?
    package var directSequence: Sequence
    /// Its newest heartbeat, direct or passed on.
    package var heartbeat: Heartbeat?
    package var heartbeatAt: Instant?
    package var agrees: Bool
}

extension Elector {
    /// nil for a group that isn't in the rules.
    package func insight(of id: GroupID, at now: Instant) -> GroupInsight? {
        guard let place = groups.firstIndex(of: id) else { return nil }
        let group = groups[place]
        let holding = group.holding
        return GroupInsight(
            id: id, name: rules.groups[place].name, mode: rules.groups[place].mode, part: part(of: group),
            newestTerm: group.newestTerm, ballot: group.ballot, promisedTo: group.promise?.to,
            promisedTerm: group.promise?.term ?? .none, promisedUntil: group.promise?.until ?? .zero,
            certificate: group.certificate, claimedAt: group.claimedAt, released: group.released,
            releasedAt: group.releasedAt, term: holding?.term, leaseUntil: holding?.leaseUntil,
            heldSince: holding?.since, isPinned: holding?.isPinned ?? false,
            acknowledged: holding?.acknowledged ?? [], linkIsUp: group.linkIsUp, priority: priority(in: place),
            mayHold: rules.groups[place].mayHold(rules.this), ineligibility: ineligibility(in: place),
            holder: holder(in: place, at: now), betterNode: group.better?.node,
            betterSince: group.better?.since ?? .zero)
    }

    private func part(of group: Group) -> GroupInsight.Part {
        switch group.role {
        case .standby: .standby
        case .canvassing(let canvass): .canvassing(canvass.term)
        case .candidate(let candidacy): .candidate(candidacy.term)
        case .acquiring: .acquiring
        case .holding: .holding
        case .withdrawing(let withdrawal): .withdrawing(withdrawal.reason)
        }
    }

    /// nil for this node itself, and for one that isn't in the rules.
    package func insight(of node: NodeIndex) -> PeerInsight? {
        guard node != rules.this, Int(node.rawValue) < peers.count else { return nil }
        let peer = peers[Int(node.rawValue)]
        return PeerInsight(
            node: node, incarnation: peer.incarnation, directAt: peer.directAt, directSequence: peer.directSequence,
            heartbeat: peer.heartbeat, heartbeatAt: peer.heartbeatAt,
            agrees: peer.heartbeat == nil || agrees(node))
    }

    /// The same state under other rules for the same nodes and groups, as if they had always been: for suppositions.
    package func supposing(_ other: Rules) -> Elector {
        guard other.nodes.count == rules.nodes.count, other.groups.map(\.id) == rules.groups.map(\.id),
            other.checks.count == rules.checks.count, other.this == rules.this, other.voters == voters
        else { return self }
        var supposed = self
        supposed.rules = other
        return supposed
    }

    /// The version of the state's form and of the rules that `genesis` was written with; nil for what is too short.
    package static func version(ofState genesis: [UInt8]) -> UInt16? {
        var reader = ByteReader(genesis)
        return try? reader.fixed(UInt16.self)
    }

    package var isUp: Bool { isRunning }
    /// The number of the last packet sent in this life.
    package var lastSequence: Sequence { sequence }
    package var isDataPlaneUp: Bool { dataPlaneIsUp }
    /// Since when the disk has owed a write; nil while it owes none.
    package var diskOwesSince: Instant? { unwrittenSince }
    package var isDiskSlow: Bool { storageIsSlow }
    package var ownLife: NodeLife { life }
    package var lastInstant: Instant { lastStepAt }
    /// The newest ticket that the shell was given.
    package var newestTicket: Ticket { lastTicket }
    package var votersNeeded: Int { quorum }
}
