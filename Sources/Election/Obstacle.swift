/// What keeps a node from campaigning, or from voting for a candidate: the conditions of `mayCampaign` and `consider`,
/// one by one, for explanations. Nothing is decided from it; Tests/QuestionsTests hold it to what is decided.
package enum Obstacle: Hashable, Sendable {
    case notRunning
    /// It has no priority in the group.
    case mayNotHold
    /// An observer.
    case hasNoVote
    case ineligible(Reason)
    /// A new state directory, and the boot silence isn't over (S12).
    case floorOwed
    /// Within D of its start (S6).
    case bootSilence(until: Instant)
    /// It was late itself a moment ago.
    case unsteady(until: Instant)
    /// After a candidacy that failed.
    case retreat(until: Instant)
    case promised(NodeLife, until: Instant)
    case knowsHolder(NodeIndex, claimedAt: Instant)
    /// It, or the candidate, isn't connected in both directions with a quorum; with whom it is.
    case notConnected(NodeIndex, with: [NodeIndex])
    case betterCandidate(NodeIndex, until: Instant)
    case diskRefuses
    case diskSlow(since: Instant)
    /// A vote for another candidate waits for the disk.
    case voteUnderway(NodeLife)
    /// The candidate's safety settings are others.
    case disagrees(NodeIndex)
    case votedInTerm(Term, NodeLife?)
    case newerCertificate(Term)
    case termOutOfReach
    case holdsOrStands
    /// Pair mode.
    case peerHolds(NodeIndex)
    case peerNotClear(NodeIndex, until: Instant)
    case peerRanksHigher(NodeIndex)
}

extension Elector {
    /// Why the node doesn't campaign for the group; empty when it does, or is about to.
    package func obstacles(toCampaigningIn id: GroupID, at now: Instant) -> [Obstacle] {
        guard isRunning, let place = groups.firstIndex(of: id) else { return [.notRunning] }
        let group = groups[place]
        guard rules.groups[place].mayHold(rules.this) else { return [.mayNotHold] }
        guard case .standby = group.role else { return [.holdsOrStands] }
        var obstacles: [Obstacle] = []
        if let reason = ineligibility(in: place) { obstacles.append(.ineligible(reason)) }
        if needsFloor { obstacles.append(.floorOwed) }
        if now < silentUntil { obstacles.append(.bootSilence(until: silentUntil)) }
        if now < steadyFrom { obstacles.append(.unsteady(until: steadyFrom)) }
        if rules.groups[place].mode == .pair { return obstacles + pairObstacles(place, at: now) }
        if now < group.retreatUntil { obstacles.append(.retreat(until: group.retreatUntil)) }
        if let promise = group.promise, promise.to.node != rules.this, now < promise.until {
            obstacles.append(.promised(promise.to, until: promise.until))
        }
        if hasValidHolder(in: place, at: now), let holder = group.certificate?.holder.node {
            obstacles.append(.knowsHolder(holder, claimedAt: group.claimedAt ?? now))
        }
        if !voters.contains(rules.this) { obstacles.append(.hasNoVote) }
        if !isConnectedToQuorum(rules.this, at: now) { obstacles.append(notConnected(rules.this, at: now)) }
        if let own = standing(of: rules.this, in: place, at: now), own.isEligible {
            obstacles += patience(for: own, in: place, at: now)
        }
        return obstacles
    }

    /// Why the node doesn't vote for `candidate` in `term`; empty when it does. Trials are judged alike.
    package func obstacles(
        toVotingFor candidate: NodeLife, request: VoteRequest, at now: Instant
    ) -> [Obstacle] {
        guard isRunning, let place = groups.firstIndex(of: request.group), rules.groups[place].mode == .majority else {
            return [.notRunning]
        }
        let group = groups[place]
        var obstacles: [Obstacle] = []
        if let certificate = group.certificate, request.term <= certificate.term {
            obstacles.append(.newerCertificate(certificate.term))
        }
        let isRepeated = request.term == group.ballot.term && group.ballot.candidate == candidate
        if request.term <= group.ballot.term && !isRepeated {
            obstacles.append(.votedInTerm(group.ballot.term, group.ballot.candidate))
        }
        if !request.term.isWithinReach(of: group.newestTerm) { obstacles.append(.termOutOfReach) }
        return obstacles + voterObstacles(candidate, request, in: place, at: now)
    }

