import Election

/// An event on its way to one node or to several, who share it, and what is asked of every packet before anybody opens it.
final class Parcel: Sendable {
    /// What a packet is sorted by.
    struct Label {
        var sender: NodeLife
        var sequence: Sequence
        var isRelayed: Bool
        var isHeartbeat = false
        /// A heartbeat that tells of a release.
        var releases = false
    }

    let event: Event
    /// nil for what isn't a packet.
    let label: Label?

    /// What isn't a packet.
    init(_ event: Event) {
        self.event = event
        label = nil
    }

    /// A packet, straight from its sender or passed on.
    init(_ packet: Packet, relay: NodeIndex? = nil, proof: [UInt8] = []) {
        var label = Label(sender: packet.sender, sequence: packet.sequence, isRelayed: relay != nil)
        if case .heartbeat(let heartbeat) = packet.message {
            label.isHeartbeat = true
            label.releases = heartbeat.groups.contains { $0.release != nil }
        }
        self.label = label
        event = .received(Reception(packet: packet, relay: relay, proof: proof))
    }

    /// The packet, as somebody passes it on.
    func relayed(by node: NodeIndex) -> Parcel? {
        guard case .received(let reception) = event else { return nil }
        return Parcel(reception.packet, relay: node)
    }
}
