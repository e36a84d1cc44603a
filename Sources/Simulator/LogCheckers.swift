import Election

/// What the checkers know of the groups' logs: everything that was ever committed, and who said so first.
struct LogCheckers {
    /// By the group's place: the hash of each committed entry, and of the state after it.
    private(set) var entries: [[UInt64: Digest]]
    private(set) var states: [[UInt64: UInt64]]
    private(set) var newest: [UInt64]
    private(set) var committedAt: [UInt64]
    /// Groups in which a lost disk took an entry's last quorum: nothing is promised of them any more.
    private(set) var isForgiven: [Bool]
    /// What operators asked for, by request.
    private(set) var requests: [String] = [""]
    private(set) var answers: [String: Int] = [:]
    private(set) var forks = 0

    var lastRequest: UInt64 { UInt64(requests.count) }

    init(_ rules: Rules) {
        let count = rules.groups.count
        entries = Array(repeating: [:], count: count)
        states = Array(repeating: [:], count: count)
        newest = Array(repeating: 0, count: count)
        committedAt = Array(repeating: 0, count: count)
        isForgiven = Array(repeating: false, count: count)
    }

    mutating func ask(_ what: String) -> UInt64 {
        requests.append(what)
        return UInt64(requests.count - 1)
    }

    mutating func answered(_ outcome: CommandOutcome) { answers[outcome.kind, default: 0] += 1 }

    mutating func forked() { forks += 1 }

    /// A voter broke what the logs rest on.
    mutating func forgive() { for place in isForgiven.indices { isForgiven[place] = true } }

    /// A disk is lost: what now isn't on a quorum of disks any more may be lost with the next one.
    mutating func wiped(_ rules: Rules, _ machines: [Machine]) {
        for place in rules.groups.indices where newest[place] > 0 {
            let holding = machines.filter { rules.nodes[Int($0.node.rawValue)].votes && has($0, place) }
            if holding.count < rules.quorum { isForgiven[place] = true }
        }
    }

    private func has(_ machine: Machine, _ place: Int) -> Bool {
        let log = machine.disk.durableLogs[place]
        return log.base.index >= newest[place] || log.position(at: newest[place])?.hash == entries[place][newest[place]]
    }

    /// - Returns: what contradicts what another node committed before.
    mutating func committed(_ log: ReplicatedLog, in place: Int, at now: UInt64) -> String? {
        var index = log.committed
        while index > log.base.index, let hash = log.position(at: index)?.hash {
            if let known = entries[place][index] {
                if known != hash { return "entry \(index) is committed with two contents" }
                break
            }
            entries[place][index] = hash
            index -= 1
        }
        if let known = states[place][log.committed], known != log.stateHash {
            return "two states after entry \(log.committed)"
        }
        states[place][log.committed] = log.stateHash
        if log.committed > newest[place] {
            newest[place] = log.committed
            committedAt[place] = now
        }
        return nil
    }
}

extension CommandOutcome {
    var kind: String {
        switch self {
        case .committed: "committed"
        case .refused: "refused"
        case .noHolder: "nobody held"
        case .unknown: "unknown"
        }
    }
}

extension Checkers {
    /// I12 and I14, at everything that a node takes for committed.
    mutating func committed(
        _ place: Int, by node: NodeIndex, _ process: Process?, _ machines: [Machine], at now: UInt64
    ) {
        guard rules.groups[place].mode == .majority, !logs.isForgiven[place],
            let log = process?.ask({ $0.log(of: rules.groups[place].id) })
        else { return }
        if log.committed > logs.newest[place] { checkQuorum(place, log, process, machines, at: now) }
        guard let what = logs.committed(log, in: place, at: now) else { return }
        let invariant: Invariant = what.hasPrefix("two states") ? .equalStates : .oneEntry
        violate(invariant, at: now, "\(rules.name(of: node)), \(rules.groups[place].name): \(what)")
    }

    /// G3: who is the first to take an entry for committed holds the group, in that entry's term, and a quorum has it on
    /// disk: that is what I12 and I13 rest on. Of disks that were lost or went back in time nothing is asked.
    private mutating func checkQuorum(
        _ place: Int, _ log: ReplicatedLog, _ process: Process?, _ machines: [Machine], at now: UInt64
    ) {
        guard let end = log.position(at: log.committed), offences.offenders.count == 0,
            !machines.indices.contains(where: { machines[$0].wasWiped })
        else { return }
        let having = rules.nodes.indices.count { node in
            let base = machines[node].disk.durableLogs[place].base.index
            return rules.nodes[node].votes
                && (base >= end.index
                    || machines[node].disk.durableLogs[place].position(at: end.index)?.hash == end.hash)
        }
        let what = "entry \(end.index) of \(rules.groups[place].name) is committed"
        if having < quorum { violate(.committedByQuorum, at: now, "\(what), and on \(having) disks") }
        // Who gives the group up with that same step says so no more.
        if let held = process?.ask({ $0.termHeld(inPlace: place) }), held != end.term {
            violate(.committedByQuorum, at: now, "\(what) by a holder of another term")
        }
    }

    /// G4, of one trial in four: since it asked, the candidate's log has become no shorter. While a vote waits for the disk
    /// its voter may copy what it lacks (G5), so votes aren't asked.
    mutating func checkHelp(_ grant: Grant, by index: Int, _ machines: [Machine], at now: UInt64) {
        guard offences.offenders.count == 0,
            let candidate = machines[Int(grant.candidate.node.rawValue)].process,
            candidate.ask({ $0.ownLife == grant.candidate }),
            let known = candidate.ask({ $0.log(of: grant.group)?.last }),
            let own = machines[index].process?.ask({ $0.log(of: grant.group)?.last })
        else { return }
        guard known.term < own.term || known.term == own.term && known.index < own.index else { return }
        let (voter, asker) = (rules.name(of: machines[index].node), rules.name(of: grant.candidate.node))
        violate(
            .completeLog, at: now,
            "\(voter), whose log of group \(grant.group.rawValue) has entry \(own.index), helps \(asker), which is at "
                + "\(known.index)")
    }

