import Election

/// What a seed makes of a cluster: its shape, its timing, and all that befalls it before the calm at the end.
struct Mischief {
    static let names = ["dora", "ethyl", "fred", "gus", "hazel", "ike", "lucy", "ricky"]

    private var randomness: Randomness
    private let end: UInt64
    private let canary: Canary?
    let fairWeather: Weather
    /// Whether the wire lets no packet in twice. The elector must be safe also where it does.
    let filtersReplays: Bool
    private let timing: Timing

    private let seed: UInt64
    private let isHard: Bool

    init(seed: UInt64, minutes: UInt64, canary: Canary?, isHard: Bool) {
        self.seed = seed
        self.isHard = isHard
        randomness = Randomness(seed: seed)
        self.canary = canary
        end = minutes * 60_000_000_000
        filtersReplays = !randomness.happens(150)
        let profiles: [(UInt64, UInt64)] = [(100, 500), (100, 300), (100, 500), (20, 100), (10, 50), (250, 1_000)]
        let profile = profiles[randomness.index(of: profiles.count)]
        // Ten minutes of 10 ms are as many heartbeats as a hundred of 100 ms: seven of eight such seeds would only cost others.
        let isSpared = profile.0 < 100 && (seed &* 0x9E37_79B9_7F4A_7C15) >> 61 != 0
        let (heartbeat, promise) = isSpared ? profiles[0] : profile
        timing = Timing(
            heartbeat: .milliseconds(heartbeat), promise: .milliseconds(promise), driftPPM: 1_000, lag: .milliseconds(6)
        )
        let delays: [UInt64] = [200_000, 2_000_000, heartbeat * 1_000_000 / 5]
        let slowest = delays[randomness.index(of: 3)]
        fairWeather = Weather(delayFrom: Span(nanoseconds: 50_000), delayTo: Span(nanoseconds: slowest))
    }

    mutating func rules() -> Rules {
        var voters = Int([2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7][randomness.index(of: 11)])
        let isPair = voters == 2 && randomness.happens(500)
        var nodes: [NodeRules] = []
        let witnesses = isPair ? 0 : voters == 2 ? 1 : randomness.happens(300) ? 1 : 0
        if voters > 3 { voters -= witnesses }
        let observers = randomness.happens(100) ? 1 : 0
        for place in 0..<voters + witnesses + observers {
            let part: NodeRules.Part = place < voters ? .voter : place < voters + witnesses ? .witness : .observer
            nodes.append(NodeRules(name: "", part: part, key: []))
        }
        for place in nodes.indices.dropFirst() { nodes.swapAt(place, randomness.index(of: place + 1)) }
        for place in nodes.indices { nodes[place].name = Self.names[place] }
        let checks = (0..<randomness.below(3)).map { "check \($0)" }
        let groups = (1...(1 + randomness.below(3))).map { group(UInt32($0), nodes, isPair, checks.count) }
        return Rules(
            safetyDigest: 7, configurationDigest: 7, this: NodeIndex(0), nodes: nodes, timing: timing, checks: checks,
            groups: groups)
    }

    private mutating func group(_ id: UInt32, _ nodes: [NodeRules], _ isPair: Bool, _ checks: Int) -> GroupRules {
        var priorities: [UInt16] = []
        for node in nodes {
            let mayHold = node.part == .voter && (isPair || randomness.happens(900))
            priorities.append(mayHold ? UInt16(randomness.within(99...105)) : 0)
        }
        if priorities.allSatisfy({ $0 == 0 }), let first = nodes.firstIndex(where: { $0.part == .voter }) {
            priorities[first] = 100
        }
        let weights: [Int16] = [0, 0, 3, -3, 20, -20]
        let used = (0..<checks).map { GroupCheck(check: UInt16($0), weight: weights[randomness.index(of: 6)]) }
        let dwells: [UInt64?] = [nil, 1_000, 2_000, 5_000]
        let dwell = dwells[randomness.index(of: 4)].map { Span.milliseconds($0) }
        return GroupRules(
            id: GroupID(id), name: "group\(id)", mode: isPair ? .pair : .majority, priorities: priorities,
            preemptAfter: dwell, checks: used, needsDataPlane: randomness.happens(500), isDamped: id == 1)
    }

