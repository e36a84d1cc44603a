/// The voter: grants, promises, and what it learns from certificates.
extension Elector {
    /// Whether this voter would vote for the candidate now, by everything but the ballot's term.
    private func wouldHelp(_ candidate: NodeLife, priority: UInt16, in place: Int, at now: Instant) -> Bool {
        // Nor a word that its disk couldn't keep in time: a candidate would count on it, and hold others up.
        guard voters.contains(rules.this), !storageHasFailed, !storageIsSlow, now >= silentUntil, !needsFloor else {
            return false
        }
        // S1: the voter's own promise has expired or was released, or binds it to this very node (S11).
        if let promise = groups[place].promise, now < promise.until, promise.to.node != candidate.node { return false }
        // A vote that waits for the disk counts as cast, or two candidates outbid each other for ever (L4).
        if let armed = groups[place].armed.first, armed.grant.candidate.node != candidate.node,
            now.since(armed.at) < rules.timing.promise
        {
            return false
        }
        // L5: no vote against a holder that is known to be alive, though only others can hear it.
        if hasValidHolder(in: place, at: now), groups[place].certified?.holder.node != candidate.node { return false }
        guard rules.groups[place].mayHold(candidate.node), agrees(candidate.node),
            isConnectedToQuorum(candidate.node, at: now)
        else { return false }
        // Bound to this very life, it has nobody else to wait for: a lost vote is repeated, a holder certified anew.
        if let promise = groups[place].promise, now < promise.until, promise.to == candidate { return true }
        let standing = Standing(
            node: candidate.node, isEligible: true,
            isSuccessor: groups[place].successor(at: now, within: rules.timing.promise) == candidate.node,
            priority: priority)
        // L3: one patience round for each better candidate, from the end of the voter's own promise.
        let better = better(than: standing, in: place, at: now).count
        return now >= groups[place].freeSince + rules.timing.patience * better
    }

    /// Answers a request for a vote, or keeps silent: a refusal changes nothing (L4).
    mutating func consider(
        _ request: VoteRequest, of candidate: NodeLife, round: Sequence, at now: Instant, _ effects: inout [Effect]
    ) {
        guard let place = groups.firstIndex(of: request.group), rules.groups[place].mode == .majority else { return }
        if let certified = groups[place].certified?.term, request.term <= certified { return }
        let ballot = groups[place].ballot
        let isRepeated = request.term == ballot.term && ballot.candidate == candidate
        guard request.term > ballot.term || isRepeated else { return }
        // A term far beyond all that are known would use up the numbers.
        guard request.term.isWithinReach(of: groups[place].newestTerm) else { return }
        guard isComplete(request, of: candidate.node, in: place) else { return }
        guard wouldHelp(candidate, priority: request.priority, in: place, at: now) else { return }
        var grant = Grant(
            group: request.group, term: request.term, trial: request.trial, candidate: candidate, round: round)
        if request.trial {
            send(.grant(grant), to: .node(candidate.node), &effects)
            return
        }
        if isRepeated {
            if let waiting = groups[place].armed.firstIndex(where: { $0.grant.term == request.term }) {
                // The echoed round is the newest; the ballot that is on its way to the disk is the same.
                grant.round = max(round, groups[place].armed[waiting].grant.round)
                groups[place].armed[waiting].grant = grant
            } else {
                cast(grant, in: place, at: now, &effects)
            }
            return
        }
        standDown(place, before: request.term, candidate: candidate, &effects)
        groups[place].ballot = Ballot(term: request.term, candidate: candidate)
        groups[place].note(term: request.term)
        let ticket = persist(at: now, &effects)
        groups[place].armed = [ArmedGrant(ticket: ticket, grant: grant, at: now)]
    }

    /// A voter that helps another candidate in a newer term gives its own candidacy up.
    private mutating func standDown(
        _ place: Int, before term: Term, candidate: NodeLife, _ effects: inout [Effect]
    ) {
        if candidate.node == rules.this { return }
        switch groups[place].role {
        case .canvassing, .candidate: groups[place].role = .standby
        case .acquiring(let holding, _), .holding(let holding):
            // Bound to itself while its lease runs, it wouldn't have come here.
            precondition(holding.term < term, "a voter that holds doesn't vote for another")
            withdraw(place, because: .superseded, to: nil, &effects)
        case .standby, .withdrawing: break
        }
    }

