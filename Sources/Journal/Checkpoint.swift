import Election
import Sodium

/// A signed statement of everything that the segment holds so far, which ends an epoch. Its text is a C2SP checkpoint,
/// so that others' tools can check it.
package struct Checkpoint: Hashable, Sendable {
    package var instant: Instant
    package var wallClock: WallClock
    /// Counts up by one from each checkpoint of the node to the next, over all segments and lives.
    package var epoch: UInt64
    /// Frames, records, bytes, tree and chain before this record.
    package var frames: UInt64
    package var root: [UInt8]
    package var records: UInt64
    package var size: UInt64
    package var head: [UInt8]
    /// The only key that may sign the next epoch's checkpoint.
    package var next: PublicKey
    /// By this epoch's key, which is wiped once this checkpoint is on disk.
    package var sealSignature: Signature
    /// By the node's key, which the configuration names.
    package var nodeSignature: Signature
}

/// What of a checkpoint is signed, before it is.
struct CheckpointDraft {
    var instant: Instant
    var wallClock: WallClock
    var epoch: UInt64
    var frames: UInt64
    var root: [UInt8]
    var records: UInt64
    var size: UInt64
    var head: [UInt8]
    var next: PublicKey

    func signed(in opening: Opening, seal: SigningKey, node: SigningKey) -> Checkpoint {
        let text = CheckpointNote.text(of: self, in: opening)
        return Checkpoint(
            instant: instant, wallClock: wallClock, epoch: epoch, frames: frames, root: root, records: records,
            size: size, head: head, next: next, sealSignature: seal.sign(text), nodeSignature: node.sign(text))
    }
}

extension Checkpoint {
    var draft: CheckpointDraft {
        CheckpointDraft(
            instant: instant, wallClock: wallClock, epoch: epoch, frames: frames, root: root, records: records,
            size: size, head: head, next: next)
    }
}

