import Election
import Proxy
import Sodium
import Wire

/// Packets and datagrams between nodes.
enum WireTargets {
    /// A packet has one form: what is read is written again byte for byte, since signatures stand on it.
    static func packet(_ data: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(data)
        var reader = ByteReader(bytes)
        guard let packet = try? Packet(from: &reader), reader.remaining == 0 else { return }
        var writer = ByteWriter()
        packet.encode(to: &writer)
        if writer.bytes != bytes { violated("a packet changes on its way") }
    }

    /// The first byte chooses: a datagram as it comes from the network, or content that a holder of the secret sealed.
    /// Nobody signed it, so nothing may be let in.
    static func datagram(_ data: UnsafeBufferPointer<UInt8>) {
        guard let first = data.first, let cluster else { return }
        let rest = Array(data.dropFirst())
        let bytes = first & 1 == 0 ? rest : cluster.sealer.seal(rest)
        var gatekeeper = Gatekeeper(
            this: NodeIndex(0), incarnation: Incarnation(1), nodes: cluster.keys.map { NodeKeys(key: $0) },
            secret: cluster.secret)
        if !gatekeeper.receive(bytes, at: .zero).isEmpty { violated("bytes that nobody signed were let in") }
    }

    private struct Cluster: Sendable {
        let sealer: Sealer
        let keys: [PublicKey]
        let secret: ClusterSecret
    }

    private static let cluster: Cluster? = {
        let keys = (1...3).compactMap { SigningKey(insecureSeed: [UInt8](repeating: $0, count: 32)) }
        guard keys.count == 3, let secret = ClusterSecret(insecureBytes: [UInt8](repeating: 0x5e, count: 32)) else {
            return nil
        }
        return Cluster(
            sealer: Sealer(this: NodeIndex(1), key: keys[1], secret: secret), keys: keys.map(\.publicKey),
            secret: secret)
    }()
}
