import Election
import Glibc
import Sodium

/// That one record is in a segment which its node has signed: the frame that holds it, the path through the tree, and
/// the checkpoint. Needs nothing else of the journal to be checked.
package struct RecordProof: Sendable {
    /// The frame's bytes, whose leaf hash is SHA-256(00 | frame).
    package var frame: [UInt8]
    /// Number of the frame, from 0.
    package var index: UInt64
    /// RFC 6962 section 2.1.1, from the leaf up.
    package var path: [[UInt8]]
    package var opening: Opening
    package var checkpoint: Checkpoint
    /// The key of the checkpoint's epoch.
    package var sealKey: PublicKey
    package var cosignatures: [Cosignature] = []

    /// The checkpoint as a signed note (C2SP).
    package var note: String {
        CheckpointNote.note(of: checkpoint, in: opening, sealKey: sealKey, cosignatures: cosignatures)
    }

    /// Whether path, checkpoint and the node's signature hold.
    package var isGenuine: Bool {
        let leaf = frame.withUnsafeBytes { MerkleTree.leafHash($0) }
        let text = CheckpointNote.text(of: checkpoint, in: opening)
        return MerkleProof.isIncluded(
            leaf, at: index, of: checkpoint.frames, by: path, under: checkpoint.root)
            && opening.key.verifies(checkpoint.nodeSignature, over: text)
            && sealKey.verifies(checkpoint.sealSignature, over: text)
    }

    /// The proof of record number `record`, under the first checkpoint after it.
    ///
    /// - Returns: nil when there is no such record, or no checkpoint follows it.
    /// - Throws: what is wrong with the segment before that.
    package static func make(_ segmentPath: String, record: UInt64) throws(JournalDamage) -> RecordProof? {
        let reader = try JournalReader(segmentPath)
        let leaves = Leaves()
        reader.onLeaf = { leaves.hashes.append($0) }
        var found: (frame: UInt64, offset: UInt64)?
        var seal: (epoch: UInt64, key: PublicKey)?
        var proof: RecordProof?
        while let entry = try reader.next() {
            if case .cosignature(let cosignature) = entry.record, let made = proof,
                cosignature.epoch == made.checkpoint.epoch, cosignature.segment == made.opening.segment
            {
                proof?.cosignatures.append(cosignature)
            }
            if entry.index == record { found = (entry.frame, entry.offset) }
            if case .checkpoint(let checkpoint) = entry.record {
                if proof != nil { break }
                if let found, let opening = reader.opening, let seal, checkpoint.frames > found.frame {
                    let frame = try bytes(of: segmentPath, at: found.offset)
                    proof = RecordProof(
                        frame: frame, index: found.frame,
                        path: MerkleProof.inclusion(
                            of: Int(found.frame), in: leaves.hashes[..<Int(checkpoint.frames)]),
                        opening: opening, checkpoint: checkpoint, sealKey: seal.key)
                }
            }
            seal = reader.nextSeal
        }
        return proof
    }

    private final class Leaves {
        var hashes: [[UInt8]] = []
    }

    /// The frame that begins at `offset`.
    private static func bytes(of path: String, at offset: UInt64) throws(JournalDamage) -> [UInt8] {
        do throws(SystemError) {
            let source = try SegmentSource(path)
            var skipped: UInt64 = 0
            var frame: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 64 * 1024)
            while true {
                let count = try source.read(into: &buffer, from: 0)
                if count == 0 { throw SystemError("read", EIO) }
                let from = Int(min(UInt64(count), offset > skipped ? offset - skipped : 0))
                frame += buffer[from..<count]
                skipped += UInt64(count)
                guard frame.count >= JournalFrame.headCount else { continue }
                let length = Int(frame[0]) | Int(frame[1]) << 8 | Int(frame[2]) << 16
                let whole = JournalFrame.headCount + length
                if frame.count >= whole { return Array(frame.prefix(whole)) }
            }
        } catch {
            throw .system(error)
        }
    }
}

extension CheckpointNote {
    /// A segment's last checkpoint as a note, with the cosignatures that its journal has, and the verifier key of the
    /// node under the segment's origin.
    package static func last(of path: String) throws(JournalDamage) -> (note: String, verifierKey: String)? {
        let reader = try JournalReader(path)
        var sealKey: PublicKey?
        var cosignatures: [Cosignature] = []
        var before: PublicKey?
        while let entry = try reader.next() {
            switch entry.record {
            case .checkpoint:
                sealKey = before
                cosignatures = []
            case .cosignature(let cosignature) where cosignature.epoch == reader.lastCheckpoint?.epoch:
                cosignatures.append(cosignature)
            default: break
            }
            before = reader.nextSeal?.key
        }
        guard let checkpoint = reader.lastCheckpoint, let opening = reader.opening, let sealKey else { return nil }
        let note = note(of: checkpoint, in: opening, sealKey: sealKey, cosignatures: cosignatures)
        return (note, verifierKey(of: opening))
    }
}
