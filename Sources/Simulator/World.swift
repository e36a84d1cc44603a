import Election

/// One simulated cluster: machines, the links between them, true time, and the checkers that see all of it.
struct World {
    var now: UInt64 = 0
    let rules: Rules
    let options: Simulation.Options
    var randomness: Randomness
    var agenda: Agenda
    var machines: [Machine]
    var links: Links
    var plan: [PlannedAction]
    var checkers: Checkers
    var neighbours: Neighbours
    var echoes: Echoes?
    var fingerprint = Fingerprint()
    var steps: UInt64 = 0
    var packets: UInt64 = 0
    /// Of the rules, at hand.
    private let groupIDs: [GroupID]
    private let timer = Parcel(.timer)
    /// Used again for each step's effects.
    private var scratch = ByteWriter(reserving: 1024)
    private var spare: [Effect] = []
    /// Entered events, by slot; free slots are used again.
    private var parcels: [Parcel?] = []
    private var freeSlots: [UInt32] = []
    /// What people read: only filled when asked for.
    var narration: [(at: UInt64, line: String)] = []
    /// By node: what was said of it lately, so that repetitions aren't.
    private var lastSaid: [[String]]
    /// By node and group: whether the gate was open at the last look.
    private var wasOpen: [[Bool]]
    private let inPlace = InPlace()

    init(rules: Rules, plan: [PlannedAction], options: Simulation.Options, seed: UInt64) {
        self.rules = rules
        groupIDs = rules.groups.map(\.id)
        self.plan = plan
        self.options = options
        agenda = Agenda(plan: plan.map(\.at.nanoseconds))
        randomness = Randomness(seed: seed)
        // A node that runs twice has a second machine, behind all others.
        let twins = plan.compactMap(\.action.duplicated).prefix(1)
        let count = rules.nodes.count + twins.count
        links = Links(nodes: count, weather: options.weather)
        checkers = Checkers(rules: rules, machines: count)
        if options.echoes { echoes = Echoes(machines: count) }
        neighbours = Neighbours(machines: count, groups: rules.groups.count, seed: seed)
        lastSaid = Array(repeating: [], count: count)
        wasOpen = Array(repeating: Array(repeating: false, count: rules.groups.count), count: count)
        machines = []
        checkers.offences.countsOffenders = options.canary == .offendersCount
        checkers.offences.countsFrozen = options.canary == .frozenCounts
        for node in Array(rules.indices) + twins {
            let drift = Int64(options.driftPPM)
            let ppm = drift == 0 ? 0 : Int64(randomness.below(UInt64(2 * drift + 1))) - drift
            let offset = options.isPlain ? 0 : randomness.below(1 << 44)
            machines.append(
                Machine(
                    node: node, clock: NodeClock(offset: offset, ppm: ppm),
                    disk: Disk(
                        durableCertificates: Array(repeating: .none, count: rules.groups.count),
                        durableLogs: Array(repeating: DurableLog(), count: rules.groups.count),
                        latency: options.diskLatency.nanoseconds),
                    gates: Array(repeating: Gate(), count: rules.groups.count),
                    checks: Array(repeating: true, count: rules.checks.count)))
        }
        agenda.enter(.look, at: Checkers.lookInterval(rules))
    }

    /// - Parameter grace: how much longer it goes on, a few times at most, where a group is just moving at the end.
    mutating func run(until end: Span, grace: UInt64 = 0) {
        var end = end.nanoseconds
        let last = end + 3 * grace
        while let entry = agenda.next() {
            if entry.at > end, end < last, checkers.isMoving(machines, at: end) { end += grace }
            guard entry.at <= end else { break }
            now = entry.at
            handle(entry)
            if options.endsAtViolation, !checkers.violations.isEmpty { return }
        }
        now = end
    }

