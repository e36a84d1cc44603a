import Election
import Sodium

/// The bytes on the wire: a header that costs nothing to check, and a sealed list of frames. Specs/wire.md.
enum Datagram {
    static let magic: [UInt8] = Array("elcd".utf8)
    static let version: UInt8 = 1
    /// Magic, version, cluster tag.
    static let headerCount = 4 + 1 + ClusterSecret.tagCount
    /// Sender and number of frames.
    static let preludeCount = 2
    static let framesLimit = 8
    /// Bytes of one datagram: below what UDP carries over IPv4 and IPv6.
    static let limit = 60_000
    static let least = headerCount + ClusterSecret.overhead + preludeCount + 2 + SignedFrame.least
    /// Frames share a datagram as long as it fits the smallest packet that IPv6 promises to carry unfragmented
    /// (RFC 8200 section 5: 1,280 bytes, less 48 of headers).
    static let unfragmented = 1_232

    /// What is inside the seal.
    static func content(sender: NodeIndex, frames: ArraySlice<SignedFrame>) -> [UInt8] {
        var writer = ByteWriter(reserving: 512)
        sender.encode(to: &writer)
        writer.byte(UInt8(frames.count))
        for frame in frames {
            writer.fixed(UInt16(frame.bytes.count))
            writer.raw(frame.bytes)
        }
        return writer.bytes
    }

    struct Content {
        var sender: NodeIndex
        var frames: [[UInt8]]

        init(parsing bytes: [UInt8]) throws(Malformed) {
            var reader = ByteReader(bytes)
            sender = try NodeIndex(from: &reader)
            let count = Int(try reader.byte())
            guard (1...framesLimit).contains(count) else { throw .outOfRange }
            frames = []
            for _ in 0..<count {
                let size: UInt16 = try reader.fixed()
                guard Int(size) <= SignedFrame.limit else { throw .tooLong }
                frames.append(try reader.raw(count: Int(size)))
            }
            try reader.finish()
        }
    }
}

/// The sending side: signs packets, packs frames into datagrams and seals them.
package struct Sealer: Sendable {
    private let this: NodeIndex
    private let key: SigningKey
    private let secret: ClusterSecret
    package let cluster: ClusterTag

    package init(this: NodeIndex, key: SigningKey, secret: ClusterSecret) {
        self.this = this
        self.key = key
        self.secret = secret
        cluster = ClusterTag(of: secret)
    }

    /// About 30 us.
    ///
    /// - Parameter journal: the durable mark, in heartbeats; nil in everything else, so that grants stay small.
    package func sign(_ packet: Packet, journal: JournalMark?) -> SignedFrame {
        SignedFrame(signing: packet, journal: journal, with: key, in: cluster)
    }

    /// The frames in as few datagrams as avoid fragments; a frame that is larger than that goes alone. Frames of
    /// other nodes among them are passed on.
    package func datagrams(_ frames: [SignedFrame]) -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        var rest = frames[...]
        while !rest.isEmpty {
            var size = Datagram.headerCount + ClusterSecret.overhead + Datagram.preludeCount
            let fitting = rest.prefix(Datagram.framesLimit).prefix { frame in
                size += 2 + frame.bytes.count
                return size <= Datagram.unfragmented
            }
            let taken = rest.prefix(max(fitting.count, 1))
            datagrams.append(seal(Datagram.content(sender: this, frames: taken), nonce: nil))
            rest = rest.dropFirst(taken.count)
        }
        return datagrams
    }

    /// - Parameter nonce: random when nil; given only where a datagram has to come out the same each time.
    func seal(_ content: [UInt8], nonce: [UInt8]?) -> [UInt8] {
        var datagram = Datagram.magic + [Datagram.version] + cluster.bytes
        secret.seal(content, nonce: nonce ?? Sodium.randomBytes(ClusterSecret.nonceCount), onto: &datagram)
        return datagram
    }

    /// One datagram of `frames` under a given nonce: for the worked example in Specs/wire.md, and for tests that send
    /// what `datagrams` wouldn't.
    package func datagram(_ frames: [SignedFrame], claiming sender: NodeIndex, nonce: [UInt8]) -> [UInt8] {
        seal(Datagram.content(sender: sender, frames: frames[...]), nonce: nonce)
    }

    /// Seals anything: tests of what a holder of the secret alone can do.
    package func seal(_ content: [UInt8]) -> [UInt8] { seal(content, nonce: nil) }
}
