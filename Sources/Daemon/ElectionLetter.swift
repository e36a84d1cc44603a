import Configuration
import Election
import VirtualIP

/// What other threads tell the election thread.
enum ElectionLetter: Sendable {
    case store(Store.Report)
    /// A peer's journal contradicts itself.
    case contradiction(String)
    case check(name: String, passing: Bool)
    case dataPlane(up: Bool)
    case maintenance(Bool)
    case transfer(GroupID, to: NodeIndex)
    /// A checked configuration that differs in nothing the safety rests on.
    case reconfigure(Configuration, Rules)
    /// An operator's order for the group's log, answered under that number.
    case order(UInt64, GroupID, Command)
    case propose(UInt64, text: [UInt8])
    /// What came of looking at a proposed configuration; empty: this node can take it.
    case examined(GroupID, CommandID, obstacle: String)
    case history(@Sendable ([GroupHistory]) -> Void)
    /// Asks for the state as it is now.
    case look(@Sendable (ElectionView) -> Void)
    /// Something that status has to tell.
    case problem(String)
    /// Hand over, then report `left`.
    case leave
    /// After `left`: take down what is left in the kernel and end the thread.
    case stop
}

/// What the election thread reports to the rest of the daemon. Called on its thread; must not wait.
struct ElectionReports: Sendable {
    var changed: @Sendable (Change, Rules) -> Void
    /// A group's replicated log says something new.
    var derived: @Sendable (GroupID, LogState) -> Void
    /// A configuration is proposed: could this node take it?
    var examine: @Sendable (GroupID, CommandID, [UInt8]) -> Void
    var answered: @Sendable (UInt64, CommandOutcome) -> Void
    /// Pair: two branches of one log met; the first was kept.
    var forked: @Sendable (GroupID, [LogImage]) -> Void
    /// Everything is given up; with what the process should say and exit with, if it wasn't asked to end.
    var left: @Sendable (FatalCause?) -> Void
    var stopped: @Sendable () -> Void
}

/// Why a daemon ends that nobody asked to.
package enum FatalCause: Error, Hashable, Sendable, CustomStringConvertible {
    case storage(String)
    /// Somebody else signs with this node's key, or the state directory was rolled back.
    case secondIdentity

    package var description: String {
        switch self {
        case .storage(let why): "the disk refused a write, so no promise can be kept: \(why)"
        case .secondIdentity:
            "a datagram newer than this life came, signed with this node's own key: the key is in use elsewhere, or the "
                + "state directory is an old copy; stop the other one, or give this node a new key (electd keygen)"
        }
    }
}

/// The election as it stands, for status, metrics and operators' orders.
struct ElectionView: Sendable {
    struct Placement: Sendable {
        var fence: Fence
        var linkIsUsable: Bool
        var held: Bool
        var conflicts: [String]
    }

    var rules: Rules
    var groups: [GroupView]
    var nodes: [NodeView]
    /// By group, in the order of `groups`; nil for a group that moves no addresses.
    var placements: [Placement?]
    /// By group, in the order of `groups`: the last change of this node's role, and how long ago it was.
    var lastChanges: [LastChange?]
    var verdicts: [Bool?]
    var refusals: [(reason: String, count: UInt64)]
    var accepted: UInt64
    var sent: UInt64
    var journal: JournalMark
    var journalRecords: UInt64
    var isInMaintenance: Bool
    /// Of each group's replicated log, in the order of `groups`.
    var logs: [LogSummary]
    /// The epoch of the configuration that the cluster has agreed on; 0 while every node has its file's.
    var epoch: UInt64
    var problems: [String]
}

/// Where a group's replicated log stands on this node.
struct LogSummary: Sendable {
    var index: UInt64
    var committed: UInt64
    var stateHash: UInt64
    var settings: [LogState.NamedSetting]
}

/// What a group's log still has of its entries.
struct GroupHistory: Sendable {
    var group: String
    var committed: UInt64
    var entries: [(index: UInt64, term: UInt64, hash: String, text: String)]
}

struct LastChange: Sendable {
    var change: Change
    var at: Instant
}
