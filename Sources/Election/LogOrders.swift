/// Orders for the log: given on any node, put into the log by the holder, answered when committed (G6).
extension Elector {
    /// The orders of one node and group that may wait; a configuration takes one for each part.
    private static let wishLimit = 256
    private static let uploadPatience = Span.milliseconds(30_000)

    mutating func command(
        _ command: Command, request: UInt64, group: GroupID, at now: Instant, _ effects: inout [Effect]
    ) {
        guard let place = groups.firstIndex(of: group) else {
            return answer(request, .refused("there is no such group"), &effects)
        }
        guard replication.logs[place].wishes.count < Self.wishLimit else {
            return answer(request, .refused("too many orders are waiting on this node"), &effects)
        }
        enqueue(command, request: request, in: place, until: now + Self.orderPatience)
    }

    @discardableResult
    private mutating func enqueue(_ command: Command, request: UInt64, in place: Int, until: Instant) -> CommandID {
        replication.lastNumber += 1
        let id = CommandID(origin: life, number: replication.lastNumber)
        replication.logs[place].wishes.append(Wish(id: id, command: command, request: request, until: until))
        markBusy(place)
        return id
    }

    /// Proposes a configuration: its text in parts, then the decision is awaited (G8).
    mutating func propose(_ text: [UInt8], request: UInt64, at now: Instant, _ effects: inout [Effect]) {
        guard !groups.isEmpty else { return answer(request, .refused("there is no group"), &effects) }
        let place = replication.clusterPlace
        let parts = (text.count + Bound.textPart - 1) / Bound.textPart
        guard !text.isEmpty, text.count <= Bound.configurationText else {
            return answer(request, .refused("the file is longer than \(Bound.configurationText) bytes"), &effects)
        }
        guard replication.logs[place].uploads.isEmpty,
            replication.logs[place].wishes.count + parts < Self.wishLimit
        else { return answer(request, .refused("another configuration is being proposed on this node"), &effects) }
        let until = now + Self.uploadPatience
        let start = Command.propose(size: UInt32(text.count), digest: Digest(of: text))
        let id = enqueue(start, request: 0, in: place, until: now + Self.orderPatience)
        for offset in stride(from: 0, to: text.count, by: Bound.textPart) {
            let part = Array(text[offset..<min(offset + Bound.textPart, text.count)])
            enqueue(.text(offset: UInt32(offset), part), request: 0, in: place, until: until)
        }
        replication.logs[place].uploads = [Upload(request: request, proposal: id, until: until)]
    }

    private func answer(_ request: UInt64, _ outcome: CommandOutcome, _ effects: inout [Effect]) {
        if request != 0 { effects.append(.answered(request, outcome)) }
    }

    /// Whose wishes a node itself has: they wait as long as they are wanted.
    private func isStanding(_ wish: Wish) -> Bool {
        if case .maintenance(let node, let on) = wish.command {
            return wish.request == 0 && node == rules.this && on == isInMaintenance
        }
        if case .evidence = wish.command { return true }
        return false
    }

    mutating func tendOrders(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        while let first = replication.logs[place].wishes.first {
            if replication.logs[place].log.state.hasPassed(first.id) {
                finish(place, .committed(index: replication.logs[place].log.committed), &effects)
                continue
            }
            if now >= first.until && !isStanding(first) {
                finish(place, first.wasSent ? .unknown : .noHolder, &effects)
                continue
            }
            push(first, in: place, at: now, &effects)
            guard let left = replication.logs[place].wishes.first, left.id == first.id else { continue }
            // One that waits in this node's own log may have been sent to the holder before, long ago.
            let repeated = (left.sentAt ?? now) + rules.timing.heartbeat
            let again = repeated > now ? repeated : now + rules.timing.heartbeat
            wake(place, at: isStanding(left) ? again : min(again, max(left.until, now)))
            break
        }
        for upload in replication.logs[place].uploads where now >= upload.until {
            replication.logs[place].uploads.removeAll { $0.proposal == upload.proposal }
            answer(upload.request, .unknown, &effects)
        }
        if let upload = replication.logs[place].uploads.first { wake(place, at: upload.until) }
    }

