import Election

/// Nodes that break what safety rests on: a liar, a disk that went back in time, a key in two machines. What is left
/// of the promises then, and who is accused.
struct Offences {
    struct Ballot: Hashable {
        var group: GroupID
        var term: Term
    }

    /// Two gates of one term, open at once: whoever held them has both certificates when they meet.
    struct Conflict {
        var place: Int
        var ballot: Ballot
        /// Places of machines, not of nodes: one that runs twice has two.
        var one: (machine: Int, life: UInt32)
        var other: (machine: Int, life: UInt32)
        /// Since when they have been able to hear each other.
        var metAt: UInt64?
    }

    /// Whose votes and promises are worth nothing.
    fileprivate(set) var offenders = NodeSet()
    /// Nodes of which two lives may have one number: not even their own gates are their own.
    fileprivate(set) var repeated = NodeSet()
    fileprivate(set) var isGoingOn = false
    private(set) var accused: [Ballot: NodeSet] = [:]
    fileprivate var conflicts: [Conflict] = []
    /// For canaries: no excuse counts.
    var countsOffenders = false
    var countsFrozen = false

    mutating func accuse(_ node: NodeIndex, _ ballot: Ballot) { accused[ballot, default: NodeSet()].insert(node) }

    /// Whom the node voted for, by what it signed; nil where that is no vote in this term.
    static func vote(in proof: [UInt8], of node: NodeIndex, _ ballot: Ballot) -> NodeLife? {
        var reader = ByteReader(proof)
        guard let packet = try? Packet(from: &reader), packet.sender.node == node,
            case .grant(let grant) = packet.message, !grant.trial, grant.group == ballot.group,
            grant.term == ballot.term
        else { return nil }
        return grant.candidate
    }
}

extension Checkers {
    /// Where every two quorums share one more voter than there are offenders, nothing is excused.
    private var isShielded: Bool {
        let offenders = offences.offenders.count
        return offenders == 0 || offences.countsOffenders || 2 * rules.quorum - rules.voters.count > offenders
    }

    mutating func offends(_ node: NodeIndex, repeatsLives: Bool, goesOn: Bool) {
        offences.offenders.insert(node)
        if repeatsLives { offences.repeated.insert(node) }
        offences.isGoingOn = goesOn
        if !isShielded { logs.forgive() }
    }

    mutating func offencesEnd() { offences.isGoingOn = false }

    /// I1: two certificates of a term have only offenders in common.
    func isExcused(_ one: Certificate, _ other: Certificate) -> Bool {
        if offences.countsOffenders { return false }
        return one.votes.allSatisfy { vote in
            !other.votes.contains { $0.voter == vote.voter } || offences.offenders.contains(vote.voter)
        }
    }

    /// A machine whose gate may be open beyond its lease, in true time: it was stopped together with its clock, and
    /// woke less than a lease ago; or its votes aren't worth anything.
    func mayOverlap(_ machine: Machine, at now: UInt64) -> Bool {
        mayOverlap(machine.node, wakingAt: machine.frozenUntil, at: now)
    }

    func mayOverlap(_ node: NodeIndex, wakingAt wakes: UInt64, at now: UInt64) -> Bool {
        if !isShielded { return true }
        if offences.repeated.contains(node), !offences.countsOffenders { return true }
        let promise = rules.timing.promise.nanoseconds
        return wakes > 0 && !offences.countsFrozen
            && now < wakes + promise + promise / 100 + rules.timing.lag.nanoseconds
    }

    func mayOverlap(_ one: Machine, _ other: Machine, at now: UInt64) -> Bool {
        mayOverlap(one, at: now) || mayOverlap(other, at: now)
    }

    mutating func noteConflict(_ place: Int, _ one: Int, _ other: Int, _ machines: [Machine]) {
        let term = machines[one].gates[place].term
        guard offences.offenders.count > 0, term == machines[other].gates[place].term, offences.conflicts.count < 64
        else { return }
        let lives = (machines[one].process?.life ?? 0, machines[other].process?.life ?? 0)
        offences.conflicts.append(
            Offences.Conflict(
                place: place, ballot: Offences.Ballot(group: rules.groups[place].id, term: term), one: (one, lives.0),
                other: (other, lives.1)))
    }

