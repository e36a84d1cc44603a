import Election

// Why a holder gave up.
extension Why {
    func reach(_ tenure: Tenure) -> Span {
        let rules = chronicle.rules[tenure.node]
        let group = rules?.groups.first { $0.id == tenure.group }
        let dwell = group?.preemptAfter ?? .zero
        let promise = rules?.timing.promise ?? .zero
        var waited = dwell * 2
        if case .gaveUp(.betterNode) = tenure.ending, group?.isDamped == true {
            waited = Elector.longestDamped(dwell) + dwell
        }
        return max(Span(nanoseconds: 3_000_000_000), promise * 4 + waited)
    }

    func gaveUp(_ tenure: Tenure, depth: Int) -> Explanation {
        let at = chronicle.frame.moment(tenure.clock, tenure.gaveUpAt ?? tenure.lastSeen)
        let name = chronicle.name(tenure.node)
        let group = chronicle.archive.group(tenure.group)
        guard case .gaveUp(let reason) = tenure.ending else { return ended(tenure) }
        var explanation = Explanation(
            headline: "\(name) gave up \(group) in term \(tenure.term.rawValue) at \(at.text): \(reason.text)",
            at: at, record: tenure.lastRecord)
        guard depth < Self.depthLimit,
            let stretch = Stretch.upTo(tenure.lastRecord, in: chronicle.archive, reach: reach(tenure))
        else { return explanation }
        switch reason {
        case .leaseLapsed: leaseLapsed(tenure, stretch, at, &explanation)
        case .gateLapsed: gateLapsed(tenure, at, &explanation)
        case .betterNode: betterNode(tenure, stretch, at, depth, &explanation)
        case .ordered: ordered(tenure, stretch, &explanation)
        case .superseded: superseded(tenure, stretch, depth, &explanation)
        case .doubleHolder: doubleHolder(tenure, stretch, at, &explanation)
        default: ineligible(reason, at: tenure.node, tenure.group, stretch, .giveUp(tenure.group), &explanation)
        }
        return explanation
    }

    /// What made the node unfit, from its own inputs.
    func ineligible(
        _ reason: Reason, at node: Int, _ group: GroupID, _ stretch: Stretch, _ decision: Rerun.Decision,
        _ explanation: inout Explanation
    ) {
        let name = chronicle.name(node)
        let end = stretch.target.instant
        func add(
            _ kind: Cause.Kind, _ text: String, _ found: Happening?, detail: String? = nil, _ change: Rerun.Change?
        ) {
            let at = found.map { chronicle.moment($0) }
            let when = at.map { " at \($0.text)" } ?? ""
            let confirmed = change.flatMap { confirm(decision, stretch, $0) }
            explanation.links.append(Link(text: text + when, at: at, record: found?.name, isConfirmed: confirmed))
            explanation.add(
                Cause(kind: kind, node: node, detail: detail, at: at, record: found?.name, text: text + when))
        }
        switch reason {
        case .checkFailed:
            for failing in failingChecks(stretch, group) {
                let found = last(of: node, before: end) { $0 == .check(failing.name, passing: false) }
                let never = found == nil ? " (it hasn't passed yet)" : ""
                add(
                    .checkFailed, "\(name)'s check \(failing.name) failed\(never)", found, detail: failing.name,
                    .check(failing.index, passing: true))
            }
        case .linkDown:
            let found = last(of: node, before: end) { $0 == .link(group, up: false) }
            add(.linkDown, "\(name)'s interface went down", found, .link(group))
        case .dataPlaneDown:
            let found = last(of: node, before: end) { $0 == .dataPlane(up: false) }
            add(.dataPlaneDown, "\(name)'s proxy process stopped answering", found, .dataPlane)
        case .maintenance:
            let found = last(of: node, before: end) { $0 == .maintenance(true) }
            add(.maintenance, "an operator put \(name) into maintenance", found, .noMaintenance)
        case .storageFailed:
            let found = last(of: node, before: end) { $0 == .storageFailed }
            add(.diskFailed, "\(name)'s disk refused a write", found, .promptDisk)
        case .storageSlow:
            let found = last(of: node, before: end) { if case .diskSlow = $0 { true } else { false } }
            add(
                .diskSlow, "\(name)'s disk owed a write for longer than D: it is full, or far too slow", found,
                .promptDisk)
        case .leaving:
            let found = last(of: node, before: end) { $0 == .leaving }
            add(.stopped, "\(name)'s daemon was told to end", found, .notLeaving)
        case .reconfigured:
            let found = last(of: node, before: end) { $0 == .reconfigured }
            add(.reconfigured, "\(name) took another configuration", found, .sameConfiguration)
        default: add(.unknown, reason.text, nil, nil)
        }
    }

