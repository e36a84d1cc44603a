import Election
import Journal

/// Follows one node's records and notes what changes.
struct NodeWatch {
    private let node: Int
    private let archive: JournalArchive
    private var clock = 0
    private var life: Life?
    private var rules: Rules?
    /// Place in the archive by node index of the rules.
    private var places: [Int] = []
    private var open: [GroupID: Tenure] = [:]
    private var hearing: [Hearing] = []
    private var lastInstant: Instant?
    private var lastRecord = RecordName(node: 0, segment: 0, record: 0)
    private var vector: [UInt32] = []
    private var wasSlow = false
    private var isUp = false
    private var stood: [GroupID: Term] = [:]
    private var canvassed: [GroupID: Term] = [:]
    private var claims: [ClaimKey: Claim] = [:]

    private struct Hearing {
        var last: Instant?
        var sequence: UInt64 = 0
        var isSilent = false
        var isLost = false
        var disagrees = false
    }

    private struct ClaimKey: Hashable {
        var speaker: Int
        var incarnation: Incarnation
        var group: GroupID
        var term: Term
    }

    init(node: Int, archive: JournalArchive) {
        self.node = node
        self.archive = archive
    }

    mutating func take(_ turn: CausalMerge.Turn, into chronicle: inout Chronicle) {
        clock = turn.clock
        vector = turn.vector
        switch turn.item {
        case .opened(let opening, let continues): opened(opening, continues, turn.replay, &chronicle)
        case .step(let taken):
            lastRecord = taken.name
            noticeStill(taken.instant, &chronicle)
            noticeSilence(at: taken.instant, &chronicle)
            note(taken.event, taken.instant, turn.replay, &chronicle)
            note(taken.effects, taken.instant, &chronicle)
            noticeDisk(turn.replay, taken.instant, &chronicle)
            isUp = turn.replay.elector?.isUp ?? false
            lastInstant = taken.instant
            life?.until = taken.instant
            life?.last = taken.name
            for group in open.keys {
                open[group]?.lastSeen = taken.instant
                open[group]?.lastRecord = taken.name
            }
        case .checkpoint(let instant, _):
            if let until = life?.until, instant > until { life?.until = instant }
        case .closed(let instant, let reason):
            life?.until = instant
            if reason == .stopped { life?.ending = .left }
        case .ended(let how): ended(how, &chronicle)
        }
    }

    mutating func finish(into chronicle: inout Chronicle) {
        closeLife(&chronicle)
        chronicle.claims += claims.values.sorted { ($0.first, $0.speaker) < ($1.first, $1.speaker) }
        if let rules { chronicle.rules[node] = rules }
    }

    private mutating func opened(
        _ opening: Opening, _ continues: Bool, _ replay: NodeReplay, _ chronicle: inout Chronicle
    ) {
        adopt(replay.elector?.rules)
        guard !continues || life == nil else { return }
        closeLife(&chronicle)
        hearing = Array(repeating: Hearing(), count: places.count)
        lastInstant = nil
        let name = RecordName(node: node, segment: opening.segment, record: 0)
        life = Life(
            node: node, incarnation: opening.incarnation, clock: clock, from: opening.instant, until: opening.instant,
            first: name, last: name)
        lastRecord = name
        isUp = replay.elector?.isUp ?? false
        adoptState(replay, opening.instant)
    }

    /// A segment may begin in the middle of a life whose earlier segments weren't given.
    private mutating func adoptState(_ replay: NodeReplay, _ instant: Instant) {
        guard let elector = replay.elector, elector.isUp, let rules else { return }
        for group in rules.groups {
            guard let insight = elector.insight(of: group.id, at: instant), insight.part == .holding,
                let term = insight.term, let lease = insight.leaseUntil, let since = insight.heldSince
            else { continue }
            open[group.id] = tenure(group.id, term, lease, .elected, since)
        }
        for index in rules.indices {
            guard let peer = elector.insight(of: index) else { continue }
            hearing[Int(index.rawValue)].last = peer.directAt
            hearing[Int(index.rawValue)].sequence = peer.directSequence.rawValue
        }
    }

