/// One group as this node sees it: its voter's word, what is known of the others, and its own part.
struct Group: Hashable, Sendable {
    let id: GroupID
    /// The last vote, as the disk has it or is about to have it.
    var ballot: Ballot
    /// Votes that wait for the disk; each has already been counted as cast.
    var armed: [ArmedGrant] = []
    /// Whom this voter supports, and until when. Volatile: boot silence stands in for it after a restart (S6).
    var promise: GivenPromise?
    /// The newest valid certificate; in pair mode a claim without votes.
    var certificate: Certificate? {
        didSet { takeUpCertificate() }
    }
    /// Of `certificate`, at hand: what every heartbeat is compared with.
    private(set) var certified: Certified?
    /// When the certificate's holder was last heard to claim it, directly or passed on.
    var claimedAt: Instant?
    /// The last claim was taken back by the holder itself.
    var released: Release?
    /// When this node learned of that.
    var releasedAt = Instant.zero
    /// After a candidacy that failed: not before this again, so that two candidates that split the votes don't do
    /// so for ever.
    var retreatUntil = Instant.zero
    /// The newest term seen anywhere.
    var newestTerm: Term
    /// When this voter was last bound to anybody (L3).
    var freeSince: Instant
    /// False until the shell has looked.
    var linkIsUp = false
    var role: Role = .standby {
        didSet { takeUpRole() }
    }
    /// Of `role`, at hand: what every step asks of every group.
    private(set) var part = Part.standby
    /// This node's own release, told in heartbeats until a newer term appears.
    var ownRelease: Release?
    /// A better node, and since when it has been that (holder only).
    var better: BetterNode?
    /// When this node took the group without an order, oldest first, at most `Bound.takings`.
    var takenAt: [Instant] = []
    /// The last role that was reported.
    var reported: Change.Role?

    init(id: GroupID, ballot: Ballot, at now: Instant) {
        self.id = id
        self.ballot = ballot
        newestTerm = ballot.term
        freeSince = now
    }
}

/// Whom a certificate names, without its votes.
struct Certified: Hashable, Sendable {
    var holder: NodeLife
    var term: Term
}

struct ArmedGrant: Hashable, Sendable {
    var ticket: Ticket
    var grant: Grant
    /// When the disk was asked.
    var at: Instant
}

struct GivenPromise: Hashable, Sendable {
    var to: NodeLife
    var term: Term
    var until: Instant
}

struct BetterNode: Hashable, Sendable {
    var node: NodeIndex
    var since: Instant
}

/// A role in short, without what has to be copied.
struct Part: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case standby
        case asking
        case acquiring
        case holding
        case withdrawing
    }

    var kind: Kind
    /// The term that this node holds.
    var term: Term?
    /// The end of the lease that it has, opened or about to be.
    var leaseUntil: Instant?
    /// When the newest round was sent that a quorum has answered.
    var answered: Instant?

    static let standby = Part(kind: .standby)
}

/// A node's own part in a group. What a state doesn't have can't be asked of it.
enum Role: Hashable, Sendable {
    case standby
    /// Asking who would vote for it; no term is spent yet (L4).
    case canvassing(Canvass)
    /// Its vote is asked for, its own included.
    case candidate(Candidacy)
    /// Certain of a lease; the certificate is on its way to the disk, nothing is opened yet.
    case acquiring(Holding, Ticket)
    case holding(Holding)
    /// Gate closing, addresses going; nothing is said until the kernel confirms (S9, I6).
    case withdrawing(Withdrawal)
}

struct Canvass: Hashable, Sendable {
    var term: Term
    /// The requests of this canvass; answers to any of them count.
    var first: Sequence
    var willing: NodeSet
    var retryAt: Instant
    var endsAt: Instant
}

struct Candidacy: Hashable, Sendable {
    var term: Term
    /// The requests sent, oldest first, at most `Bound.rounds`.
    var requests: [Round]
    /// Sorted by voter; `acknowledged` is when the request was sent that the voter answered last.
    var votes: [CandidateVote]
    var retryAt: Instant
    var endsAt: Instant
}

struct CandidateVote: Hashable, Sendable {
    var voter: NodeIndex
    var proof: [UInt8]
    var acknowledged: Instant
}

struct Round: Hashable, Sendable {
    var sequence: Sequence
    var sentAt: Instant
}

