import Election

/// A tenure laid over true time.
struct HeldSpan {
    var tenure: Tenure
    var from: Moment
    /// It held until here at least.
    var surely: Moment
    /// By then its gate was closed; nil: the evidence gives no bound.
    var atMost: Int64?
}

extension Chronicle {
    /// All tenures of a group, by their start.
    func spans(of group: GroupID) -> [HeldSpan] {
        let own = tenures.filter { $0.group == group }
        return own.map { tenure in
            HeldSpan(
                tenure: tenure, from: frame.moment(tenure.clock, tenure.from),
                surely: frame.moment(tenure.clock, tenure.surelyUntil), atMost: latestEnd(of: tenure))
        }.sorted { ($0.from.middle, $0.tenure.node) < ($1.from.middle, $1.tenure.node) }
    }

    /// Leases after the last record of a journal that breaks off are unknown; but a lease needs promises, and those who
    /// gave them heard the holder claim it.
    private func latestEnd(of tenure: Tenure) -> Int64? {
        let recorded = frame.moment(tenure.clock, tenure.atMostUntil).latest
        guard tenure.isOpen else { return recorded }
        guard !tenure.isPair, let rules = rules[tenure.node] else { return nil }
        let lease = Int64(clamping: rules.timing.lease.nanoseconds) &+ Int64(clamping: rules.timing.lag.nanoseconds)
        let heard = claims.filter {
            $0.speaker == tenure.node && $0.incarnation == tenure.incarnation && $0.group == tenure.group
                && $0.term == tenure.term
        }.map { frame.moment($0.clock, $0.last).latest &+ lease }
        let end = max(recorded, heard.max() ?? recorded)
        // Every other voter's journal has to go on beyond, or a promise may be missing here.
        for node in rules.nodes where node.votes {
            guard let place = archive.nodes.firstIndex(of: node.name), place != tenure.node else { continue }
            guard covers(place, Moment(earliest: end, latest: end)) || brokeOffBefore(place, end) else { return nil }
        }
        return end
    }

    /// A node whose life had ended gave no promises.
    private func brokeOffBefore(_ node: Int, _ moment: Int64) -> Bool {
        let own = lives.filter { $0.node == node }
        return !own.isEmpty && own.allSatisfy { $0.ending == .left || $0.ending == .brokeOff }
            && own.allSatisfy { frame.moment($0.clock, $0.until).latest < moment }
    }

    /// Whether the node's journal shows what it did at this moment: all of it lies within one life.
    func covers(_ node: Int, _ moment: Moment) -> Bool {
        lives.contains { life in
            life.node == node && frame.moment(life.clock, life.from).latest <= moment.earliest
                && frame.moment(life.clock, life.until).earliest >= moment.latest
        }
    }

    /// Whether the node was down by its own journal: after a life that closed in order, and before the next.
    func wasDown(_ node: Int, _ moment: Moment) -> Bool {
        let own = lives.filter { $0.node == node }
        guard !own.isEmpty, !covers(node, moment) else { return false }
        let before = own.filter { frame.moment($0.clock, $0.until).latest < moment.earliest }
        let after = own.filter { frame.moment($0.clock, $0.from).earliest > moment.latest }
        if let last = before.max(by: { $0.incarnation < $1.incarnation }) {
            // What it held is bounded as a tenure; the daemon itself was gone, or about to be.
            return last.ending == .left || last.ending == .brokeOff
        }
        return before.isEmpty && !after.isEmpty
    }

    /// Who may hold the group, by any node's rules.
    func candidates(for group: GroupID) -> [Int] {
        var found: Set<Int> = []
        for rules in rules.values {
            guard let place = rules.groups.firstIndex(where: { $0.id == group }) else { continue }
            for (index, priority) in rules.groups[place].priorities.enumerated() where priority > 0 {
                if let node = archive.nodes.firstIndex(of: rules.nodes[index].name) { found.insert(node) }
            }
        }
        return found.sorted()
    }

    /// A group by its name, or by an address that it has.
    package func group(named text: String) throws(QuestionError) -> GroupID {
        if let found = archive.groups.first(where: { $0.name == text }) { return found.id }
        let bare = text.split(separator: "/").first.map(String.init) ?? text
        for rules in rules.values {
            for group in rules.groups {
                let addresses = group.addresses.map { $0.split(separator: "/").first.map(String.init) ?? $0 }
                if group.addresses.contains(text) || addresses.contains(bare) { return group.id }
            }
        }
        throw .unknownGroup(harmless(text), known: archive.groups.map { harmless($0.name) })
    }
}