    private mutating func handle(_ entry: Agenda.Entry) {
        let place = Int(entry.node)
        switch entry.kind {
        case .event:
            let parcel = parcels[Int(entry.slot)].take()
            freeSlots.append(entry.slot)
            if let parcel, let process = machines[place].process, entry.life == 0 || process.life == entry.life {
                happen(parcel, to: place, process)
            }
        case .timer:
            guard let process = machines[place].process, process.life == entry.life, process.timerAt == entry.at else {
                return
            }
            process.timerAt = .max
            happen(timer, to: place, process)
        case .written: written(place, life: entry.life)
        case .resume: resume(place)
        case .action: act(plan[Int(entry.slot)].action)
        case .announce: announce(Int(entry.slot), from: place)
        case .look:
            checkers.look(machines, links, at: now)
            clientsAsk()
            if options.narrates { narrateLapses() }
            agenda.enter(.look, at: now + Checkers.lookInterval(rules))
        }
    }

    /// Enters something that will happen to a node; with a life, only if it is still in that life then.
    mutating func enter(_ event: Event, to place: Int, at: UInt64, life: UInt32 = 0) {
        enter(Parcel(event), to: place, at: at, life: life)
    }

    mutating func enter(_ parcel: Parcel, to place: Int, at: UInt64, life: UInt32 = 0) {
        if let slot = freeSlots.popLast() {
            parcels[Int(slot)] = parcel
            agenda.enter(.event, at: at, node: UInt8(place), life: life, slot: slot)
        } else {
            parcels.append(parcel)
            agenda.enter(.event, at: at, node: UInt8(place), life: life, slot: UInt32(parcels.count - 1))
        }
    }

    /// Lets the node see an event now, or when it runs again.
    private mutating func happen(_ parcel: Parcel, to place: Int, _ process: Process) {
        if machines[place].hasLeft { return }
        guard now >= machines[place].pausedUntil else {
            // The socket's buffer overflows; what the shell itself has to say doesn't.
            if parcel.label != nil, machines[place].inbox.count >= Machine.inboxLimit { return }
            machines[place].inbox.append(parcel)
            return
        }
        step(parcel, on: place, process)
    }

    /// The shell's work: hand the event to the elector, then carry its effects out.
    private mutating func step(_ parcel: Parcel, on place: Int, _ process: Process) {
        let local = reading(of: place, for: parcel)
        if let label = parcel.label {
            guard admit(parcel, label, by: process, on: place) else { return }
            if label.releases { noteReleases(parcel, on: place) }
            if machines[place].lies, let packet = parcel.packet, parcel.relay == nil { lie(to: packet, on: place) }
        }
        var effects: [Effect] = []
        swap(&effects, &spare)
        defer {
            effects.removeAll(keepingCapacity: true)
            swap(&effects, &spare)
        }
        if let packet = parcel.packet {
            process.elector.step(
                receiving: packet, relay: parcel.relay, proof: parcel.proof, at: local, &effects)
        } else {
            process.elector.step(parcel.event, at: local, &effects)
        }
        steps += 1
        // Of other steps' effects the instants of what comes of them tell.
        let isPrinted = process.stepsToRecord > 0 || steps & 7 == 0
        let effectsPrint = effects.isEmpty || !isPrinted ? 0 : Fingerprint.of(effects, &scratch)
        fingerprint.add(now &+ UInt64(place) &+ effectsPrint)
        process.record(parcel, at: local, effects: effects, print: effectsPrint)
        if let stall = machines[place].stall, !effects.isEmpty {
            machines[place].stall = nil
            let split = randomness.index(of: effects.count + 1)
            carryOut(effects[..<split], on: place, decidedAt: local)
            machines[place].unfinished = Array(effects[split...])
            machines[place].decidedAt = local
            pause(place, for: stall)
        } else {
            carryOut(effects[...], on: place, decidedAt: local)
        }
        setTimer(of: place, process)
    }

    private func reading(of place: Int, for parcel: Parcel) -> Instant {
        let local = machines[place].clock.reading(at: now)
        guard options.canary == .bootSilenceSkipped, parcel.event.beginsLife else { return local }
        return Instant(nanoseconds: local.nanoseconds - min(local.nanoseconds, rules.timing.promise.nanoseconds * 2))
    }

    private func admit(_ parcel: Parcel, _ label: Parcel.Label, by process: Process, on place: Int) -> Bool {
        let sender = Int(label.sender.node.rawValue)
        if label.sender.node == machines[place].node || label.isRelayed { return true }
        // A liar numbers its packets as it likes.
        if options.filtersReplays, !machines[sender].lies, !process.windows[sender].admits(label) {
            return false
        }
        if label.isHeartbeat { process.newest[sender] = parcel }
        return true
    }

