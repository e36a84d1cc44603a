import Election
import Glibc
import Sodium

/// That one record is in a segment which its node has signed: the frame that holds it, the path through the tree, and
/// the checkpoint. Needs nothing else of the journal to be checked.
package struct RecordProof: Sendable {
    package var record: JournalRecord
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

    /// All of it as one text (c2sp.org/tlog-proof), for `ToldProof` and for others' tools; the frame is its extra data.
    package var text: String {
        let lines =
            ["c2sp.org/tlog-proof@v1", "extra \(Sodium.base64(frame))", "index \(index)"]
            + path.map { Sodium.base64($0) }
        return lines.joined(separator: "\n") + "\n\n" + note
    }

    package var leaf: [UInt8] { frame.withUnsafeBytes { MerkleTree.leafHash($0) } }

    /// Whether path, checkpoint and both signatures hold.
    package var isGenuine: Bool {
        let text = CheckpointNote.text(of: checkpoint, in: opening)
        return MerkleProof.isIncluded(
            leaf, at: index, of: checkpoint.frames, by: path, under: checkpoint.root)
            && opening.key.verifies(checkpoint.nodeSignature, over: text)
            && sealKey.verifies(checkpoint.sealSignature, over: text)
    }

    /// The proof of record number `record`, under the first checkpoint after it. Reads the segment twice, in constant
    /// memory.
    ///
    /// - Throws: what is wrong with the segment up to that checkpoint, that there is no such record, or that no
    ///   checkpoint follows it yet.
    package static func make(_ segmentPath: String, record: UInt64) throws(ProofError) -> RecordProof {
        let seal = try RecordSeal.of(record, in: segmentPath)
        let collected = try Collector(seal, in: segmentPath)
        return RecordProof(
            record: seal.entry.record, frame: collected.frame, index: seal.entry.frame, path: collected.path.hashes,
            opening: seal.opening, checkpoint: seal.checkpoint, sealKey: seal.key, cosignatures: seal.cosignatures)
    }

    /// The frame that begins at `offset`; the leaves up to the checkpoint make the path.
    private final class Collector {
        var path: InclusionPath
        var frame: [UInt8] = []

        init(_ seal: RecordSeal, in segmentPath: String) throws(ProofError) {
            path = InclusionPath(to: seal.entry.frame, of: seal.checkpoint.frames)
            do throws(JournalDamage) {
                let reader = try JournalReader(segmentPath)
                reader.watchFrames { [self] offset, bytes, leaf in
                    if offset == seal.entry.offset { frame = Array(bytes) }
                    path.add(leaf)
                }
                defer { reader.watchFrames(nil) }
                while reader.frames < seal.checkpoint.frames, try reader.next() != nil {}
            } catch {
                throw .journal(error)
            }
        }
    }
}

/// A record, and the checkpoint that speaks for it.
private struct RecordSeal {
    var entry: JournalReader.Entry
    var opening: Opening
    var checkpoint: Checkpoint
    var key: PublicKey
    /// Those that the journal holds before the next checkpoint.
    var cosignatures: [Cosignature] = []

    static func of(_ record: UInt64, in segmentPath: String) throws(ProofError) -> RecordSeal {
        var found: JournalReader.Entry?
        let records: UInt64
        do throws(JournalDamage) {
            let reader = try JournalReader(segmentPath)
            if let seal = try seek(record, in: reader, &found) { return seal }
            records = reader.records
        } catch {
            throw .journal(error)
        }
        throw found == nil ? .noRecord(of: records) : .notSealedYet
    }

    private static func seek(
        _ record: UInt64, in reader: JournalReader, _ found: inout JournalReader.Entry?
    ) throws(JournalDamage) -> RecordSeal? {
        var before = reader.nextSeal
        while let entry = try reader.next() {
            if entry.index == record { found = entry }
            if case .checkpoint(let checkpoint) = entry.record, let found, checkpoint.frames > found.frame,
                let opening = reader.opening, let before
            {
                var seal = RecordSeal(entry: found, opening: opening, checkpoint: checkpoint, key: before.key)
                seal.gather(from: reader)
                return seal
            }
            before = reader.nextSeal
        }
        return nil
    }

    /// What is wrong with the rest of the segment is no concern of what the checkpoint covers.
    private mutating func gather(from reader: JournalReader) {
        while let entry = try? reader.next() {
            if case .checkpoint = entry.record { return }
            if case .cosignature(let cosignature) = entry.record, cosignature.epoch == checkpoint.epoch,
                cosignature.segment == opening.segment, cosignatures.count < 256
            {
                cosignatures.append(cosignature)
            }
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
