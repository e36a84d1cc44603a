import Election

// Why a node took a group.
extension Why {
    func took(_ tenure: Tenure, depth: Int) -> Explanation {
        let at = chronicle.frame.moment(tenure.clock, tenure.from)
        let name = chronicle.name(tenure.node)
        let group = chronicle.archive.group(tenure.group)
        var explanation = Explanation(
            headline: "\(name) took \(group) in term \(tenure.term.rawValue) at \(at.text): \(tenure.reason.text)",
            at: at,
            record: tenure.fromRecord)
        guard depth < Self.depthLimit,
            let stretch = Stretch.upTo(tenure.fromRecord, in: chronicle.archive, reach: reach(tenure))
        else { return explanation }
        let voters = tenure.isPair ? [] : voters(tenure)
        if !voters.isEmpty {
            explanation.headline += " (\(names(voters)) voted for it)"
        }
        tenure.isPair
            ? pairTook(tenure, stretch, depth, &explanation) : majorityTook(tenure, stretch, depth, &explanation)
        return explanation
    }

    private func voters(_ tenure: Tenure) -> [Int] {
        chronicle.votes.entries.filter {
            $0.key.group == tenure.group && $0.key.term == tenure.term && $0.value.candidate == tenure.node
        }.map(\.key.voter).sorted()
    }

    /// What kept the node from campaigning, and until when: the last to go is what opened the way.
    struct Clearing {
        var obstacle: Obstacle
        var until: Instant
        var record: RecordName
    }

    /// Obstacles of the stretch up to the campaign that led to `target`, by when they ended, the last first.
    func clearings(_ group: GroupID, in stretch: Stretch) -> [Clearing] {
        var elector = stretch.start
        var seen: [String: Clearing] = [:]
        for step in stretch.steps {
            let before = elector.obstacles(toCampaigningIn: group, at: step.instant)
            for obstacle in before where obstacle != .holdsOrStands && obstacle != .mayNotHold {
                seen[Self.key(obstacle)] = Clearing(obstacle: obstacle, until: step.instant, record: step.name)
            }
            _ = elector.step(step.event, at: step.instant)
        }
        return seen.values.sorted {
            ($1.until, Self.key($0.obstacle)) < ($0.until, Self.key($1.obstacle))
        }
    }

    /// Obstacles that are the same but for their instants.
    private static func key(_ obstacle: Obstacle) -> String {
        switch obstacle {
        case .ineligible(let reason): "ineligible \(reason)"
        case .promised(let life, _): "holder \(life.node.rawValue)"
        case .knowsHolder(let node, _): "holder \(node.rawValue)"
        case .betterCandidate(let node, _): "better \(node.rawValue)"
        case .notConnected: "connected"
        case .bootSilence, .floorOwed: "boot"
        case .unsteady: "unsteady"
        case .retreat: "retreat"
        case .peerHolds(let node), .peerNotClear(let node, _): "holder \(node.rawValue)"
        case .peerRanksHigher(let node): "better \(node.rawValue)"
        default: "other"
        }
    }

    private func majorityTook(
        _ tenure: Tenure, _ stretch: Stretch, _ depth: Int, _ explanation: inout Explanation
    ) {
        guard wasHeldBefore(tenure) else { return firstElection(tenure, &explanation) }
        let cleared = clearings(tenure.group, in: stretch)
        let end = stretch.target.instant
        // What ended long before the last one didn't decide when.
        let limit = stretch.before.rules.timing.promise * 2
        var hasHolder = false
        for clearing in cleared.prefix(6)
        where !hasHolder && end.since(clearing.until) < limit + Span(nanoseconds: 1_000_000_000) {
            switch clearing.obstacle {
            case .knowsHolder, .promised:
                formerHolder(tenure, stretch, clearing, depth, &explanation)
                // What ended before the former holder's claim didn't keep it any longer.
                hasHolder = true
            case .ineligible(let reason): becameEligible(reason, tenure, clearing, &explanation)
            case .notConnected(_, let with): reconnected(tenure, with, clearing, stretch, &explanation)
            case .betterCandidate(let node, _) where !isFormerHolder(node, tenure, stretch):
                betterWaited(node, tenure, clearing, stretch, &explanation)
            case .bootSilence, .floorOwed:
                if explanation.causes.isEmpty { bootSilence(tenure, clearing, &explanation) }
            default: break
            }
        }
        if !hasHolder, let previous = previousTenure(tenure), depth < Self.depthLimit {
            explanation.addBeside(lossOf(previous, depth: depth + 1))
        }
    }

    /// By a journal of its holder, or by what others heard it claim.
    private func wasHeldBefore(_ tenure: Tenure) -> Bool {
        previousTenure(tenure) != nil
            || chronicle.claims.contains {
                $0.group == tenure.group && $0.term < tenure.term
                    && ($0.speaker != tenure.node || $0.incarnation < tenure.incarnation)
            }
    }

    private func isFormerHolder(_ node: NodeIndex, _ tenure: Tenure, _ stretch: Stretch) -> Bool {
        previousTenure(tenure)?.node == place(node, stretch.before.rules)
    }