    private mutating func setTimer(of place: Int, _ process: Process) {
        guard let deadline = process.elector.nextDeadline else { return }
        let due = max(process.due(deadline, by: machines[place].clock), now)
        if due == .max { return }
        let at = due + (options.isPlain ? 0 : randomness.below(options.wakeLatency.nanoseconds + 1))
        if at < process.timerAt {
            process.timerAt = at
            agenda.enter(.timer, at: at, node: UInt8(place), life: process.life)
        }
    }

    mutating func pause(_ place: Int, for span: Span) {
        let until = now + span.nanoseconds
        guard machines[place].process != nil, until > machines[place].pausedUntil else { return }
        machines[place].pausedUntil = until
        agenda.enter(.resume, at: until, node: UInt8(place))
    }

    private mutating func resume(_ place: Int) {
        guard machines[place].process != nil, now >= machines[place].pausedUntil else { return }
        checkers.lastDisturbance = now
        let effects = machines[place].unfinished
        machines[place].unfinished = []
        carryOut(effects[...], on: place, decidedAt: machines[place].decidedAt)
        var inbox = machines[place].inbox
        machines[place].inbox = []
        while !inbox.isEmpty, let process = machines[place].process {
            if now < machines[place].pausedUntil {
                machines[place].inbox.insert(contentsOf: inbox, at: 0)
                return
            }
            step(inbox.remove(at: arbitraryPacket(inbox)), on: place, process)
        }
        if let process = machines[place].process { setTimer(of: place, process) }
    }

    /// Packets of several peers wait in no particular order; what the shell itself has to say keeps its own.
    private mutating func arbitraryPacket(_ inbox: [Parcel]) -> Int {
        let packets = inbox.prefix(4).prefix { $0.label != nil }
        return packets.isEmpty ? 0 : randomness.index(of: packets.count)
    }

    func place(of group: GroupID) -> Int {
        guard let place = groupIDs.firstIndex(of: group) else {
            preconditionFailure("an effect for a group that isn't there")
        }
        return place
    }

    func name(of place: Int) -> String { rules.name(of: machines[place].node) }

    /// A node runs twice, or will.
    var hasTwins: Bool { machines.count > rules.nodes.count }

    /// The machines with the node's key: one, but for a node that runs twice.
    func places(of node: NodeIndex) -> [Int] {
        hasTwins ? machines.indices.filter { machines[$0].node == node } : [Int(node.rawValue)]
    }

    mutating func narrate(_ place: Int?, _ text: String) {
        guard options.narrates else { return }
        let name = place.map { self.name(of: $0) } ?? ""
        narration.append((now, Narration.line(at: now, who: name, text)))
    }

    mutating func narrateOnce(_ place: Int, _ text: String) {
        if lastSaid[place].contains(text) { return }
        lastSaid[place] = lastSaid[place].suffix(7) + [text]
        narrate(place, text)
    }

    /// A gate that nobody closed: the kernel did, at the end of the lease.
    private mutating func narrateLapses() {
        for place in machines.indices {
            for group in rules.groups.indices {
                let gate = machines[place].gates[group]
                let isOpen = gate.isOpen(at: now)
                if wasOpen[place][group], !isOpen, !gate.isClosing {
                    let line = Narration.line(at: gate.closesAt, who: name(of: place), "its gate lapses")
                    narration.append((gate.closesAt, line))
                }
                wasOpen[place][group] = isOpen
            }
        }
    }
}

extension Process {
    func record(_ parcel: Parcel, at instant: Instant, effects: [Effect], print: UInt64) {
        guard stepsToRecord > 0 else { return }
        stepsToRecord -= 1
        recording?.steps.append(
            Recording.Step(at: instant, event: parcel.event, effects: effects.isEmpty ? Fingerprint().value : print))
    }
}

extension Event {
    /// One of those that a life begins with, before anything can reach it.
    fileprivate var beginsLife: Bool {
        switch self {
        case .recalled, .started: true
        default: false
        }
    }
}
