import Election

/// What would have been decided, had one thing been otherwise: the stretch is decided again with that input changed.
/// What the world answered, it answers likewise; disk and kernel are prompt where they were.
struct Rerun {
    enum Change: Hashable {
        /// As recorded: whether deciding again gives the decision at all.
        case none
        case check(UInt16, passing: Bool)
        case link(GroupID)
        case dataPlane
        case noMaintenance
        case noTransfer(GroupID)
        case notLeaving
        case promptDisk
        case sameConfiguration
        /// The node ran all the time, and its gate held.
        case ranOnTime
        /// The peers went on: heartbeats as their last one, promises as before.
        case keptTalking(NodeSet)
        /// The peer neither released the group nor asked anybody to take it.
        case noRelease(NodeIndex, GroupID)
        /// The peer wasn't ready to take it.
        case notBetter(NodeIndex, GroupID)
        case noVoteRequests(NodeIndex)
        case noCertificate(NodeIndex, GroupID)
    }

    enum Decision: Hashable {
        case take(GroupID)
        case giveUp(GroupID)
        case vote(GroupID, for: NodeIndex)
        case fault(GroupID)
    }

    private let stretch: Stretch
    private let change: Change
    private var elector: Elector
    private var pending: [(at: Instant, event: Event)] = []
    private var newestRequest: [GroupID: (round: Sequence, term: Term, trial: Bool)] = [:]
    private var newestRound = Sequence(0)
    private var lastBeat: [NodeIndex: Heartbeat] = [:]
    private var lastFrom: [NodeIndex: Instant] = [:]
    private var lastInstant: Instant
    private var decidedAt: Instant?
    /// When it first asked anybody for votes in the group that is to be taken.
    private var askedAt: Instant?
    private let taken: GroupID?

    /// Whether the decision is made within the stretch when `change` is applied.
    static func decides(_ decision: Decision, in stretch: Stretch, with change: Change) -> Bool {
        var rerun = Rerun(stretch, change, decision)
        return rerun.run(until: decision)
    }

    /// What comes of a stretch, and of what came after it, under other rules.
    struct Supposed {
        /// nil: the decision isn't made at all.
        var decidedAt: Instant?
        /// When votes were first asked for. Those that weren't recorded then can't come.
        var askedAt: Instant?
    }

    static func suppose(_ decision: Decision, in stretch: Stretch, under rules: Rules) -> Supposed {
        var longer = stretch
        longer.start = stretch.start.supposing(rules)
        longer.steps += stretch.later.prefix { !Self.tellsOfAnother($0.event, decision) }
            .filter { !Self.isLogTraffic($0.event) }.map(Self.withoutLogs)
        var rerun = Rerun(longer, .none, decision)
        _ = rerun.run(until: decision)
        return Supposed(decidedAt: rerun.decidedAt, askedAt: rerun.askedAt)
    }

    /// From here on the inputs rest on others having moved because of the recorded giving up.
    static func tellsOfAnother(_ event: Event, _ decision: Decision) -> Bool {
        guard case .giveUp(let group) = decision, case .received(let reception) = event else { return false }
        switch reception.packet.message {
        case .heartbeat(let heartbeat): return heartbeat.groups.contains { $0.group == group && $0.holding }
        case .voteRequest(let request): return request.group == group
        case .certificate(let certificate): return certificate.group == group
        // Only who holds brings entries.
        case .log(let parts):
            return parts.contains { part in
                if case .append(let append) = part { append.group == group } else { false }
            }
        case .promise, .grant, .transferRequest: return false
        }
    }

    /// What others say of their logs after a move says what the move put there.
    private static func withoutLogs(_ step: Stretch.Step) -> Stretch.Step {
        guard case .received(var reception) = step.event, case .heartbeat(var heartbeat) = reception.packet.message
        else { return step }
        for place in heartbeat.groups.indices { heartbeat.groups[place].log = nil }
        reception.packet.message = .heartbeat(heartbeat)
        var step = step
        step.event = .received(reception)
        return step
    }

    private static func isLogTraffic(_ event: Event) -> Bool {
        guard case .received(let reception) = event, case .log = reception.packet.message else { return false }
        return true
    }

    private init(_ stretch: Stretch, _ change: Change, _ decision: Decision) {
        if case .take(let group) = decision { taken = group } else { taken = nil }
        self.stretch = stretch
        self.change = change
        elector = stretch.start
        lastInstant = stretch.start.lastInstant
        newestRound = stretch.start.lastSequence
        for node in elector.rules.indices {
            guard let peer = elector.insight(of: node) else { continue }
            if let heartbeat = peer.heartbeat { lastBeat[node] = heartbeat }
            if let at = peer.directAt { lastFrom[node] = at }
        }
    }