    func failingChecks(_ stretch: Stretch, _ group: GroupID) -> [(index: UInt16, name: String)] {
        let rules = stretch.after.rules
        guard let own = rules.groups.first(where: { $0.id == group }) else { return [] }
        return own.checks.filter { $0.weight == 0 && stretch.after.verdict(of: $0.check) != true }
            .map { ($0.check, harmless(rules.checks[Int($0.check)])) }
    }

    func last(
        of node: Int, before instant: Instant, where matches: (Happening.What) -> Bool
    ) -> Happening? {
        let clock = chronicle.lives.last { $0.node == node }?.clock
        return chronicle.happenings.last {
            $0.node == node && ($0.clock != clock || $0.instant <= instant) && matches($0.what)
        }
    }

    /// Whether the decision isn't made with the change; nil when deciding again doesn't even give it as recorded.
    func confirm(_ decision: Rerun.Decision, _ stretch: Stretch, _ change: Rerun.Change) -> Bool? {
        guard Rerun.decides(decision, in: stretch, with: .none) else { return nil }
        return !Rerun.decides(decision, in: stretch, with: change)
    }

    private func gateLapsed(_ tenure: Tenure, _ at: Moment, _ explanation: inout Explanation) {
        let stretch = Moment(earliest: at.earliest - 2_000_000_000, latest: at.latest)
        if let found = fates.still(tenure.node, in: stretch) {
            explanation.links.append(Link(text: found.text, at: found.cause.at, record: nil))
            explanation.add(found.cause)
        } else {
            let text =
                "the kernel's gate had lapsed, or couldn't be renewed, though \(chronicle.name(tenure.node)) ran: "
                + "somebody may have changed its rules"
            explanation.links.append(Link(text: text, at: at, record: tenure.lastRecord))
            explanation.add(
                Cause(kind: .gateLost, node: tenure.node, detail: nil, at: at, record: tenure.lastRecord, text: text))
        }
    }

    private func ordered(_ tenure: Tenure, _ stretch: Stretch, _ explanation: inout Explanation) {
        let found = last(of: tenure.node, before: stretch.target.instant) {
            switch $0 {
            case .ordered(tenure.group, _), .asked(tenure.group, _, _): true
            default: false
            }
        }
        guard let found else { return }
        let confirmed = confirm(.giveUp(tenure.group), stretch, .noTransfer(tenure.group))
        var origin = found
        var to = 0
        if case .asked(_, let target, let by) = found.what {
            to = target
            explanation.links.append(
                Link(
                    text: "\(chronicle.name(by)) passed an operator's order on to \(chronicle.name(tenure.node))",
                    at: chronicle.moment(found), record: found.name, isConfirmed: confirmed))
            if let asked = chronicle.happenings.last(where: {
                $0.node == by && $0.what == .ordered(tenure.group, to: target) && $0.precedes(found)
            }) {
                origin = asked
            }
        } else if case .ordered(_, let target) = found.what {
            to = target
        }
        let text =
            "an operator ordered \(chronicle.archive.group(tenure.group)) to \(chronicle.name(to)), at "
            + "\(chronicle.name(origin.node)), \(chronicle.moment(origin).text)"
        explanation.links.append(
            Link(
                text: text, at: chronicle.moment(origin), record: origin.name,
                isConfirmed: origin.name == found.name ? confirmed : nil))
        explanation.add(
            Cause(
                kind: .operatorTransfer, node: origin.node, detail: nil, at: chronicle.moment(origin),
                record: origin.name, text: text))
    }

