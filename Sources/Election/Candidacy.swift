/// The candidate: from the end of the old holder's lease to a certificate of its own.
extension Elector {
    /// When this standby may first ask for votes, if nothing else happens; `.max` while it may not at all.
    func campaignAt(_ place: Int) -> Instant {
        guard !needsFloor, ineligibility(in: place) == nil else { return .never }
        if rules.groups[place].mode == .pair { return pairTakeoverAt(place) }
        var at = max(silentUntil, steadyFrom, groups[place].retreatUntil)
        if let promise = groups[place].promise, promise.to.node != rules.this { at = max(at, promise.until) }
        if let claimedAt = groups[place].claimedAt, hasValidHolder(in: place, at: lastStepAt) {
            at = max(at, claimedAt + rules.timing.promise)
        }
        return at
    }

    /// L5: eligible, connected to a quorum, no valid holder known, and ranked above every candidate whose patience
    /// round hasn't passed.
    private func mayCampaign(_ place: Int, at now: Instant) -> Bool {
        guard !hasValidHolder(in: place, at: now), now >= campaignAt(place), voters.contains(rules.this),
            isConnectedToQuorum(rules.this, at: now),
            let own = standing(of: rules.this, in: place, at: now), own.isEligible
        else { return false }
        let better = better(than: own, in: place, at: now).count
        return now >= groups[place].freeSince + rules.timing.patience * (better * turns)
    }

    mutating func campaignIfDue(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        guard mayCampaign(place, at: now), !lacksLog(place, at: now), hasTurn else { return }
        crowd.asking += 1
        let term = max(groups[place].newestTerm, groups[place].ballot.term).next
        var willing = NodeSet()
        willing.insert(rules.this)
        let first = ask(place, term: term, trial: true, &effects)
        let end = canvassEnd(from: now)
        groups[place].role = .canvassing(
            Canvass(
                term: term, first: first, willing: willing, retryAt: min(now + retry(times: 1), end), endsAt: end))
        startCandidacyIfWelcome(place, at: now, &effects)
    }

    private mutating func ask(_ place: Int, term: Term, trial: Bool, _ effects: inout [Effect]) -> Sequence {
        let request = voteRequest(place, term: term, trial: trial)
        return send(.voteRequest(request), to: .everyone, &effects)
    }

    /// How long an answer is waited for before a request is repeated. Many groups that ask at once ask together no more
    /// often than one alone would, up to half of D: their repetitions would keep the others from answering.
    private func retry(times factor: UInt64) -> Span {
        let alone = rules.timing.retry * factor
        let asking = UInt64(max(crowd.asking, 1))
        return min(alone * asking, max(Span(nanoseconds: rules.timing.promise.nanoseconds / 2), alone))
    }

    mutating func continueCanvass(_ canvass: Canvass, in place: Int, at now: Instant, _ effects: inout [Effect]) {
        guard now >= canvass.retryAt else { return }
        guard now < canvass.endsAt, mayCampaign(place, at: now), !lacksLog(place, at: now) else {
            groups[place].role = .standby
            stepBehind(place, at: now)
            return
        }
        var canvass = canvass
        let term = max(groups[place].newestTerm, groups[place].ballot.term).next
        let round = ask(place, term: term, trial: true, &effects)
        if term != canvass.term {
            canvass.term = term
            canvass.first = round
            canvass.willing = NodeSet()
            canvass.willing.insert(rules.this)
        }
        canvass.retryAt = min(now + retry(times: 1), canvass.endsAt)
        groups[place].role = .canvassing(canvass)
    }

    /// L4: only now a term is spent.
    private mutating func startCandidacyIfWelcome(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        guard case .canvassing(let canvass) = groups[place].role, canvass.willing.count >= quorum else { return }
        groups[place].role = .candidate(
            Candidacy(
                term: canvass.term, requests: [], votes: [], retryAt: now, endsAt: now + rules.timing.promise))
        requestVotes(place, at: now, &effects)
    }

    private mutating func requestVotes(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        guard case .candidate(var candidacy) = groups[place].role else { return }
        let request = voteRequest(place, term: candidacy.term, trial: false)
        let round = send(.voteRequest(request), to: .everyone, &effects)
        candidacy.requests.append(Round(sequence: round, sentAt: now))
        if candidacy.requests.count > Bound.rounds { candidacy.requests.removeFirst() }
        candidacy.retryAt = now + retry(times: 4)
        groups[place].role = .candidate(candidacy)
        consider(request, of: life, round: round, at: now, &effects)
    }

    mutating func continueCandidacy(
        _ candidacy: Candidacy, in place: Int, at now: Instant, _ effects: inout [Effect]
    ) {
        guard now >= candidacy.retryAt else { return }
        guard now < candidacy.endsAt, ineligibility(in: place) == nil else {
            abandon(candidacy, in: place, at: now)
            return
        }
        requestVotes(place, at: now, &effects)
    }

