import Election

/// What the daemon's shell does with effects, and the ways of doing it wrong that the checkers must notice.
extension World {
    /// - Parameter decidedAt: the node's clock when the elector decided; only checkers and a faulty shell look at it.
    mutating func carryOut(_ effects: ArraySlice<Effect>, on place: Int, decidedAt: Instant) {
        var renews = false
        defer { if renews { checkRenewals(effects, on: place) } }
        for effect in effects {
            guard let process = machines[place].process else { return }
            let life = process.life
            switch effect {
            case .persist(let ticket): persist(ticket, on: place, life: life)
            case .writeLog(let group, let write): writeLog(group, write, on: place)
            case .derived(let group, _, _): derived(group, on: place)
            case .examine(let group, let proposal): examine(group, proposal, on: place, life: life)
            case .answered(let request, let outcome): answered(request, outcome, on: place)
            case .forked(let group, let kept, let other): forked(group, kept, other, on: place)
            case .send(let packet, let destination):
                checkBonds(packet.message, from: place, decidedAt: decidedAt)
                send(packet, to: destination, from: place, life: life)
            case .relay(let origin, let peer):
                let newest = process.newest[Int(origin.rawValue)]
                guard !machines[place].lies, let copy = newest?.relayed(by: machines[place].node) else { continue }
                for other in places(of: peer) { post(copy, isRelayed: true, from: place, to: other) }
            case .openGate(let group, let until):
                renews = true
                openGate(group, until: until, on: place, life, decidedAt)
            case .takeAddresses(let group, _): takeAddresses(group, on: place)
            case .renewGate(let group, let until):
                renews = true
                renewGate(group, until: until, on: place, life, decidedAt)
            case .withdraw(let group, let ticket): withdraw(group, ticket, on: place, life: life)
            case .announce(let group): beginAnnouncing(self.place(of: group), on: place)
            case .changed(let change): changed(change, on: place)
            case .accuse(let node, let group, let term, let proofs):
                checkers.accused(node, Offences.Ballot(group: group, term: term), proofs, at: now)
                narrate(place, "accuses \(rules.name(of: node)) of two votes in term \(term.rawValue)")
            case .left:
                machines[place].hasLeft = true
                machines[place].changedAt = now
                narrate(place, "has left")
            }
        }
    }

    /// Only now: an effect further down may have closed what was renewed.
    private mutating func checkRenewals(_ effects: ArraySlice<Effect>, on place: Int) {
        for effect in effects {
            switch effect {
            case .openGate(let group, let until), .renewGate(let group, let until):
                let group = self.place(of: group)
                checkers.checkLease(group, of: place, machines, at: now)
                if steps & 3 == 0 { checkBacking(group, of: place, until: until) }
            default: break
            }
        }
    }

    private mutating func persist(_ ticket: Ticket, on place: Int, life: UInt32) {
        guard let process = machines[place].process else { return }
        let memory = process.ask { $0.memory }
        if machines[place].disk.hasFailed {
            enter(.storageFailed, to: place, at: now, life: life)
            return
        }
        var certificates: [Term] = []
        certificates.reserveCapacity(rules.groups.count)
        for group in rules.groups.indices {
            certificates.append(process.ask { $0.termHeld(inPlace: group) } ?? .none)
        }
        let write = Disk.Write(
            ticket: ticket, life: life, memory: memory, certificates: certificates, logs: process.unwritten)
        process.unwritten = []
        let jitter = options.isPlain ? 0 : randomness.below(machines[place].disk.latency / 2 + 1)
        machines[place].disk.queue.append(write)
        if machines[place].disk.queue.count == 1 { expectWrite(place, after: machines[place].disk.latency + jitter) }
        if options.canary == .persistedTooEarly { enter(.persisted(ticket), to: place, at: now + 1_000, life: life) }
    }

    private mutating func expectWrite(_ place: Int, after latency: UInt64) {
        guard let write = machines[place].disk.queue.first else { return }
        machines[place].disk.dueAt = now + latency
        agenda.enter(.written, at: now + latency, node: UInt8(place), life: write.life)
    }

    /// A write that is under way takes as long as the disk takes now.
    mutating func setDiskLatency(_ place: Int, _ latency: Span) {
        machines[place].disk.latency = latency.nanoseconds
        if now + latency.nanoseconds < machines[place].disk.dueAt { expectWrite(place, after: latency.nanoseconds) }
    }

    mutating func written(_ place: Int, life: UInt32) {
        guard let write = machines[place].disk.queue.first, write.life == life, now >= machines[place].disk.dueAt else {
            return
        }
        // As the daemon's store: what found no room is tried again.
        if machines[place].disk.isFull { return expectWrite(place, after: rules.timing.heartbeat.nanoseconds) }
        machines[place].disk.queue.removeFirst()
        if !machines[place].disk.queue.isEmpty { expectWrite(place, after: machines[place].disk.latency) }
        if machines[place].disk.hasFailed {
            enter(.storageFailed, to: place, at: now, life: life)
            return
        }
        machines[place].disk.settle(write)
        enter(.persisted(write.ticket), to: place, at: now, life: life)
    }

