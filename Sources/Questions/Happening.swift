import Election

/// Something worth telling that one node's journal shows.
struct Happening {
    enum What: Hashable {
        case started(Incarnation, hadMemory: Bool)
        /// Everything was given up; the daemon ends.
        case left
        /// The journal shows nothing more of this life.
        case ended(NodeReplay.End)
        case check(String, passing: Bool)
        case link(GroupID, up: Bool)
        case dataPlane(up: Bool)
        case maintenance(Bool)
        case ordered(GroupID, to: Int)
        /// Another node passed an operator's wish on.
        case asked(GroupID, to: Int, by: Int)
        case reconfigured
        case leaving
        case storageFailed
        case diskSlow(since: Instant)
        case diskBack
        case gateLost(GroupID)
        case canvassed(GroupID, Term)
        case stood(GroupID, Term)
        case voted(GroupID, Term, for: Int)
        case took(GroupID, Term, Reason)
        case gaveUp(GroupID, Term, Reason)
        /// The kernel confirmed that the gate is closed and the addresses are gone.
        case closed(GroupID, Term)
        case role(GroupID, Change.Role, Reason)
        /// Nothing came from the other node for D; the last thing before.
        case lost(Int, lastAt: Instant)
        case heardAgain(Int, after: Span)
        case stoodStill(Span)
        case disagrees(Int)
        case agreesAgain(Int)
        case accused(Int, GroupID, Term)
    }

    var what: What
    var name: RecordName
    /// Index of the node's clock in the frame.
    var clock: Int
    var instant: Instant
    /// How many steps of each node are known to have come before, its own included; by place of the node.
    var vector: [UInt32]

    var node: Int { name.node }

    /// Whether the journals show that this came before `other`, by a message or by being of one node.
    func precedes(_ other: Happening) -> Bool {
        node < other.vector.count && vector[node] <= other.vector[node] && (node != other.node || name < other.name)
    }

    var group: GroupID? {
        switch what {
        case .link(let group, _), .ordered(let group, _), .asked(let group, _, _), .gateLost(let group),
            .canvassed(let group, _), .stood(let group, _), .voted(let group, _, _), .took(let group, _, _),
            .gaveUp(let group, _, _), .closed(let group, _), .role(let group, _, _), .accused(_, let group, _):
            group
        default: nil
        }
    }
}

/// A stretch in which a node held a group, on the node's own clock.
struct Tenure {
    enum Ending: Hashable {
        case gaveUp(Reason)
        /// The journal ends, with the group held.
        case unknown
    }

    var node: Int
    var group: GroupID
    var term: Term
    var clock: Int
    var incarnation: Incarnation
    var reason: Reason
    /// When the gate was ordered open.
    var from: Instant
    var fromRecord: RecordName
    /// The end of the newest lease recorded.
    var lease: Instant
    /// The last record while it held.
    var lastSeen: Instant
    var lastRecord: RecordName
    var gaveUpAt: Instant?
    /// When the kernel confirmed it.
    var closedAt: Instant?
    var ending = Ending.unknown
    /// From a deadline to the closed gate (epsilon).
    var lag: Span
    var isPair: Bool

    /// It held until here at least.
    var surelyUntil: Instant { max(from, min(lease, gaveUpAt ?? lastSeen)) }

    /// Later than this its gate was closed, by its journal.
    var atMostUntil: Instant { max(surelyUntil, min(closedAt ?? Instant(nanoseconds: .max), lease + lag)) }

    /// The journal breaks off with the group held: leases after its last record aren't known.
    var isOpen: Bool { gaveUpAt == nil }
}

/// A stretch in which nothing came from `speaker` to `listener` directly, on the listener's clock.
struct Silence {
    var listener: Int
    var speaker: Int
    var clock: Int
    /// When the last thing came.
    var from: Instant
    var lastSequence: UInt64
    /// nil: nothing came again within the evidence, which ends at `until` of the node's coverage.
    var until: Instant?
}

/// A stretch in which a node ran nothing, though it had to beat.
struct Still {
    var node: Int
    var clock: Int
    var from: Instant
    var until: Instant
}

/// One life of a daemon, as far as its journal goes.
struct Life {
    enum Ending: Hashable {
        /// Closed in order.
        case left
        /// No closing, and another life follows, or the others go on without it.
        case brokeOff
        case damaged(String)
    }

    var node: Int
    var incarnation: Incarnation
    var clock: Int
    var from: Instant
    var until: Instant
    var first: RecordName
    var last: RecordName
    var ending: Ending?
    /// Whether the records are whole from `from` to `until`.
    var isWhole = true
}

/// What one node told of holding a group, by another one's journal.
struct Claim {
    var speaker: Int
    var incarnation: Incarnation
    var group: GroupID
    var term: Term
    var listener: Int
    var clock: Int
    var first: Instant
    var last: Instant
    var lastRecord: RecordName
}
