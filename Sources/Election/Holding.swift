/// The holder: rounds, leases, and every way of giving up.
extension Elector {
    /// Carries out an acquisition whose record is on disk: gate, then addresses, then the announcement (I3).
    mutating func take(_ place: Int, _ holding: Holding, at now: Instant, _ effects: inout [Effect]) {
        var holding = holding
        if rules.groups[place].mode == .pair { holding.leaseUntil = now + rules.timing.lease }
        guard now < holding.leaseUntil else { return }
        let id = groups[place].id
        groups[place].role = .holding(holding)
        groups[place].reported = .holder
        groups[place].better = nil
        groups[place].noteTaking(holding, at: now)
        effects.append(.openGate(id, until: holding.leaseUntil))
        effects.append(.takeAddresses(id, until: holding.leaseUntil))
        effects.append(
            .changed(Change(group: id, role: .holder, term: holding.term, reason: holding.reason)))
        beatNow(at: now)
    }

    /// A heartbeat was sent for this holding: it is a round, and the holder is a voter of itself.
    mutating func openRound(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        guard let term = groups[place].termHeld else { return }
        if rules.groups[place].mode == .pair {
            guard case .holding(var holding) = groups[place].role else { return }
            // Nobody is asked; the lease only makes a frozen daemon fall silent.
            let before = holding.leaseUntil
            holding.leaseUntil = now + rules.timing.lease
            groups[place].role = .holding(holding)
            if holding.leaseUntil > before {
                effects.append(.renewGate(groups[place].id, until: holding.leaseUntil))
            }
            return
        }
        guard promiseRound(to: life, term: term, in: place, at: now) else { return }
        acknowledge(rules.this, now, in: place, &effects)
    }

    mutating func receivePromise(
        _ promise: Promise, from voter: NodeIndex, at now: Instant, _ effects: inout [Effect]
    ) {
        guard promise.holder == life, voters.contains(voter),
            let sentAt = rounds.last(where: { $0.sequence == promise.round })?.sentAt
        else { return }
        for bond in promise.bonds {
            guard let place = groups.firstIndex(of: bond.group), rules.groups[place].mode == .majority,
                groups[place].termHeld == bond.term
            else { continue }
            acknowledge(voter, sentAt, in: place, &effects)
        }
    }

    /// Counts a voter's answer to the round that was sent then.
    private mutating func acknowledge(
        _ voter: NodeIndex, _ sentAt: Instant, in place: Int, _ effects: inout [Effect]
    ) {
        guard let before = groups[place].leaseUntil else { return }
        let (quorum, lease) = (quorum, rules.timing.lease)
        groups[place].changeHolding { holding in
            holding.acknowledge(voter, sentAt)
            holding.extendLease(quorum: quorum, lease: lease)
        }
        if groups[place].isOpen, let until = groups[place].leaseUntil, until > before {
            effects.append(.renewGate(groups[place].id, until: until))
        }
    }

    /// Looks whether the holder should stop being it: by its own state, or for a better node.
    mutating func tendHolding(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        switch review(place, at: now) {
        case .unfit(let reason, let successor): withdraw(place, because: reason, to: successor, &effects)
        case .staysWhateverComes: break
        case .ranked(nil, _): groups[place].better = nil
        case .ranked(let best?, let dwell):
            guard let holding = groups[place].holding, !holding.isPinned else { return }
            if groups[place].better?.node != best.node {
                groups[place].better = BetterNode(node: best.node, since: now)
            }
            guard let better = groups[place].better, groups[place].isOpen else { return }
            // I8, L6: the better node has been better, and the holder a holder, for the dwell time.
            if now.since(better.since) >= dwell, now.since(holding.since) >= dwell, isCaughtUp(best.node, in: place) {
                withdraw(place, because: .betterNode, to: best.node, &effects)
            }
        }
    }

    /// What a holder finds when it looks at itself and at the others.
    private enum Review {
        case unfit(Reason, successor: NodeIndex?)
        /// No better node is looked for.
        case staysWhateverComes
        case ranked(better: Standing?, dwell: Span)
    }