    /// Long enough for every mending, boot silence, election and two dwells.
    private var calm: UInt64 { 15_000_000_000 + timing.promise.nanoseconds * 10 }

    mutating func plan(_ rules: Rules) -> [PlannedAction] {
        var plan: [PlannedAction] = []
        for node in rules.indices {
            let delay = randomness.happens(500) ? 0 : randomness.below(2_000_000_000)
            plan.append(PlannedAction(at: Span(nanoseconds: delay), action: .start(node)))
        }
        // The pace of a seed: from a fault in some seconds to several within one D.
        let paces: [UInt64] = [1, 2, 5, 10, 40]
        let pace = timing.promise.nanoseconds * paces[randomness.index(of: 5)] / 2
        let favourite = randomness.index(of: Self.kinds)
        var at: UInt64 = 1_000_000_000
        while end > calm, at < end - calm {
            let kind = randomness.happens(250) ? favourite : randomness.index(of: Self.kinds)
            for action in fault(kind, rules, at: at) { plan.append(action) }
            at += randomness.below(2 * pace) + 1
        }
        let begin: UInt64 = 1_000_000_000
        let until = end > calm ? end - calm : 0
        var logs = LogMischief(seed: seed, rules, from: begin, until: until)
        plan += logs.plan()
        if isHard {
            var hardship = Hardship(seed: seed, rules, from: begin, until: until)
            plan += hardship.plan()
            // Not before the last node has started.
            if var ambush = Ambush(seed: seed, rules, from: 2 * begin, until: until) {
                ambush.lay(in: &plan) { mending(rules, at: $0) }
            }
        }
        plan += mending(rules, at: until)
        return plan
    }

    private mutating func node(_ rules: Rules) -> NodeIndex {
        NodeIndex(UInt8(randomness.index(of: rules.nodes.count)))
    }

    /// From a millisecond to ten D, short ones as likely as long ones.
    private mutating func span() -> UInt64 {
        let longest = timing.promise.nanoseconds * 10
        var span: UInt64 = 1_000_000 << randomness.below(13)
        span += randomness.below(span)
        return min(span, longest)
    }

    private static let kinds = 16

    private mutating func fault(_ kind: Int, _ rules: Rules, at: UInt64) -> [PlannedAction] {
        let one = node(rules)
        var other = node(rules)
        if one == other { other = NodeIndex((one.rawValue + 1) % UInt8(rules.nodes.count)) }
        let later = at + span() + (randomness.happens(300) ? timing.promise.nanoseconds * 10 : 0)
        func pair(_ first: Action, _ second: Action) -> [PlannedAction] {
            [
                PlannedAction(at: Span(nanoseconds: at), action: first),
                PlannedAction(at: Span(nanoseconds: min(later, end - calm)), action: second),
            ]
        }
        func once(_ action: Action) -> [PlannedAction] { [PlannedAction(at: Span(nanoseconds: at), action: action)] }
        switch kind {
        case 0: return pair(.cut(one, other), .mend(one, other))
        case 1: return pair(.cutOneWay(from: one, to: other), .mendOneWay(from: one, to: other))
        case 2: return partition(rules, at: at, until: min(later, end - calm))
        case 3: return isolate(one, rules, at: at, until: min(later, end - calm))
        case 4: return pair(.weather(foulWeather()), .weather(fairWeather))
        case 5: return pair(.crash(one), .start(one))
        case 6: return once(.pause(one, Span(nanoseconds: span())))
        case 7: return once(.stall(one, Span(nanoseconds: span())))
        case 8: return pair(.disk(one, latency: Span(nanoseconds: span())), .disk(one, latency: diskLatency))
        case 9: return failDisk(one, at: at, until: min(later, end - calm))
        case 10 where !rules.checks.isEmpty:
            let check = UInt16(randomness.index(of: rules.checks.count))
            return once(.check(one, check, passing: randomness.happens(600)))
        case 11: return pair(.link(one, up: false), .link(one, up: true))
        case 12: return pair(.dataPlane(one, up: false), .dataPlane(one, up: true))
        case 13: return pair(.maintenance(one, true), .maintenance(one, false))
        case 14: return once(.transfer(group: randomness.index(of: rules.groups.count), at: one, to: other))
        case 15 where randomness.happens(300): return pair(.leave(one), .start(one))
        default:
            let limit = canary == .clockBeyondRho ? 200_000 : Int64(timing.driftPPM)
            return once(.clockRate(one, ppm: Int32(Int64(randomness.below(UInt64(2 * limit + 1))) - limit)))
        }
    }

