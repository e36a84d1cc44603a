import Election

/// The checkers of "there is a holder" and "it is the best one", from what each node could really do.
extension Checkers {
    static func lookInterval(_ rules: Rules) -> UInt64 { max(rules.timing.promise.nanoseconds / 8, 1_000_000) }

    /// The longest time without a holder while one is possible: I7's four timeouts, and one of boot silence.
    static func longestGap(_ rules: Rules) -> UInt64 { rules.timing.promise.nanoseconds * 5 }

    /// Whether the node could vote, by what is known of it from outside.
    func isSound(_ node: Int, _ machines: [Machine], at now: UInt64) -> Bool {
        guard let process = machines[node].process, machines[node].isRunning(at: now) else { return false }
        // G7: in a cluster that isn't new it votes for nobody until it has copied the logs, for up to ten D.
        let isLate = machines[node].wasWiped || acquisitions > 0
        if isLate && process.ask({ $0.memory.needsFloor }) { return false }
        return !machines[node].disk.hasFailed && !machines[node].disk.isFull
            && machines[node].disk.latency < rules.timing.heartbeat.nanoseconds / 2
            && process.ask { $0.isStorageSound && $0.rules.safetyDigest == rules.safetyDigest }
    }

    func isEligible(_ node: Int, _ machines: [Machine], _ place: Int) -> Bool {
        let process = machines[node].process
        return rules.groups[place].priorities[Int(machines[node].node.rawValue)] > 0 && machines[node].linkIsUp
            && process?.ask { $0.isUnderMaintenance } != true
            && (machines[node].dataPlaneIsUp || !rules.groups[place].needsDataPlane)
            && rules.groups[place].checks.allSatisfy { $0.weight != 0 || machines[node].checks[Int($0.check)] }
    }

    func priority(_ machine: Machine, _ place: Int) -> Int {
        let group = rules.groups[place]
        var sum = Int(group.priorities[Int(machine.node.rawValue)])
        for check in group.checks {
            let passes = machine.checks[Int(check.check)]
            if check.weight > 0 && passes || check.weight < 0 && !passes { sum += Int(check.weight) }
        }
        return max(sum, 1)
    }

    /// Whether the node could hold the group now: connected both ways, directly, with a quorum of voters.
    private func couldHold(
        _ place: Int, _ node: Int, _ machines: [Machine], _ links: Links, at now: UInt64
    ) -> Bool {
        // The second machine of a node that runs twice isn't a voter more.
        guard node < rules.nodes.count, isSound(node, machines, at: now), isEligible(node, machines, place) else {
            return false
        }
        if rules.groups[place].mode == .pair { return true }
        guard rules.nodes[node].votes else { return false }
        var voters = 0
        for other in rules.nodes.indices where rules.nodes[other].votes {
            if other == node || links.connects(node, other), isSound(other, machines, at: now) { voters += 1 }
        }
        return voters >= quorum
    }

    /// The best of the nodes that could hold the group now.
    private func candidate(_ place: Int, _ machines: [Machine], _ links: Links, at now: UInt64) -> Machine? {
        machines.indices.filter { couldHold(place, $0, machines, links, at: now) }
            .min {
                let (one, other) = (priority(machines[$0], place), priority(machines[$1], place))
                return one != other ? one > other : $0 < $1
            }
            .map { machines[$0] }
    }

    mutating func look(_ machines: [Machine], _ links: Links, at now: UInt64) {
        if !links.isFair(rules) || offences.isGoingOn { lastDisturbance = now }
        for place in rules.groups.indices {
            let isMajority = rules.groups[place].mode == .majority
            var holders: [Int] = []
            for index in machines.indices {
                guard machines[index].gates[place].isOpen(at: now) else {
                    if unfitSince[index][place] != nil { unfitSince[index][place] = nil }
                    continue
                }
                checkFitness(place, of: index, machines, at: now)
                if now >= machines[index].frozenUntil { holders.append(index) }
                guard isMajority else { continue }
                checkLease(place, of: index, machines, at: now)
                checkSupport(place, of: index, machines, at: now)
            }
            if !isMajority { lookAtPair(place, machines, links, at: now) }
            if isMajority { checkAlone(holders, machines, links, at: now) }
            if !holders.isEmpty
                || !machines.indices.contains(where: { couldHold(place, $0, machines, links, at: now) })
            {
                servedAt[place] = now
                gapReported[place] = false
            }
            checkGap(place, machines, at: now)
            if !isMajority, holders.count > 1, now - lastDisturbance > Self.longestGap(rules),
                links.connects(holders[0], holders[1]), holders.allSatisfy({ isSound($0, machines, at: now) })
            {
                violate(.pairIsSingle, at: now, "both hold \(rules.groups[place].name), connected and undisturbed")
            }
        }
    }

