/// Pair mode: VRRP's trade. Two nodes, no certificates; each acquisition is recorded as one without.
///
/// Both may hold while neither hears the other. Once both directions deliver, at most one holds after two message
/// times, and merely hearing each other again never makes a new double (Specs/protocol.md, "Pair").
extension Elector {
    func pairPeer(in place: Int) -> NodeIndex? {
        rules.indices.first { $0 != rules.this && rules.groups[place].mayHold($0) }
    }

    func pairHolder(in place: Int, at now: Instant) -> NodeIndex? {
        guard let peer = pairPeer(in: place), let beat = freshBeat(of: peer, in: place, at: now), beat.holding else {
            return nil
        }
        return peer
    }

    private func freshBeat(of peer: NodeIndex, in place: Int, at now: Instant) -> GroupBeat? {
        guard let at = peers[Int(peer.rawValue)].heartbeatAt, now.since(at) < rules.timing.promise else { return nil }
        return beat(of: peer, in: place)
    }

    /// When silence alone would let this node take the group.
    func pairTakeoverAt(_ place: Int) -> Instant {
        let ready = max(silentUntil, steadyFrom)
        guard let peer = pairPeer(in: place), let at = peers[Int(peer.rawValue)].heartbeatAt else { return ready }
        return max(ready, at + rules.timing.promise)
    }

    mutating func tendPairStandby(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        // A new directory's floor is for votes; whoever hears nobody takes a pair's group all the same.
        let isReady = !needsFloor || now >= silentUntil + rules.timing.promise * 10
        guard isReady, now >= silentUntil, now >= steadyFrom, ineligibility(in: place) == nil,
            let peer = pairPeer(in: place), let own = standing(of: rules.this, in: place, at: now)
        else { return }
        guard let beat = freshBeat(of: peer, in: place, at: now) else {
            acquirePair(place, because: .peerSilent, isPinned: false, at: now, &effects)
            return
        }
        if beat.holding || isClearing(beat, in: place, at: now) { return }
        let isNamed = beat.release?.successor == rules.this && beat.release?.term == groups[place].newestTerm
        let isOrdered = isNamed && beat.release?.ordered == true
        let other = Standing(
            node: peer, isEligible: beat.eligible, isSuccessor: isSuccessor(peer, in: place),
            priority: beat.priority)
        var named = own
        named.isSuccessor = isNamed
        guard named.outranks(other) else { return }
        acquirePair(
            place, because: isOrdered ? .ordered : isNamed ? .handedOver : .peerStandsBack, isPinned: isOrdered,
            at: now,
            &effects)
    }

    /// The peer stopped claiming the group, but hasn't said that its gate is closed; it may for a lease still be open.
    private func isClearing(_ beat: GroupBeat, in place: Int, at now: Instant) -> Bool {
        guard beat.release == nil, let claimedAt = groups[place].claimedAt else { return false }
        return now.since(claimedAt) < rules.timing.promise
    }

    /// This node's own release named the peer, and nothing newer has happened since.
    private func isSuccessor(_ peer: NodeIndex, in place: Int) -> Bool {
        let release = groups[place].ownRelease
        return release?.successor == peer && release?.term == groups[place].newestTerm
    }

    private mutating func acquirePair(
        _ place: Int, because reason: Reason, isPinned: Bool, at now: Instant, _ effects: inout [Effect]
    ) {
        let term = max(groups[place].newestTerm, groups[place].ballot.term).next
        groups[place].ballot = Ballot(term: term, candidate: life)
        groups[place].note(term: term)
        groups[place].ownRelease = nil
        // The disk may take its time: nothing runs yet, so nothing can lapse.
        let holding = Holding(
            term: term, acknowledged: Array(repeating: nil, count: rules.nodes.count),
            leaseUntil: .never, since: now, reason: reason, isPinned: isPinned)
        lead(place, term: term, because: reason, at: now, &effects)
        groups[place].role = .acquiring(holding, persist(at: now, &effects))
    }

    /// Both hold and hear each other: the lower one closes at once, the better one stays and announces itself.
    mutating func hearPairPeer(
        _ beat: GroupBeat, from node: NodeIndex, in place: Int, at now: Instant, _ effects: inout [Effect]
    ) {
        guard node == pairPeer(in: place), let own = standing(of: rules.this, in: place, at: now),
            groups[place].leaseUntil != nil
        else { return }
        guard beat.holding else { return }
        let other = Standing(node: node, isEligible: beat.eligible, isSuccessor: false, priority: beat.priority)
        if other.outranks(own) {
            withdraw(place, because: .doubleHolder, to: node, &effects)
        } else if case .holding = groups[place].role {
            effects.append(.announce(groups[place].id))
        }
    }
}
