extension Elector {
    /// The instant at which `step(.timer)` is due at the latest; nil before the start and after the end.
    func deadline() -> Instant? {
        guard isRunning, !hasLeft else { return nil }
        var next = min(heartbeatAt, roundRetryAt ?? heartbeatAt)
        for place in groups.indices {
            switch groups[place].part.kind {
            case .standby:
                let at = campaignAt(place)
                if at > lastStepAt { next = min(next, at) }
                // A patience round or two may have to pass as well (L3).
                for rounds: UInt64 in 1...2 {
                    let then = groups[place].freeSince + rules.timing.patience * rounds
                    if then > lastStepAt { next = min(next, then) }
                }
            case .asking: next = min(next, groups[place].asksAgainAt ?? next)
            case .acquiring, .holding: next = min(next, groups[place].leaseUntil ?? next)
            case .withdrawing: break
            }
        }
        return min(next, replication.wakeAt)
    }

    /// A leaving node tells its releases so often, close together: one may get lost.
    private static let farewellsDue: UInt8 = 3

    /// Everything that time alone, or the step before it, makes due.
    mutating func advance(at now: Instant, _ effects: inout [Effect]) {
        if hasLeft { return }
        if needsFloor && now >= silentUntil && hasCopiedLogs(at: now) { setFloor(at: now, &effects) }
        countCrowd(at: now)
        for place in groups.indices {
            tend(place, at: now, &effects)
            report(place, &effects)
        }
        if now >= heartbeatAt || roundRetryAt.map({ now >= $0 }) == true { beat(at: now, &effects) }
        if farewells == Self.farewellsDue {
            hasLeft = true
            effects.append(.left)
        }
    }

    /// When a round that a quorum hasn't answered is repeated: a lost datagram costs a third of an interval, not one.
    private var roundRetryAt: Instant? {
        guard let last = rounds.last?.sentAt else { return nil }
        for place in groups.indices where rules.groups[place].mode == .majority {
            guard let answered = groups[place].roundAnswered, answered < last else { continue }
            return last + Span(nanoseconds: rules.timing.heartbeat.nanoseconds / 3)
        }
        return nil
    }

    mutating func giveUpLapsed(at now: Instant, _ effects: inout [Effect]) {
        for place in groups.indices {
            guard let until = groups[place].leaseUntil, now >= until else { continue }
            // L2: a holder without a lease closes, releases, and asks for no more promises.
            withdraw(place, because: .leaseLapsed, to: nil, &effects)
        }
    }

    private mutating func tend(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        switch groups[place].part.kind {
        case .standby:
            if rules.groups[place].mode == .pair {
                tendPairStandby(place, at: now, &effects)
            } else {
                campaignIfDue(place, at: now, &effects)
            }
        case .asking:
            if case .canvassing(let canvass) = groups[place].role {
                continueCanvass(canvass, in: place, at: now, &effects)
            } else if case .candidate(let candidacy) = groups[place].role {
                continueCandidacy(candidacy, in: place, at: now, &effects)
            }
        case .acquiring, .holding: tendHolding(place, at: now, &effects)
        case .withdrawing: break
        }
    }

    /// S12: a new state directory doesn't know what it voted for before. It votes only in terms well beyond those
    /// that the others know of; in a new cluster there are none.
    private mutating func setFloor(at now: Instant, _ effects: inout [Effect]) {
        needsFloor = false
        for place in groups.indices {
            let seen = groups[place].newestTerm
            guard seen > groups[place].ballot.term else { continue }
            let floor = Term(seen.rawValue > .max - 1024 ? .max : seen.rawValue + 1024)
            groups[place].ballot = Ballot(term: floor, candidate: nil)
            groups[place].note(term: floor)
        }
        persist(at: now, &effects)
    }

    /// One heartbeat for all groups; for those that this node holds it opens a lease round.
    mutating func beat(at now: Instant, _ effects: inout [Effect]) {
        let isParting = isLeaving && groups.allSatisfy { $0.role == .standby }
        if isParting { farewells += 1 }
        let interval = isParting ? rules.timing.retry * 4 : rules.timing.heartbeat
        let next = heartbeatAt + interval
        heartbeatAt = now >= heartbeatAt && next > now ? next : now + interval
        var heard: [Heard] = []
        heard.reserveCapacity(peers.count)
        for node in rules.indices {
            let index = Int(node.rawValue)
            guard let incarnation = peers[index].incarnation, let at = peers[index].directAt else { continue }
            let age = min(now.since(at).nanoseconds / 1_000_000, 65_535)
            heard.append(
                Heard(
                    node: node, incarnation: incarnation, sequence: peers[index].directSequence,
                    ageMilliseconds: UInt16(truncatingIfNeeded: age)))
        }
        let heartbeat = Heartbeat(
            safetyDigest: rules.safetyDigest, configurationDigest: rules.configurationDigest, heard: heard,
            groups: groups.indices.map { standingToTell($0, at: now) })
        let round = send(.heartbeat(heartbeat), to: .everyone, &effects)
        rounds.append(Round(sequence: round, sentAt: now))
        if rounds.count > Bound.rounds { rounds.removeFirst() }
        for place in groups.indices where groups[place].leaseUntil != nil { openRound(place, at: now, &effects) }
    }

    private func standingToTell(_ place: Int, at now: Instant) -> GroupBeat {
        GroupBeat(
            group: groups[place].id, eligible: ineligibility(in: place) == nil,
            holding: groups[place].leaseUntil != nil, priority: priority(in: place), term: termToTell(place),
            holder: holder(in: place, at: now), release: groups[place].ownRelease, log: markToTell(place))
    }

    /// A holder asks for promises in its own term, however new a term others have voted or campaigned in meanwhile:
    /// its voters answer for the certificate that they know (design L3).
    private func termToTell(_ place: Int) -> Term {
        groups[place].termHeld ?? max(groups[place].newestTerm, groups[place].ballot.term)
    }

    /// Tells everybody at once instead of at the next interval. Where a heartbeat tells of many groups, so soon after the
    /// last one that a few changes go together.
    mutating func beatNow(at now: Instant) {
        let pause = Span(nanoseconds: rules.timing.heartbeat.nanoseconds / 64) * UInt64(groups.count / 16)
        heartbeatAt = min(heartbeatAt, max(now, rounds.last.map { $0.sentAt + pause } ?? now))
    }

    private mutating func report(_ place: Int, _ effects: inout [Effect]) {
        guard groups[place].part.kind == .standby, rules.groups[place].mayHold(rules.this) else { return }
        let reason = ineligibility(in: place)
        let role: Change.Role = reason == nil ? .standby : .fault
        if role == groups[place].reported { return }
        groups[place].reported = role
        effects.append(
            .changed(
                Change(
                    group: groups[place].id, role: role, term: groups[place].newestTerm, reason: reason ?? .recovered)))
    }
}