    /// I13: whoever takes a group has everything that was committed.
    mutating func checkCompleteness(_ place: Int, of machine: Machine, at now: UInt64) {
        guard !logs.isForgiven[place], !mayOverlap(machine, at: now),
            let log = machine.process?.elector.log(of: rules.groups[place].id)
        else { return }
        let index = logs.newest[place]
        if index <= log.base.index || log.position(at: index)?.hash == logs.entries[place][index] { return }
        violate(
            .nothingLost, at: now,
            "\(rules.name(of: machine.node)) holds \(rules.groups[place].name) without entry \(index)")
    }

    /// A disk was lost that an entry's last quorum needed, and the others went on without that entry: whoever has it
    /// committed follows nobody any more, and gets no votes (G1, G4).
    func isForked(_ place: Int, _ machines: [Machine]) -> Bool {
        guard logs.isForgiven[place] else { return false }
        let all = machines.map { machine in
            var log = machine.disk.durableLogs[place]
            return machine.process?.elector.log(of: rules.groups[place].id) ?? log.whole()
        }
        for (count, one) in all.enumerated() {
            for other in all[..<count] {
                let common = min(one.committed, other.committed)
                guard let here = one.position(at: common), let there = other.position(at: common) else { continue }
                if here.hash != there.hash { return true }
            }
        }
        return false
    }

    /// After the calm: whoever works and is connected with the holder has the same state.
    mutating func checkLogs(_ place: Int, _ machines: [Machine], _ links: Links, at now: UInt64) {
        let id = rules.groups[place].id
        guard now - logs.committedAt[place] > 2_000_000_000 + rules.timing.promise.nanoseconds * 4,
            let holder = machines.first(where: { $0.gates[place].isOpen(at: now) }),
            let log = holder.process?.elector.log(of: id)
        else { return }
        for (index, machine) in machines.enumerated()
        where isSound(index, machines, at: now)
            && links.connects(
                Int(machine.node.rawValue), Int(holder.node.rawValue))
        {
            guard let own = machine.process?.elector.log(of: id) else { continue }
            if rules.groups[place].mode == .pair, rules.groups[place].priorities[Int(machine.node.rawValue)] == 0 {
                continue
            }
            if own.committed == log.committed && own.stateHash == log.stateHash { continue }
            violate(
                .equalStates, at: now,
                "\(rules.name(of: machine.node)) is at entry \(own.committed) of \(rules.groups[place].name), "
                    + "\(rules.name(of: holder.node)) at \(log.committed)")
        }
    }
}

/// The shell's part in the logs.
extension World {
    mutating func writeLog(_ group: GroupID, _ write: LogWrite, on machine: Int) {
        let place = place(of: group)
        machines[machine].process?.unwritten.append(LogChange(place: place, write: write))
        if case .entries = write { return }
        checkers.committed(place, by: machines[machine].node, machines[machine].process, machines, at: now)
    }

    mutating func derived(_ group: GroupID, on machine: Int) {
        guard options.narrates, let state = machines[machine].process?.elector.logState(of: group) else { return }
        let place = place(of: group)
        let text = state.text(rules)
        guard machines[machine].process?.lastTold[place] != text else { return }
        machines[machine].process?.lastTold[place] = text
        if !text.isEmpty { narrate(machine, "knows\(groupName(place)): \(text)") }
    }

    mutating func examine(_ group: GroupID, _ proposal: CommandID, on machine: Int, life: UInt32) {
        let obstacle = machines[machine].isStubborn ? "it has no room for that" : ""
        let latency = options.isPlain ? 1_000_000 : randomness.below(5_000_000)
        enter(.examined(group, proposal, obstacle: obstacle), to: machine, at: now + latency, life: life)
    }

    mutating func answered(_ request: UInt64, _ outcome: CommandOutcome, on machine: Int) {
        checkers.logs.answered(outcome)
        narrate(machine, "answers \(checkers.logs.requests[Int(request)]): \(outcome.text)")
    }

    mutating func forked(_ group: GroupID, _ kept: LogImage, _ other: LogImage, on machine: Int) {
        checkers.logs.forked()
        narrate(
            machine,
            "keeps both branches of a fork\(groupName(place(of: group))), \(kept.last.index) and \(other.last.index) long"
        )
    }

    mutating func narrate(_ parts: [LogPart], to destination: Destination, from machine: Int) {
        guard case .node(let node) = destination else { return }
        for case .want(let want) in parts where want.offset == 0 {
            narrateOnce(machine, "asks \(rules.name(of: node)) for its log\(groupName(place(of: want.group)))")
        }
    }
}

extension LogState {
    /// What differs from the configuration, in words.
    func text(_ rules: Rules) -> String {
        var words: [String] = []
        for said in settings {
            var what = "\(said.name.service)/\(said.name.server) \(said.setting.duty ?? .ready)"
            if let weight = said.setting.weight { what += " weight \(weight)" }
            words.append(what)
        }
        for node in rules.indices where isInMaintenance(node) { words.append("\(rules.name(of: node)) in maintenance") }
        if let epoch { words.append("configuration \(epoch.number)") }
        return words.joined(separator: ", ")
    }
}