    private func superseded(
        _ tenure: Tenure, _ stretch: Stretch, _ depth: Int, _ explanation: inout Explanation
    ) {
        guard let certificate = stretch.after.insight(of: tenure.group, at: stretch.target.instant)?.certificate else {
            return
        }
        let other = place(certificate.holder.node, stretch.after.rules)
        let text =
            "a certificate of \(chronicle.name(other)) in term \(certificate.term.rawValue) arrived, newer than its own"
        let change = Rerun.Change.noCertificate(certificate.holder.node, tenure.group)
        explanation.links.append(
            Link(
                text: text, at: chronicle.frame.moment(tenure.clock, stretch.target.instant),
                record: stretch.target.name, isConfirmed: confirm(.giveUp(tenure.group), stretch, change)))
        if let next = chronicle.tenures.first(where: {
            $0.node == other && $0.group == tenure.group && $0.term == certificate.term
        }) {
            explanation.add(took(next, depth: depth + 1))
        } else {
            explanation.add(
                Cause(kind: .newerElection, node: other, detail: nil, at: nil, record: stretch.target.name, text: text))
        }
    }

    private func doubleHolder(
        _ tenure: Tenure, _ stretch: Stretch, _ at: Moment, _ explanation: inout Explanation
    ) {
        let rules = stretch.after.rules
        let others = chronicle.candidates(for: tenure.group).filter { $0 != tenure.node }
        guard let other = others.first, index(other, rules) != nil else { return }
        let silence = chronicle.silences.last {
            $0.listener == tenure.node && $0.speaker == other && $0.from <= stretch.target.instant
        }
        var text =
            "\(chronicle.name(other)) held it too and ranks higher; in pair mode both hold while they don't hear each other"
        if let silence {
            let from = chronicle.frame.moment(silence.clock, silence.from)
            text += ", which they didn't from \(from.text) on"
        }
        explanation.links.append(Link(text: text, at: at, record: tenure.lastRecord))
        explanation.add(
            Cause(kind: .doubleHolder, node: other, detail: nil, at: at, record: tenure.lastRecord, text: text))
        if let silence {
            let stretch = Moment(
                earliest: chronicle.frame.moment(silence.clock, silence.from).earliest, latest: at.latest)
            let found = fates.silence(of: other, to: tenure.node, in: stretch)
            explanation.links.append(Link(text: found.text, at: found.cause.at, record: found.cause.record))
            explanation.add(found.cause)
        }
    }
}

// No majority answered in time.
extension Why {
    private func leaseLapsed(_ tenure: Tenure, _ stretch: Stretch, _ at: Moment, _ explanation: inout Explanation) {
        let rules = stretch.before.rules
        let insight = stretch.before.insight(of: tenure.group, at: stretch.target.instant)
        let lease = Int64(clamping: rules.timing.lease.nanoseconds)
        // The lease counted from the last round that a quorum answered.
        let since = chronicle.frame.moment(tenure.clock, tenure.lease)
        let silent = Moment(earliest: since.earliest - lease, latest: at.latest)
        var missing: [Int] = []
        var set = NodeSet()
        for voter in rules.indices where rules.voters.contains(voter) && voter != rules.this {
            let answered = insight.flatMap { $0.acknowledged[Int(voter.rawValue)] } ?? .zero
            guard answered + rules.timing.lease <= stretch.target.instant else { continue }
            missing.append(place(voter, rules))
            set.insert(voter)
        }
        let confirmed = confirm(.giveUp(tenure.group), stretch, .keptTalking(set))
        explanation.links.append(
            Link(
                text: "no majority renewed its lease: \(names(missing)) answered nothing that it had asked since "
                    + "\(TimeText.clock(silent.earliest))", at: silent, record: tenure.lastRecord,
                isConfirmed: confirmed))
        for found in lostMajority(tenure.node, missing, rules, silent) {
            explanation.links.append(Link(text: found.text, at: found.cause.at, record: found.cause.record))
            explanation.add(found.cause)
        }
    }

