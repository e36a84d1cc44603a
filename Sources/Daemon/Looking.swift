import Election
import VirtualIP
import Wire

extension ElectionLoop {
    func view() -> ElectionView {
        let now = BootInstant.now()
        let (groups, nodes) = elector.view(at: now)
        return ElectionView(
            rules: elector.rules, groups: groups, nodes: nodes,
            placements: groups.map { group in placed[group.id].map { placement(of: $0, group) } },
            lastChanges: groups.map { lastChanges[$0.id] },
            verdicts: elector.rules.checks.indices.map { elector.verdict(of: UInt16($0)) },
            refusals: gatekeeper.refusals.nonzero.map { (reason: $0.0.name, count: $0.1) }, accepted: accepted,
            sent: sent,
            journal: store.mark, journalRecords: store.records,
            isInMaintenance: elector.isUnderMaintenance, logs: groups.map { summary(of: $0.id) },
            epoch: elector.clusterGroup.flatMap { elector.logState(of: $0)?.epoch?.number } ?? 0,
            problems: problems.keys.sorted())
    }

    private func summary(of group: GroupID) -> LogSummary {
        let log = elector.log(of: group) ?? ReplicatedLog()
        return LogSummary(
            index: log.last.index, committed: log.committed, stateHash: log.stateHash, settings: log.state.settings)
    }

    /// What the logs still have, oldest first, for people.
    func history() -> [GroupHistory] {
        let rules = elector.rules
        return rules.groups.map { group in
            let log = elector.log(of: group.id) ?? ReplicatedLog()
            return GroupHistory(
                group: group.name, committed: log.committed,
                entries: log.entries.map { entry in
                    (entry.index, entry.term.rawValue, hexadecimal(entry.hash.short), entry.content.text(rules))
                })
        }
    }

    private func placement(of name: String, _ group: GroupView) -> ElectionView.Placement {
        ElectionView.Placement(
            fence: interfaces?.fence(of: name) ?? .none, linkIsUsable: isUsable(group.id),
            held: interfaces?.isHeld(name) ?? false, conflicts: conflicts[group.id] ?? [])
    }
}
