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
            isInMaintenance: elector.isUnderMaintenance, problems: problems.keys.sorted())
    }

    private func placement(of name: String, _ group: GroupView) -> ElectionView.Placement {
        ElectionView.Placement(
            fence: interfaces?.fence(of: name) ?? .none, linkIsUsable: isUsable(group.id),
            held: interfaces?.isHeld(name) ?? false, conflicts: conflicts[group.id] ?? [])
    }
}
