/// What one node tells others, numbered within its incarnation and signed by it.
package struct Packet: Hashable, Sendable {
    package var sender: NodeLife
    package var sequence: Sequence
    package var message: Message

    package init(sender: NodeLife, sequence: Sequence, message: Message) {
        self.sender = sender
        self.sequence = sequence
        self.message = message
    }
}

/// Boxed, since one is handed on many times and looked into once.
package indirect enum Message: Hashable, Sendable {
    case heartbeat(Heartbeat)
    case promise(Promise)
    case voteRequest(VoteRequest)
    case grant(Grant)
    case certificate(Certificate)
    case transferRequest(TransferRequest)
    case log([LogPart])
}

/// Sent to every peer at each interval, for all groups in one (design L1). Signed, therefore others may pass it on.
///
/// Passed on, it proves past liveness only. Received directly from a certified holder, it is a lease round, whose
/// number is the packet's sequence.
package struct Heartbeat: Hashable, Sendable {
    package var safetyDigest: UInt64
    package var configurationDigest: UInt64
    package var heard: [Heard]
    package var groups: [GroupBeat]

    package init(safetyDigest: UInt64, configurationDigest: UInt64, heard: [Heard], groups: [GroupBeat]) {
        self.safetyDigest = safetyDigest
        self.configurationDigest = configurationDigest
        self.heard = heard
        self.groups = groups
    }
}

/// That the sender heard `node` directly, and how long ago.
package struct Heard: Hashable, Sendable {
    package var node: NodeIndex
    package var incarnation: Incarnation
    /// The newest packet of `node` that reached the sender on the direct way.
    package var sequence: Sequence
    /// Milliseconds from its arrival to the sending of this heartbeat; 65,535 stands for that and more.
    package var ageMilliseconds: UInt16

    package init(node: NodeIndex, incarnation: Incarnation, sequence: Sequence, ageMilliseconds: UInt16) {
        self.node = node
        self.incarnation = incarnation
        self.sequence = sequence
        self.ageMilliseconds = ageMilliseconds
    }
}

/// A node's standing in one group.
package struct GroupBeat: Hashable, Sendable {
    package var group: GroupID
    package var eligible: Bool
    /// The sender holds a certificate for `term` (majority) or simply the group (pair) and asks for promises.
    package var holding: Bool
    /// The configured priority and the weights of the checks; 0 for a node that may not hold.
    package var priority: UInt16
    /// The term that the sender holds; of a sender that doesn't, the newest that it voted in or heard of.
    package var term: Term
    /// Whom the sender takes for the holder.
    package var holder: NodeIndex?
    /// The sender's release (rule S8): its gate is closed and its addresses are gone for this term of its
    /// incarnation, and it asks for no promise in it any more. A candidate that gave up tells it of its term too.
    package var release: Release?
    /// Of the sender's log; nil while it has none.
    package var log: LogMark?

    package init(
        group: GroupID, eligible: Bool, holding: Bool, priority: UInt16, term: Term, holder: NodeIndex?,
        release: Release?, log: LogMark? = nil
    ) {
        self.group = group
        self.eligible = eligible
        self.holding = holding
        self.priority = priority
        self.term = term
        self.holder = holder
        self.release = release
        self.log = log
    }
}

package struct Release: Hashable, Sendable {
    package var term: Term
    /// Whom the holder proposes; it still needs a certificate of its own.
    package var successor: NodeIndex?
    /// An operator asked for this move: the successor keeps the group though others rank above it.
    package var ordered: Bool

    package init(term: Term, successor: NodeIndex?, ordered: Bool) {
        self.term = term
        self.successor = successor
        self.ordered = ordered
    }
}

/// A voter's answer to a holder's heartbeat: it will support nobody else for D in these groups (design L3).
package struct Promise: Hashable, Sendable {
    package struct Bond: Hashable, Sendable {
        package var group: GroupID
        package var term: Term

        package init(group: GroupID, term: Term) {
            self.group = group
            self.term = term
        }
    }

    package var holder: NodeLife
    /// The heartbeat that is answered.
    package var round: Sequence
    package var bonds: [Bond]

    package init(holder: NodeLife, round: Sequence, bonds: [Bond]) {
        self.holder = holder
        self.round = round
        self.bonds = bonds
    }
}

package struct VoteRequest: Hashable, Sendable {
    package var group: GroupID
    package var term: Term
    /// A pre-vote (rule L4): asks who would grant, and spends no term.
    package var trial: Bool
    package var priority: UInt16
    /// Where the candidate's log ends: term and number of its last entry (G4).
    package var logTerm: Term
    package var logIndex: UInt64

    package init(
        group: GroupID, term: Term, trial: Bool, priority: UInt16, logTerm: Term = .none, logIndex: UInt64 = 0
    ) {
        self.group = group
        self.term = term
        self.trial = trial
        self.priority = priority
        self.logTerm = logTerm
        self.logIndex = logIndex
    }
}

/// A vote; it also is a promise for D to the candidate (rule S1). For a trial it binds to nothing.
package struct Grant: Hashable, Sendable {
    package var group: GroupID
    package var term: Term
    package var trial: Bool
    package var candidate: NodeLife
    /// The request that is answered.
    package var round: Sequence

    package init(group: GroupID, term: Term, trial: Bool, candidate: NodeLife, round: Sequence) {
        self.group = group
        self.term = term
        self.trial = trial
        self.candidate = candidate
        self.round = round
    }
}

/// The grants of a majority, each as its voter signed it; anybody can check it, years later.
package struct Certificate: Hashable, Sendable {
    package struct Vote: Hashable, Sendable {
        package var voter: NodeIndex
        /// The signed packet that carries the grant, at most `Bound.proof` bytes. The holder's own too.
        package var proof: [UInt8]

        package init(voter: NodeIndex, proof: [UInt8]) {
            self.voter = voter
            self.proof = proof
        }
    }

    package var group: GroupID
    package var term: Term
    package var holder: NodeLife
    /// Sorted by voter.
    package var votes: [Vote]

    package init(group: GroupID, term: Term, holder: NodeLife, votes: [Vote]) {
        self.group = group
        self.term = term
        self.holder = holder
        self.votes = votes
    }
}

/// An operator's wish, passed on to the holder, who leads every voluntary move.
package struct TransferRequest: Hashable, Sendable {
    package var group: GroupID
    package var to: NodeIndex

    package init(group: GroupID, to: NodeIndex) {
        self.group = group
        self.to = to
    }
}