    /// Who is to blame that a node and its voters didn't reach each other.
    private func lostMajority(
        _ node: Int, _ missing: [Int], _ rules: Rules, _ stretch: Moment
    ) -> [(text: String, cause: Cause)] {
        if let own = fates.still(node, in: stretch) ?? fates.linkDown(node, in: stretch) { return [own] }
        let gone = missing.compactMap { voter in
            fates.end(of: voter, in: stretch) ?? fates.still(voter, in: stretch) ?? fates.linkDown(voter, in: stretch)
                ?? earlierEnd(of: voter, before: stretch) ?? disagreement(node, voter, stretch)
        }
        // Those who could still have answered make a quorum: then it is the way between that failed.
        if rules.voters.count - gone.count < rules.quorum { return gone }
        let reachable = missing.filter { voter in !gone.contains { $0.cause.node == voter } }
        guard let first = reachable.first else { return gone }
        return [fates.silence(of: node, to: first, in: stretch)] + gone
    }

    private func earlierEnd(of node: Int, before stretch: Moment) -> (text: String, cause: Cause)? {
        guard
            let life = chronicle.lives.filter({ $0.node == node }).max(by: { $0.incarnation < $1.incarnation }),
            chronicle.frame.moment(life.clock, life.until).latest < stretch.earliest,
            life.ending == .left || life.ending == .brokeOff
        else { return nil }
        let until = chronicle.frame.moment(life.clock, life.until)
        return fates.end(of: node, in: Moment(earliest: until.earliest, latest: until.latest + 1))
    }

    func disagreement(_ node: Int, _ other: Int, _ stretch: Moment) -> (text: String, cause: Cause)? {
        let found = chronicle.happenings.last {
            $0.node == node && chronicle.moment($0).earliest <= stretch.latest
                && ($0.what == .disagrees(other) || $0.what == .agreesAgain(other))
        }
        guard let found, found.what == .disagrees(other) else { return nil }
        let at = chronicle.moment(found)
        let odd = oddOneOut(node, other)
        let text =
            "\(chronicle.name(odd)) has other safety settings than the rest since \(at.text): nodes, keys, timing or "
            + "groups differ, so its word doesn't count for the others, nor theirs for it"
        return (
            text,
            Cause(
                kind: .configurationMismatch, node: odd, detail: nil, at: at, record: found.name, text: text)
        )
    }

    /// Of two that differ, the one with whom fewer agree.
    private func oddOneOut(_ one: Int, _ other: Int) -> Int {
        func against(_ node: Int) -> Int {
            chronicle.archive.nodes.indices.filter { third in
                third != node
                    && chronicle.happenings.last(where: {
                        $0.node == third && ($0.what == .disagrees(node) || $0.what == .agreesAgain(node))
                    })?.what == .disagrees(node)
            }.count
        }
        return against(one) > against(other) ? one : other
    }

    private func betterNode(
        _ tenure: Tenure, _ stretch: Stretch, _ at: Moment, _ depth: Int, _ explanation: inout Explanation
    ) {
        let rules = stretch.before.rules
        guard let insight = stretch.before.insight(of: tenure.group, at: stretch.target.instant),
            let better = insight.better
        else { return }
        let other = place(better.node, rules)
        let since = chronicle.frame.moment(tenure.clock, better.since)
        let theirs = stretch.before.insight(of: better.node)?.heartbeat?.groups.first { $0.group == tenure.group }
        explanation.links.append(
            Link(
                text: "\(chronicle.name(other)) (priority \(theirs?.priority ?? 0)) had been better than "
                    + "\(chronicle.name(tenure.node)) (priority \(insight.priority)) since \(since.text), for "
                    + "preempt_after", at: since, record: tenure.lastRecord,
                isConfirmed: confirm(.giveUp(tenure.group), stretch, .notBetter(better.node, tenure.group))))
        if let own = weighted(tenure, rules, since) {
            explanation.links.append(
                Link(
                    text: own.cause.text, at: own.cause.at, record: own.cause.record,
                    isConfirmed: confirm(.giveUp(tenure.group), stretch, .check(own.index, passing: own.wasPassing))))
            explanation.add(own.cause)
            return
        }
        for cause in becameBetter(other, tenure.group, before: since, depth) {
            explanation.links.append(Link(text: cause.text, at: cause.at, record: cause.record))
            explanation.add(cause)
        }
    }

