import Election

/// How actions befall the world.
extension World {
    mutating func act(_ action: Action) {
        checkers.count(action, at: now)
        if options.narrates, !action.isStart || now > 0 { narrate(nil, "-- \(action.text(rules))") }
        switch action {
        case .cut(let one, let other):
            links.cut(from: Int(one.rawValue), to: Int(other.rawValue))
            links.cut(from: Int(other.rawValue), to: Int(one.rawValue))
        case .cutOneWay(let from, let to): links.cut(from: Int(from.rawValue), to: Int(to.rawValue))
        case .mend(let one, let other):
            links.mend(from: Int(one.rawValue), to: Int(other.rawValue))
            links.mend(from: Int(other.rawValue), to: Int(one.rawValue))
        case .mendOneWay(let from, let to): links.mend(from: Int(from.rawValue), to: Int(to.rawValue))
        case .mendAll: links.mendAll()
        case .weather(let weather): links.weather = weather
        case .crash(let node): crash(Int(node.rawValue))
        case .start(let node): start(Int(node.rawValue))
        case .pause(let node, let span): pause(Int(node.rawValue), for: span)
        case .stall(let node, let span): machines[Int(node.rawValue)].stall = span
        case .disk(let node, let latency): setDiskLatency(Int(node.rawValue), latency)
        case .failDisk(let node): machines[Int(node.rawValue)].disk.hasFailed = true
        case .wipe(let node): wipe(Int(node.rawValue))
        case .clockRate(let node, let ppm): setRate(Int(node.rawValue), ppm)
        case .misconfigure(let node, let on): machines[Int(node.rawValue)].isMisconfigured = on
        case .stubborn(let node, let on): machines[Int(node.rawValue)].isStubborn = on
        case .check, .link, .dataPlane, .maintenance, .transfer, .order, .apply, .leave: tell(action)
        case .freeze, .wallClock, .lapse, .fullDisk, .announcements, .keepCopy, .rollBack, .renumber, .duplicate,
            .removeDuplicate, .lie:
            befall(action)
        }
    }

