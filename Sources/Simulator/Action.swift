import Election

/// Something that befalls the simulated cluster: a fault, its mending, or an operator's hand. A seed makes a list of
/// these, a scenario is written as one.
package enum Action: Hashable, Sendable {
    case cut(NodeIndex, NodeIndex)
    case cutOneWay(from: NodeIndex, to: NodeIndex)
    case mend(NodeIndex, NodeIndex)
    case mendOneWay(from: NodeIndex, to: NodeIndex)
    case mendAll
    case weather(Weather)
    case crash(NodeIndex)
    case start(NodeIndex)
    /// SIGSTOP: the process stands still, the kernel and the clock run on.
    case pause(NodeIndex, Span)
    /// As `pause`, but in the middle of carrying out the next step's effects.
    case stall(NodeIndex, Span)
    /// How long a write takes from now on.
    case disk(NodeIndex, latency: Span)
    case failDisk(NodeIndex)
    /// The state directory is lost, the node being down.
    case wipe(NodeIndex)
    case check(NodeIndex, UInt16, passing: Bool)
    case link(NodeIndex, up: Bool)
    case dataPlane(NodeIndex, up: Bool)
    case maintenance(NodeIndex, Bool)
    /// An operator's wish, told to `at`, for the group in that place of the rules.
    case transfer(group: Int, at: NodeIndex, to: NodeIndex)
    /// An operator's order for the log of the group in that place of the rules, given on a node.
    case order(NodeIndex, group: Int, Command)
    /// `electd apply` of so many bytes, given on a node.
    case apply(NodeIndex, bytes: Int)
    /// Whether the node's shell can take a new configuration.
    case stubborn(NodeIndex, Bool)
    /// SIGTERM.
    case leave(NodeIndex)
    case clockRate(NodeIndex, ppm: Int32)
    /// A configuration whose safety digest differs from the others'; in force when the node starts again.
    case misconfigure(NodeIndex, Bool)
    /// The machine stands still and its clock with it: a hypervisor's pause.
    case freeze(NodeIndex, Span)
    case wallClock(NodeIndex, seconds: Int64)
    /// The kernel closes the node's gates before their time.
    case lapse(NodeIndex)
    /// Whether there is no room on the disk.
    case fullDisk(NodeIndex, Bool)
    /// Of what clients should hear of takeovers so much gets lost.
    case announcements(lostPermille: UInt16)
    /// The disk's state is copied aside.
    case keepCopy(NodeIndex)
    /// The copied state replaces the disk's, the node being down; with it the number of its last life, or not.
    case rollBack(NodeIndex, forgetsLife: Bool)
    /// The operator starts the node until its peers take its life for a new one.
    case renumber(NodeIndex)
    /// A second machine starts with a copy of the node's disk and its key.
    case duplicate(NodeIndex)
    case removeDuplicate(NodeIndex)
    /// Whether the node's votes, promises and priorities are lies.
    case lie(NodeIndex, Bool)
}

/// What every link does to packets.
package struct Weather: Hashable, Sendable {
    package var lossPermille: UInt16 = 0
    package var duplicatePermille: UInt16 = 0
    /// How often an old packet, of any earlier time and life, comes again with a new one.
    package var replayPermille: UInt16 = 0
    package var delayFrom: Span
    package var delayTo: Span

    package init(delayFrom: Span, delayTo: Span) {
        self.delayFrom = delayFrom
        self.delayTo = delayTo
    }
}

package struct PlannedAction: Hashable, Sendable {
    /// True time.
    package var at: Span
    package var action: Action

    package init(at: Span, action: Action) {
        self.at = at
        self.action = action
    }
}

extension Action {
    /// For counting what was injected.
    package var kind: String {
        switch self {
        case .cut: "cut"
        case .cutOneWay: "one-way cut"
        case .mend, .mendOneWay, .mendAll: "mend"
        case .weather: "weather"
        case .crash: "crash"
        case .start: "start"
        case .pause: "pause"
        case .stall: "stall"
        case .disk(_, let latency): latency > .milliseconds(1_000) ? "stalled disk" : "slow disk"
        case .failDisk: "failed disk"
        case .wipe: "wiped disk"
        case .check: "check"
        case .link: "interface"
        case .dataPlane: "data plane"
        case .maintenance: "maintenance"
        case .transfer: "transfer"
        case .order: "order"
        case .apply: "configuration"
        case .stubborn: "obstacle to configurations"
        case .leave: "leave"
        case .clockRate: "clock rate"
        case .misconfigure: "configuration mismatch"
        case .freeze: "frozen machine"
        case .wallClock: "wall clock"
        case .lapse: "lapsed gate"
        case .fullDisk: "full disk"
        case .announcements: "lost announcements"
        case .keepCopy: "copied disk"
        case .rollBack: "rolled-back disk"
        case .renumber: "new life number"
        case .duplicate, .removeDuplicate: "duplicated key"
        case .lie: "liar"
        }
    }

    /// Whether a cluster that worked may need time again after this.
    var disturbs: Bool {
        switch self {
        case .clockRate, .stubborn, .wallClock, .announcements, .keepCopy: false
        default: true
        }
    }
}
