import Election

/// What an explanation ends at: something from outside that no journal explains any further.
struct Cause: Hashable {
    enum Kind: String {
        case linkDown = "link_down"
        /// Nothing passed between the node and any other, though it ran and its interface was up.
        case isolated
        /// Nothing that the node sent arrived; it heard the others.
        case mute
        /// Nothing reached the node; what it sent arrived.
        case deaf
        /// Some pairs of nodes didn't hear each other.
        case cut
        /// The daemon or its machine ended without a word.
        case crashed
        /// The daemon was told to end.
        case stopped
        /// The node fell silent, and its journal isn't here.
        case silent
        case stoodStill = "stood_still"
        case starved
        case gateLost = "gate_lost"
        case checkFailed = "check_failed"
        case checkRecovered = "check_recovered"
        case dataPlaneDown = "data_plane_down"
        case operatorTransfer = "operator_transfer"
        case maintenance
        case configurationMismatch = "configuration_mismatch"
        case reconfigured
        case diskSlow = "disk_slow"
        case diskFailed = "disk_failed"
        /// The better node came back, or became ready.
        case nodeReturned = "node_returned"
        case firstElection = "first_election"
        case newerElection = "newer_election"
        case doubleHolder = "double_holder"
        case unknown
    }

    var kind: Kind
    /// Where; nil when it is no node's.
    var node: Int?
    /// A check's name, for one.
    var detail: String?
    var at: Moment?
    var record: RecordName?
    /// What is said of it.
    var text: String
}

/// One step of an explanation, from the decision back to its causes.
struct Link: Hashable {
    var text: String
    var at: Moment?
    var record: RecordName?
    /// Whether deciding again without it gave another decision; nil when that wasn't, or can't be tried.
    var isConfirmed: Bool?
    /// How the line begins, for people.
    var lead = "  because "
}

/// Why something happened: the chain of what forced it.
struct Explanation {
    var headline: String
    var at: Moment?
    var record: RecordName?
    var links: [Link] = []
    var causes: [Cause] = []

    /// Goes on with what forced a part of it.
    mutating func add(_ other: Explanation) {
        links.append(Link(text: other.headline, at: other.at, record: other.record, isConfirmed: nil))
        for link in other.links where !links.contains(where: { $0.text == link.text }) { links.append(link) }
        for cause in other.causes { add(cause) }
    }

    /// Something that stands beside it: its own lines are set in.
    mutating func addBeside(_ other: Explanation) {
        links.append(
            Link(text: other.headline, at: other.at, record: other.record, isConfirmed: nil, lead: "  "))
        for var link in other.links {
            link.lead = "  " + link.lead
            links.append(link)
        }
        for cause in other.causes { add(cause) }
    }

    mutating func add(_ cause: Cause) {
        if !causes.contains(where: { $0.kind == cause.kind && $0.node == cause.node && $0.detail == cause.detail }) {
            causes.append(cause)
        }
    }
}
