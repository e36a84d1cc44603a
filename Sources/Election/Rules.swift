/// What the election is told of the configuration: the same on every node but for `this`.
package struct Rules: Hashable, Sendable {
    /// A hash of everything whose difference between nodes would make promises mean different things.
    ///
    /// Votes and promises are exchanged only between nodes that agree on it.
    package var safetyDigest: UInt64
    /// A hash of the whole configuration; a difference is shown, and changes nothing.
    package var configurationDigest: UInt64
    /// The node that this daemon is.
    package var this: NodeIndex
    /// Sorted by name, at most `Bound.nodes`.
    package var nodes: [NodeRules]
    package var timing: Timing
    /// Names of the checks, in the order of their indices, at most `Bound.checks`.
    package var checks: [String]
    /// Sorted by id, at most `Bound.groups`.
    package var groups: [GroupRules]

    package init(
        safetyDigest: UInt64, configurationDigest: UInt64, this: NodeIndex, nodes: [NodeRules], timing: Timing,
        checks: [String], groups: [GroupRules]
    ) {
        self.safetyDigest = safetyDigest
        self.configurationDigest = configurationDigest
        self.this = this
        self.nodes = nodes
        self.timing = timing
        self.checks = checks
        self.groups = groups
    }

    /// More than half of the voters.
    package var quorum: Int { voters.count / 2 + 1 }

    package var voters: NodeSet {
        var voters = NodeSet()
        for node in indices where nodes[Int(node.rawValue)].votes { voters.insert(node) }
        return voters
    }

    package func name(of node: NodeIndex) -> String {
        Int(node.rawValue) < nodes.count ? nodes[Int(node.rawValue)].name : "node \(node.rawValue)"
    }

    package var indices: NodeIndices { NodeIndices(count: nodes.count) }
}

package struct NodeRules: Hashable, Sendable {
    package enum Part: UInt8, Hashable, Sendable {
        /// Votes, and may hold groups that give it a priority.
        case voter
        /// Votes, never holds.
        case witness
        /// Follows, doesn't vote.
        case observer
    }

    /// 1 to `Bound.name` bytes.
    package var name: String
    package var part: Part
    /// The Ed25519 public key, 32 bytes: replay checks checkpoints against it.
    package var key: [UInt8]

    package init(name: String, part: Part, key: [UInt8]) {
        self.name = name
        self.part = part
        self.key = key
    }

    package var votes: Bool { part != .observer }
}

package struct Timing: Hashable, Sendable {
    /// The interval of heartbeats and of lease rounds.
    package var heartbeat: Span
    /// D: how long a promise binds its voter.
    package var promise: Span
    /// rho: bound on how far a clock's rate may be off, in parts per million.
    package var driftPPM: UInt32
    /// epsilon: bound on the time from a deadline to the closed gate.
    package var lag: Span

    package init(heartbeat: Span, promise: Span, driftPPM: UInt32, lag: Span) {
        self.heartbeat = heartbeat
        self.promise = promise
        self.driftPPM = driftPPM
        self.lag = lag
    }

    /// How long a holder may act on a round, from the round's sending: `(1 - rho) * (D / (1 + rho) - epsilon)`,
    /// rounded down at every step (Specs/protocol.md, "Lease arithmetic").
    package var lease: Span {
        let million: UInt64 = 1_000_000
        let drift = UInt64(min(driftPPM, 500_000))
        let shortest = multiply(promise.nanoseconds, million, dividedBy: million + drift)
        let usable = shortest > lag.nanoseconds ? shortest - lag.nanoseconds : 0
        return Span(nanoseconds: multiply(usable, million - drift, dividedBy: million))
    }

    /// How long a voter waits for one better candidate before it helps the next one (rule L3).
    var patience: Span { heartbeat * 2 }

    /// How often an unanswered request is repeated.
    var retry: Span { Span(nanoseconds: max(heartbeat.nanoseconds / 20, 2_000_000)) }

    private func multiply(_ value: UInt64, _ factor: UInt64, dividedBy divisor: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: factor)
        precondition(product.high < divisor, "a span of time beyond 64 bits")
        return divisor.dividingFullWidth(product).quotient
    }
}