    /// Into the log, if this node holds; else to whoever does.
    private mutating func push(_ wish: Wish, in place: Int, at now: Instant, _ effects: inout [Effect]) {
        if replication.logs[place].leadingTerm != nil {
            if replication.logs[place].log.isPending(wish.id) { return }
            if let why = obstacle(to: wish.command, of: wish.id, in: place) {
                finish(place, .refused(why), &effects)
                return
            }
            replication.logs[place].wishes[0].wasSent = true
            append(.command(wish.id, wish.command), in: place, &effects)
            return
        }
        if case .decide = wish.command {
            // Another holder decides now.
            finish(place, .noHolder, &effects)
            return
        }
        if let sentAt = wish.sentAt, now < sentAt + rules.timing.heartbeat { return }
        replication.logs[place].wishes[0].sentAt = now
        guard let holder = holder(in: place, at: now), holder != rules.this else { return }
        replication.logs[place].wishes[0].wasSent = true
        post(.order(groups[place].id, wish.id, wish.command), to: holder)
    }

    private mutating func finish(_ place: Int, _ outcome: CommandOutcome, _ effects: inout [Effect]) {
        let wish = replication.logs[place].wishes.removeFirst()
        answer(wish.request, outcome, &effects)
        if case .committed = outcome { return }
        // A part that didn't get there ends the whole.
        switch wish.command {
        case .propose, .text:
            replication.logs[place].wishes.removeAll { other in
                switch other.command {
                case .text, .propose: true
                default: false
                }
            }
            for upload in replication.logs[place].uploads { answer(upload.request, outcome, &effects) }
            replication.logs[place].uploads = []
        default: break
        }
    }

    /// Why the holder doesn't put an order into the log; nil when it does.
    private func obstacle(to command: Command, of id: CommandID, in place: Int) -> String? {
        let log = replication.logs[place].log
        if log.uncommittedCount >= 512 { return "the holder's log isn't being committed" }
        switch command {
        case .server(let name, _):
            if log.state.setting(of: name) == nil, log.state.settings.count >= Bound.settings {
                return "\(Bound.settings) servers of the group differ from the configuration already"
            }
        case .propose(let size, _):
            if size > UInt32(Bound.configurationText) { return "the configuration is too long" }
            if let other = log.state.proposal, other.id.origin.node != id.origin.node || other.isComplete {
                return "another configuration is being decided"
            }
        case .decide(let proposal, _, _):
            if log.state.proposal?.id != proposal { return "there is no such proposal" }
        case .maintenance, .text, .evidence: break
        }
        return nil
    }

    mutating func receiveOrder(
        _ id: CommandID, _ command: Command, from sender: NodeLife, in place: Int, at now: Instant,
        _ effects: inout [Effect]
    ) {
        // Nobody orders in another's name, and only the holder decides.
        guard id.origin == sender, replication.logs[place].leadingTerm != nil, groups[place].leaseUntil != nil else {
            return
        }
        if case .decide = command { return }
        if replication.logs[place].log.state.hasPassed(id) || replication.logs[place].log.isPending(id) { return }
        if let why = obstacle(to: command, of: id, in: place) {
            post(.refuse(groups[place].id, id, why: why), to: sender.node)
        } else {
            append(.command(id, command), in: place, &effects)
        }
    }

    mutating func orderRefused(_ id: CommandID, _ why: String, in place: Int, _ effects: inout [Effect]) {
        guard replication.logs[place].wishes.first?.id == id else { return }
        finish(place, .refused(why), &effects)
        markBusy(place)
    }

    // MARK: What came of it