    /// Sends a vote whose ballot is on disk (S2), unless the voter has been bound otherwise meanwhile.
    mutating func cast(_ grant: Grant, in place: Int, at now: Instant, _ effects: inout [Effect]) {
        guard !storageHasFailed, groups[place].ballot == Ballot(term: grant.term, candidate: grant.candidate) else {
            return
        }
        if let certified = groups[place].certified?.term, certified >= grant.term { return }
        if let promise = groups[place].promise, now < promise.until, promise.to.node != grant.candidate.node { return }
        // Its own vote for a candidacy that is over would bind it for nothing.
        if grant.candidate == life, !groups[place].isCandidate(in: grant.term) { return }
        groups[place].bind(to: grant.candidate, term: grant.term, until: now + rules.timing.promise)
        send(.grant(grant), to: .node(grant.candidate.node), &effects)
    }

    /// Whether this voter may promise support to a holder, and if so, binds it (design L3).
    ///
    /// Boot silence doesn't forbid it (S6): the certificate is a majority's word, not this voter's.
    mutating func promiseRound(to holder: NodeLife, term: Term, in place: Int, at now: Instant) -> Bool {
        guard voters.contains(rules.this), groups[place].isCertified(holder, in: term) else { return false }
        // S4: no promise in a term lower than one voted in.
        guard term >= groups[place].ballot.term else { return false }
        // S5: a valid certificate of a newer term overrides a running promise, for heartbeats.
        if let promise = groups[place].promise, now < promise.until, promise.to.node != holder.node,
            term <= promise.term
        {
            return false
        }
        groups[place].bind(to: holder, term: term, until: now + rules.timing.promise)
        return true
    }

    /// The signatures were checked by the shell; that they are a majority is checked here (I1).
    mutating func receiveCertificate(_ certificate: Certificate, at now: Instant, _ effects: inout [Effect]) {
        guard let place = groups.firstIndex(of: certificate.group), rules.groups[place].mode == .majority,
            rules.groups[place].mayHold(certificate.holder.node), isMajority(certificate)
        else { return }
        if let known = groups[place].certificate {
            if certificate.term < known.term { return }
            if certificate.term == known.term {
                if certificate.holder == known.holder { return }
                accuseDoubleVoters(known, certificate, at: now, &effects)
                // S13: the same one of them counts everywhere, and whoever holds with the other gives up.
                if certificate.holder.node >= known.holder.node { return }
            }
        }
        if certificate.holder.node == rules.this && certificate.holder != life { return }
        groups[place].note(term: certificate.term)
        groups[place].certificate = certificate
        groups[place].claimedAt = now
        groups[place].released = nil
        if groups[place].ownRelease.map({ $0.term < certificate.term }) == true { groups[place].ownRelease = nil }
        switch groups[place].role {
        case .standby, .withdrawing: break
        case .canvassing: groups[place].role = .standby
        case .candidate(let candidacy):
            if candidacy.term <= certificate.term { groups[place].role = .standby }
        case .acquiring, .holding: withdraw(place, because: .superseded, to: nil, &effects)
        }
    }

    private func isMajority(_ certificate: Certificate) -> Bool {
        var signers = NodeSet()
        for vote in certificate.votes where voters.contains(vote.voter) { signers.insert(vote.voter) }
        return signers.count >= quorum
    }

    /// I11: two certificates of one term have a voter in common, and that voter signed both.
    private mutating func accuseDoubleVoters(
        _ one: Certificate, _ other: Certificate, at now: Instant, _ effects: inout [Effect]
    ) {
        for vote in one.votes {
            guard let second = other.votes.first(where: { $0.voter == vote.voter }) else { continue }
            let evidence = Evidence(against: vote.voter, term: one.term, proofs: [vote.proof, second.proof])
            // Both holders repeat their certificates until they meet: once said is enough.
            guard let place = groups.firstIndex(of: one.group), !isOnRecord(evidence, in: place) else { continue }
            effects.append(.accuse(vote.voter, group: one.group, term: one.term, proofs: evidence.proofs))
            recordEvidence(evidence, in: place, at: now)
        }
    }
}
