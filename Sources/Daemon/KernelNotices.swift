import Election
import Glibc
import Logging
import VirtualIP

extension ElectionLoop {
    /// What the kernel tells of links, addresses and our rules.
    func notice(_ event: InterfaceEvent) {
        switch event {
        case .linkChanged(let interface, let state):
            log.notice("\(interface): \(state.isUsable ? "up" : "down")")
            watchInterfaces()
            tellLinks(of: interface)
        case .linkVanished(let interface):
            log.error("\(interface): the interface is gone")
            watchInterfaces()
            tellLinks(of: interface)
        case .addressRemoved(let address, let group, let restored):
            warn("\(group): somebody removed \(address)\(restored ? "; it is back" : "")")
        case .conflict(let address, let group, let claimant, let reasserted):
            noteConflict("\(address) is also claimed by \(claimant)", in: group)
            if reasserted { warn("\(group): \(claimant) claims \(address) too; announced again") }
        case .gateRestored(let interface, let reason):
            warn("\(interface): the lease gate was changed from outside (\(reason)); it is back")
            problems = problems.filter { !$0.key.hasPrefix("the lease gate on \(interface) ") }
        case .leftoversRemoved(let interface, let addresses):
            log.warning(
                "\(interface): removed \(addresses.map(\.description).joined(separator: ", ")), left by an earlier life"
            )
        case .gateBroken(let interface, let error):
            log.error("\(interface): the lease gate is gone and can't be put back: \(error)")
            problems["the lease gate on \(interface) is broken: \(error)"] = BootInstant.now()
            for (group, name) in placed where place(of: name) == interface { step(.gateLost(group)) }
        }
    }

    /// A neighbour can provoke these as often as it likes.
    private func warn(_ text: String) {
        if let line = brake.pass(text, at: BootInstant.now()) { log.warning("\(line)") }
    }

    private func place(of group: String) -> String? { configuration.group(named: group)?.interface }

    private func tellLinks(of interface: String) {
        for group in elector.rules.groups {
            guard let name = placed[group.id], place(of: name) == interface else { continue }
            step(.link(group.id, up: isUsable(group.id)))
        }
    }

    /// Keeps the last few distinct ones, for status.
    private func noteConflict(_ text: String, in group: String) {
        let id = GroupID(named: group)
        var known = conflicts[id] ?? []
        if known.contains(text) { return }
        known.append(text)
        conflicts[id] = known.suffix(8)
    }
}
