import Election
import Sodium

extension Certificate {
    /// Whether every vote is its voter's grant of just this certificate, properly signed. Whether the voters are
    /// enough, and allowed to vote, is for `Election`.
    ///
    /// - Parameter verified: checks the signature of a voter's frame.
    func isGenuine(nodes: Int, verified: (SignedFrame) -> Bool) -> Bool {
        var last: NodeIndex?
        for vote in votes {
            // Ascending, so no voter counts twice.
            if let last, vote.voter <= last { return false }
            last = vote.voter
            guard Int(vote.voter.rawValue) < nodes, vote.proof.count <= Bound.proof,
                let frame = try? SignedFrame(parsing: vote.proof), frame.packet.sender.node == vote.voter,
                case .grant(let grant) = frame.packet.message, !grant.trial, grant.group == group, grant.term == term,
                grant.candidate == holder
            else { return false }
            guard verified(frame) else { return false }
        }
        return !votes.isEmpty
    }

    /// The same for somebody who has nothing but the public keys, years later.
    package func isGenuine(keys: [PublicKey], in cluster: ClusterTag) -> Bool {
        isGenuine(nodes: keys.count) { frame in
            frame.isSigned(by: keys[Int(frame.packet.sender.node.rawValue)], in: cluster)
        }
    }
}