    /// What reaches the daemon as an event.
    private mutating func tell(_ action: Action) {
        switch action {
        case .check(let node, let check, let passing):
            machines[Int(node.rawValue)].checks[Int(check)] = passing
            tell(node, .check(check, passing: passing))
        case .link(let node, let up):
            machines[Int(node.rawValue)].linkIsUp = up
            for group in rules.groups { tell(node, .link(group.id, up: up)) }
        case .dataPlane(let node, let up):
            machines[Int(node.rawValue)].dataPlaneIsUp = up
            tell(node, .dataPlane(up: up))
        case .maintenance(let node, let on):
            tell(node, .maintenance(on))
        case .transfer(let group, let node, let to): tell(node, .transfer(rules.groups[group].id, to: to))
        case .order(let node, _, .maintenance(let other, let on)):
            guard let cluster = machines[Int(node.rawValue)].process?.elector.clusterGroup else { return }
            let command = Command.maintenance(other, on)
            tell(node, .command(checkers.logs.ask(command.text(rules)), cluster, command))
        case .order(let node, let group, let command):
            tell(node, .command(checkers.logs.ask(command.text(rules)), rules.groups[group].id, command))
        case .apply(let node, let bytes):
            let text = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &+ Int(checkers.logs.lastRequest)) }
            tell(node, .propose(checkers.logs.ask("configuration"), text: text))
        case .leave(let node): tell(node, .leaving)
        default: break
        }
    }

    private mutating func tell(_ node: NodeIndex, _ event: Event) {
        guard let life = machines[Int(node.rawValue)].process?.life else { return }
        enter(event, to: Int(node.rawValue), at: now, life: life)
    }

    private mutating func setRate(_ place: Int, _ ppm: Int32) {
        machines[place].clock.setRate(ppm: Int64(ppm), at: now)
        let clock = machines[place].clock
        for group in machines[place].gates.indices { machines[place].gates[group].rearm(clock: clock, at: now) }
        guard let process = machines[place].process, let deadline = process.elector.nextDeadline else { return }
        let due = max(clock.trueTime(of: deadline), now)
        if due < process.timerAt {
            machines[place].process?.timerAt = due
            agenda.enter(.timer, at: due, node: UInt8(place), life: process.life)
        }
    }

    /// The gate and the addresses stay in the kernel; of the writes under way some reached the disk.
    mutating func crash(_ place: Int) {
        guard machines[place].process != nil else { return }
        finish(place)
        machines[place].process = nil
        machines[place].inbox = []
        machines[place].unfinished = []
        machines[place].pausedUntil = machines[place].frozenUntil
        machines[place].stall = nil
        machines[place].changedAt = now
        var queue = machines[place].disk.queue
        machines[place].disk.queue = []
        let takesNothing = machines[place].disk.hasFailed || machines[place].disk.isFull
        while !queue.isEmpty, !takesNothing, randomness.happens(500) {
            machines[place].disk.settle(queue.removeFirst())
        }
        // A write that the crash tore may have got as far as some of its changes, and never to the memory.
        if let torn = queue.first, !takesNothing {
            machines[place].disk.settle(Array(torn.logs.prefix(randomness.index(of: torn.logs.count + 1))))
        }
    }

    /// Of a new life: of one in twenty all, and of a seed's first life the beginning at least.
    private mutating func stepsToRecord() -> Int {
        guard options.records else { return 0 }
        if randomness.happens(50) { return .max }
        return machines.allSatisfy { $0.lives < 2 && $0.process == nil } ? 5_000 : 0
    }

    private mutating func wipe(_ place: Int) {
        guard machines[place].process == nil else { return }
        machines[place].disk.durable = nil
        machines[place].wasWiped = true
        for group in rules.groups.indices { machines[place].disk.durableLogs[group] = DurableLog() }
        checkers.wiped(place)
        checkers.logs.wiped(rules, machines)
    }

    mutating func start(_ place: Int) {
        if machines[place].process != nil && machines[place].hasLeft { crash(place) }
        guard machines[place].process == nil else { return }
        machines[place].hasLeft = false
        machines[place].lives += 1
        machines[place].disk.incarnation += 1
        machines[place].changedAt = now
        machines[place].disk.hasFailed = false
        // What the last life left in the kernel is removed before anything is sent (event `started`).
        for group in machines[place].gates.indices {
            machines[place].gates[group].close(at: now)
            machines[place].gates[group].hasAddresses = false
        }
        var own = rules
        own.this = machines[place].node
        if machines[place].isMisconfigured { own.safetyDigest ^= 1 }
        let life = machines[place].lives
        machines[place].process = Process(rules: own, life: life, stepsToRecord: stepsToRecord())
        var memory = machines[place].disk.durable
        let forgets = options.canary == .ballotsForgotten
        if forgets, memory != nil { memory?.groups = [] }
        for group in rules.groups.indices where !forgets {
            let log = machines[place].disk.durableLogs[group].whole()
            guard log.last.index > 0 else { continue }
            enter(.recalled(rules.groups[group].id, log.image), to: place, at: now, life: life)
        }
        let incarnation = Incarnation(machines[place].disk.incarnation)
        let started = Event.started(Start(incarnation: incarnation, memory: memory))
        enter(started, to: place, at: now, life: life)
        for group in rules.groups {
            enter(.link(group.id, up: machines[place].linkIsUp), to: place, at: now, life: life)
        }
        enter(.dataPlane(up: machines[place].dataPlaneIsUp), to: place, at: now, life: life)
        for (check, passing) in machines[place].checks.enumerated() {
            enter(.check(UInt16(check), passing: passing), to: place, at: now, life: life)
        }
    }

    /// The end of a life: what it recorded is stepped again (I9).
    mutating func finish(_ place: Int) {
        guard let recording = machines[place].process?.recording else { return }
        machines[place].process?.recording = nil
        checkers.replayed += UInt64(recording.steps.count)
        if let difference = recording.difference(&randomness) {
            checkers.violate(.replay, at: now, "\(name(of: place)): \(difference)")
        }
    }
}