    private mutating func adopt(_ new: Rules?) {
        guard let new else { return }
        rules = new
        places = new.nodes.map { archive.nodes.firstIndex(of: $0.name) ?? 0 }
        if hearing.count != places.count { hearing = Array(repeating: Hearing(), count: places.count) }
    }

    private mutating func closeLife(_ chronicle: inout Chronicle) {
        for group in open.keys.sorted() {
            if let tenure = open[group] { chronicle.tenures.append(tenure) }
        }
        open.removeAll()
        guard let life else { return }
        chronicle.lives.append(life)
        self.life = nil
    }

    private mutating func ended(_ how: NodeReplay.End, _ chronicle: inout Chronicle) {
        switch how {
        case .clean, .open, .torn: break
        case .damaged(let what):
            chronicle.troubles.append(what)
            life?.ending = .damaged(what)
        case .diverged(let name):
            let what = "what \(chronicle.name(name)) decided isn't what the rules derive: run electd replay"
            chronicle.troubles.append(what)
            life?.ending = .damaged(what)
        case .otherVersion:
            chronicle.troubles.append(
                "\(chronicle.name(node)): a segment was written by another version of the rules; ask that version")
        }
        if how != .clean { tell(.ended(how), life?.until ?? lastInstant ?? .zero, &chronicle) }
    }

    private func tell(_ what: Happening.What, _ instant: Instant, _ chronicle: inout Chronicle) {
        chronicle.happenings.append(
            Happening(what: what, name: lastRecord, clock: clock, instant: instant, vector: vector))
    }

    private func tenure(
        _ group: GroupID, _ term: Term, _ lease: Instant, _ reason: Reason, _ from: Instant
    ) -> Tenure {
        Tenure(
            node: node, group: group, term: term, clock: clock, incarnation: life?.incarnation ?? Incarnation(0),
            reason: reason, from: from, fromRecord: lastRecord, lease: lease, lastSeen: from, lastRecord: lastRecord,
            lag: rules?.timing.lag ?? .zero,
            isPair: rules?.groups.first { $0.id == group }?.mode == .pair)
    }

    private func place(_ index: NodeIndex) -> Int {
        Int(index.rawValue) < places.count ? places[Int(index.rawValue)] : 0
    }
}

// What the node didn't hear, and when it didn't run.
extension NodeWatch {
    private mutating func noticeStill(_ now: Instant, _ chronicle: inout Chronicle) {
        guard isUp, let last = lastInstant, let heartbeat = rules?.timing.heartbeat else { return }
        let gap = now.since(last)
        guard gap.nanoseconds > heartbeat.nanoseconds + heartbeat.nanoseconds / 2 else { return }
        guard chronicle.stills.count < Chronicle.limit else { return }
        chronicle.stills.append(Still(node: node, clock: clock, from: last, until: now))
        tell(.stoodStill(gap), now, &chronicle)
    }

    private mutating func noticeSilence(at now: Instant, _ chronicle: inout Chronicle) {
        guard let timing = rules?.timing else { return }
        let short = timing.heartbeat * 2 + Span(nanoseconds: timing.heartbeat.nanoseconds / 2)
        for index in hearing.indices {
            guard let last = hearing[index].last, !hearing[index].isLost else { continue }
            let gap = now.since(last)
            if gap > short && !hearing[index].isSilent && chronicle.silences.count < Chronicle.limit {
                hearing[index].isSilent = true
                chronicle.silences.append(
                    Silence(
                        listener: node, speaker: places[index], clock: clock, from: last,
                        lastSequence: hearing[index].sequence, until: nil))
            }
            if gap >= timing.promise {
                hearing[index].isLost = true
                tell(.lost(places[index], lastAt: last), now, &chronicle)
            }
        }
    }