    /// A check of the holder itself whose weight changed the order, about when the other became better.
    private func weighted(
        _ tenure: Tenure, _ rules: Rules, _ since: Moment
    ) -> (cause: Cause, index: UInt16, wasPassing: Bool)? {
        guard let own = rules.groups.first(where: { $0.id == tenure.group }) else { return nil }
        let found = chronicle.happenings.last { happening in
            guard happening.node == tenure.node, case .check(let name, let passing) = happening.what,
                chronicle.moment(happening).earliest <= since.latest + 1_000_000,
                chronicle.moment(happening).latest >= since.earliest - 2_000_000_000
            else { return false }
            return own.checks.contains {
                harmless(rules.checks[Int($0.check)]) == name
                    && ($0.weight > 0 && !passing || $0.weight < 0 && !passing)
            }
        }
        guard let found, case .check(let name, let passing) = found.what,
            let index = rules.checks.firstIndex(where: { harmless($0) == name })
        else { return nil }
        let at = chronicle.moment(found)
        let weight = own.checks.first { Int($0.check) == index }?.weight ?? 0
        return (
            Cause(
                kind: .checkFailed, node: tenure.node, detail: name, at: at, record: found.name,
                text: "\(chronicle.name(tenure.node))'s check \(name) failed at \(at.text), which is worth "
                    + "\(abs(Int(weight))) of priority"), UInt16(index), !passing
        )
    }

    /// What made the other node better: it came back, or something of it recovered.
    private func becameBetter(_ node: Int, _ group: GroupID, before since: Moment, _ depth: Int) -> [Cause] {
        let name = chronicle.name(node)
        let found = chronicle.happenings.last { happening in
            guard happening.node == node, chronicle.moment(happening).earliest <= since.latest else { return false }
            switch happening.what {
            case .started, .check(_, true), .link(_, true), .dataPlane(true), .maintenance(false), .diskBack:
                return true
            default: return false
            }
        }
        let heard = chronicle.happenings.last {
            $0.what == .heardAgain(node, after: .zero)
                || isReturn($0.what, node)
                    && chronicle.moment($0).earliest <= since.latest
        }
        if let heard,
            found.map({ chronicle.moment($0).latest < chronicle.moment(heard).earliest - 1_000_000_000 }) ?? true
        {
            let text = "\(name) was heard again at \(chronicle.moment(heard).text)"
            return [
                Cause(
                    kind: .nodeReturned, node: node, detail: nil, at: chronicle.moment(heard), record: heard.name,
                    text: text)
            ]
        }
        guard let found else {
            return [
                Cause(
                    kind: .nodeReturned, node: node, detail: nil, at: since, record: nil,
                    text: "\(name) became ready; its journal, if it is here, shows no input of its own for that")
            ]
        }
        return [returned(node, found)]
    }

    /// What a node finds right after its start belongs to the start.
    private func returned(_ node: Int, _ last: Happening) -> Cause {
        let name = chronicle.name(node)
        let started = chronicle.happenings.last { happening in
            guard happening.node == node, happening.clock == last.clock, happening.instant <= last.instant,
                case .started = happening.what
            else { return false }
            return last.instant.since(happening.instant) < Span(nanoseconds: 5_000_000_000)
        }
        let found = started ?? last
        let at = chronicle.moment(found)
        var kind = Cause.Kind.nodeReturned
        var detail: String?
        let what: String
        switch found.what {
        case .started: what = "\(name) had started at \(at.text)"
        case .check(let check, _):
            kind = .checkRecovered
            detail = check
            what = "\(name)'s check \(check) passed again at \(at.text)"
        case .link: what = "\(name)'s interface came up at \(at.text)"
        case .dataPlane: what = "\(name)'s proxy answered again at \(at.text)"
        case .maintenance: what = "an operator ended \(name)'s maintenance at \(at.text)"
        default: what = "\(name)'s disk took writes again at \(at.text)"
        }
        return Cause(kind: kind, node: node, detail: detail, at: at, record: found.name, text: what)
    }

    private func isReturn(_ what: Happening.What, _ node: Int) -> Bool {
        if case .heardAgain(node, _) = what { return true }
        return false
    }
}