    private let diskLatency = Span(nanoseconds: 800_000)

    /// Sides that don't hear each other, or a chain of nodes that each hear their neighbours only.
    private mutating func partition(_ rules: Rules, at: UInt64, until: UInt64) -> [PlannedAction] {
        let isChain = randomness.happens(300)
        let side = randomness.next()
        var actions: [PlannedAction] = []
        for one in rules.indices {
            for other in rules.indices where other.rawValue > one.rawValue {
                let isCut =
                    isChain
                    ? other.rawValue - one.rawValue > 1
                    : (side >> UInt64(one.rawValue)) & 1 != (side >> UInt64(other.rawValue)) & 1
                guard isCut else { continue }
                actions.append(PlannedAction(at: Span(nanoseconds: at), action: .cut(one, other)))
                actions.append(PlannedAction(at: Span(nanoseconds: until), action: .mend(one, other)))
            }
        }
        return actions
    }

    private mutating func isolate(_ node: NodeIndex, _ rules: Rules, at: UInt64, until: UInt64) -> [PlannedAction] {
        let deaf = randomness.happens(300)
        let mute = !deaf && randomness.happens(300)
        var actions: [PlannedAction] = []
        for other in rules.indices where other != node {
            if !mute {
                actions.append(PlannedAction(at: Span(nanoseconds: at), action: .cutOneWay(from: other, to: node)))
            }
            if !deaf {
                actions.append(PlannedAction(at: Span(nanoseconds: at), action: .cutOneWay(from: node, to: other)))
            }
            actions.append(PlannedAction(at: Span(nanoseconds: until), action: .mend(node, other)))
        }
        return actions
    }

    private mutating func foulWeather() -> Weather {
        var weather = fairWeather
        if randomness.happens(600) { weather.lossPermille = UInt16(randomness.below(300)) }
        if randomness.happens(300) { weather.duplicatePermille = UInt16(randomness.below(300)) }
        if randomness.happens(300) { weather.replayPermille = UInt16(randomness.below(300)) }
        if randomness.happens(300) { weather.delayTo = Span(nanoseconds: timing.promise.nanoseconds / 2) }
        if randomness.happens(50) { weather.delayTo = timing.promise * 3 }
        return weather
    }

    /// The operator restarts the daemon once the disk is well again.
    private func failDisk(_ node: NodeIndex, at: UInt64, until: UInt64) -> [PlannedAction] {
        [
            PlannedAction(at: Span(nanoseconds: at), action: .failDisk(node)),
            PlannedAction(at: Span(nanoseconds: until), action: .crash(node)),
            PlannedAction(at: Span(nanoseconds: until), action: .start(node)),
        ]
    }

    /// The calm: everything is mended, everybody runs.
    private func mending(_ rules: Rules, at: UInt64) -> [PlannedAction] {
        var actions: [Action] = [.mendAll, .weather(fairWeather)]
        for node in rules.indices {
            actions += [.disk(node, latency: diskLatency), .start(node), .link(node, up: true)]
            actions += [.dataPlane(node, up: true), .maintenance(node, false), .stubborn(node, false)]
        }
        return actions.map { PlannedAction(at: Span(nanoseconds: at), action: $0) }
    }
}