    private func firstElection(_ tenure: Tenure, _ explanation: inout Explanation) {
        let text = "no earlier holder is known to these journals: it is the cluster's first election, or their start"
        explanation.links.append(Link(text: text, at: nil, record: nil))
        explanation.add(
            Cause(kind: .firstElection, node: nil, detail: nil, at: explanation.at, record: nil, text: text))
    }

    func previousTenure(_ tenure: Tenure) -> Tenure? {
        chronicle.tenures.filter { $0.group == tenure.group && $0.term < tenure.term }.max { $0.term < $1.term }
    }

    /// Why the one before doesn't hold it any more.
    func lossOf(_ previous: Tenure, depth: Int) -> Explanation {
        previous.gaveUpAt == nil ? ended(previous) : gaveUp(previous, depth: depth)
    }

    /// The former holder released the group, or wasn't heard any more.
    private func formerHolder(
        _ tenure: Tenure, _ stretch: Stretch, _ clearing: Clearing, _ depth: Int, _ explanation: inout Explanation
    ) {
        let rules = stretch.before.rules
        guard let holderIndex = Self.holder(clearing.obstacle) else { return }
        let holder = place(holderIndex, rules)
        let name = chronicle.name(holder)
        if let release = release(of: holderIndex, tenure.group, in: stretch) {
            let to = release.release.successor.map { " and named \(chronicle.name(place($0, rules)))" } ?? ""
            explanation.links.append(
                Link(
                    text: "\(name) told that it had released the group\(to)",
                    at: chronicle.frame.moment(tenure.clock, release.at), record: release.record,
                    isConfirmed: confirm(.take(tenure.group), stretch, .noRelease(holderIndex, tenure.group))))
            if let previous = chronicle.tenures.last(where: {
                $0.node == holder && $0.group == tenure.group && $0.term == release.release.term
            }) {
                explanation.add(lossOf(previous, depth: depth + 1))
            } else {
                releasedWithoutJournal(holder, release, &explanation)
            }
            return
        }
        silentHolder(holder, holderIndex, tenure, stretch, explanation: &explanation)
    }

    private func releasedWithoutJournal(
        _ holder: Int, _ release: (release: Release, at: Instant, record: RecordName),
        _ explanation: inout Explanation
    ) {
        let name = chronicle.name(holder)
        let text =
            release.release.ordered
            ? "an operator had ordered that move" : "why \(name) released it isn't known: its journal isn't here"
        explanation.links.append(Link(text: text, at: nil, record: nil))
        explanation.add(
            Cause(
                kind: release.release.ordered ? .operatorTransfer : .unknown, node: holder, detail: nil, at: nil,
                record: release.record, text: text))
    }

    private static func holder(_ obstacle: Obstacle) -> NodeIndex? {
        switch obstacle {
        case .knowsHolder(let node, _), .peerHolds(let node), .peerNotClear(let node, _): node
        case .promised(let life, _): life.node
        default: nil
        }
    }

    /// The first heartbeat in the stretch that tells the holder's release.
    private func release(
        of holder: NodeIndex, _ group: GroupID, in stretch: Stretch
    ) -> (release: Release, at: Instant, record: RecordName)? {
        let known = stretch.start.insight(of: holder)?.heartbeat?.groups.first { $0.group == group }?.release
        for step in stretch.steps {
            guard case .received(let reception) = step.event, reception.packet.sender.node == holder,
                case .heartbeat(let heartbeat) = reception.packet.message,
                let release = heartbeat.groups.first(where: { $0.group == group })?.release, release != known
            else { continue }
            return (release, step.instant, step.name)
        }
        return nil
    }

    private func silentHolder(
        _ holder: Int, _ index: NodeIndex, _ tenure: Tenure, _ stretch: Stretch,
        explanation: inout Explanation
    ) {
        let end = stretch.target.instant
        let name = chronicle.name(holder)
        let insight = stretch.before.insight(of: index)
        let lastAt =
            chronicle.silences.last {
                $0.listener == tenure.node && $0.speaker == holder && $0.from <= end
            }?.from ?? insight?.directAt
        guard let lastAt else { return }
        let heard = chronicle.frame.moment(tenure.clock, lastAt)
        let sequence = insight?.directSequence.rawValue ?? 0
        let others = alsoLost(holder, tenure, heard)
        explanation.links.append(
            Link(
                text: "\(name)'s heartbeats (up to packet \(sequence)) were last heard "
                    + "\(TimeText.length(Int64(clamping: end.since(lastAt).nanoseconds))) before, by "
                    + names([tenure.node] + others), at: heard, record: nil,
                isConfirmed: confirm(.take(tenure.group), stretch, .keptTalking(Self.set(index)))))
        let silent = Moment(
            earliest: heard.earliest, latest: chronicle.frame.moment(tenure.clock, end).latest)
        let found = fates.silence(of: holder, to: tenure.node, in: silent)
        explanation.links.append(Link(text: found.text, at: found.cause.at, record: found.cause.record))
        explanation.add(found.cause)
    }

