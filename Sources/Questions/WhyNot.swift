import Election

// Why a node does nothing: doesn't campaign, or doesn't vote.
extension Why {
    /// Why a node that may hold the group didn't take it; nil when its journal says nothing of that moment.
    func whyNot(_ node: Int, _ group: GroupID, at moment: Moment) -> Explanation? {
        let name = chronicle.name(node)
        let label = chronicle.archive.group(group)
        guard let record = lastStep(of: node, before: moment),
            let stretch = Stretch.upTo(record, in: chronicle.archive, reach: .milliseconds(3000))
        else {
            var explanation = Explanation(headline: "\(name) didn't take \(label)", at: moment, record: nil)
            let gone = fates.end(of: node, in: Moment(earliest: .min / 2, latest: moment.latest))
            let text = gone?.text ?? "its journal doesn't show that moment"
            explanation.links.append(Link(text: text, at: nil, record: nil))
            if let cause = gone?.cause { explanation.add(cause) }
            return explanation
        }
        let now = stretch.target.instant
        let obstacles = stretch.after.obstacles(toCampaigningIn: group, at: now)
        if obstacles.contains(.mayNotHold) { return nil }
        var explanation = Explanation(
            headline: "\(name) didn't take \(label) by \(moment.text)", at: moment, record: record)
        if obstacles == [.holdsOrStands] {
            standsInVain(node, group, stretch, &explanation)
        } else if obstacles.isEmpty {
            // Between two attempts to find voters: those that differ never answer.
            addDisagreements(node, &explanation)
            if explanation.links.isEmpty {
                explanation.links.append(
                    Link(text: "nothing kept it from campaigning: it was about to", at: nil, record: nil))
            }
        }
        for obstacle in obstacles { explain(obstacle, node, group, stretch, &explanation) }
        return explanation
    }

    /// It asks for votes and doesn't get them.
    private func standsInVain(
        _ node: Int, _ group: GroupID, _ stretch: Stretch, _ explanation: inout Explanation
    ) {
        let now = stretch.target.instant
        guard let insight = stretch.after.insight(of: group, at: now) else { return }
        if insight.part == .holding { return }
        var text = "it is asking for votes and hasn't got a majority of them"
        if let since = stretch.after.diskOwesSince {
            text +=
                "; its own vote has waited for the disk for "
                + TimeText.length(Int64(clamping: now.since(since).nanoseconds))
            explanation.add(
                Cause(
                    kind: .diskSlow, node: node, detail: nil, at: explanation.at, record: stretch.target.name,
                    text: "\(chronicle.name(node))'s disk owes a write"))
        }
        explanation.links.append(Link(text: text, at: nil, record: stretch.target.name))
        addDisagreements(node, &explanation)
        addMissingVoters(node, stretch, &explanation)
    }

    private func addDisagreements(_ node: Int, _ explanation: inout Explanation) {
        guard let extent = explanation.at else { return }
        for other in chronicle.archive.nodes.indices where other != node {
            guard let found = disagreement(node, other, extent),
                !explanation.causes.contains(where: { $0.kind == found.cause.kind && $0.node == found.cause.node })
            else { continue }
            explanation.links.append(Link(text: found.text, at: found.cause.at, record: found.cause.record))
            explanation.add(found.cause)
        }
    }

    private func addMissingVoters(_ node: Int, _ stretch: Stretch, _ explanation: inout Explanation) {
        let rules = stretch.after.rules
        let now = stretch.target.instant
        for voter in rules.indices where rules.voters.contains(voter) && voter != rules.this {
            guard let peer = stretch.after.insight(of: voter), now.since(peer.directAt ?? .zero) >= rules.timing.promise
            else { continue }
            let other = place(voter, rules)
            let clock = chronicle.lives.last { $0.node == node }?.clock ?? 0
            let from = chronicle.frame.moment(clock, peer.directAt ?? now)
            let found = fates.silence(
                of: other, to: node,
                in: Moment(earliest: from.earliest, latest: chronicle.frame.moment(clock, now).latest))
            explanation.links.append(Link(text: found.text, at: found.cause.at, record: found.cause.record))
            explanation.add(found.cause)
        }
    }