struct Holding: Hashable, Sendable {
    var term: Term
    /// For each voter, when the newest round was sent that it answered; by node index.
    var acknowledged: [Instant?]
    /// When the newest round was sent that a quorum has answered.
    var answered = Instant.zero
    /// The end of the lease on this node's own clock.
    var leaseUntil: Instant
    var since: Instant
    var reason: Reason
    /// An operator put the group here: it doesn't go to a better node by itself.
    var isPinned: Bool
}

struct Withdrawal: Hashable, Sendable {
    var ticket: Ticket
    var release: Release
    var reason: Reason
}

extension Part {
    init(_ kind: Kind, _ holding: Holding) {
        self.init(kind: kind, term: holding.term, leaseUntil: holding.leaseUntil, answered: holding.answered)
    }
}

extension Group {
    /// The holding of a node that has a lease, opened or about to be.
    var holding: Holding? {
        switch role {
        case .acquiring(let holding, _), .holding(let holding): holding
        default: nil
        }
    }

    /// The end of the lease that this node has, opened or about to be; nil when it has none.
    var leaseUntil: Instant? { part.leaseUntil }

    /// When the newest round was sent that a quorum has answered; nil when this node has no lease.
    var roundAnswered: Instant? { part.answered }

    /// The term that this node holds.
    var termHeld: Term? { part.term }

    /// Changes the holding of a node that has a lease; of any other nothing. Its array moves through the change instead
    /// of being copied by it.
    mutating func changeHolding(_ change: (inout Holding) -> Void) {
        switch role {
        case .acquiring(var holding, let ticket):
            role = .standby
            change(&holding)
            role = .acquiring(holding, ticket)
        case .holding(var holding):
            role = .standby
            change(&holding)
            role = .holding(holding)
        case .standby, .canvassing, .candidate, .withdrawing: break
        }
    }

    /// What `role` says is put at hand; where it is given its first value, nobody else does.
    mutating func takeUpRole() {
        switch role {
        case .standby: part = .standby
        case .canvassing, .candidate: part = Part(kind: .asking)
        case .acquiring(let holding, _): part = Part(.acquiring, holding)
        case .holding(let holding): part = Part(.holding, holding)
        case .withdrawing: part = Part(kind: .withdrawing)
        }
    }

    /// What `certificate` says is put at hand; where it is given its first value, nobody else does.
    mutating func takeUpCertificate() { certified = certificate.map { Certified(holder: $0.holder, term: $0.term) } }

    /// When a request for votes is repeated that hasn't been answered.
    var asksAgainAt: Instant? {
        switch role {
        case .canvassing(let canvass): canvass.retryAt
        case .candidate(let candidacy): candidacy.retryAt
        default: nil
        }
    }

    /// Whether the newest certificate is this life's in this term.
    func isCertified(_ life: NodeLife, in term: Term) -> Bool { certified == Certified(holder: life, term: term) }

    /// Whom the last holder named, for D from when it was heard: views of a release differ, and must not for ever.
    func successor(at now: Instant, within span: Span) -> NodeIndex? {
        now.since(releasedAt) < span ? released?.successor : nil
    }

    func isCandidate(in term: Term) -> Bool {
        guard case .candidate(let candidacy) = role else { return false }
        return candidacy.term == term
    }

    /// Whether the gate is open or was ordered to be.
    var isOpen: Bool { part.kind == .holding }

    /// Whether the voter is bound to somebody at this instant.
    func isBound(at now: Instant) -> Bool {
        guard let promise else { return false }
        return now < promise.until
    }

    mutating func note(term: Term) {
        if term > newestTerm { newestTerm = term }
    }

    /// Binds the voter. A promise is never shortened towards the same node.
    mutating func bind(to life: NodeLife, term: Term, until: Instant) {
        if let promise, promise.to == life, promise.until > until {
            self.promise = GivenPromise(to: life, term: max(term, promise.term), until: promise.until)
        } else {
            promise = GivenPromise(to: life, term: term, until: until)
        }
        freeSince = promise?.until ?? until
    }

    /// Frees the voter if it was bound to exactly this life of this node in this term (S8).
    mutating func free(from life: NodeLife, term: Term, at now: Instant) {
        guard let promise, promise.to == life, promise.term == term, now < promise.until else { return }
        self.promise = nil
        freeSince = now
    }
}
