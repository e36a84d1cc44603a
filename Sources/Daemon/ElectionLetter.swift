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
    /// Asks for the state as it is now.
    case look(@Sendable (ElectionView) -> Void)
    /// Hand over, then report `left`.
    case leave
    /// After `left`: take down what is left in the kernel and end the thread.
    case stop
}

/// What the election thread reports to the rest of the daemon. Called on its thread; must not wait.
struct ElectionReports: Sendable {
    var changed: @Sendable (Change, Rules) -> Void
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
    var problems: [String]
}

struct LastChange: Sendable {
    var change: Change
    var at: Instant
}
