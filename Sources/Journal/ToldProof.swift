import Election
import Sodium

/// A proof as somebody hands it over (c2sp.org/tlog-proof), to be checked with public keys and nothing else.
package struct ToldProof: Sendable {
    /// Bytes; a frame of the largest size, as Base64, and a note with many cosignatures.
    package static let limit = 2 << 20

    /// Whose journal it says it is of, and which segment.
    package let node: String
    package let segment: UInt64
    package let clusterTag: String
    package let index: UInt64
    /// Frames that the checkpoint speaks for.
    package let frames: UInt64
    package let epoch: UInt64?
    package let frame: [UInt8]
    private let path: [[UInt8]]
    private let root: [UInt8]
    private let origin: String
    private let text: [UInt8]
    private let signatures: [Line]

    /// A signature line of the note.
    private struct Line: Hashable {
        var name: String
        var keyID: [UInt8]
        var bytes: [UInt8]
    }

    /// - Throws: `.malformed`, `.ofAnotherNode`.
    package init(parsing text: String) throws(ProofError) {
        var lines = ProofLines(text)
        guard lines.next() == "c2sp.org/tlog-proof@v1" else { throw lines.unexpected("c2sp.org/tlog-proof@v1") }
        guard let frame = lines.value(of: "extra").flatMap(ProofLines.base64) else {
            throw lines.unexpected("'extra' and the frame in Base64")
        }
        guard let index = lines.value(of: "index").flatMap(ProofLines.number) else {
            throw lines.unexpected("'index' and a number")
        }
        self.frame = frame
        self.index = index
        var path: [[UInt8]] = []
        while let line = lines.next(), !line.isEmpty {
            guard path.count < 64, let hash = Sodium.bytes(fromBase64: line, count: 32) else {
                throw lines.unexpected("a hash in Base64")
            }
            path.append(hash)
        }
        self.path = path
        var note: [String] = []
        while let line = lines.next(), !line.isEmpty { note.append(line) }
        guard note.count >= 3, let frames = ProofLines.number(note[1]),
            let root = Sodium.bytes(fromBase64: note[2], count: 32)
        else { throw lines.unexpected("a checkpoint: origin, size, root") }
        origin = note[0]
        self.frames = frames
        self.root = root
        epoch = note.dropFirst(3).first { $0.hasPrefix("epoch ") }.flatMap {
            ProofLines.number(String($0.dropFirst(6)))
        }
        self.text = Array(note.map { $0 + "\n" }.joined().utf8)
        let parts = note[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "electd", let segment = ProofLines.number(parts[3]),
            let node = CheckpointNote.plainName(parts[2])
        else { throw .ofAnotherNode(note[0]) }
        (clusterTag, self.node, self.segment) = (parts[1], node, segment)
        var signatures: [Line] = []
        while let line = lines.next(), !line.isEmpty {
            let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 3, words[0] == "\u{2014}", let bytes = ProofLines.base64(words[2]), bytes.count > 4,
                signatures.count < 512
            else { throw lines.unexpected("a signature") }
            signatures.append(Line(name: words[1], keyID: Array(bytes.prefix(4)), bytes: Array(bytes.dropFirst(4))))
        }
        self.signatures = signatures
    }

    /// Checks the path, the node's signature, and the cosignatures of those whose keys are given.
    ///
    /// - Returns: who cosigned, of those.
    /// - Throws: what doesn't hold.
    package func check(_ keys: [String: PublicKey]) throws(ProofError) -> [String] {
        let leaf = frame.withUnsafeBytes { MerkleTree.leafHash($0) }
        guard MerkleProof.isIncluded(leaf, at: index, of: frames, by: path, under: root) else { throw .notInTree }
        guard let key = keys[node] else { throw .noKey(of: node) }
        let isSigned = signatures.contains { line in
            guard line.name == origin, line.keyID == CheckpointNote.keyID(origin, key),
                let signature = Signature(bytes: line.bytes)
            else { return false }
            return key.verifies(signature, over: text)
        }
        guard isSigned else { throw .notSigned(by: node) }
        var cosigners: [String] = []
        for (peer, key) in keys.sorted(by: { $0.key < $1.key }) where peer != node {
            let name = "electd/\(clusterTag)/\(CheckpointNote.keyName(peer))"
            guard let line = signatures.first(where: { $0.name == name }) else { continue }
            guard line.keyID == CheckpointNote.cosignerID(name, key),
                CheckpointNote.isCosigned(text, by: key, with: line.bytes)
            else { throw .cosignature(of: peer) }
            cosigners.append(peer)
        }
        return cosigners
    }

    /// What the frame holds, where that can be read without the frames before; a run's steps can't.
    package var record: JournalRecord? { JournalFrame.record(in: frame) }
}

/// The lines of a proof, one by one.
private struct ProofLines {
    private let lines: [Substring]
    private var taken = 0

    init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false) }

    mutating func next() -> String? {
        guard taken < lines.count else { return nil }
        defer { taken += 1 }
        return String(lines[taken])
    }

    /// What follows `name` and a space in the next line.
    mutating func value(of name: String) -> String? {
        guard let line = next(), line.hasPrefix(name + " ") else { return nil }
        return String(line.dropFirst(name.count + 1))
    }

    func unexpected(_ expected: String) -> ProofError { .malformed(line: max(1, taken), expected: expected) }

    static func number(_ text: String) -> UInt64? {
        guard text == "0" || !text.hasPrefix("0"), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt64(text)
    }

    static func base64(_ text: String) -> [UInt8]? {
        let padding = text.hasSuffix("==") ? 2 : text.hasSuffix("=") ? 1 : 0
        guard text.utf8.count % 4 == 0, text.utf8.count >= 4 else { return nil }
        return Sodium.bytes(fromBase64: text, count: text.utf8.count / 4 * 3 - padding)
    }
}