    /// Whoever mustn't hold gives up at once, and what that takes is over before the next look but one.
    private mutating func checkFitness(_ place: Int, of index: Int, _ machines: [Machine], at now: UInt64) {
        guard machines[index].isRunning(at: now), !isEligible(index, machines, place) else {
            unfitSince[index][place] = nil
            return
        }
        let since = unfitSince[index][place] ?? now
        unfitSince[index][place] = since
        if now - since >= 2 * Self.lookInterval(rules) {
            unfitSince[index][place] = now
            let name = rules.name(of: machines[index].node)
            violate(.bestHolds, at: now, "\(name) holds \(rules.groups[place].name) on, and knows that it mustn't")
        }
    }

    /// Where nothing is lost and both run, each has heard the other a moment ago.
    private mutating func lookAtPair(_ place: Int, _ machines: [Machine], _ links: Links, at now: UInt64) {
        let two = machines.indices.filter { rules.groups[place].priorities[Int(machines[$0].node.rawValue)] > 0 }
        guard two.count == 2, links.connects(two[0], two[1]), links.isFair(rules), links.weather.lossPermille == 0,
            two.allSatisfy({ machines[$0].isRunning(at: now) })
        else {
            partedAt[place] = now
            return
        }
    }

    /// P1: nobody takes a pair's group from a holder that it hears, who has told it so for long.
    mutating func checkPair(_ place: Int, _ index: Int, _ machines: [Machine], at now: UInt64) {
        let promise = rules.timing.promise.nanoseconds
        guard now - partedAt[place] > promise - promise / 4 else { return }
        for (slot, other) in machines.enumerated() where slot != index {
            let gate = other.gates[place]
            guard gate.isOpen(at: now), let since = gate.openedAt, now - since > promise else { continue }
            let (taker, holder) = (rules.name(of: machines[index].node), rules.name(of: other.node))
            violate(.pairIsSingle, at: now, "\(taker) takes \(rules.groups[place].name) from \(holder), which it hears")
        }
    }

    private mutating func checkGap(_ place: Int, _ machines: [Machine], at now: UInt64) {
        let since = max(servedAt[place], lastDisturbance)
        guard now - since > Self.longestGap(rules), !gapReported[place] else { return }
        gapReported[place] = true
        if isForked(place, machines) { return }
        violate(.holderExists, at: now, "nobody holds \(rules.groups[place].name), though somebody could")
    }

    /// L6: a dwell may end at any instant. The holder sees that with its next heartbeat at the latest; then nobody holds
    /// until the better node does.
    func isMoving(_ machines: [Machine], at now: UInt64) -> Bool {
        rules.groups.indices.contains { place in
            guard let holder = machines.first(where: { $0.gates[place].isOpen(at: now) }) else { return true }
            let local = holder.clock.reading(at: now)
            let yieldsAt = holder.process?.ask { $0.view(at: local).groups[place].yieldsAt }
            guard let due = yieldsAt ?? nil else { return false }
            return local >= due && local.since(due) <= rules.timing.heartbeat
        }
    }

    /// After the calm: the best eligible node holds, or whom an operator chose, or whoever does where nothing is moved.
    mutating func checkEnd(_ machines: [Machine], _ links: Links, at now: UInt64) {
        for place in rules.groups.indices {
            if isForked(place, machines) { continue }
            let name = rules.groups[place].name
            let places = machines.indices.filter { machines[$0].gates[place].isOpen(at: now) }
            let holders = places.map { machines[$0] }
            guard let best = candidate(place, machines, links, at: now) else {
                if let holder = holders.first {
                    violate(.bestHolds, at: now, "\(rules.name(of: holder.node)) holds \(name) and shouldn't")
                }
                continue
            }
            if !logs.isForgiven[place] { checkLogs(place, machines, links, at: now) }
            guard holders.count == 1, let holder = holders.first else {
                violate(.holderExists, at: now, "\(holders.count) hold \(name) after the calm")
                continue
            }
            let local = holder.clock.reading(at: now)
            let view = holder.process?.elector.view(at: local).groups[place]
            // L6: after many moves the dwell may be longer than the calm.
            let isDamped = rules.groups[place].isDamped && view?.yieldsAt.map { $0 > local } ?? false
            // Nobody has to move to a voter that broke its word.
            let mayStay =
                offences.offenders.contains(best.node) || view?.isPinned == true
                || rules.groups[place].preemptAfter == nil || isDamped
            if holder.node != best.node && !(mayStay && isEligible(places[0], machines, place)) {
                violate(
                    .bestHolds, at: now,
                    "\(rules.name(of: holder.node)) holds \(name), \(rules.name(of: best.node)) is better")
            }
        }
    }
}