    private mutating func run(until decision: Decision) -> Bool {
        for event in opening() { if take(event, at: lastInstant, decision) { return true } }
        for step in stretch.steps {
            if fillGap(before: step.instant, decision) { return true }
            while let next = pending.first, next.at <= step.instant {
                pending.removeFirst()
                if take(next.event, at: next.at, decision) { return true }
            }
            note(step)
            if let event = changed(step.event), take(event, at: step.instant, decision) { return true }
            lastInstant = step.instant
        }
        // The disk is as prompt as here, not as the recorded one was: what it still owes at the end counts.
        let end = lastInstant + .milliseconds(50)
        while let next = pending.first, next.at <= end {
            pending.removeFirst()
            if take(next.event, at: next.at, decision) { return true }
        }
        return false
    }

    /// What has to be set right at the start of the stretch for the change to hold all through it.
    private func opening() -> [Event] {
        switch change {
        case .check(let index, let passing): [.check(index, passing: passing)]
        case .link(let group): [.link(group, up: true)]
        case .dataPlane: [.dataPlane(up: true)]
        case .noMaintenance: elector.isUnderMaintenance ? [.maintenance(false)] : []
        default: []
        }
    }

    private mutating func take(_ event: Event, at instant: Instant, _ decision: Decision) -> Bool {
        let effects = elector.step(event, at: instant)
        answer(effects, at: instant)
        guard effects.contains(where: { Self.isDecision($0, decision) }) else { return false }
        decidedAt = instant
        return true
    }

    private static func isDecision(_ effect: Effect, _ decision: Decision) -> Bool {
        switch (effect, decision) {
        case (.openGate(let group, _), .take(let wanted)): group == wanted
        case (.withdraw(let group, _), .giveUp(let wanted)): group == wanted
        case (.send(let packet, _), .vote(let wanted, let candidate)):
            if case .grant(let grant) = packet.message {
                !grant.trial && grant.group == wanted && grant.candidate.node == candidate
            } else {
                false
            }
        case (.changed(let change), .fault(let wanted)): change.group == wanted && change.role == .fault
        default: false
        }
    }

    /// The shell's part: disk, kernel, and the node's own vote.
    private mutating func answer(_ effects: [Effect], at now: Instant) {
        for effect in effects {
            switch effect {
            case .persist(let ticket):
                if change == .promptDisk || !stretch.before.isDiskSlow {
                    schedule(.persisted(ticket), at: now + .milliseconds(2))
                }
            case .withdraw(let group, let ticket): schedule(.withdrawn(group, ticket), at: now + .milliseconds(2))
            case .send(let packet, let destination):
                switch packet.message {
                case .heartbeat: newestRound = packet.sequence
                case .voteRequest(let request):
                    newestRequest[request.group] = (packet.sequence, request.term, request.trial)
                    if request.group == taken && askedAt == nil { askedAt = now }
                case .grant where destination == .node(elector.rules.this):
                    schedule(
                        .received(Reception(packet: packet, relay: nil, proof: Array(0..<80))),
                        at: now + .milliseconds(1))
                default: break
                }
            default: break
            }
        }
    }

    private mutating func schedule(_ event: Event, at instant: Instant) {
        let place = pending.firstIndex { $0.at > instant } ?? pending.count
        pending.insert((instant, event), at: place)
    }
}

// The recorded events as they come with the change.
extension Rerun {
    private mutating func note(_ step: Stretch.Step) {
        guard case .received(let reception) = step.event, reception.relay == nil else { return }
        let node = reception.packet.sender.node
        lastFrom[node] = step.instant
        if case .heartbeat(let heartbeat) = reception.packet.message { lastBeat[node] = heartbeat }
    }

    private func changed(_ event: Event) -> Event? {
        switch event {
        case .received(let reception): return changed(reception).map { .received($0) }
        // What was asked for before the stretch is answered as recorded, the rest by `answer`.
        case .persisted(let ticket), .withdrawn(_, let ticket):
            return ticket <= stretch.start.newestTicket ? event : nil
        case .storageFailed: return change == .promptDisk ? nil : event
        case .gateLost: return change == .ranOnTime ? nil : event
        case .check(let index, _):
            if case .check(let held, _) = change, held == index { return .timer }
        case .link(let group, _):
            if case .link(let held) = change, held == group { return .timer }
        case .dataPlane: if change == .dataPlane { return .timer }
        case .maintenance: if change == .noMaintenance { return .timer }
        case .transfer(let group, _): if change == .noTransfer(group) { return .timer }
        case .reconfigured: if change == .sameConfiguration { return .timer }
        case .leaving: if change == .notLeaving { return .timer }
        case .started, .recalled, .timer, .command, .propose, .examined: break
        }
        return event
    }

