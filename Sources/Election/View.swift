/// What `electd status` shows of the election. Nothing is decided from it.
package struct GroupView: Hashable, Sendable {
    package enum Role: String, Hashable, Sendable {
        case holder
        case standby
        case witness
        case observer
        case fault
    }

    package var id: GroupID
    package var name: String
    package var mode: GroupRules.Mode
    package var role: Role
    package var term: Term
    package var holder: NodeIndex?
    /// What is left of this node's lease; nil when it doesn't hold.
    package var leaseLeft: Span?
    package var priority: UInt16
    package var ineligibility: Reason?
    /// The voters of the newest certificate; empty in pair mode.
    package var certificate: [NodeIndex]
    /// The group stays here though a better node is ready: an operator moved it.
    package var isPinned: Bool
    /// When the better node gets the group if it stays better; nil: there is none, or the group stays here.
    package var yieldsAt: Instant?
    package var failingChecks: [UInt16]
}

package struct NodeView: Hashable, Sendable {
    package var node: NodeIndex
    package var name: String
    package var incarnation: Incarnation?
    /// Since something last came directly; nil when nothing ever did. Zero for this node.
    package var heardAgo: Span?
    package var configurationDigest: UInt64?
    /// Whether its promises mean what ours mean.
    package var agrees: Bool
    /// Eligible in at least one group.
    package var isEligible: Bool
    /// The nodes it says it hears, for the matrix of links.
    package var hears: [NodeIndex]
}

extension Elector {
    package func view(at now: Instant) -> (groups: [GroupView], nodes: [NodeView]) {
        (groups.indices.map { view(ofGroup: $0, at: now) }, rules.indices.map { view(of: $0, at: now) })
    }

    /// Whether the group is held, its gate open or about to be.
    package func isHolding(_ id: GroupID) -> Bool {
        guard let place = groups.firstIndex(of: id), case .holding = groups[place].role else { return false }
        return true
    }

    /// What is left of the lease of the group in that place of the rules; nil when this node doesn't hold it.
    package func leaseLeft(inPlace place: Int, at now: Instant) -> Span? {
        groups[place].leaseUntil.map { $0.since(now) }
    }

    /// The term that this node holds the group in, in that place of the rules.
    package func termHeld(inPlace place: Int) -> Term? { groups[place].termHeld }

    /// Whether this voter may vote for or promise to anybody but `holder` now: what a quorum mustn't, while its gate is open
    /// (I3).
    package func isFree(from holder: NodeIndex, inPlace place: Int, at now: Instant) -> Bool {
        guard isRunning, voters.contains(rules.this), now >= silentUntil else { return false }
        guard let promise = groups[place].promise, now < promise.until else { return true }
        return promise.to.node != holder
    }

    /// Whether this node can vote and take groups: false once its disk has refused.
    package var isStorageSound: Bool { !storageHasFailed }

    package var isUnderMaintenance: Bool { isInMaintenance }

    /// The result last reported of a check; nil before the first.
    package func verdict(of check: UInt16) -> Bool? { Int(check) < checks.count ? checks[Int(check)] : nil }

    private func view(ofGroup place: Int, at now: Instant) -> GroupView {
        let group = groups[place]
        let groupRules = rules.groups[place]
        let holding = group.holding
        let ineligibility = ineligibility(in: place)
        let term = holding?.term ?? (groupRules.mode == .majority ? group.certificate?.term : nil) ?? group.newestTerm
        var isHolding = false
        if case .holding = group.role { isHolding = true }
        return GroupView(
            id: group.id, name: groupRules.name, mode: groupRules.mode,
            role: role(in: groupRules, isHolding, ineligibility),
            term: term, holder: holder(in: place, at: now), leaseLeft: holding.map { $0.leaseUntil.since(now) },
            priority: priority(in: place), ineligibility: groupRules.mayHold(rules.this) ? ineligibility : nil,
            certificate: groupRules.mode == .pair ? [] : group.certificate?.votes.map(\.voter) ?? [],
            isPinned: holding?.isPinned ?? false, yieldsAt: yieldsAt(place, at: now),
            failingChecks: groupRules.checks.map(\.check).filter { verdict(of: $0) != true })
    }

    private func yieldsAt(_ place: Int, at now: Instant) -> Instant? {
        guard let holding = groups[place].holding, !holding.isPinned, let better = groups[place].better,
            let dwell = dwell(in: place, at: now)
        else { return nil }
        return max(better.since, holding.since) + dwell
    }

    private func role(in groupRules: GroupRules, _ isHolding: Bool, _ ineligibility: Reason?) -> GroupView.Role {
        switch rules.nodes[Int(rules.this.rawValue)].part {
        case .witness: return .witness
        case .observer: return .observer
        case .voter: break
        }
        if isHolding { return .holder }
        if !groupRules.mayHold(rules.this) { return .witness }
        return ineligibility == nil ? .standby : .fault
    }

    private func view(of node: NodeIndex, at now: Instant) -> NodeView {
        let name = rules.name(of: node)
        if node == rules.this {
            return NodeView(
                node: node, name: name, incarnation: incarnation, heardAgo: .zero,
                configurationDigest: rules.configurationDigest, agrees: true,
                isEligible: groups.indices.contains { ineligibility(in: $0) == nil },
                hears: rules.indices.filter {
                    $0 != node && hears(node, $0, within: rules.timing.promise, at: now)
                })
        }
        let peer = peers[Int(node.rawValue)]
        return NodeView(
            node: node, name: name, incarnation: peer.incarnation, heardAgo: peer.directAt.map { now.since($0) },
            configurationDigest: peer.heartbeat?.configurationDigest,
            agrees: peer.heartbeat == nil || agrees(node),
            isEligible: peer.heartbeat?.groups.contains { $0.eligible } ?? false,
            hears: rules.indices.filter { $0 != node && hears(node, $0, within: rules.timing.promise, at: now) })
    }
}