    /// Tells the shell, and this node itself, what the log has just decided.
    mutating func tell(_ news: [LogNews], of place: Int, at now: Instant, _ effects: inout [Effect]) {
        let id = groups[place].id
        for item in news {
            switch item {
            case .ordered, .settings, .epoch: break
            case .maintenance(let node, let order):
                if node == rules.this { followMaintenance(order, at: now, &effects) }
            case .proposed(let proposal):
                replication.logs[place].examined = Examined(proposal: proposal, obstacle: nil)
                effects.append(.examine(id, proposal))
            case .decided(let decision):
                if replication.logs[place].examined?.proposal == decision.proposal {
                    replication.logs[place].examined = nil
                }
                for upload in replication.logs[place].uploads where upload.proposal == decision.proposal {
                    let index = replication.logs[place].log.committed
                    answer(
                        upload.request, decision.accepted ? .committed(index: index) : .refused(decision.why), &effects)
                }
                replication.logs[place].uploads.removeAll { $0.proposal == decision.proposal }
            }
        }
        let committed = replication.logs[place].log.committed
        effects.append(.derived(id, index: committed, stateHash: replication.logs[place].log.stateHash))
        if place == replication.clusterPlace { alignMaintenance(at: now) }
    }

    // MARK: Maintenance

    /// The log says something new of this node: an operator elsewhere, or this node's own word coming back.
    private mutating func followMaintenance(_ order: CommandID?, at now: Instant, _ effects: inout [Effect]) {
        let place = replication.clusterPlace
        guard let said = replication.logs[place].log.state.maintenance(of: rules.this),
            replication.maintenanceSeen < said.stamp
        else { return }
        let isOutdated = replication.logs[place].wishes.contains { wish in
            guard case .maintenance(rules.this, _) = wish.command, wish.request == 0 else { return false }
            return order.map { $0 < wish.id } ?? true
        }
        replication.maintenanceSeen = said.stamp
        if isOutdated || said.on == isInMaintenance { return }
        isInMaintenance = said.on
        persist(at: now, &effects)
    }

    /// G9: a node's own word on its maintenance holds at once, with or without a holder; the log learns of it.
    mutating func alignMaintenance(at now: Instant) {
        guard !groups.isEmpty else { return }
        let place = replication.clusterPlace
        let said = replication.logs[place].log.state.maintenance(of: rules.this)?.on ?? false
        let pending = replication.logs[place].wishes.last { wish in
            guard case .maintenance(rules.this, _) = wish.command else { return false }
            return wish.request == 0
        }
        if case .maintenance(_, let on) = pending?.command {
            if on == isInMaintenance { return }
        } else if said == isInMaintenance {
            return
        }
        // One that wasn't sent yet needn't be.
        replication.logs[place].wishes.removeAll { wish in
            guard case .maintenance(rules.this, _) = wish.command else { return false }
            return wish.request == 0 && !wish.wasSent
        }
        enqueue(.maintenance(rules.this, isInMaintenance), request: 0, in: place, until: now + Self.orderPatience)
    }

    /// What a voter must never do goes into the log with its proof (I11).
    mutating func recordEvidence(_ evidence: Evidence, in place: Int, at now: Instant) {
        let log = replication.logs[place]
        guard log.log.state.evidence.count < Bound.evidence, !log.log.state.evidence.contains(evidence),
            log.wishes.count < 32
        else { return }
        enqueue(.evidence(evidence), request: 0, in: place, until: now + Self.orderPatience)
    }

    /// Whether the log has it, or was just asked to take it.
    func isOnRecord(_ evidence: Evidence, in place: Int) -> Bool {
        let log = replication.logs[place]
        return log.log.state.evidence.contains(evidence)
            || log.wishes.contains { $0.command == .evidence(evidence) }
    }

    // MARK: Proposals

    mutating func examined(_ proposal: CommandID, obstacle: String, in place: Int, at now: Instant) {
        guard replication.logs[place].examined?.proposal == proposal else { return }
        replication.logs[place].examined?.obstacle = obstacle
        markBusy(place)
    }