    private static func set(_ node: NodeIndex) -> NodeSet {
        var set = NodeSet()
        set.insert(node)
        return set
    }

    /// Other nodes whose journals show that they had stopped hearing it at about the same time.
    private func alsoLost(_ speaker: Int, _ tenure: Tenure, _ heard: Moment) -> [Int] {
        chronicle.silences.filter { silence in
            silence.speaker == speaker && silence.listener != tenure.node
                && abs(chronicle.frame.moment(silence.clock, silence.from).middle - heard.middle) < 1_000_000_000
        }.map(\.listener).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}

// What else opened the way.
extension Why {
    private func becameEligible(
        _ reason: Reason, _ tenure: Tenure, _ clearing: Clearing, _ explanation: inout Explanation
    ) {
        let name = chronicle.name(tenure.node)
        let at = chronicle.frame.moment(tenure.clock, clearing.until)
        let text = "until \(at.text) \(name) couldn't take it: \(reason.text)"
        explanation.links.append(Link(text: text, at: at, record: clearing.record))
        let kind: Cause.Kind? =
            switch reason {
            case .storageSlow: .diskSlow
            case .checkFailed: .checkFailed
            case .linkDown: .linkDown
            case .dataPlaneDown: .dataPlaneDown
            case .maintenance: .maintenance
            default: nil
            }
        if let kind {
            explanation.add(
                Cause(kind: kind, node: tenure.node, detail: nil, at: at, record: clearing.record, text: text))
        }
    }

    private func reconnected(
        _ tenure: Tenure, _ with: [NodeIndex], _ clearing: Clearing, _ stretch: Stretch,
        _ explanation: inout Explanation
    ) {
        let name = chronicle.name(tenure.node)
        let at = chronicle.frame.moment(tenure.clock, clearing.until)
        let rules = stretch.before.rules
        let only = with.isEmpty ? "nobody" : "only \(names(with.map { place($0, rules) }))"
        explanation.links.append(
            Link(
                text: "until \(at.text) \(name) was connected with \(only), which is no majority", at: at,
                record: clearing.record))
        for voter in rules.indices where rules.voters.contains(voter) && voter != rules.this && !with.contains(voter) {
            let other = place(voter, rules)
            guard
                let silence = chronicle.silences.last(where: {
                    $0.listener == tenure.node && $0.speaker == other && $0.from <= clearing.until
                })
            else { continue }
            let stretch = Moment(
                earliest: chronicle.frame.moment(silence.clock, silence.from).earliest, latest: at.latest)
            let found = fates.silence(of: other, to: tenure.node, in: stretch)
            explanation.links.append(Link(text: found.text, at: found.cause.at, record: found.cause.record))
            explanation.add(found.cause)
        }
    }

    private func betterWaited(
        _ node: NodeIndex, _ tenure: Tenure, _ clearing: Clearing, _ stretch: Stretch,
        _ explanation: inout Explanation
    ) {
        let other = chronicle.name(place(node, stretch.before.rules))
        explanation.links.append(
            Link(
                text: "it had first waited for \(other), which ranks higher and didn't take it in time",
                at: chronicle.frame.moment(tenure.clock, clearing.until), record: clearing.record))
    }

    private func bootSilence(_ tenure: Tenure, _ clearing: Clearing, _ explanation: inout Explanation) {
        let name = chronicle.name(tenure.node)
        explanation.links.append(
            Link(
                text: "\(name) had just started, and votes for nobody within D of that",
                at: chronicle.frame.moment(tenure.clock, clearing.until), record: clearing.record))
    }

    private func pairTook(
        _ tenure: Tenure, _ stretch: Stretch, _ depth: Int, _ explanation: inout Explanation
    ) {
        let others = chronicle.candidates(for: tenure.group).filter { $0 != tenure.node }
        guard let other = others.first, let index = index(other, stretch.before.rules) else { return }
        switch tenure.reason {
        case .peerSilent:
            if stretch.before.insight(of: index)?.directAt == nil {
                let text =
                    "nothing was ever heard of \(chronicle.name(other)) since \(chronicle.name(tenure.node)) started"
                explanation.links.append(Link(text: text, at: nil, record: nil))
                explanation.add(
                    Cause(kind: .firstElection, node: nil, detail: nil, at: explanation.at, record: nil, text: text))
            } else {
                silentHolder(other, index, tenure, stretch, explanation: &explanation)
            }
        case .handedOver, .ordered, .peerStandsBack:
            let previous = chronicle.tenures.last {
                $0.node == other && $0.group == tenure.group
                    && chronicle.frame.moment($0.clock, $0.from).earliest <= (explanation.at?.latest ?? 0)
            }
            if let previous {
                explanation.add(lossOf(previous, depth: depth + 1))
            } else {
                let text =
                    "\(chronicle.name(other)) was heard, didn't hold it, and didn't rank above \(chronicle.name(tenure.node))"
                explanation.links.append(Link(text: text, at: nil, record: nil))
                explanation.add(
                    Cause(kind: .firstElection, node: nil, detail: nil, at: explanation.at, record: nil, text: text))
            }
        default: break
        }
    }
}