    func lastStep(of node: Int, before moment: Moment) -> RecordName? {
        let life = chronicle.lives.last { life in
            life.node == node && chronicle.frame.moment(life.clock, life.from).earliest <= moment.latest
        }
        guard let life else { return nil }
        let until = chronicle.frame.moment(life.clock, life.until)
        // Who was gone can't be asked.
        if life.ending != nil && until.latest < moment.earliest { return nil }
        if until.earliest <= moment.latest { return life.last }
        return Steps.last(of: life, before: moment, chronicle)
    }

    private func explain(
        _ obstacle: Obstacle, _ node: Int, _ group: GroupID, _ stretch: Stretch, _ explanation: inout Explanation
    ) {
        let name = chronicle.name(node)
        let rules = stretch.after.rules
        let clock = chronicle.lives.last { $0.node == node }?.clock ?? 0
        func moment(_ instant: Instant) -> String { chronicle.frame.moment(clock, instant).text }
        func add(_ text: String) { explanation.links.append(Link(text: text, at: nil, record: stretch.target.name)) }
        switch obstacle {
        case .ineligible(let reason): ineligible(reason, at: node, group, stretch, .fault(group), &explanation)
        case .notConnected(let whom, let with):
            let only = with.isEmpty ? "nobody" : "only \(names(with.map { place($0, rules) }))"
            add("\(chronicle.name(place(whom, rules))) was connected with \(only), which is no majority")
            addDisagreements(node, &explanation)
            addMissingVoters(node, stretch, &explanation)
        case .bootSilence(let until):
            add("\(name) had started less than D before; it keeps still until \(moment(until))")
        case .floorOwed: add("\(name)'s state directory was new: it learns the terms first")
        case .unsteady(let until): add("\(name) had stood still itself; it accuses nobody before \(moment(until))")
        case .retreat(let until): add("its last candidacy failed; it waits until \(moment(until))")
        case .promised(let life, let until):
            add("\(name) was bound to \(chronicle.name(place(life.node, rules))) until \(moment(until))")
        case .knowsHolder(let holder, let claimed):
            add("\(chronicle.name(place(holder, rules))) held it, and had said so at \(moment(claimed))")
        case .betterCandidate(let other, let until):
            add("\(chronicle.name(place(other, rules))) ranks higher and was waited for until \(moment(until))")
        case .disagrees(let other):
            add("\(chronicle.name(place(other, rules))) has other safety settings")
            addDisagreements(node, &explanation)
        case .peerHolds(let other): add("\(chronicle.name(place(other, rules))) held it")
        case .peerNotClear(let other, let until):
            add(
                "\(chronicle.name(place(other, rules))) hadn't said that it is closed; that is waited for until \(moment(until))"
            )
        case .peerRanksHigher(let other): add("\(chronicle.name(place(other, rules))) is heard and ranks higher")
        case .notRunning: add("\(name) hadn't started")
        case .hasNoVote: add("\(name) is an observer")
        case .diskRefuses: add("its disk had refused a write")
        case .diskSlow(let since): add("its disk had owed a write since \(moment(since))")
        case .voteUnderway(let life): add("a vote for \(chronicle.name(place(life.node, rules))) waited for the disk")
        case .votedInTerm(let term, let life):
            let whom = life.map { " for \(chronicle.name(place($0.node, rules)))" } ?? ""
            add("\(name) had already voted in term \(term.rawValue)\(whom)")
        case .newerCertificate(let term): add("\(name) knew a certificate of term \(term.rawValue)")
        case .termOutOfReach: add("the term was out of reach of all that are known")
        case .mayNotHold: add("the candidate has no priority in this group")
        case .holdsOrStands: break
        }
    }

    /// Any record: a vote, a refusal, a role, or just what it was.
    func explain(_ stretch: Stretch) -> Explanation {
        let step = stretch.target
        let clock = chronicle.lives.last { $0.node == step.name.node && $0.from <= step.instant }?.clock ?? 0
        let at = chronicle.frame.moment(clock, step.instant)
        if case .received(let reception) = step.event, case .voteRequest(let request) = reception.packet.message {
            return answered(request, reception.packet.sender, stretch, at)
        }
        for effect in stretch.effects {
            if case .changed(let change) = effect, change.role == .fault {
                var explanation = Explanation(
                    headline:
                        "\(chronicle.name(step.name.node)) can't hold \(chronicle.archive.group(change.group)) since "
                        + "\(at.text): \(change.reason.text)", at: at, record: step.name)
                ineligible(change.reason, at: step.name.node, change.group, stretch, .fault(change.group), &explanation)
                return explanation
            }
            if case .send(let packet, _) = effect, case .grant(let grant) = packet.message, !grant.trial {
                return voted(grant, stretch, at)
            }
        }
        return plain(stretch, at)
    }

