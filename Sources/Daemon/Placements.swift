import Configuration
import VirtualIP

extension Configuration {
    /// Where each group that moves addresses has its place in this machine. A group without addresses is elected, and
    /// nothing else.
    package func placements(on node: Configuration.Node) -> [GroupPlacement] {
        groups.compactMap { group in
            guard let interface = group.interface, !group.virtualAddresses.isEmpty,
                group.priorities.contains(where: { $0.node == node.name })
            else { return nil }
            return GroupPlacement(
                group: group.name, interface: interface,
                addresses: group.virtualAddresses.compactMap {
                    // The file's addresses were read by the same rules; one that this module refuses isn't there.
                    try? VirtualIP.VirtualAddress(parsing: $0.description)
                })
        }
    }
}
