import Election
import Sodium

/// A packet as its sender signed it: what datagrams carry, what others pass on unaltered, and what certificates and
/// evidence are made of. Specs/wire.md, "Frames".
package struct SignedFrame: Hashable, Sendable {
    /// Bytes of the largest frame: heartbeats of the most groups and certificates of the most voters fit.
    package static let limit = 16 * 1024
    /// A promise of no bonds without a journal mark, and its signature.
    static let least = 9 + Signature.byteCount

    package let packet: Packet
    /// Where the sender's journal stood on disk.
    package let journal: JournalMark?
    /// The encoded packet and mark, then the signature.
    package let bytes: [UInt8]

    /// Signs `packet`, whose sender `key` belongs to.
    init(signing packet: Packet, journal: JournalMark?, with key: SigningKey, in cluster: ClusterTag) {
        var writer = ByteWriter(reserving: 256)
        packet.encode(to: &writer)
        writer.optional(journal)
        self.packet = packet
        self.journal = journal
        bytes = writer.bytes + key.sign(cluster.signed(writer.bytes[...])).bytes
        precondition(bytes.count <= Self.limit, "a packet beyond the wire's limit")
    }

    /// Takes a frame apart; the signature is not checked yet.
    package init(parsing bytes: [UInt8]) throws(Malformed) {
        guard bytes.count >= Self.least else { throw .truncated }
        guard bytes.count <= Self.limit else { throw .tooLong }
        var reader = ByteReader(bytes.dropLast(Signature.byteCount))
        packet = try Packet(from: &reader)
        journal = try reader.optional()
        try reader.finish()
        self.bytes = bytes
    }

    /// Whether the frame was signed with `key` for this cluster. About 80 us.
    package func isSigned(by key: PublicKey, in cluster: ClusterTag) -> Bool {
        guard let signature = Signature(bytes: Array(bytes.suffix(Signature.byteCount))) else { return false }
        return key.verifies(signature, over: cluster.signed(bytes.dropLast(Signature.byteCount)))
    }

    /// Tells frames apart; 16 bytes.
    var digest: [UInt8] { Blake2b.hash(bytes, length: 16) }
}

/// The cluster's name in front of every seal and under every signature, so that nothing signed in one cluster means
/// anything in another (rule S7).
package struct ClusterTag: Hashable, Sendable {
    package let bytes: [UInt8]

    /// nil unless there are exactly 8 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == ClusterSecret.tagCount else { return nil }
        self.bytes = bytes
    }

    package init(of secret: ClusterSecret) {
        bytes = secret.clusterTag
    }

    /// What a signature covers: a domain, this tag, then the frame without its signature.
    func signed(_ body: ArraySlice<UInt8>) -> [UInt8] {
        Array("electd frame v1\n".utf8) + bytes + body
    }
}