    private mutating func send(_ packet: Packet, to destination: Destination, from place: Int, life: UInt32) {
        let packet = machines[place].lies ? falsified(packet) : packet
        let arrival = Parcel(packet, proof: look(at: packet, to: destination, from: place))
        if echoes != nil { echo(packet, arrival, from: place) }
        switch destination {
        case .everyone:
            for peer in machines.indices where peer != place { post(arrival, from: place, to: peer) }
        case .node(let node) where node == machines[place].node: enter(arrival, to: place, at: now, life: life)
        case .node(let node) where !hasTwins: post(arrival, from: place, to: Int(node.rawValue))
        case .node(let node): for peer in places(of: node) { post(arrival, from: place, to: peer) }
        }
    }

    /// Shows a packet to the checkers and tells of it.
    ///
    /// - Returns: a vote as signed.
    private mutating func look(at packet: Packet, to destination: Destination, from place: Int) -> [UInt8] {
        switch packet.message {
        case .grant(let grant):
            if grant.trial {
                if steps & 3 == 0 { checkers.checkHelp(grant, by: place, machines, at: now) }
                return []
            }
            checkers.granted(grant, by: machines[place], at: now)
            if options.narrates {
                let candidate = rules.name(of: grant.candidate.node)
                narrateOnce(place, "votes for \(candidate)\(groupName(of: grant.group)) in term \(grant.term.rawValue)")
            }
            var writer = ByteWriter(reserving: 32)
            packet.encode(to: &writer)
            return writer.bytes
        case .heartbeat(let heartbeat): checkers.told(heartbeat, by: place, machines, at: now)
        case .certificate(let certificate): checkers.certified(certificate, at: now)
        case .log(let parts): if options.narrates { narrate(parts, to: destination, from: place) }
        case .voteRequest(let request):
            if options.narrates, !request.trial {
                narrateOnce(place, "asks for votes\(groupName(of: request.group)) in term \(request.term.rawValue)")
            }
        case .promise, .transferRequest: break
        }
        return []
    }

    /// A faulty shell turns the deadline into a span from now, as a kernel's own timeouts would.
    private func armed(_ until: Instant, at local: Instant, _ decidedAt: Instant) -> Instant {
        switch options.canary {
        case .relativeDeadline: local + until.since(decidedAt)
        case .gateArmedTooLong: until + Span(nanoseconds: rules.timing.promise.nanoseconds / 4)
        default: until
        }
    }

    private mutating func openGate(
        _ group: GroupID, until: Instant, on machine: Int, _ life: UInt32, _ decidedAt: Instant
    ) {
        let place = place(of: group)
        let local = machines[machine].clock.reading(at: now)
        let deadline = armed(until, at: local, decidedAt)
        guard deadline > local else {
            enter(.gateLost(group), to: machine, at: now, life: life)
            return
        }
        let lag = randomness.below(options.gateLag.nanoseconds + 1)
        let clock = machines[machine].clock
        let term = machines[machine].process?.ask { $0.view(at: local).groups[place].term } ?? .none
        machines[machine].gates[place].open(term: term, until: deadline, lag: lag, clock: clock, at: now)
        checkers.opened(place, on: machine, machines, at: now)
        narrate(machine, "opens the gate\(groupName(place))")
    }

    private mutating func takeAddresses(_ group: GroupID, on machine: Int) {
        let place = place(of: group)
        if machines[machine].gates[place].isOpen(at: now) {
            machines[machine].gates[place].hasAddresses = true
            beginAnnouncing(place, on: machine)
        }
    }

    private mutating func renewGate(
        _ group: GroupID, until: Instant, on machine: Int, _ life: UInt32, _ decidedAt: Instant
    ) {
        let place = place(of: group)
        let local = machines[machine].clock.reading(at: now)
        let deadline = armed(until, at: local, decidedAt)
        guard machines[machine].gates[place].isOpen(at: now), deadline > local else {
            enter(.gateLost(group), to: machine, at: now, life: life)
            return
        }
        let lag = randomness.below(options.gateLag.nanoseconds + 1)
        let clock = machines[machine].clock
        machines[machine].gates[place].arm(until: deadline, lag: lag, clock: clock)
    }

    private mutating func withdraw(_ group: GroupID, _ ticket: Ticket, on machine: Int, life: UInt32) {
        let place = place(of: group)
        let latency = options.withdrawLatency.nanoseconds
        let closing = options.isPlain ? latency : randomness.below(latency + 1)
        var confirmed = closing + (options.isPlain ? 0 : randomness.below(latency + 1))
        machines[machine].gates[place].close(at: now + closing)
        machines[machine].gates[place].hasAddresses = false
        if options.narrates { narrate(machine, "closes the gate\(groupName(place))") }
        if options.canary == .withdrawnTooEarly {
            confirmed = 0
        }
        enter(.withdrawn(group, ticket), to: machine, at: now + confirmed, life: life)
    }

    private mutating func changed(_ change: Change, on place: Int) {
        checkers.changed(change, on: machines[place], at: now)
        switch change.role {
        case .holder:
            narrate(place, "holds\(groupName(of: change.group)) in term \(change.term.rawValue): \(change.reason.text)")
        case .standby: narrate(place, "stands by\(groupName(of: change.group)): \(change.reason.text)")
        case .fault: narrate(place, "is out\(groupName(of: change.group)): \(change.reason.text)")
        }
    }

    func groupName(_ place: Int) -> String { rules.groups.count == 1 ? "" : " " + rules.groups[place].name }

    private func groupName(of group: GroupID) -> String { groupName(place(of: group)) }
}