    /// A verdict is said again until the decision is there; the holder may have changed.
    mutating func tendVerdict(_ place: Int, at now: Instant) {
        guard let examined = replication.logs[place].examined, let obstacle = examined.obstacle else { return }
        if replication.logs[place].leadingTerm == nil {
            let again = examined.toldAt.map { $0 + rules.timing.heartbeat } ?? now
            if now >= again, let holder = holder(in: place, at: now) {
                replication.logs[place].examined?.toldAt = now
                post(.verdict(groups[place].id, proposal: examined.proposal, obstacle: obstacle), to: holder)
            }
        }
        wake(place, at: max(now, replication.logs[place].examined?.toldAt ?? now) + rules.timing.heartbeat)
    }

    mutating func hearVerdict(_ obstacle: String, on proposal: CommandID, from node: NodeIndex, in place: Int) {
        guard replication.logs[place].leading?.proposal == proposal else { return }
        replication.logs[place].leading?.verdicts[Int(node.rawValue)] = obstacle
        markBusy(place)
    }

    /// G8: in force everywhere or nowhere. The holder decides for it when every node that it hears can take it, a
    /// quorum of voters among them, and against it when one can't or doesn't answer.
    mutating func decideProposal(_ place: Int, at now: Instant) {
        guard let proposal = replication.logs[place].log.state.proposal, var leading = replication.logs[place].leading
        else { return }
        if leading.proposal != proposal.id || leading.proposalSize != proposal.text.count {
            leading.proposal = proposal.id
            leading.proposalSize = proposal.text.count
            leading.proposalSince = now
            leading.hasDecided = false
            leading.verdicts = Array(repeating: nil, count: rules.nodes.count)
        }
        if let own = replication.logs[place].examined, own.proposal == proposal.id {
            leading.verdicts[Int(rules.this.rawValue)] = own.obstacle
        }
        if !leading.hasDecided, let decision = judge(proposal, leading, in: place, at: now) {
            leading.hasDecided = true
            enqueue(
                .decide(proposal.id, accepted: decision.accepted, why: decision.why), request: 0, in: place,
                until: now + Self.orderPatience)
        }
        replication.logs[place].leading = leading
        // Whether a node that hasn't answered is still heard has to be looked at now and then.
        if !leading.hasDecided {
            wake(place, at: min(now + rules.timing.heartbeat, max(now, leading.proposalSince + Self.orderPatience)))
        }
    }

    private func judge(
        _ proposal: LogState.Proposal, _ leading: Leading, in place: Int, at now: Instant
    ) -> (accepted: Bool, why: String)? {
        let isLate = now >= leading.proposalSince + Self.orderPatience
        guard proposal.isComplete else { return isLate ? (false, "its text stopped arriving") : nil }
        var willing = 0
        for node in rules.indices {
            let verdict = leading.verdicts[Int(node.rawValue)]
            if let verdict, !verdict.isEmpty {
                return (false, Self.bounded("\(rules.name(of: node)): \(verdict)"))
            }
            if verdict != nil {
                if voters.contains(node) { willing += 1 }
                continue
            }
            let isNeeded = rules.groups[place].mode == .pair && rules.groups[place].mayHold(node)
            let heardAt = peers[Int(node.rawValue)].directAt
            let isHeard = node == rules.this || heardAt.map { now.since($0) < rules.timing.promise } ?? false
            if isHeard || isNeeded {
                return isLate ? (false, "\(rules.name(of: node)) did not say whether it can take it") : nil
            }
        }
        if willing >= quorum { return (true, "") }
        return isLate ? (false, "less than a majority of the voters answered") : nil
    }

    /// At most `Bound.refusal` bytes, at a character's end.
    static func bounded(_ text: String) -> String {
        var short = text
        while short.utf8.count > Bound.refusal, !short.isEmpty { short.removeLast() }
        return short
    }
}