    private func voterObstacles(
        _ candidate: NodeLife, _ request: VoteRequest, in place: Int, at now: Instant
    ) -> [Obstacle] {
        let group = groups[place]
        var obstacles: [Obstacle] = []
        if !voters.contains(rules.this) { obstacles.append(.hasNoVote) }
        if storageHasFailed { obstacles.append(.diskRefuses) }
        if storageIsSlow { obstacles.append(.diskSlow(since: unwrittenSince ?? now)) }
        if now < silentUntil { obstacles.append(.bootSilence(until: silentUntil)) }
        if needsFloor { obstacles.append(.floorOwed) }
        if let promise = group.promise, now < promise.until, promise.to.node != candidate.node {
            obstacles.append(.promised(promise.to, until: promise.until))
        }
        if let armed = group.armed.first, armed.grant.candidate.node != candidate.node,
            now.since(armed.at) < rules.timing.promise
        {
            obstacles.append(.voteUnderway(armed.grant.candidate))
        }
        if hasValidHolder(in: place, at: now), let holder = group.certificate?.holder.node, holder != candidate.node {
            obstacles.append(.knowsHolder(holder, claimedAt: group.claimedAt ?? now))
        }
        if !rules.groups[place].mayHold(candidate.node) { obstacles.append(.mayNotHold) }
        if !agrees(candidate.node) { obstacles.append(.disagrees(candidate.node)) }
        if !isConnectedToQuorum(candidate.node, at: now) { obstacles.append(notConnected(candidate.node, at: now)) }
        if let promise = group.promise, now < promise.until, promise.to == candidate { return obstacles }
        let standing = Standing(
            node: candidate.node, isEligible: true,
            isSuccessor: group.successor(at: now, within: rules.timing.promise) == candidate.node,
            priority: request.priority)
        return obstacles + patience(for: standing, in: place, at: now)
    }

    private func patience(for own: Standing, in place: Int, at now: Instant) -> [Obstacle] {
        let better = better(than: own, in: place, at: now)
        guard let best = better.best else { return [] }
        let until = groups[place].freeSince + rules.timing.patience * better.count
        return now < until ? [.betterCandidate(best.node, until: until)] : []
    }

    private func notConnected(_ node: NodeIndex, at now: Instant) -> Obstacle {
        let span = rules.timing.promise
        return .notConnected(
            node,
            with: rules.indices.filter {
                $0 != node && voters.contains($0) && hears(node, $0, within: span, at: now)
                    && hears($0, node, within: span, at: now)
            })
    }

    private func pairObstacles(_ place: Int, at now: Instant) -> [Obstacle] {
        let group = groups[place]
        guard let peer = pairPeer(in: place), let own = standing(of: rules.this, in: place, at: now) else { return [] }
        let known = peers[Int(peer.rawValue)]
        guard let at = known.heartbeatAt, now.since(at) < rules.timing.promise, let beat = beat(of: peer, in: place)
        else { return [] }
        if beat.holding { return [.peerHolds(peer)] }
        if beat.release == nil, let claimedAt = group.claimedAt, now.since(claimedAt) < rules.timing.promise {
            return [.peerNotClear(peer, until: claimedAt + rules.timing.promise)]
        }
        let isSuccessor = group.ownRelease?.successor == peer && group.ownRelease?.term == group.newestTerm
        var named = own
        named.isSuccessor = beat.release?.successor == rules.this && beat.release?.term == group.newestTerm
        let other = Standing(
            node: peer, isEligible: beat.eligible, isSuccessor: isSuccessor, priority: beat.priority)
        return named.outranks(other) ? [] : [.peerRanksHigher(peer)]
    }

    /// With whom `node` was connected in both directions, as far as this node could tell.
    package func listeners(to node: NodeIndex, at now: Instant) -> [NodeIndex] {
        rules.indices.filter { $0 != node && hears($0, node, within: rules.timing.promise, at: now) }
    }
}
