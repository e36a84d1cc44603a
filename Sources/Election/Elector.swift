/// One node's election: every group's voter, candidate and holder, as a function of what happened and when.
///
/// The shell feeds it everything through `step`, carries the effects out in order, and calls again with `.timer` at
/// `nextDeadline`. The same events at the same instants give the same effects on every machine; a journal rests on
/// that. The rules are those of Specs/protocol.md; comments name them (S…, L…, I…).
package struct Elector: Equatable, Sendable {
    package internal(set) var rules: Rules
    /// Of the rules, at hand.
    let voters: NodeSet
    let quorum: Int
    package internal(set) var incarnation = Incarnation(0)
    /// The last packet sent.
    var sequence = Sequence(0)
    var lastTicket = Ticket(0)
    /// By node index; this node's own entry stays empty.
    var peers: [Peer]
    /// Sorted by id, in the order of `rules.groups`.
    var groups: [Group]
    /// By check index; nil before the first verdict, which counts as failing.
    var checks: [Bool?]
    var dataPlaneIsUp = false
    var isInMaintenance = false
    var isLeaving = false
    /// Heartbeats sent since everything was given up for good.
    var farewells: UInt8 = 0
    var hasLeft = false
    var storageHasFailed = false
    /// The last write asked for, and since when the disk has owed one; nil while it owes none.
    var lastWrite = Ticket(0)
    var unwrittenSince: Instant?
    var storageIsSlow = false
    /// Ballots of groups that the configuration doesn't have now; it may have them again (I5).
    var otherBallots: [Memory.GroupMemory] = []
    /// The longest D that a promise given by this state directory may still run.
    var longestPromise = Span.zero
    /// Until then this voter votes for nobody (S6).
    var silentUntil = Instant.zero
    /// The state directory was new: a floor for terms is still to be set when the silence ends (S12).
    var needsFloor = false
    var isRunning = false
    var lastStepAt = Instant.zero
    /// This node was late itself; before this it accuses nobody of silence.
    var steadyFrom = Instant.zero
    var heartbeatAt = Instant.zero
    /// The heartbeats sent, oldest first, at most `Bound.rounds`: the rounds that promises may echo.
    var rounds: [Round] = []
    /// Of `peers`' heartbeats, at hand.
    var told: Told
    /// As of this step; empty between steps.
    var crowd = Crowd()
    /// The groups' logs (L4).
    var replication: Replication
    /// The instant at which `step(.timer)` is due at the latest; nil before the start and after the end.
    package internal(set) var nextDeadline: Instant?
    private let inPlace = InPlace()

    package init(rules: Rules) {
        precondition(rules.nodes.count <= Bound.nodes && rules.groups.count <= Bound.groups)
        precondition(Int(rules.this.rawValue) < rules.nodes.count)
        self.rules = rules
        voters = rules.voters
        quorum = rules.quorum
        self.rules.groups.sort { $0.id < $1.id }
        peers = Array(repeating: Peer(), count: rules.nodes.count)
        told = Told(nodes: rules.nodes.count, groups: rules.groups.count)
        replication = Replication(self.rules)
        checks = Array(repeating: nil, count: rules.checks.count)
        groups = self.rules.groups.map { Group(id: $0.id, ballot: Ballot(term: .none, candidate: nil), at: .zero) }
    }

    /// What has to be on disk before a `persist` effect is reported done.
    package var memory: Memory {
        Memory(
            groups: (groups.map { Memory.GroupMemory(group: $0.id, ballot: $0.ballot) } + otherBallots)
                .sorted { $0.group < $1.group },
            promise: max(longestPromise, rules.timing.promise), maintenance: isInMaintenance,
            maintenanceSeen: replication.maintenanceSeen, needsFloor: needsFloor)
    }

    /// - Parameter now: this node's `CLOCK_BOOTTIME`, read after the event happened and before any effect is carried
    ///   out (rule S3 counts leases from it). An instant before the last one counts as the last one.
    package mutating func step(_ event: Event, at now: Instant) -> [Effect] {
        var effects: [Effect] = []
        step(event, at: now, &effects)
        return effects
    }

    /// As `step(_:at:)`; appends the effects to a list that has room already.
    package mutating func step(_ event: Event, at now: Instant, _ effects: inout [Effect]) {
        let now = max(now, lastStepAt)
        if case .started(let start) = event {
            // A node starts once; a journal that says otherwise is not to stop who reads it.
            if !isRunning { begin(start, at: now, &effects) }
        } else if case .recalled(let id, let image) = event {
            recall(image, of: id)
        } else if isRunning {
            prepare(at: now, &effects)
            handle(event, at: now, &effects)
        }
        conclude(at: now, &effects)
    }

    /// As a step with `Event.received`, for whoever has no event yet.
    package mutating func step(
        receiving packet: Packet, relay: NodeIndex?, proof: [UInt8], at now: Instant, _ effects: inout [Effect]
    ) {
        let now = max(now, lastStepAt)
        if isRunning {
            prepare(at: now, &effects)
            receive(packet, relay: relay, proof: proof, at: now, &effects)
        }
        conclude(at: now, &effects)
    }

    private mutating func prepare(at now: Instant, _ effects: inout [Effect]) {
        noticeOwnGap(at: now)
        countCrowd(at: now)
        // What has lapsed is given up before anything else is looked at: also after a sleep of hours.
        giveUpLapsed(at: now, &effects)
    }

    private mutating func conclude(at now: Instant, _ effects: inout [Effect]) {
        lastStepAt = now
        guard isRunning else { return }
        storageIsSlow = unwrittenSince.map { now.since($0) >= rules.timing.promise } ?? false
        advance(at: now, &effects)
        if !hasLeft { replicate(at: now, &effects) }
        crowd = Crowd()
        nextDeadline = deadline()
    }

    private mutating func begin(_ start: Start, at now: Instant, _ effects: inout [Effect]) {
        isRunning = true
        incarnation = start.incarnation
        lastStepAt = now
        heartbeatAt = now
        needsFloor = start.memory?.needsFloor ?? true
        if let memory = start.memory {
            isInMaintenance = memory.maintenance
            replication.maintenanceSeen = memory.maintenanceSeen
            longestPromise = memory.promise
            for kept in memory.groups {
                guard let place = groups.firstIndex(of: kept.group) else {
                    if groups.count + otherBallots.count < Bound.groups { otherBallots.append(kept) }
                    continue
                }
                groups[place].ballot = kept.ballot
                groups[place].note(term: kept.ballot.term)
            }
        }
        // S6. The promises of an earlier life may have been longer; clocks may differ by rho in their rates.
        let silence = max(longestPromise, rules.timing.promise)
        silentUntil =
            now + silence + Span(nanoseconds: silence.nanoseconds / 1_000_000 * UInt64(rules.timing.driftPPM) * 2)
        for place in groups.indices { groups[place].freeSince = silentUntil }
        takeUpLogs(at: now, &effects)
        persist(at: now, &effects)
    }

    /// A node that slept or starved has heard nobody meanwhile, and that is not the others' silence.
    private mutating func noticeOwnGap(at now: Instant) {
        let heartbeat = rules.timing.heartbeat
        if now.since(lastStepAt).nanoseconds > heartbeat.nanoseconds + heartbeat.nanoseconds / 2 {
            steadyFrom = now + heartbeat * 2
        }
    }

    private mutating func handle(_ event: Event, at now: Instant, _ effects: inout [Effect]) {
        switch event {
        case .started, .recalled, .timer: break
        case .received(let reception):
            receive(reception.packet, relay: reception.relay, proof: reception.proof, at: now, &effects)
        case .persisted(let ticket): persisted(ticket, at: now, &effects)
        case .storageFailed: storageHasFailed = true
        case .withdrawn(let id, let ticket):
            if let place = groups.firstIndex(of: id) { withdrawn(ticket, in: place, at: now, &effects) }
        case .gateLost(let id):
            if let place = groups.firstIndex(of: id), groups[place].leaseUntil != nil {
                withdraw(place, because: .gateLapsed, to: nil, &effects)
            }
        case .check(let index, let passing):
            if Int(index) < checks.count { checks[Int(index)] = passing }
        case .link(let id, let up):
            if let place = groups.firstIndex(of: id) { groups[place].linkIsUp = up }
        case .dataPlane(let up): dataPlaneIsUp = up
        case .maintenance(let on):
            isInMaintenance = on
            persist(at: now, &effects)
            alignMaintenance(at: now)
        case .command(let request, let id, let command):
            self.command(command, request: request, group: id, at: now, &effects)
        case .propose(let request, let text): propose(text, request: request, at: now, &effects)
        case .examined(let id, let proposal, let obstacle):
            if let place = groups.firstIndex(of: id) { examined(proposal, obstacle: obstacle, in: place, at: now) }
        case .transfer(let id, let node): order(TransferRequest(group: id, to: node), at: now, &effects)
        case .reconfigured(let rules): reconfigure(rules)
        case .leaving:
            isLeaving = true
            beatNow(at: now)
        }
    }

    private mutating func receive(
        _ packet: Packet, relay: NodeIndex?, proof: [UInt8], at now: Instant, _ effects: inout [Effect]
    ) {
        let sender = packet.sender
        let sequence = packet.sequence
        guard Int(sender.node.rawValue) < rules.nodes.count else { return }
        if sender.node == rules.this {
            // A node is a voter of itself under the same rules; its own grant comes back to it as signed.
            guard sender.incarnation == incarnation, case .grant(let grant) = packet.message else { return }
            receiveGrant(grant, from: sender, proof: proof, at: now, &effects)
            return
        }
        guard meet(sender) else { return }
        if relay == nil {
            peers[Int(sender.node.rawValue)].directAt = now
            let newest = peers[Int(sender.node.rawValue)].directSequence
            peers[Int(sender.node.rawValue)].directSequence = max(newest, sequence)
        }
        if case .heartbeat(let heartbeat) = packet.message {
            receiveHeartbeat(heartbeat, from: sender, sequence: sequence, relay: relay, at: now, &effects)
            return
        }
        // S3: only what comes directly binds or counts.
        guard relay == nil else { return }
        switch packet.message {
        case .heartbeat: break
        case .promise(let promise): receivePromise(promise, from: sender.node, at: now, &effects)
        case .voteRequest(let request): consider(request, of: sender, round: sequence, at: now, &effects)
        case .grant(let grant): receiveGrant(grant, from: sender, proof: proof, at: now, &effects)
        case .certificate(let certificate): receiveCertificate(certificate, at: now, &effects)
        case .transferRequest(let request): carryOut(request, at: now, &effects)
        case .log(let parts): receiveLog(parts, from: sender, at: now, &effects)
        }
    }

    /// Follows a peer into its newest life; false for a packet of an earlier one (S7).
    private mutating func meet(_ life: NodeLife) -> Bool {
        let index = Int(life.node.rawValue)
        if let known = peers[index].incarnation {
            if life.incarnation < known { return false }
            if life.incarnation == known { return true }
        }
        peers[index] = Peer()
        peers[index].incarnation = life.incarnation
        told.forget(life.node)
        forgetLogs(of: life.node)
        return true
    }

    private mutating func persisted(_ ticket: Ticket, at now: Instant, _ effects: inout [Effect]) {
        unwrittenSince = ticket == lastWrite ? nil : now
        logPersisted(ticket, at: now, &effects)
        for place in groups.indices {
            if let armed = groups[place].armed.first(where: { $0.ticket == ticket }) {
                groups[place].armed.removeAll { $0.ticket == ticket }
                // Who asked that long ago has given up; a vote now would only bind this voter for nothing.
                if now.since(armed.at) < rules.timing.promise { cast(armed.grant, in: place, at: now, &effects) }
            }
            if case .acquiring(let holding, let awaited) = groups[place].role, awaited == ticket {
                take(place, holding, at: now, &effects)
            }
        }
    }

    private mutating func reconfigure(_ new: Rules) {
        guard new.safetyDigest == rules.safetyDigest, new.nodes.count == rules.nodes.count,
            new.this == rules.this, new.voters == voters, new.groups.count == rules.groups.count
        else { return }
        var sorted = new
        sorted.groups.sort { $0.id < $1.id }
        guard sorted.groups.map(\.id) == rules.groups.map(\.id) else { return }
        // A check that is new here counts as passing until its first verdict: a reload is no outage.
        checks = sorted.checks.map { name in
            guard let old = rules.checks.firstIndex(of: name) else { return true }
            return checks[old]
        }
        rules = sorted
    }

    /// Asks for the memory to be written; what it says then is what the disk will have.
    @discardableResult
    mutating func persist(at now: Instant, _ effects: inout [Effect]) -> Ticket {
        lastWrite = nextTicket()
        if unwrittenSince == nil { unwrittenSince = now }
        effects.append(.persist(lastWrite))
        return lastWrite
    }

    mutating func nextTicket() -> Ticket {
        lastTicket.rawValue += 1
        return lastTicket
    }

    var life: NodeLife { NodeLife(node: rules.this, incarnation: incarnation) }

    /// - Returns: the number that the packet got.
    @discardableResult
    mutating func send(_ message: Message, to destination: Destination, _ effects: inout [Effect]) -> Sequence {
        sequence.rawValue += 1
        effects.append(.send(Packet(sender: life, sequence: sequence, message: message), to: destination))
        return sequence
    }
}

/// Makes whatever has it a value that is handed on by its address.
///
/// Without it, each question that a changing method asks of the whole would first copy a kilobyte onto the stack.
package struct InPlace: Equatable, Sendable {
    private let nothing: (any Sendable)? = nil

    package init() {}

    package static func == (_: InPlace, _: InPlace) -> Bool { true }
}