    private func answered(
        _ request: VoteRequest, _ candidate: NodeLife, _ stretch: Stretch, _ at: Moment
    ) -> Explanation {
        let name = chronicle.name(stretch.target.name.node)
        let who = chronicle.name(place(candidate.node, stretch.before.rules))
        let trial = request.trial ? " (a trial)" : ""
        let obstacles = stretch.before.obstacles(
            toVotingFor: candidate, request: request, at: stretch.target.instant)
        let group = chronicle.archive.group(request.group)
        guard !obstacles.isEmpty else {
            return Explanation(
                headline:
                    "\(name) would vote for \(who) in term \(request.term.rawValue) of \(group)\(trial), asked at "
                    + "\(at.text): nothing stands against it", at: at, record: stretch.target.name)
        }
        var explanation = Explanation(
            headline: "\(name) didn't vote for \(who) in term \(request.term.rawValue) of \(group)\(trial), asked at "
                + at.text, at: at, record: stretch.target.name)
        for obstacle in obstacles {
            explain(obstacle, stretch.target.name.node, request.group, stretch, &explanation)
        }
        return explanation
    }

    private func voted(_ grant: Grant, _ stretch: Stretch, _ at: Moment) -> Explanation {
        let rules = stretch.before.rules
        let name = chronicle.name(stretch.target.name.node)
        let who = chronicle.name(place(grant.candidate.node, rules))
        var explanation = Explanation(
            headline:
                "\(name) voted for \(who) in term \(grant.term.rawValue) of \(chronicle.archive.group(grant.group)) "
                + "at \(at.text)", at: at, record: stretch.target.name)
        let decision = Rerun.Decision.vote(grant.group, for: grant.candidate.node)
        let confirmed = confirm(decision, stretch, .noVoteRequests(grant.candidate.node))
        explanation.links.append(
            Link(
                text: "\(who) asked, the ballot is on disk, and nothing stood against it", at: nil, record: nil,
                isConfirmed: confirmed))
        guard let certificate = stretch.before.insight(of: grant.group, at: stretch.target.instant)?.certificate,
            certificate.holder.node != grant.candidate.node, certificate.holder.node != rules.this,
            let peer = stretch.before.insight(of: certificate.holder.node), let heard = peer.directAt
        else { return explanation }
        var set = NodeSet()
        set.insert(certificate.holder.node)
        let ago = TimeText.length(Int64(clamping: stretch.target.instant.since(heard).nanoseconds))
        explanation.links.append(
            Link(
                text:
                    "the former holder \(chronicle.name(place(certificate.holder.node, rules))) was last heard \(ago) "
                    + "before, or had released it", at: nil, record: nil,
                isConfirmed: confirm(decision, stretch, .keptTalking(set))))
        return explanation
    }

    private func plain(_ stretch: Stretch, _ at: Moment) -> Explanation {
        let words = Words(stretch.after.rules)
        var explanation = Explanation(
            headline: "\(chronicle.name(stretch.target.name.node)) at \(at.text): \(words.text(stretch.target.event))",
            at: at, record: stretch.target.name)
        for effect in stretch.effects {
            explanation.links.append(Link(text: "it decided: \(words.text(effect))", at: nil, record: nil))
        }
        if stretch.effects.isEmpty {
            explanation.links.append(Link(text: "it decided nothing on that", at: nil, record: nil))
        }
        return explanation
    }
}

/// Finding a record by its time.
enum Steps {
    /// The last step of a life that is before a moment.
    static func last(of life: Life, before moment: Moment, _ chronicle: Chronicle) -> RecordName? {
        guard let journal = chronicle.archive.journal(of: life.node) else { return nil }
        let segments = journal.segments.filter { segment in
            segment.incarnation == life.incarnation
                && chronicle.frame.moment(life.clock, segment.instant).earliest <= moment.latest
        }
        guard let segment = segments.last else { return nil }
        let replay = NodeReplay(journal, node: life.node, segments: [segment])
        var found: RecordName?
        while let item = replay.next() {
            guard case .step(let taken) = item else { continue }
            guard chronicle.frame.moment(life.clock, taken.instant).earliest <= moment.latest else { break }
            found = taken.name
        }
        return found
    }
}
