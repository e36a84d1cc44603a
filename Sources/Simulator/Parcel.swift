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

    init(_ event: Event) {
        self.event = event
        guard case .received(let reception) = event else {
            label = nil
            return
        }
        let packet = reception.packet
        var label = Label(sender: packet.sender, sequence: packet.sequence, isRelayed: reception.relay != nil)
        if case .heartbeat(let heartbeat) = packet.message {
            label.isHeartbeat = true
            label.releases = heartbeat.groups.contains { $0.release != nil }
        }
        self.label = label
    }

    /// A packet straight from its sender.
    convenience init(_ packet: Packet, proof: [UInt8] = []) {
        self.init(.received(Reception(packet: packet, relay: nil, proof: proof)))
    }

    /// The packet, as somebody passes it on.
    func relayed(by node: NodeIndex) -> Parcel? {
        guard case .received(let reception) = event else { return nil }
        return Parcel(.received(Reception(packet: reception.packet, relay: node)))
    }
}
