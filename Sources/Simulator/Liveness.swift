import Election

/// The checkers of "there is a holder" and "it is the best one", from what each node could really do.
extension Checkers {
    static func lookInterval(_ rules: Rules) -> UInt64 { max(rules.timing.promise.nanoseconds / 8, 1_000_000) }

    /// The longest time without a holder while one is possible: I7's four timeouts, and one of boot silence.
    static func longestGap(_ rules: Rules) -> UInt64 { rules.timing.promise.nanoseconds * 5 }

    /// Whether the node could vote, by what is known of it from outside.
    func isSound(_ machine: Machine, at now: UInt64) -> Bool {
        guard let process = machine.process, machine.isRunning(at: now) else { return false }
        // G7: until it has copied the logs it votes for nobody, for up to ten D.
        if machine.wasWiped && process.elector.memory.needsFloor { return false }
        return !machine.disk.hasFailed && process.elector.isStorageSound
            && machine.disk.latency < rules.timing.heartbeat.nanoseconds / 2
            && process.elector.rules.safetyDigest == rules.safetyDigest
    }

    func isEligible(_ machine: Machine, _ place: Int) -> Bool {
        let group = rules.groups[place]
        return group.priorities[Int(machine.node.rawValue)] > 0 && machine.linkIsUp
            && machine.process?.elector.isUnderMaintenance != true
            && (machine.dataPlaneIsUp || !group.needsDataPlane)
            && group.checks.allSatisfy { $0.weight != 0 || machine.checks[Int($0.check)] }
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

    /// The nodes that could hold the group now, best first: connected both ways, directly, with a quorum of voters.
    func candidates(_ place: Int, _ machines: [Machine], _ links: Links, at now: UInt64) -> [Machine] {
        let able = machines.filter { machine in
            guard isSound(machine, at: now), isEligible(machine, place) else { return false }
            if rules.groups[place].mode == .pair { return true }
            let node = Int(machine.node.rawValue)
            let voters = machines.filter {
                rules.nodes[Int($0.node.rawValue)].votes && isSound($0, at: now)
                    && ($0.node == machine.node || links.connects(node, Int($0.node.rawValue)))
            }
            return rules.nodes[node].votes && voters.count >= rules.quorum
        }
        return able.sorted {
            let (one, other) = (priority($0, place), priority($1, place))
            return one != other ? one > other : $0.node < $1.node
        }
    }

    mutating func look(_ machines: [Machine], _ links: Links, at now: UInt64) {
        let weather = links.weather
        if weather.lossPermille > 50 || weather.delayTo.nanoseconds > rules.timing.heartbeat.nanoseconds / 4 {
            lastDisturbance = now
        }
        for place in rules.groups.indices {
            let isMajority = rules.groups[place].mode == .majority
            for index in machines.indices where isMajority {
                checkLease(place, of: index, machines, at: now)
                checkSupport(place, of: index, machines, at: now)
            }
            let holders = machines.indices.filter { machines[$0].gates[place].isOpen(at: now) }
            if !holders.isEmpty || candidates(place, machines, links, at: now).isEmpty {
                servedAt[place] = now
                gapReported[place] = false
            }
            checkGap(place, at: now)
            if !isMajority, holders.count > 1, now - lastDisturbance > Self.longestGap(rules),
                links.connects(holders[0], holders[1]), holders.allSatisfy({ isSound(machines[$0], at: now) })
            {
                violate(.pairIsSingle, at: now, "both hold \(rules.groups[place].name), connected and undisturbed")
            }
        }
    }

    private mutating func checkGap(_ place: Int, at now: UInt64) {
        let since = max(servedAt[place], lastDisturbance)
        guard now - since > Self.longestGap(rules), !gapReported[place] else { return }
        gapReported[place] = true
        violate(.holderExists, at: now, "nobody holds \(rules.groups[place].name), though somebody could")
    }

    /// After the calm: the best eligible node holds, or whom an operator chose, or whoever does where nothing is moved.
    mutating func checkEnd(_ machines: [Machine], _ links: Links, at now: UInt64) {
        for place in rules.groups.indices {
            let name = rules.groups[place].name
            let holders = machines.filter { $0.gates[place].isOpen(at: now) }
            guard let best = candidates(place, machines, links, at: now).first else {
                if let holder = holders.first {
                    violate(.bestHolds, at: now, "\(rules.name(of: holder.node)) holds \(name) and shouldn't")
                }
                continue
            }
            checkLogs(place, machines, links, at: now)
            guard holders.count == 1, let holder = holders.first else {
                violate(.holderExists, at: now, "\(holders.count) hold \(name) after the calm")
                continue
            }
            let local = holder.clock.reading(at: now)
            let view = holder.process?.elector.view(at: local).groups[place]
            // L6: after many moves the dwell may be longer than the calm.
            let isDamped = rules.groups[place].isDamped && view?.yieldsAt.map { $0 > local } ?? false
            let mayStay = view?.isPinned == true || rules.groups[place].preemptAfter == nil || isDamped
            if holder.node != best.node && !(mayStay && isEligible(holder, place)) {
                violate(
                    .bestHolds, at: now,
                    "\(rules.name(of: holder.node)) holds \(name), \(rules.name(of: best.node)) is better")
            }
        }
    }
}