    /// I2 at any time, not only when a gate opens; and who held with a double vote accuses whoever gave it, once they
    /// meet (I11).
    mutating func checkAlone(_ holders: [Int], _ machines: [Machine], _ links: Links, at now: UInt64) {
        for (count, one) in holders.enumerated() {
            for other in holders[..<count]
            where machines[one].node != machines[other].node && !mayOverlap(machines[one], machines[other], at: now) {
                let names = "\(rules.name(of: machines[one].node)) and \(rules.name(of: machines[other].node))"
                violate(.oneHolder, at: now, "\(names) are both open")
            }
        }
        for place in offences.conflicts.indices { settle(place, machines, links, at: now) }
        offences.conflicts = offences.conflicts.filter { conflict in
            let (one, other) = (machines[conflict.one.machine], machines[conflict.other.machine])
            return one.process?.life == conflict.one.life && other.process?.life == conflict.other.life
                && (bothHold(conflict, machines, at: now)
                    || (conflict.metAt != nil && offences.accused[conflict.ballot] == nil))
        }
    }

    private func bothHold(_ conflict: Offences.Conflict, _ machines: [Machine], at now: UInt64) -> Bool {
        [conflict.one.machine, conflict.other.machine].allSatisfy { machine in
            let gate = machines[machine].gates[conflict.place]
            return gate.isOpen(at: now) && gate.term == conflict.ballot.term
        }
    }

    private mutating func settle(_ place: Int, _ machines: [Machine], _ links: Links, at now: UInt64) {
        let conflict = offences.conflicts[place]
        let (one, other) = (conflict.one.machine, conflict.other.machine)
        let meet =
            links.connects(one, other) && links.isFair(rules) && machines[one].isRunning(at: now)
            && machines[other].isRunning(at: now)
        guard meet, let metAt = conflict.metAt else {
            // One that gave up before keeps no certificate to show.
            offences.conflicts[place].metAt = meet && bothHold(conflict, machines, at: now) ? now : nil
            return
        }
        guard now - metAt > Self.longestGap(rules) else { return }
        offences.conflicts[place].metAt = now
        let term = conflict.ballot.term.rawValue
        if offences.accused[conflict.ballot] == nil {
            violate(.noDoubleVote, at: now, "nobody is accused of two votes in term \(term)")
        }
        if bothHold(conflict, machines, at: now) {
            violate(.oneHolder, at: now, "two that hear each other hold in term \(term)")
        }
    }

    /// I11: only who voted twice is accused, and both votes are shown.
    mutating func accused(_ node: NodeIndex, _ ballot: Offences.Ballot, _ proofs: [[UInt8]], at now: UInt64) {
        offences.accuse(node, ballot)
        count("accusation")
        let name = rules.name(of: node)
        if !offences.offenders.contains(node) || offences.countsOffenders {
            violate(.noDoubleVote, at: now, "\(name) is accused in term \(ballot.term.rawValue)")
        }
        let votes = proofs.compactMap { Offences.vote(in: $0, of: node, ballot) }
        if votes.count != 2 || votes[0] == votes[1] {
            violate(.noDoubleVote, at: now, "what is shown against \(name) isn't two votes")
        }
    }
}

/// How the faults of `Hardship` befall the world.
extension World {
    mutating func befall(_ action: Action) {
        switch action {
        case .freeze(let node, let span): freeze(Int(node.rawValue), for: span)
        case .wallClock(let node, let seconds): machines[Int(node.rawValue)].wallOffset += seconds
        case .lapse(let node): lapse(Int(node.rawValue))
        case .fullDisk(let node, let on): machines[Int(node.rawValue)].disk.isFull = on
        case .announcements(let permille): neighbours.lose(permille, at: now)
        case .keepCopy(let node):
            let place = Int(node.rawValue)
            machines[place].copy = machines[place].disk
        case .rollBack(let node, let forgetsLife): rollBack(Int(node.rawValue), forgetsLife)
        case .renumber(let node): renumber(node)
        case .duplicate(let node): duplicate(node)
        case .removeDuplicate:
            crash(machines.count - 1)
            checkers.offencesEnd()
        case .lie(let node, let on):
            machines[Int(node.rawValue)].lies = on
            if on { checkers.offends(node, repeatsLives: false, goesOn: true) } else { checkers.offencesEnd() }
        default: break
        }
    }

