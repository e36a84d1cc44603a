import Election
import Sodium

/// A checkpoint as its node shows it to its peers.
package struct CheckpointClaim: Hashable, Sendable, Transcribable {
    package var segment: UInt64
    package var checkpoint: Checkpoint
    /// The key of the checkpoint's epoch.
    package var sealKey: PublicKey

    package init(segment: UInt64, checkpoint: Checkpoint, sealKey: PublicKey) {
        self.segment = segment
        self.checkpoint = checkpoint
        self.sealKey = sealKey
    }

    package func encode(to writer: inout ByteWriter) {
        writer.varint(segment)
        checkpoint.encode(to: &writer)
        writer.raw(sealKey.bytes)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        segment = try reader.varint()
        checkpoint = try Checkpoint(from: &reader)
        sealKey = try PublicKey(from: &reader)
    }
}

/// What this node knows of its peers' checkpoints, so that it cosigns one history of each.
package struct WitnessBook: Sendable {
    package enum Verdict: Hashable, Sendable {
        /// Record this, durably, then sign.
        case cosign(Witnessed)
        /// It was cosigned before; the answer was lost.
        case again
        /// Older than what is known, or not signed as it must be.
        case refuse
        /// Two contents for one epoch, or an epoch that another key signs than the one before named.
        case contradiction(String)
    }

    private struct Known: Sendable {
        var segment: UInt64
        var epoch: UInt64
        var frames: UInt64
        var root: [UInt8]
        var size: UInt64
        /// nil for what an earlier life of this node has witnessed.
        var next: PublicKey?
    }

    private let clusterTag: [UInt8]
    private var nodes: [(name: String, key: PublicKey)]
    private var known: [Known?]

    /// - Parameters:
    ///   - nodes: all nodes of the cluster, by index.
    ///   - witnessed: what earlier lives recorded, in order.
    package init(clusterTag: [UInt8], nodes: [(name: String, key: PublicKey)], witnessed: [Witnessed]) {
        self.clusterTag = clusterTag
        self.nodes = nodes
        known = nodes.map { _ in nil }
        for old in witnessed {
            guard let index = nodes.firstIndex(where: { $0.name == old.node }) else { continue }
            known[index] = Known(
                segment: old.segment, epoch: old.epoch, frames: old.frames, root: old.root, size: old.size, next: nil)
        }
    }

    /// Puts other keys of the same nodes in force. Who has another key begins another journal: nothing is known of it.
    package mutating func change(to nodes: [(name: String, key: PublicKey)]) {
        precondition(nodes.count == self.nodes.count, "the same nodes")
        for (place, node) in nodes.enumerated() where node.key != self.nodes[place].key { known[place] = nil }
        self.nodes = nodes
    }

    /// The text that both sign.
    package func text(of claim: CheckpointClaim, by node: NodeIndex) -> [UInt8] {
        CheckpointNote.text(
            of: claim.checkpoint.draft,
            origin: CheckpointNote.origin(clusterTag, nodes[Int(node.rawValue)].name, claim.segment))
    }

    /// About 200 us, for two signatures.
    package mutating func consider(_ claim: CheckpointClaim, of node: NodeIndex) -> Verdict {
        let index = Int(node.rawValue)
        guard index < nodes.count else { return .refuse }
        let new = claim.checkpoint
        let old = known[index]
        if let old, new.epoch < old.epoch || claim.segment < old.segment { return .refuse }
        let text = text(of: claim, by: node)
        guard nodes[index].key.verifies(new.nodeSignature, over: text),
            claim.sealKey.verifies(new.sealSignature, over: text)
        else { return .refuse }
        let name = nodes[index].name
        if let old {
            if new.epoch == old.epoch {
                let isSame = claim.segment == old.segment && new.frames == old.frames && new.root == old.root
                return isSame
                    ? .again : .contradiction("\(name) shows two contents of one epoch of its journal")
            }
            if new.epoch == old.epoch + 1, let next = old.next, next != claim.sealKey {
                return .contradiction("\(name) signs an epoch of its journal with another key than it named")
            }
            if claim.segment == old.segment, new.frames <= old.frames || new.size <= old.size {
                return .contradiction("\(name)'s journal has shrunk")
            }
        }
        known[index] = Known(
            segment: claim.segment, epoch: new.epoch, frames: new.frames, root: new.root, size: new.size,
            next: new.next)
        return .cosign(
            Witnessed(
                node: name, segment: claim.segment, epoch: new.epoch, frames: new.frames, root: new.root,
                size: new.size, head: new.head))
    }
}

extension Cosignature {
    /// This node's word for a peer's checkpoint.
    ///
    /// - Parameter text: of the checkpoint.
    package init(
        of claim: CheckpointClaim, text: [UInt8], by node: String, at wallClock: WallClock, with key: SigningKey
    ) {
        let time = wallClock.nanoseconds / 1_000_000_000
        self.init(
            segment: claim.segment, epoch: claim.checkpoint.epoch, node: node, key: key.publicKey, time: time,
            signature: key.sign(CheckpointNote.cosigned(text, time: time)))
    }
}
