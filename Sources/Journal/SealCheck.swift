import Election
import Sodium

/// What a reader keeps to check checkpoints with: chain, tree, and the one key that may sign next.
struct SealCheck {
    /// Checkpoints whose cosignatures may still come.
    private static let keptCheckpoints = 16

    struct Place {
        var frames: UInt64
        var records: UInt64
        var size: UInt64
    }

    var chain = Blake2b()
    private(set) var tree = MerkleTree()
    private(set) var expected: (epoch: UInt64, key: PublicKey)?
    private(set) var last: Checkpoint?
    private(set) var checkpoints: UInt64 = 0
    private(set) var cosignatures: UInt64 = 0
    private var kept: [Checkpoint] = []

    /// - Returns: the frame's leaf.
    mutating func add(_ frame: UnsafeRawBufferPointer) -> [UInt8] {
        chain.update(frame)
        let leaf = MerkleTree.leafHash(frame)
        tree.append(leaf: leaf)
        return leaf
    }

    /// - Returns: false when a chain of keys begins here and the node's key didn't sign that.
    mutating func begin(_ opening: Opening) -> Bool {
        expected = (opening.seal.epoch, opening.seal.key)
        return opening.seal.hasGenuineRoot(of: opening)
    }

    /// - Returns: what is wrong with it, if something is.
    mutating func take(_ checkpoint: Checkpoint, in opening: Opening, at place: Place) -> JournalDamage.What? {
        guard checkpoint.frames == place.frames, checkpoint.records == place.records, checkpoint.size == place.size,
            checkpoint.head == chain.digest(), checkpoint.root == tree.root
        else { return .checkpointDiffers }
        guard let expected, checkpoint.epoch == expected.epoch else { return .epoch }
        let text = CheckpointNote.text(of: checkpoint, in: opening)
        guard expected.key.verifies(checkpoint.sealSignature, over: text) else { return .seal }
        guard opening.key.verifies(checkpoint.nodeSignature, over: text) else { return .signature }
        self.expected = (checkpoint.epoch &+ 1, checkpoint.next)
        last = checkpoint
        checkpoints += 1
        kept.append(checkpoint)
        if kept.count > Self.keptCheckpoints { kept.removeFirst() }
        return nil
    }

    /// True also for one that is about a checkpoint of the segment before, which isn't at hand.
    mutating func take(_ cosignature: Cosignature, in opening: Opening) -> Bool {
        guard cosignature.segment == opening.segment else { return true }
        guard let checkpoint = kept.last(where: { $0.epoch == cosignature.epoch }) else { return false }
        guard cosignature.isGenuine(under: checkpoint, in: opening) else { return false }
        cosignatures += 1
        return true
    }
}
