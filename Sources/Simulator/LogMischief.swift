import Election

/// What operators do to the logs while everything else befalls the cluster, and what becomes of disks.
///
/// From a chance of its own: the faults of a seed are the same with and without it.
struct LogMischief {
    private var randomness: Randomness
    private let rules: Rules
    private let from: UInt64
    private let until: UInt64

    init(seed: UInt64, _ rules: Rules, from: UInt64, until: UInt64) {
        randomness = Randomness(seed: seed ^ 0x4C4F_4753)
        self.rules = rules
        self.from = from
        self.until = until
    }

    mutating func plan() -> [PlannedAction] {
        // The last orders end before the calm is over.
        guard until > from else { return [] }
        var plan: [PlannedAction] = []
        let paces: [UInt64] = [100_000_000, 500_000_000, 2_000_000_000, 10_000_000_000]
        let pace = paces[randomness.index(of: paces.count)]
        var at = from
        while at < until {
            plan.append(PlannedAction(at: Span(nanoseconds: at), action: action()))
            at += randomness.below(2 * pace) + 1
        }
        if randomness.happens(300) { plan += wipe() }
        return plan
    }

    private mutating func node() -> NodeIndex { NodeIndex(UInt8(randomness.index(of: rules.nodes.count))) }

    private mutating func action() -> Action {
        let group = randomness.index(of: rules.groups.count)
        switch randomness.below(20) {
        case 0: return .apply(node(), bytes: 1 + randomness.index(of: 6_000))
        case 1: return .stubborn(node(), randomness.happens(400))
        case 2, 3: return .order(node(), group: group, .maintenance(node(), randomness.happens(300)))
        case 4...8: return .order(node(), group: group, .server(server(), .weight(weight())))
        default: return .order(node(), group: group, .server(server(), .duty(duty())))
        }
    }

    private mutating func server() -> ServerName {
        ServerName(service: "web", server: "s\(randomness.below(40))")
    }

    private mutating func weight() -> UInt16? {
        randomness.happens(300) ? nil : UInt16(randomness.below(257))
    }

    private mutating func duty() -> ServerDuty {
        let duties: [ServerDuty] = [.ready, .drain, .maintenance]
        return duties[randomness.index(of: duties.count)]
    }

    /// A node loses its state directory, and comes back without.
    private mutating func wipe() -> [PlannedAction] {
        let node = node()
        let at = from + randomness.below(until - from)
        let back = at + randomness.below(3_000_000_000)
        return [
            PlannedAction(at: Span(nanoseconds: at), action: .crash(node)),
            PlannedAction(at: Span(nanoseconds: at + 1), action: .wipe(node)),
            PlannedAction(at: Span(nanoseconds: min(back, until)), action: .start(node)),
        ]
    }
}