    private func changed(_ reception: Reception) -> Reception? {
        var reception = reception
        let sender = reception.packet.sender
        // The node's own vote is answered by `answer`.
        if sender.node == elector.rules.this { return nil }
        switch reception.packet.message {
        case .heartbeat(var heartbeat):
            edit(&heartbeat, of: sender.node)
            reception.packet.message = .heartbeat(heartbeat)
        case .promise(var promise):
            promise.round = newestRound
            reception.packet.message = .promise(promise)
        case .grant(var grant):
            guard let request = newestRequest[grant.group], request.trial == grant.trial else { return reception }
            grant.round = request.round
            grant.term = request.term
            reception.packet.message = .grant(grant)
        case .voteRequest: if change == .noVoteRequests(sender.node) { return nil }
        case .certificate(let certificate):
            if change == .noCertificate(certificate.holder.node, certificate.group) { return nil }
        case .transferRequest(let request): if change == .noTransfer(request.group) { return nil }
        case .log: break
        }
        return reception
    }

    private func edit(_ heartbeat: inout Heartbeat, of node: NodeIndex) {
        switch change {
        case .noRelease(node, let group):
            for place in heartbeat.groups.indices where heartbeat.groups[place].group == group {
                guard let release = heartbeat.groups[place].release else { continue }
                heartbeat.groups[place].release = nil
                heartbeat.groups[place].holding = true
                heartbeat.groups[place].term = release.term
            }
        case .notBetter(node, let group):
            for place in heartbeat.groups.indices where heartbeat.groups[place].group == group {
                heartbeat.groups[place].eligible = false
            }
        default: break
        }
    }

    /// Heartbeats and promises that didn't come, as they would have; and the turns that the node itself missed.
    private mutating func fillGap(before now: Instant, _ decision: Decision) -> Bool {
        let interval = elector.rules.timing.heartbeat
        let talking: NodeSet
        switch change {
        case .keptTalking(let nodes): talking = nodes
        case .ranOnTime:
            guard now.since(lastInstant).nanoseconds > interval.nanoseconds + interval.nanoseconds / 2 else {
                return false
            }
            var everybody = NodeSet()
            for node in elector.rules.indices where node != elector.rules.this { everybody.insert(node) }
            talking = everybody
        default: return false
        }
        var at = lastInstant + Span(nanoseconds: interval.nanoseconds / 2)
        while at < now {
            if take(.timer, at: at, decision) { return true }
            for node in talking.members where at.since(lastFrom[node] ?? at) >= interval {
                for event in words(of: node) where take(event, at: at, decision) { return true }
                lastFrom[node] = at
            }
            at = at + Span(nanoseconds: interval.nanoseconds / 2)
        }
        for node in talking.members where now.since(lastFrom[node] ?? now) >= interval {
            for event in words(of: node) where take(event, at: now, decision) { return true }
            lastFrom[node] = now
        }
        return false
    }

    private mutating func words(of node: NodeIndex) -> [Event] {
        guard let peer = elector.insight(of: node), let incarnation = peer.incarnation,
            let heartbeat = lastBeat[node]
        else { return [] }
        let life = NodeLife(node: node, incarnation: incarnation)
        // Far below what it may have sent meanwhile: later words of its own still count as newer.
        let next = peer.directSequence.rawValue + 1
        var events: [Event] = [
            .received(
                Reception(
                    packet: Packet(sender: life, sequence: Sequence(next), message: .heartbeat(heartbeat)), relay: nil))
        ]
        let bonds = elector.rules.groups.compactMap { group in
            elector.insight(of: group.id, at: lastInstant)?.term.map { Promise.Bond(group: group.id, term: $0) }
        }
        if !bonds.isEmpty {
            let promise = Promise(holder: elector.ownLife, round: newestRound, bonds: bonds)
            events.append(
                .received(
                    Reception(
                        packet: Packet(sender: life, sequence: Sequence(next + 1), message: .promise(promise)),
                        relay: nil)))
        }
        return events
    }
}