    private mutating func hear(_ index: Int, _ sequence: UInt64, at now: Instant, _ chronicle: inout Chronicle) {
        guard index < hearing.count else { return }
        if hearing[index].isSilent, let last = hearing[index].last {
            hearing[index].isSilent = false
            // Backwards: the open one is among the newest.
            if let open = chronicle.silences.lastIndex(where: {
                $0.listener == node && $0.speaker == places[index] && $0.until == nil
            }) {
                chronicle.silences[open].until = now
            }
            if hearing[index].isLost { tell(.heardAgain(places[index], after: now.since(last)), now, &chronicle) }
        }
        hearing[index].isLost = false
        hearing[index].last = now
        hearing[index].sequence = max(hearing[index].sequence, sequence)
    }

    private mutating func noticeDisk(_ replay: NodeReplay, _ now: Instant, _ chronicle: inout Chronicle) {
        guard let elector = replay.elector, elector.isDiskSlow != wasSlow else { return }
        wasSlow = elector.isDiskSlow
        tell(wasSlow ? .diskSlow(since: elector.diskOwesSince ?? now) : .diskBack, now, &chronicle)
    }
}

// Events and effects.
extension NodeWatch {
    private mutating func note(
        _ event: Event, _ now: Instant, _ replay: NodeReplay, _ chronicle: inout Chronicle
    ) {
        switch event {
        case .started(let start):
            tell(.started(start.incarnation, hadMemory: start.memory != nil), now, &chronicle)
        case .received(let reception): receive(reception, now, &chronicle)
        case .timer, .persisted, .recalled, .command, .propose, .examined: break
        case .storageFailed: tell(.storageFailed, now, &chronicle)
        case .withdrawn(let group, _):
            guard let place = chronicle.tenures.lastIndex(where: { $0.node == node && $0.group == group }),
                chronicle.tenures[place].gaveUpAt != nil, chronicle.tenures[place].closedAt == nil
            else { break }
            chronicle.tenures[place].closedAt = now
            tell(.closed(group, chronicle.tenures[place].term), now, &chronicle)
        case .gateLost(let group): tell(.gateLost(group), now, &chronicle)
        case .check(let index, let passing):
            let names = rules?.checks ?? []
            let name = Int(index) < names.count ? harmless(names[Int(index)]) : "\(index)"
            tell(.check(name, passing: passing), now, &chronicle)
        case .link(let group, let up): tell(.link(group, up: up), now, &chronicle)
        case .dataPlane(let up): tell(.dataPlane(up: up), now, &chronicle)
        case .maintenance(let on): tell(.maintenance(on), now, &chronicle)
        case .transfer(let group, let to): tell(.ordered(group, to: place(to)), now, &chronicle)
        case .reconfigured:
            adopt(replay.elector?.rules)
            tell(.reconfigured, now, &chronicle)
        case .leaving: tell(.leaving, now, &chronicle)
        }
    }

    private mutating func receive(_ reception: Reception, _ now: Instant, _ chronicle: inout Chronicle) {
        let packet = reception.packet
        let index = Int(packet.sender.node.rawValue)
        guard index < places.count, packet.sender.node != rules?.this else {
            if case .grant(let grant) = packet.message { book(grant, reception, &chronicle) }
            return
        }
        if reception.relay == nil { hear(index, packet.sequence.rawValue, at: now, &chronicle) }
        switch packet.message {
        case .heartbeat(let heartbeat):
            noteAgreement(index, heartbeat, now, &chronicle)
            for beat in heartbeat.groups where beat.holding { claim(beat, packet.sender, now) }
        case .grant(let grant): book(grant, reception, &chronicle)
        case .certificate(let certificate): book(certificate, &chronicle)
        case .transferRequest(let request):
            tell(.asked(request.group, to: place(request.to), by: places[index]), now, &chronicle)
        case .promise, .voteRequest, .log: break
        }
    }

    private mutating func noteAgreement(
        _ index: Int, _ heartbeat: Heartbeat, _ now: Instant, _ chronicle: inout Chronicle
    ) {
        let differs = heartbeat.safetyDigest != rules?.safetyDigest
        guard differs != hearing[index].disagrees else { return }
        hearing[index].disagrees = differs
        tell(differs ? .disagrees(places[index]) : .agreesAgain(places[index]), now, &chronicle)
    }

