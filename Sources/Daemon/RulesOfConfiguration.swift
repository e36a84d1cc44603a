import Configuration
import Election
import Sodium

extension Rules {
    /// What the election has to know of a configuration.
    ///
    /// - Parameter this: the node that this daemon is; one of the configuration's.
    package init(_ configuration: Configuration, this: Configuration.Node) {
        let nodes = configuration.nodes.map { node in
            NodeRules(name: node.name, part: node.role.part, key: node.key)
        }
        guard let index = configuration.nodes.firstIndex(where: { $0.name == this.name }) else {
            preconditionFailure("this node is found in the configuration by its key")
        }
        let checks = configuration.checks.map(\.name)
        let servedGroups = configuration.services.map(\.group)
        self.init(
            safetyDigest: Self.digest(configuration.canonicalSafetyText),
            configurationDigest: Self.digest(configuration.canonicalText), this: NodeIndex(UInt8(index)), nodes: nodes,
            timing: Timing(
                heartbeat: Span(configuration.timing.heartbeat), promise: Span(configuration.timing.lease),
                driftPPM: UInt32(configuration.timing.rho), lag: Span(configuration.timing.epsilon)),
            checks: checks,
            groups: configuration.groups.map { group in
                GroupRules(
                    id: GroupID(named: group.name), name: group.name, mode: group.mode == .pair ? .pair : .majority,
                    priorities: configuration.nodes.map { node in
                        UInt16(group.priorities.first { $0.node == node.name }?.value ?? 0)
                    },
                    preemptAfter: group.preemptAfter.map { Span($0) },
                    checks: group.checks.compactMap { use in
                        checks.firstIndex(of: use.check).map {
                            GroupCheck(check: UInt16($0), weight: Int16(use.weight))
                        }
                    },
                    needsDataPlane: servedGroups.contains(group.name),
                    addresses: group.virtualAddresses.map(\.description), isDamped: group.isDamped)
            })
    }

    private static func digest(_ text: String) -> UInt64 {
        Blake2b.hash(Array(text.utf8), length: 16).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension GroupID {
    /// A group is known on the wire by 32 bits of its name's hash.
    package init(named name: String) {
        self.init(Blake2b.hash(Array(name.utf8), length: 16).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
}

extension Span {
    init(_ span: TimeSpan) { self.init(nanoseconds: UInt64(max(0, span.nanoseconds))) }
}

extension Configuration.NodeRole {
    fileprivate var part: NodeRules.Part {
        switch self {
        case .voter: .voter
        case .witness: .witness
        case .observer: .observer
        }
    }
}