    private mutating func freeze(_ place: Int, for span: Span) {
        let end = now + span.nanoseconds
        guard end > machines[place].frozenUntil else { return }
        machines[place].clock.freeze(from: now, until: end)
        machines[place].frozenUntil = end
        let clock = machines[place].clock
        for group in machines[place].gates.indices { machines[place].gates[group].rearm(clock: clock, at: now) }
        // Also whatever process is started meanwhile.
        machines[place].pausedUntil = max(machines[place].pausedUntil, end)
        agenda.enter(.resume, at: end, node: UInt8(place))
    }

    /// A rule that somebody flushed, or a timer that was armed short: the daemon hears of it at its next renewal.
    private mutating func lapse(_ place: Int) {
        for group in machines[place].gates.indices where machines[place].gates[group].isOpen(at: now) {
            machines[place].gates[group].close(at: now)
        }
    }

    private mutating func rollBack(_ place: Int, _ forgetsLife: Bool) {
        guard machines[place].process == nil, let copy = machines[place].copy else { return }
        let disk = machines[place].disk
        machines[place].disk = copy
        machines[place].disk.queue = []
        machines[place].disk.hasFailed = disk.hasFailed
        machines[place].disk.isFull = disk.isFull
        machines[place].disk.latency = disk.latency
        if !forgetsLife { machines[place].disk.incarnation = disk.incarnation }
        checkers.offends(machines[place].node, repeatsLives: forgetsLife, goesOn: true)
        checkers.logs.wiped(rules, machines)
    }

    private mutating func renumber(_ node: NodeIndex) {
        let newest = places(of: node).map { UInt64(machines[$0].lives) + machines[$0].disk.incarnation }.max() ?? 0
        machines[Int(node.rawValue)].disk.incarnation = newest
        checkers.offencesEnd()
    }

    private mutating func duplicate(_ node: NodeIndex) {
        let (place, twin) = (Int(node.rawValue), machines.count - 1)
        guard machines[twin].process == nil else { return }
        machines[twin].disk = machines[place].disk
        machines[twin].disk.queue = []
        machines[twin].checks = machines[place].checks
        checkers.offends(node, repeatsLives: true, goesOn: true)
        start(twin)
    }

    /// A liar votes for whoever asks, whatever it voted before, and promises every holder everything.
    mutating func lie(to packet: Packet, on place: Int) {
        guard let process = machines[place].process,
            options.isPlain || randomness.happens(900)
        else { return }
        let (asker, round) = (packet.sender, packet.sequence)
        if asker.node == machines[place].node { return }
        var message: Message?
        switch packet.message {
        case .voteRequest(let request):
            let grant = Grant(
                group: request.group, term: request.term, trial: request.trial, candidate: asker, round: round)
            if !grant.trial { checkers.granted(grant, by: machines[place], at: now) }
            message = .grant(grant)
        case .heartbeat(let heartbeat):
            let bonds = heartbeat.groups.filter(\.holding).map { Promise.Bond(group: $0.group, term: $0.term) }
            if !bonds.isEmpty { message = .promise(Promise(holder: asker, round: round, bonds: bonds)) }
        default: break
        }
        guard let message else { return }
        let (life, sequence) = process.ask { ($0.ownLife, $0.lastSequence) }
        let answer = Packet(sender: life, sequence: sequence, message: message)
        var writer = ByteWriter(reserving: 32)
        answer.encode(to: &writer)
        let arrival = Parcel(answer, proof: writer.bytes)
        for peer in places(of: asker.node) { post(arrival, from: place, to: peer) }
    }

    /// A liar's priorities are whatever it likes, and of what it voted it says nothing.
    mutating func falsified(_ packet: Packet) -> Packet {
        guard case .heartbeat(var heartbeat) = packet.message else { return packet }
        for place in heartbeat.groups.indices where !heartbeat.groups[place].holding {
            heartbeat.groups[place].term = .none
            heartbeat.groups[place].holder = nil
            guard !options.isPlain else { continue }
            heartbeat.groups[place].priority = randomness.happens(500) ? 1 : .max
        }
        return Packet(sender: packet.sender, sequence: packet.sequence, message: .heartbeat(heartbeat))
    }
}

extension Action {
    var duplicated: NodeIndex? {
        if case .duplicate(let node) = self { return node }
        return nil
    }
}