/// Checkpoints as signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature).
package enum CheckpointNote {
    /// The signature types that C2SP assigns.
    private static let ed25519: UInt8 = 1
    private static let cosignatureType: UInt8 = 4

    /// The note's text, final newline included: origin, tree size, root hash, then our extension lines.
    package static func text(of checkpoint: Checkpoint, in opening: Opening) -> [UInt8] {
        text(of: checkpoint.draft, in: opening)
    }

    static func text(of draft: CheckpointDraft, in opening: Opening) -> [UInt8] {
        text(of: draft, origin: opening.origin)
    }

    /// The name of a segment's log.
    static func origin(_ clusterTag: [UInt8], _ node: String, _ segment: UInt64) -> String {
        "\(cosignerName(node, clusterTag))/\(segment)"
    }

    static func text(of draft: CheckpointDraft, origin: String) -> [UInt8] {
        let lines = [
            origin, "\(draft.frames)", Sodium.base64(draft.root), "records \(draft.records)",
            "chain \(draft.size) \(Sodium.base64(draft.head))", "epoch \(draft.epoch)",
            "boottime \(draft.instant.nanoseconds)", "time \(draft.wallClock.nanoseconds)",
            "next \(Sodium.base64(draft.next.bytes))",
        ]
        return Array(lines.map { $0 + "\n" }.joined().utf8)
    }

    /// The whole note: text, empty line, the signatures by the node's key, by the epoch's, and those of peers.
    package static func note(
        of checkpoint: Checkpoint, in opening: Opening, sealKey: PublicKey, cosignatures: [Cosignature] = []
    ) -> String {
        var note = String(decoding: text(of: checkpoint, in: opening), as: UTF8.self) + "\n"
        note += line(opening.origin, opening.key, ed25519, checkpoint.nodeSignature.bytes)
        note += line(sealName(opening, checkpoint.epoch), sealKey, ed25519, checkpoint.sealSignature.bytes)
        for cosignature in cosignatures {
            let timed = (0..<8).reversed().map { UInt8(truncatingIfNeeded: cosignature.time >> (8 * UInt64($0))) }
            note += line(
                cosignerName(cosignature.node, opening.clusterTag), cosignature.key, cosignatureType,
                timed + cosignature.signature.bytes)
        }
        return note
    }

    /// What a cosigner signs (tlog-cosignature, Ed25519).
    static func cosigned(_ text: [UInt8], time: UInt64) -> [UInt8] {
        Array("cosignature/v1\ntime \(time)\n".utf8) + text
    }

    /// A verifier key for others' tools: `NAME+KEY ID+BASE64`.
    package static func verifierKey(of opening: Opening) -> String {
        let encoded = [ed25519] + opening.key.bytes
        return "\(opening.origin)+\(hexadecimal(keyID(opening.origin, opening.key, ed25519)))+\(Sodium.base64(encoded))"
    }

    package static func sealName(_ opening: Opening, _ epoch: UInt64) -> String { "\(opening.origin)/epoch/\(epoch)" }

    package static func cosignerName(_ node: String, _ clusterTag: [UInt8]) -> String {
        "electd/\(hexadecimal(clusterTag))/\(keyName(node))"
    }

    /// A name without what a note's key name mustn't hold: other bytes than letters, digits, `.`, `_` and `-` are
    /// written as `%XX`.
    static func keyName(_ name: String) -> String {
        var safe: [UInt8] = []
        for byte in name.utf8 {
            let isPlain =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
            if isPlain { safe.append(byte) } else { safe += Array("%".utf8) + Array(hexadecimal([byte]).utf8) }
        }
        return String(decoding: safe, as: UTF8.self)
    }

    /// The name that `keyName` made this of; nil for what it doesn't make.
    static func plainName(_ keyName: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(keyName.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        guard let name = String(validating: bytes, as: UTF8.self), Self.keyName(name) == keyName else { return nil }
        return name
    }

    /// - Parameter signature: as it stands in a note: 8 bytes of time, big-endian, and 64 of the signature.
    static func isCosigned(_ text: [UInt8], by key: PublicKey, with signature: [UInt8]) -> Bool {
        guard signature.count == 8 + Signature.byteCount, let made = Signature(bytes: Array(signature.dropFirst(8)))
        else {
            return false
        }
        let time = signature.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return key.verifies(made, over: cosigned(text, time: time))
    }

    /// Of a node's key under `name`.
    static func keyID(_ name: String, _ key: PublicKey) -> [UInt8] { keyID(name, key, ed25519) }

    /// Likewise of a cosigner's.
    static func cosignerID(_ name: String, _ key: PublicKey) -> [UInt8] { keyID(name, key, cosignatureType) }

    private static func keyID(_ name: String, _ key: PublicKey, _ type: UInt8) -> [UInt8] {
        Array(Sha256.hash(Array(name.utf8) + [0x0A, type] + key.bytes).prefix(4))
    }

    private static func line(_ name: String, _ key: PublicKey, _ type: UInt8, _ signature: [UInt8]) -> String {
        "\u{2014} \(name) \(Sodium.base64(keyID(name, key, type) + signature))\n"
    }
}

extension Opening.SealStart {
    /// What the node's key signs where a chain of epoch keys begins.
    package static func rootMessage(clusterTag: [UInt8], node: PublicKey, epoch: UInt64, key: PublicKey) -> [UInt8] {
        var writer = ByteWriter(reserving: 100)
        writer.raw("electd seal v1\n".utf8)
        writer.raw(clusterTag)
        writer.raw(node.bytes)
        writer.fixed(epoch)
        writer.raw(key.bytes)
        return writer.bytes
    }

    /// True also where no chain begins.
    func hasGenuineRoot(of opening: Opening) -> Bool {
        guard let root else { return true }
        return opening.key.verifies(
            root,
            over: Self.rootMessage(clusterTag: opening.clusterTag, node: opening.key, epoch: epoch, key: key))
    }
}

/// A peer's signature under one of this journal's checkpoints (c2sp.org/tlog-cosignature): that it had seen nothing
/// else of this journal.
package struct Cosignature: Hashable, Sendable {
    /// Of the checkpoint.
    package var segment: UInt64
    package var epoch: UInt64
    /// Who signs, and with which key.
    package var node: String
    package var key: PublicKey
    /// Seconds since 1970 on the peer's clock.
    package var time: UInt64
    package var signature: Signature

    package func isGenuine(under checkpoint: Checkpoint, in opening: Opening) -> Bool {
        opening.segment == segment
            && isGenuine(under: checkpoint, text: CheckpointNote.text(of: checkpoint, in: opening))
    }

    /// - Parameter text: of the checkpoint.
    package func isGenuine(under checkpoint: Checkpoint, text: [UInt8]) -> Bool {
        checkpoint.epoch == epoch && key.verifies(signature, over: CheckpointNote.cosigned(text, time: time))
    }
}

/// What this node cosigned of a peer's journal.
package struct Witnessed: Hashable, Sendable {
    package var node: String
    package var segment: UInt64
    package var epoch: UInt64
    package var frames: UInt64
    package var root: [UInt8]
    package var size: UInt64
    package var head: [UInt8]

    package init(
        node: String, segment: UInt64, epoch: UInt64, frames: UInt64, root: [UInt8], size: UInt64, head: [UInt8]
    ) {
        self.node = node
        self.segment = segment
        self.epoch = epoch
        self.frames = frames
        self.root = root
        self.size = size
        self.head = head
    }
}
