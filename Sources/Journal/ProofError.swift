import Sodium

/// Why a record can't be proven, or a proof isn't one. The description names the mend.
package enum ProofError: Error, Hashable, Sendable, CustomStringConvertible {
    case journal(JournalDamage)
    /// How many there are.
    case noRecord(of: UInt64)
    case notSealedYet
    /// The line, from 1, and what should be there.
    case malformed(line: Int, expected: String)
    /// Another frame than the one whose hash leads to the root, or another path.
    case notInTree
    /// The note's origin isn't a segment's of this node.
    case ofAnotherNode(String)
    /// The node's signature is missing, or isn't by the key that was given for it.
    case notSigned(by: String)
    case cosignature(of: String)
    /// The text says nothing of whose key it wants.
    case noKey(of: String)

    package var description: String {
        switch self {
        case .journal(let damage): "\(damage)"
        case .noRecord(let count): "the segment has the records 0 to \(count == 0 ? 0 : count - 1) only"
        case .notSealedYet:
            "no checkpoint follows this record yet; the next one comes when its epoch ends (journal.epoch), ask again then"
        case .malformed(let line, let expected):
            "line \(line) isn't \(expected); a proof is the text that `electd prove` writes, unchanged"
        case .notInTree: "the frame isn't in the tree that the checkpoint signs: the proof was altered"
        case .ofAnotherNode(let origin): "'\(origin)' is no segment of an electd journal; use that log's own tools"
        case .notSigned(let node): "the checkpoint isn't signed with the key given for \(node): altered, or another key"
        case .cosignature(let node): "the cosignature of \(node) isn't by the key given for it: altered, or another key"
        case .noKey(let node): "give the public key of \(node): --key \(node)=ed25519:… or --config FILE"
        }
    }
}