    /// All of it in one: each question that a step asks of the whole state costs a copy of that.
    private func review(_ place: Int, at now: Instant) -> Review {
        if let reason = ineligibility(in: place) {
            return .unfit(reason, successor: bestOther(place, at: now)?.node)
        }
        guard let dwell = dwell(in: place, at: now) else { return .staysWhateverComes }
        let own = ownStanding(in: place, isEligible: true, at: now)
        return .ranked(better: betterOther(place, than: own, at: now), dwell: dwell)
    }

    private func bestOther(_ place: Int, at now: Instant) -> Standing? {
        let last = Standing(node: rules.this, isEligible: false, isSuccessor: false, priority: 0)
        return betterOther(place, than: last, at: now)
    }

    private func betterOther(_ place: Int, than own: Standing, at now: Instant) -> Standing? {
        if rules.groups[place].mode == .pair {
            return pairPeer(in: place)
                .flatMap { standing(of: $0, in: place, at: now) }
                .flatMap { $0.isEligible && $0.outranks(own) ? $0 : nil }
        }
        return better(than: own, in: place, at: now).best
    }

    /// An operator's transfer that was asked of this node: the holder carries it out, any other passes it on.
    mutating func order(_ request: TransferRequest, at now: Instant, _ effects: inout [Effect]) {
        guard let place = groups.firstIndex(of: request.group) else { return }
        if groups[place].leaseUntil == nil, let holder = holder(in: place, at: now), holder != rules.this {
            send(.transferRequest(request), to: .node(holder), &effects)
        } else {
            carryOut(request, at: now, &effects)
        }
    }

    mutating func carryOut(_ request: TransferRequest, at now: Instant, _ effects: inout [Effect]) {
        let node = request.to
        guard let place = groups.firstIndex(of: request.group), groups[place].leaseUntil != nil, node != rules.this,
            let standing = standing(of: node, in: place, at: now), standing.isEligible
        else { return }
        guard rules.groups[place].mode == .pair || isConnectedToQuorum(node, at: now) else { return }
        withdraw(place, because: .ordered, to: node, &effects)
    }

    /// Closes first; what is said about it waits for the kernel (S9).
    mutating func withdraw(_ place: Int, because reason: Reason, to successor: NodeIndex?, _ effects: inout [Effect]) {
        guard let holding = groups[place].holding else { return }
        let id = groups[place].id
        let ticket = nextTicket()
        let release = Release(term: holding.term, successor: successor, ordered: reason == .ordered)
        groups[place].role = .withdrawing(Withdrawal(ticket: ticket, release: release, reason: reason))
        groups[place].better = nil
        markBusy(place)
        effects.append(.withdraw(id, ticket))
        let role: Change.Role = ineligibility(in: place) == nil ? .standby : .fault
        groups[place].reported = role
        effects.append(.changed(Change(group: id, role: role, term: holding.term, reason: reason)))
    }

    /// I6: the release leaves only now, and frees exactly the promises to this life in this term (S8).
    mutating func withdrawn(_ ticket: Ticket, in place: Int, at now: Instant, _ effects: inout [Effect]) {
        guard case .withdrawing(let withdrawal) = groups[place].role, withdrawal.ticket == ticket else { return }
        groups[place].role = .standby
        groups[place].ownRelease = withdrawal.release
        groups[place].free(from: life, term: withdrawal.release.term, at: now)
        if groups[place].isCertified(life, in: withdrawal.release.term) {
            groups[place].released = withdrawal.release
            groups[place].releasedAt = now
        }
        beatNow(at: now)
    }
}

extension Holding {
    mutating func acknowledge(_ voter: NodeIndex, _ sentAt: Instant) {
        let known = acknowledged[Int(voter.rawValue)] ?? .zero
        acknowledged[Int(voter.rawValue)] = max(known, sentAt)
    }

    /// The lease counts from the newest round that a quorum has answered (S3); it never gets shorter.
    mutating func extendLease(quorum: Int, lease: Span) {
        var newest: Instant?
        for case let instant? in acknowledged where newest.map({ instant > $0 }) ?? true {
            var answers = 0
            for case let other? in acknowledged where other >= instant { answers += 1 }
            if answers >= quorum { newest = instant }
        }
        guard let newest else { return }
        answered = newest
        leaseUntil = max(leaseUntil, answered + lease)
    }
}
