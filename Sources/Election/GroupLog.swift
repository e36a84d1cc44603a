/// One group's log on this node, and what is under way with it.
struct GroupLog: Equatable, Sendable {
    var log = ReplicatedLog()
    /// Everything up to here is on this node's disk.
    var durable: UInt64 = 0
    /// The holder's own part: whom it has brought how far.
    var leading: Leading? {
        didSet { takeUpLeading() }
    }
    /// Of `leading`, at hand: what every step asks of a busy log.
    private(set) var leadingTerm: Term?
    /// The holder that this node follows, and how far their logs are known to agree.
    var followed: Followed?
    /// By node index: what it last said of its log.
    var marks: [LogMark?]
    /// Copying another node's log.
    var fetch: Fetch?
    /// Since when somebody's log goes further than this one.
    var behindSince: Instant?
    /// This node's orders, oldest first; the first is under way.
    var wishes: [Wish] = []
    /// Configurations of this node that wait for their decision.
    var uploads: [Upload] = []
    /// What this node's shell said of the proposal; nil while it looks.
    var examined: Examined?
    /// A copy that brought nothing: not before this again.
    var fetchesFrom = Instant.zero
    /// The end of the step has to look what there is to do.
    var isBusy = false
    /// When it is looked at again though nothing happens.
    var wakeAt = Instant.never

    init(nodes: Int) { marks = Array(repeating: nil, count: nodes) }

    /// What `leading` says is put at hand; where it is given its first value, nobody else does.
    mutating func takeUpLeading() { leadingTerm = leading.map(\.term) }

    var mark: LogMark {
        LogMark(term: log.last.term, index: log.last.index, committed: log.committed, stateHash: log.stateHash)
    }
}

struct Leading: Hashable, Sendable {
    let term: Term
    /// By node index: what it has on disk as this node has it.
    var matched: [UInt64]
    /// By node index: the first entry that wasn't sent to it yet.
    var next: [UInt64]
    /// By node index: when what it hasn't acknowledged is said again; zero before the first time.
    var dueAt: [Instant]
    /// The proposal being decided: since when, and by node index what was said of it.
    var proposal: CommandID?
    var proposalSize = 0
    var proposalSince = Instant.zero
    var verdicts: [String?]
    var hasDecided = false
}

extension Leading {
    /// What at least so many of these nodes have on disk.
    ///
    /// It changes nothing, and is called a change all the same, as `ReplicatedLog.cut`.
    mutating func matched(byAtLeast count: Int, of nodes: NodeSet) -> UInt64? {
        var most: UInt64?
        for slot in matched.indices where nodes.contains(NodeIndex(UInt8(slot))) {
            let index = matched[slot]
            if let most, index <= most { continue }
            var having = 0
            for other in matched.indices where nodes.contains(NodeIndex(UInt8(other))) {
                if matched[other] >= index { having += 1 }
            }
            if having >= count { most = index }
        }
        return most
    }

    mutating func match(_ slot: Int, _ index: UInt64) { matched[slot] = max(matched[slot], index) }

    /// The node has everything up to there.
    mutating func raise(_ slot: Int, to index: UInt64) {
        match(slot, index)
        next[slot] = max(next[slot], index + 1)
    }

    mutating func hasten(_ slot: Int, to instant: Instant) { dueAt[slot] = min(dueAt[slot], instant) }
}

struct Followed: Hashable, Sendable {
    var holder: NodeLife
    var term: Term
    var index: UInt64
}

struct Fetch: Hashable, Sendable {
    var from: NodeIndex
    /// Whatever this node has: for an image with a state.
    var isWhole: Bool
    var askedAt: Instant
    /// Of the image; nil before its first piece.
    var digest: UInt64?
    var size: UInt32 = 0
    var bytes: [UInt8] = []
    /// Pieces that came before their turn, at most `Bound.logWindow`.
    var early: [LogPiece] = []
    /// The byte up to which was asked.
    var askedUpTo = 0
}

struct Wish: Hashable, Sendable {
    var id: CommandID
    var command: Command
    /// The shell's number for it; 0 when nobody waits for an answer.
    var request: UInt64
    var until: Instant
    var sentAt: Instant?
    /// Somebody may have put it into a log.
    var wasSent = false
}

struct Upload: Hashable, Sendable {
    var request: UInt64
    var proposal: CommandID
    var until: Instant
}

struct Examined: Hashable, Sendable {
    var proposal: CommandID
    /// Empty: it can be taken. nil: not yet known.
    var obstacle: String?
    var toldAt: Instant?
}

/// All groups' logs, and what they have in common.
struct Replication: Equatable, Sendable {
    /// In the order of the groups.
    var logs: [GroupLog]
    /// The group whose log carries what concerns the whole cluster: nodes' maintenance and configurations.
    let clusterPlace: Int
    /// Places of the logs that are busy.
    var busy: [Int] = []
    /// The earliest of the logs' instants.
    var wakeAt = Instant.never
    /// Writes that were asked for, oldest first; without a ticket at the end of a step they get one.
    var writes: [LogAwait] = []
    /// What a step has to send, by destination; empty between steps.
    var outbox: [Outgoing] = []
    var lastNumber: UInt64 = 0
    /// The newest word on this node's maintenance that it follows.
    var maintenanceSeen = LogState.Stamp.never

    init(_ rules: Rules) {
        logs = rules.groups.map { _ in GroupLog(nodes: rules.nodes.count) }
        clusterPlace = rules.groups.firstIndex { $0.mode == .majority } ?? 0
    }
}

struct LogAwait: Hashable, Sendable {
    var ticket: Ticket?
    var place: Int
    var index: UInt64
}

struct Outgoing: Hashable, Sendable {
    var to: NodeIndex
    var part: LogPart
}

/// How an order ended, for whoever gave it.
package enum CommandOutcome: Hashable, Sendable {
    /// It is in the log for good, and in force.
    case committed(index: UInt64)
    case refused(String)
    /// Nobody held the group: nothing was done.
    case noHolder
    /// It was sent, and nobody confirmed it in time: it may still come into force.
    case unknown
}

extension CommandOutcome: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .committed(let index):
            writer.byte(1)
            writer.varint(index)
        case .refused(let why):
            writer.byte(2)
            writer.text(why)
        case .noHolder: writer.byte(3)
        case .unknown: writer.byte(4)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1: self = .committed(index: try reader.varint())
        case 2: self = .refused(try reader.text(atMost: Bound.refusal))
        case 3: self = .noHolder
        case 4: self = .unknown
        default: throw .outOfRange
        }
    }
}