    private mutating func claim(_ beat: GroupBeat, _ speaker: NodeLife, _ now: Instant) {
        let key = ClaimKey(
            speaker: place(speaker.node), incarnation: speaker.incarnation, group: beat.group, term: beat.term)
        if claims[key] != nil {
            claims[key]?.last = now
            claims[key]?.lastRecord = lastRecord
        } else if claims.count < 100_000 {
            claims[key] = Claim(
                speaker: key.speaker, incarnation: key.incarnation, group: key.group, term: key.term, listener: node,
                clock: clock, first: now, last: now, lastRecord: lastRecord)
        }
    }

    private func book(_ grant: Grant, _ reception: Reception, _ chronicle: inout Chronicle) {
        guard !grant.trial else { return }
        let key = VoteBook.Key(voter: place(reception.packet.sender.node), group: grant.group, term: grant.term)
        chronicle.votes.add(
            VoteBook.Entry(
                candidate: place(grant.candidate.node), incarnation: grant.candidate.incarnation,
                proof: reception.proof, record: lastRecord), key)
    }

    private func book(_ certificate: Certificate, _ chronicle: inout Chronicle) {
        for vote in certificate.votes {
            let key = VoteBook.Key(voter: place(vote.voter), group: certificate.group, term: certificate.term)
            chronicle.votes.add(
                VoteBook.Entry(
                    candidate: place(certificate.holder.node), incarnation: certificate.holder.incarnation,
                    proof: vote.proof, record: lastRecord), key)
        }
    }

    private mutating func note(_ effects: [Effect], _ now: Instant, _ chronicle: inout Chronicle) {
        for effect in effects {
            switch effect {
            case .openGate(let group, let until):
                open[group] = tenure(group, .none, until, .elected, now)
            case .renewGate(let group, let until): open[group]?.lease = until
            case .withdraw(let group, _):
                guard var ended = open.removeValue(forKey: group) else { break }
                ended.gaveUpAt = now
                ended.lastRecord = lastRecord
                chronicle.tenures.append(ended)
            case .changed(let change): changed(change, now, &chronicle)
            case .send(let packet, _): sent(packet, now, &chronicle)
            case .accuse(let index, let group, let term, _):
                tell(.accused(place(index), group, term), now, &chronicle)
            case .left: tell(.left, now, &chronicle)
            case .persist, .relay, .takeAddresses, .announce: break
            case .writeLog, .derived, .examine, .answered, .forked: break
            }
        }
    }

    private mutating func changed(_ change: Change, _ now: Instant, _ chronicle: inout Chronicle) {
        if change.role == .holder {
            open[change.group]?.term = change.term
            open[change.group]?.reason = change.reason
            tell(.took(change.group, change.term, change.reason), now, &chronicle)
            return
        }
        if let place = chronicle.tenures.lastIndex(where: { $0.node == node && $0.group == change.group }),
            chronicle.tenures[place].gaveUpAt == now, chronicle.tenures[place].ending == .unknown
        {
            chronicle.tenures[place].ending = .gaveUp(change.reason)
            tell(.gaveUp(change.group, change.term, change.reason), now, &chronicle)
            return
        }
        tell(.role(change.group, change.role, change.reason), now, &chronicle)
    }

    private mutating func sent(_ packet: Packet, _ now: Instant, _ chronicle: inout Chronicle) {
        switch packet.message {
        case .voteRequest(let request):
            if request.trial {
                guard canvassed[request.group] != request.term else { return }
                canvassed[request.group] = request.term
                tell(.canvassed(request.group, request.term), now, &chronicle)
            } else if stood[request.group] != request.term {
                stood[request.group] = request.term
                tell(.stood(request.group, request.term), now, &chronicle)
            }
        case .grant(let grant) where !grant.trial:
            tell(.voted(grant.group, grant.term, for: place(grant.candidate.node)), now, &chronicle)
        default: break
        }
    }
}
