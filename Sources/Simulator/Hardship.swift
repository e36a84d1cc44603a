import Election

/// Faults that were thought of later than those of `Mischief`.
///
/// From a chance of their own: a seed that failed once can still be run as it was then.
struct Hardship {
    private var randomness: Randomness
    private let seed: UInt64
    private let rules: Rules
    private let from: UInt64
    private let until: UInt64

    init(seed: UInt64, _ rules: Rules, from: UInt64, until: UInt64) {
        randomness = Randomness(seed: seed ^ 0x4841_5244)
        self.seed = seed
        self.rules = rules
        self.from = from
        self.until = until
    }

    /// In these seeds one voter breaks what all rests on: it lies, it runs twice, or its disk goes back in time.
    static func hasOffender(_ seed: UInt64) -> Bool { seed % 8 == 7 }

    /// Everything is over, and mended, at the beginning of the calm.
    mutating func plan() -> [PlannedAction] {
        guard until > from else { return [] }
        var plan: [PlannedAction] = []
        let paces: [UInt64] = [1_000_000_000, 4_000_000_000, 15_000_000_000]
        let pace = paces[randomness.index(of: paces.count)]
        var at = from + randomness.below(2 * pace)
        while at < until {
            plan += fault(at: at)
            at += randomness.below(2 * pace) + 1
        }
        if rules.groups.allSatisfy({ $0.mode == .majority }) {
            if Self.hasOffender(seed) { plan += offence() } else if randomness.happens(500) { plan += changesOfSides() }
        }
        plan.append(planned(until, .announcements(lostPermille: 0)))
        for node in rules.indices { plan.append(planned(until, .fullDisk(node, false))) }
        return plan
    }

    private func planned(_ at: UInt64, _ action: Action) -> PlannedAction {
        PlannedAction(at: Span(nanoseconds: min(at, until)), action: action)
    }

    private mutating func fault(at: UInt64) -> [PlannedAction] {
        let node = NodeIndex(UInt8(randomness.index(of: rules.nodes.count)))
        let milliseconds: UInt64 = 1 << randomness.below(15)
        let span = (milliseconds + randomness.below(milliseconds)) * 1_000_000
        switch randomness.below(5) {
        case 0:
            let longest = rules.timing.promise.nanoseconds * 10
            return [planned(at, .freeze(node, Span(nanoseconds: min(span, longest))))]
        case 1:
            let stall = Span(nanoseconds: min(span, 30_000_000_000))
            let usual = Span(nanoseconds: 800_000)
            return [
                planned(at, .disk(node, latency: stall)), planned(at + stall.nanoseconds, .disk(node, latency: usual)),
            ]
        case 2: return [planned(at, .fullDisk(node, true)), planned(at + span, .fullDisk(node, false))]
        case 3:
            let seconds = Int64(1) << randomness.below(25)
            return [planned(at, .wallClock(node, seconds: randomness.happens(500) ? seconds : -seconds))]
        default:
            let permille = UInt16(randomness.happens(300) ? 1_000 : randomness.below(1_000))
            return [
                planned(at, .announcements(lostPermille: permille)),
                planned(at + span, .announcements(lostPermille: 0)),
            ]
        }
    }

    /// The cluster is split in two, and the voter that decides between them restarts at once on the other side: what it
    /// promised before still binds it (S6).
    private mutating func changesOfSides() -> [PlannedAction] {
        let voters = rules.voters.members
        let promise = rules.timing.promise.nanoseconds
        var plan: [PlannedAction] = []
        var at = from + randomness.below(20 * promise)
        for _ in 0..<3 {
            let node = voters[randomness.index(of: voters.count)]
            let (mine, theirs) = halves(without: node)
            let middle = at + promise * (2 + randomness.below(4))
            let end = min(middle + 3 * promise, until)
            if middle >= end { break }
            plan += cuts(mine, theirs, from: at, until: end)
            plan += cuts([node], theirs, from: at, until: middle) + cuts([node], mine, from: middle, until: end)
            plan += [planned(middle, .crash(node)), planned(middle + randomness.below(promise / 20), .start(node))]
            at = end + randomness.below(40 * promise)
        }
        return plan
    }

    /// The others are split in two halves that don't hear each other, again and again, so that there is something to
    /// gain from a voter that breaks its word.
    private mutating func offence() -> [PlannedAction] {
        let voters = rules.voters.members
        let node = voters[randomness.index(of: voters.count)]
        let kind = randomness.below(3)
        var plan: [PlannedAction] = []
        var at = from + randomness.below((until - from) / 8)
        if kind == 0 { plan.append(planned(at, .lie(node, true))) }
        while at < until {
            let end = min(at + rules.timing.promise.nanoseconds * (4 + randomness.below(20)), until)
            let (mine, theirs) = halves(without: node)
            plan += cuts(mine, theirs, from: at, until: end)
            switch kind {
            case 0: break
            case 1: plan += rollBack(node, between: mine, theirs, from: at, until: end)
            default:
                let twin = NodeIndex(UInt8(rules.nodes.count))
                plan += cuts(mine + [node], [twin], from: at, until: end) + cuts([node], theirs, from: at, until: end)
                plan.append(planned(at + 1, .duplicate(node)))
            }
            at = end + randomness.below(rules.timing.promise.nanoseconds * 20)
        }
        return plan + mending(node, kind)
    }

    /// In the end whoever lied stops it, and whoever may have used its life's number twice gets a new one.
    private func mending(_ node: NodeIndex, _ kind: UInt64) -> [PlannedAction] {
        if kind == 0 { return [planned(until, .lie(node, false))] }
        let stops: [Action] = kind == 1 ? [] : [.removeDuplicate(node)]
        return (stops + [.crash(node), .renumber(node)]).map { planned(until, $0) }
    }

    private mutating func halves(without node: NodeIndex) -> ([NodeIndex], [NodeIndex]) {
        var halves: [[NodeIndex]] = [[], []]
        for other in rules.indices where other != node {
            let side = abs(halves[0].count - halves[1].count) > 1 ? (halves[0].count < halves[1].count ? 0 : 1) : -1
            halves[side >= 0 ? side : randomness.index(of: 2)].append(other)
        }
        return (halves[0], halves[1])
    }

    private func cuts(_ one: [NodeIndex], _ other: [NodeIndex], from: UInt64, until: UInt64) -> [PlannedAction] {
        one.flatMap { left in
            other.flatMap { right in [planned(from, .cut(left, right)), planned(until, .mend(left, right))] }
        }
    }

    /// It hears one half, votes there, forgets that, and hears the other half only.
    private mutating func rollBack(
        _ node: NodeIndex, between mine: [NodeIndex], _ theirs: [NodeIndex], from: UInt64, until: UInt64
    ) -> [PlannedAction] {
        let middle = (from + until) / 2
        return cuts([node], theirs, from: from, until: middle) + cuts([node], mine, from: middle, until: until) + [
            planned(from, .keepCopy(node)), planned(middle, .crash(node)),
            planned(middle, .rollBack(node, forgetsLife: randomness.happens(300))),
            planned(middle + randomness.below(middle - from), .start(node)),
        ]
    }
}
