/// How this node and its cluster stand: what `electd status --json` prints, field by field.
///
/// The names are a contract with scripts outside the project. A field is never renamed or removed within one
/// `schema`; fields may be added. A field without a value is `null`, never missing. Times are whole milliseconds.
package struct StatusReport: Codable, Sendable, Equatable {
    /// Version of this contract.
    package var schema = 1
    /// Version of the daemon.
    package var version: String
    /// Name of the node that answers.
    package var node: String
    package var cluster: String
    package var uptimeMS: Int
    /// What is wrong, in plain words, worst first; empty when all is well. See ``addFindings()``.
    package var problems: [String] = []
    /// What an operator should know though nothing is wrong, as pair mode or maintenance.
    package var notes: [String] = []
    package var groups: [GroupStatus] = []
    package var nodes: [NodeStatus] = []
    package var services: [ServiceStatus] = []
    /// `null` where nothing is served.
    @OrNull package var proxy: ProxyStatus?
    /// A node not heard for longer counts as silent.
    package var silentAfterMS = 1500
    /// This node is in maintenance: it holds nothing.
    package var maintenance = false
    /// The replicated log that carries what concerns the whole cluster; `null` where there is no group.
    @OrNull package var log: LogStatus?
    /// Hash of the configuration in force here.
    package var configHash: String
    @OrNull package var journal: JournalStatus?
    package var datagrams = DatagramStatus()

    package init(version: String, node: String, cluster: String, uptimeMS: Int, configHash: String) {
        self.version = version
        self.node = node
        self.cluster = cluster
        self.uptimeMS = uptimeMS
        self.configHash = configHash
    }

    package enum CodingKeys: String, CodingKey {
        case schema, version, node, cluster, problems, notes, groups, nodes, services, maintenance, journal, datagrams,
            proxy, log
        case uptimeMS = "uptime_ms"
        case configHash = "config_hash"
        case silentAfterMS = "silent_after_ms"
    }

    /// The same bytes for the same report.
    package func json() -> [UInt8] { ControlJSON.encode(self) }

    package static func decode(_ bytes: [UInt8]) throws -> StatusReport {
        try ControlJSON.decode(StatusReport.self, from: bytes)
    }
}

/// What a node is in a group.
package enum GroupRole: String, Codable, Sendable, CaseIterable {
    case holder, standby, witness, observer
    /// It could hold, but not now: see `ineligible_reasons`.
    case fault
}

package enum GroupMode: String, Codable, Sendable {
    case majority, pair
}

/// What silences a holder whose daemon is dead or frozen.
package enum GroupFence: String, Codable, Sendable {
    /// The kernel drops the addresses' packets at the lease's end, and removes the addresses a second later.
    case nftables
    /// No nf_tables here: the kernel removes the addresses, in whole seconds.
    case lifetime
    /// Witnesses and observers need none.
    case none
}

/// One group as this node sees it.
package struct GroupStatus: Codable, Sendable, Equatable {
    package var name: String
    package var mode: GroupMode
    package var role: GroupRole
    package var term: UInt64
    /// The node that holds, as far as this one knows.
    @OrNull package var holder: String?
    /// Left of the lease this node holds under; `null` on every other node.
    @OrNull package var leaseMSLeft: Int?
    /// With the weights of passing checks.
    package var priority: Int
    package var eligible: Bool
    /// Why not, in plain words.
    package var ineligibleReasons: [String] = []
    /// The voters whose promises stand behind the term; empty in pair mode, and for a term this node has no
    /// certificate of.
    package var certificate: [String] = []
    package var interface: String
    package var virtualAddresses: [VirtualAddressStatus] = []
    /// What takes the addresses away should this daemon die or freeze.
    package var fence: GroupFence
    package var checks: [GroupCheckStatus] = []
    /// Others seen answering for an address of ours, as `192.0.2.200 is at 02:00:00:00:00:66`.
    package var addressConflicts: [String] = []
    /// This node's copy of the group's replicated log.
    @OrNull package var log: LogStatus?
    /// The last change of role, in words; `null` before the first.
    @OrNull package var lastChange: String?
    @OrNull package var lastChangeMSAgo: Int?

    package init(
        name: String, mode: GroupMode, role: GroupRole, term: UInt64, holder: String?, leaseMSLeft: Int?,
        priority: Int, eligible: Bool, interface: String, fence: GroupFence
    ) {
        self.name = name
        self.mode = mode
        self.role = role
        self.term = term
        self.holder = holder
        self.leaseMSLeft = leaseMSLeft
        self.priority = priority
        self.eligible = eligible
        self.interface = interface
        self.fence = fence
    }

    package enum CodingKeys: String, CodingKey {
        case name, mode, role, term, holder, priority, eligible, certificate, interface, fence, checks, log
        case leaseMSLeft = "lease_ms_left"
        case ineligibleReasons = "ineligible_reasons"
        case virtualAddresses = "virtual_addresses"
        case addressConflicts = "address_conflicts"
        case lastChange = "last_change"
        case lastChangeMSAgo = "last_change_ms_ago"
    }
}