package struct GroupRules: Hashable, Sendable {
    package enum Mode: UInt8, Hashable, Sendable {
        /// A certificate and a lease from more than half of the voters: never two holders.
        case majority
        /// Two nodes, VRRP's trade: available, and may be double in a partition.
        case pair
    }

    package var id: GroupID
    package var name: String
    package var mode: Mode
    /// By node index; 0 for a node that may not hold the group, else 1 to 254.
    package var priorities: [UInt16]
    /// How long a better node has to be better before it gets the group; nil for never.
    package var preemptAfter: Span?
    /// Whether that grows while the group comes and goes (rule L6).
    package var isDamped: Bool
    package var checks: [GroupCheck]
    /// Whether a failed data plane makes a node ineligible: the group has services.
    package var needsDataPlane: Bool
    /// The group's addresses as the configuration writes them, at most `Bound.addresses`: a note, so that a journal
    /// answers for an address. Nothing is decided on them.
    package var addresses: [String]

    package init(
        id: GroupID, name: String, mode: Mode, priorities: [UInt16], preemptAfter: Span?, checks: [GroupCheck],
        needsDataPlane: Bool, addresses: [String] = [], isDamped: Bool = false
    ) {
        self.id = id
        self.name = name
        self.mode = mode
        self.priorities = priorities
        self.preemptAfter = preemptAfter
        self.checks = checks
        self.needsDataPlane = needsDataPlane
        self.addresses = addresses
        self.isDamped = isDamped
    }

    func priority(of node: NodeIndex) -> UInt16 {
        Int(node.rawValue) < priorities.count ? priorities[Int(node.rawValue)] : 0
    }

    func mayHold(_ node: NodeIndex) -> Bool { priority(of: node) > 0 }
}

/// A check's meaning for one group, as keepalived has it.
package struct GroupCheck: Hashable, Sendable {
    /// Index into `Rules.checks`.
    package var check: UInt16
    /// 0: ineligible while it fails. Positive: added while it passes. Negative: added while it fails. -253 to 253.
    package var weight: Int16

    package init(check: UInt16, weight: Int16) {
        self.check = check
        self.weight = weight
    }
}

extension Rules: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.fixed(safetyDigest)
        writer.fixed(configurationDigest)
        this.encode(to: &writer)
        writer.list(nodes)
        timing.encode(to: &writer)
        writer.list(checks) { writer, name in writer.text(name) }
        writer.list(groups)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        safetyDigest = try reader.fixed()
        configurationDigest = try reader.fixed()
        this = try NodeIndex(from: &reader)
        nodes = try reader.list(atMost: Bound.nodes)
        timing = try Timing(from: &reader)
        checks = try reader.list(atMost: Bound.checks) { (reader: inout ByteReader) throws(Malformed) in
            try reader.text(atMost: Bound.name)
        }
        groups = try reader.list(atMost: Bound.groups)
        guard Int(this.rawValue) < nodes.count, groups.allSatisfy({ $0.priorities.count <= nodes.count }) else {
            throw .outOfRange
        }
        for group in groups {
            guard group.priorities.count <= nodes.count else { throw .outOfRange }
            guard group.checks.allSatisfy({ Int($0.check) < checks.count }) else { throw .outOfRange }
        }
    }
}

extension NodeRules: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.text(name)
        writer.byte(part.rawValue)
        writer.blob(key)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        name = try reader.text(atMost: Bound.name)
        guard let part = Part(rawValue: try reader.byte()) else { throw .outOfRange }
        self.part = part
        key = try reader.blob(atMost: 32)
    }
}

extension Timing: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        heartbeat.encode(to: &writer)
        promise.encode(to: &writer)
        writer.fixed(driftPPM)
        lag.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        heartbeat = try Span(from: &reader)
        promise = try Span(from: &reader)
        driftPPM = try reader.fixed()
        lag = try Span(from: &reader)
        let hour: UInt64 = 3_600_000_000_000
        guard (1_000_000...hour).contains(heartbeat.nanoseconds), promise.nanoseconds <= hour,
            lag.nanoseconds <= hour
        else { throw .outOfRange }
    }
}

extension GroupRules: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        id.encode(to: &writer)
        writer.text(name)
        writer.byte(mode.rawValue)
        writer.list(priorities) { writer, priority in writer.fixed(priority) }
        writer.optional(preemptAfter)
        writer.list(checks) { writer, check in
            writer.fixed(check.check)
            writer.fixed(UInt16(bitPattern: check.weight))
        }
        writer.flag(needsDataPlane)
        writer.list(addresses) { writer, address in writer.text(address) }
        writer.flag(isDamped)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        id = try GroupID(from: &reader)
        name = try reader.text(atMost: Bound.name)
        guard let mode = Mode(rawValue: try reader.byte()) else { throw .outOfRange }
        self.mode = mode
        priorities = try reader.list(atMost: Bound.nodes) { (reader: inout ByteReader) throws(Malformed) in
            try reader.fixed()
        }
        preemptAfter = try reader.optional()
        checks = try reader.list(atMost: Bound.checks) { (reader: inout ByteReader) throws(Malformed) in
            GroupCheck(check: try reader.fixed(), weight: Int16(bitPattern: try reader.fixed()))
        }
        needsDataPlane = try reader.flag()
        addresses = try reader.list(atMost: Bound.addresses) { (reader: inout ByteReader) throws(Malformed) in
            try reader.text(atMost: Bound.name)
        }
        isDamped = try reader.flag()
    }
}
