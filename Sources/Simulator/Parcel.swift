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

    /// nil for what isn't a packet.
    let packet: Packet?
    /// Who passed it on, and its signed form, as in a `Reception`.
    let relay: NodeIndex?
    let proof: [UInt8]
    /// What isn't a packet.
    private let other: Event
    /// nil for what isn't a packet.
    let label: Label?

    var event: Event {
        guard let packet else { return other }
        return .received(Reception(packet: packet, relay: relay, proof: proof))
    }

    /// What isn't a packet.
    init(_ event: Event) {
        other = event
        packet = nil
        relay = nil
        proof = []
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
        self.packet = packet
        self.relay = relay
        self.proof = proof
        other = .timer
    }

    /// The packet, as somebody passes it on.
    func relayed(by node: NodeIndex) -> Parcel? {
        packet.map { Parcel($0, relay: node) }
    }
}