package struct VirtualAddressStatus: Codable, Sendable, Equatable {
    /// With prefix length, as configured.
    package var address: String
    /// On this node, now.
    package var held: Bool

    package init(address: String, held: Bool) {
        self.address = address
        self.held = held
    }
}

package struct GroupCheckStatus: Codable, Sendable, Equatable {
    package var name: String
    /// `null` before the first result.
    @OrNull package var passing: Bool?
    /// What passing adds to the priority; 0: failing makes the node ineligible.
    package var weight: Int
    /// The last result in words.
    package var detail: String
    @OrNull package var sinceMS: Int?

    package init(name: String, passing: Bool?, weight: Int, detail: String, sinceMS: Int? = nil) {
        self.name = name
        self.passing = passing
        self.weight = weight
        self.detail = detail
        self.sinceMS = sinceMS
    }

    package enum CodingKeys: String, CodingKey {
        case name, passing, weight, detail
        case sinceMS = "since_ms"
    }
}

/// One node of the cluster as this node hears it.
package struct NodeStatus: Codable, Sendable, Equatable {
    package var name: String
    package var address: String
    /// Since its newest heartbeat, direct or relayed; 0 for the node that answers, `null` if never heard.
    @OrNull package var heardMSAgo: Int?
    @OrNull package var incarnation: UInt64?
    /// For any group; `null` if unknown, and for witnesses.
    @OrNull package var eligible: Bool?
    @OrNull package var configHash: String?
    package var witness: Bool
    /// It hears us too: `null` if unknown, or the node that answers.
    @OrNull package var hearsUs: Bool?

    package init(
        name: String, address: String, heardMSAgo: Int?, incarnation: UInt64?, eligible: Bool?, configHash: String?,
        witness: Bool = false, hearsUs: Bool? = nil
    ) {
        self.name = name
        self.address = address
        self.heardMSAgo = heardMSAgo
        self.incarnation = incarnation
        self.eligible = eligible
        self.configHash = configHash
        self.witness = witness
        self.hearsUs = hearsUs
    }

    package enum CodingKeys: String, CodingKey {
        case name, address, incarnation, eligible, witness
        case heardMSAgo = "heard_ms_ago"
        case configHash = "config_hash"
        case hearsUs = "hears_us"
    }
}

/// Where a replicated log stands on this node: equal on all nodes once they have heard of the same entries.
package struct LogStatus: Codable, Sendable, Equatable {
    /// Of the last entry; it may not be committed yet.
    package var index: UInt64
    package var committed: UInt64
    /// Of the state after the committed entries, hexadecimal.
    package var hash: String
    /// The configuration epoch in force; 0: each node has its own file's.
    package var epoch: UInt64

    package init(index: UInt64, committed: UInt64, hash: String, epoch: UInt64) {
        self.index = index
        self.committed = committed
        self.hash = hash
        self.epoch = epoch
    }
}

package struct JournalStatus: Codable, Sendable, Equatable {
    /// Bytes.
    package var size: UInt64
    package var records: UInt64
    /// Head of the hash chain, hexadecimal.
    package var head: String

    package init(size: UInt64, records: UInt64, head: String) {
        self.size = size
        self.records = records
        self.head = head
    }
}

package struct DatagramStatus: Codable, Sendable, Equatable {
    package var sent: UInt64 = 0
    package var accepted: UInt64 = 0
    package var dropped: [DropCount] = []

    package init() {}

    package struct DropCount: Codable, Sendable, Equatable {
        /// One word or short phrase, as `seal` or `replay`.
        package var reason: String
        package var count: UInt64

        package init(reason: String, count: UInt64) {
            self.reason = reason
            self.count = count
        }
    }
}