    /// Nothing will ever be made of this term's votes: whoever gave one is free again, this node's own voter too (S8).
    private mutating func abandon(_ candidacy: Candidacy, in place: Int, at now: Instant) {
        groups[place].role = .standby
        groups[place].retreatUntil = now + retreat(after: candidacy.term)
        groups[place].free(from: life, term: candidacy.term, at: now)
        groups[place].ownRelease = Release(term: candidacy.term, successor: nil, ordered: false)
        // Not this term again, also where the own vote wasn't cast in it: the release would free whoever votes.
        groups[place].note(term: candidacy.term)
        beatNow(at: now)
    }

    /// No two nodes wait equally long after one term, and not always the same one waits longest.
    private func retreat(after term: Term) -> Span {
        let count = UInt64(rules.nodes.count)
        let turn = (term.rawValue % count + UInt64(rules.this.rawValue)) % count
        return Span(nanoseconds: rules.timing.heartbeat.nanoseconds / 2) * turn
    }

    mutating func receiveGrant(
        _ grant: Grant, from voter: NodeLife, proof: [UInt8], at now: Instant, _ effects: inout [Effect]
    ) {
        // S7: only what was granted to this very life.
        guard let place = groups.firstIndex(of: grant.group), grant.candidate == life, voters.contains(voter.node)
        else {
            return
        }
        switch groups[place].role {
        case .canvassing(var canvass):
            guard grant.trial, grant.term == canvass.term, grant.round >= canvass.first else { return }
            canvass.willing.insert(voter.node)
            groups[place].role = .canvassing(canvass)
            startCandidacyIfWelcome(place, at: now, &effects)
        case .candidate(var candidacy):
            guard !grant.trial, grant.term == candidacy.term,
                let sentAt = candidacy.requests.first(where: { $0.sequence == grant.round })?.sentAt
            else { return }
            candidacy.count(voter.node, proof: proof, acknowledged: sentAt)
            groups[place].role = .candidate(candidacy)
            win(place, candidacy, at: now, &effects)
        case .standby, .acquiring, .holding, .withdrawing: break
        }
    }

    /// A majority of grants is the certificate; the lease counts from the newest request that a majority echoes (S3).
    private mutating func win(_ place: Int, _ candidacy: Candidacy, at now: Instant, _ effects: inout [Effect]) {
        guard candidacy.votes.count >= quorum else { return }
        // Others elected somebody in a newer term meanwhile, and its entries were copied here: this one comes too late.
        guard replication.logs[place].log.last.term <= candidacy.term else {
            return abandon(candidacy, in: place, at: now)
        }
        let isSuccessor = groups[place].released?.successor == rules.this
        let isOrdered = isSuccessor && groups[place].released?.ordered == true
        var holding = Holding(
            term: candidacy.term, acknowledged: Array(repeating: nil, count: rules.nodes.count), leaseUntil: .zero,
            since: now, reason: isOrdered ? .ordered : isSuccessor ? .handedOver : .elected, isPinned: isOrdered)
        for vote in candidacy.votes { holding.acknowledge(vote.voter, vote.acknowledged) }
        holding.extendLease(quorum: quorum, lease: rules.timing.lease)
        guard now < holding.leaseUntil else { return }
        let certificate = Certificate(
            group: groups[place].id, term: candidacy.term, holder: life,
            votes: candidacy.votes.map { Certificate.Vote(voter: $0.voter, proof: $0.proof) })
        precondition(
            groups[place].certificate.map { $0.term < certificate.term } ?? true, "I1: a newer certificate is known")
        lead(place, term: certificate.term, because: holding.reason, at: now, &effects)
        groups[place].certificate = certificate
        groups[place].claimedAt = now
        groups[place].released = nil
        groups[place].ownRelease = nil
        groups[place].note(term: certificate.term)
        send(.certificate(certificate), to: .everyone, &effects)
        // I10: the certificate is in the journal before the address is taken.
        groups[place].role = .acquiring(holding, persist(at: now, &effects))
    }
}

extension Candidacy {
    mutating func count(_ voter: NodeIndex, proof: [UInt8], acknowledged: Instant) {
        if let known = votes.firstIndex(where: { $0.voter == voter }) {
            if acknowledged > votes[known].acknowledged {
                votes[known] = CandidateVote(voter: voter, proof: proof, acknowledged: acknowledged)
            }
            return
        }
        votes.append(CandidateVote(voter: voter, proof: proof, acknowledged: acknowledged))
        votes.sort { $0.voter < $1.voter }
    }
}
