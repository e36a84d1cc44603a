/// The holder's and its followers' part in the group's log (Specs/protocol.md, "Log"; rules G1 to G6).
extension Elector {
    /// How long an order, a proposal's text or a verdict is waited for.
    static let orderPatience = Span.milliseconds(5_000)

    func life(_ life: NodeLife, leads place: Int, in term: Term) -> Bool {
        if rules.groups[place].mode == .pair { return life.node == pairPeer(in: place) }
        return groups[place].isCertified(life, in: term)
    }

    /// Bytes of entries that one group keeps behind what is committed: many groups keep few each.
    private var keptBytes: Int { min(max(256 * 1024 / max(groups.count, 1), 1024), 32 * 1024) }

    /// Something happened to the log: the end of the step looks what there is to do.
    mutating func markBusy(_ place: Int) {
        if replication.logs[place].isBusy { return }
        replication.logs[place].isBusy = true
        replication.busy.append(place)
    }

    mutating func post(_ part: LogPart, to node: NodeIndex) {
        if node != rules.this { replication.outbox.append(Outgoing(to: node, part: part)) }
    }

    // MARK: Leading

    /// G2: every holder begins with an entry of its own term; what it found uncommitted is committed with that.
    ///
    /// To be called before the certificate takes the place of the one before, and before the write that the
    /// acquisition waits for: the entry is on disk with it.
    mutating func lead(
        _ place: Int, term: Term, because reason: Reason, at now: Instant, _ effects: inout [Effect]
    ) {
        let before = replication.logs[place].log.last
        precondition(before.term <= term, "G2: a holder's entries are of the newest term in its log")
        let count = rules.nodes.count
        var next: [UInt64] = []
        for mark in replication.logs[place].marks { next.append(min(mark?.index ?? before.index, before.index) + 1) }
        replication.logs[place].leading = Leading(
            term: term, matched: Array(repeating: 0, count: count), next: next,
            dueAt: Array(repeating: .zero, count: count), verdicts: Array(repeating: nil, count: count))
        replication.logs[place].followed = nil
        replication.logs[place].fetch = nil
        if let old = groups[place].certificate, let release = groups[place].released {
            replication.logs[place].log.append(.released(old.holder, release), term: term)
        }
        replication.logs[place].log.append(.held(life, because: reason), term: term)
        write(place, after: before, &effects)
    }

    /// Appends something as the holder.
    mutating func append(_ content: LogContent, in place: Int, _ effects: inout [Effect]) {
        guard let leading = replication.logs[place].leading else { return }
        let before = replication.logs[place].log.last
        replication.logs[place].log.append(content, term: leading.term)
        write(place, after: before, &effects)
    }

    /// Has everything after a place written; who waits for the disk is told later.
    mutating func write(_ place: Int, after kept: LogPosition, _ effects: inout [Effect]) {
        let last = replication.logs[place].log.last
        let new = replication.logs[place].log.cut(after: kept.index, atMost: .max)
        effects.append(.writeLog(groups[place].id, .entries(after: kept, new)))
        // What was overwritten isn't durable any more, whatever the disk says later.
        replication.logs[place].durable = min(replication.logs[place].durable, kept.index)
        for slot in replication.writes.indices where replication.writes[slot].place == place {
            replication.writes[slot].index = min(replication.writes[slot].index, kept.index)
        }
        replication.writes.append(LogAwait(ticket: nil, place: place, index: last.index))
        groups[place].note(term: last.term)
        markBusy(place)
    }

    /// G3: committed is what a quorum has on disk, up to an entry of the holder's own term.
    private mutating func advanceCommit(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        guard let term = replication.logs[place].leadingTerm, groups[place].termHeld == term else { return }
        var index = replication.logs[place].durable
        replication.logs[place].leading?.matched[Int(rules.this.rawValue)] = index
        if rules.groups[place].mode == .majority {
            let (quorum, voters) = (quorum, voters)
            guard let common = replication.logs[place].leading?.matched(byAtLeast: quorum, of: voters) else { return }
            index = common
        }
        guard index > replication.logs[place].log.committed,
            replication.logs[place].log.position(at: index)?.term == term
        else { return }
        commit(place, to: index, at: now, &effects)
    }

    /// Applies what is committed now, on the holder and on whoever learned of it.
    mutating func commit(_ place: Int, to index: UInt64, at now: Instant, _ effects: inout [Effect]) {
        let before = replication.logs[place].log.committed
        let news = replication.logs[place].log.commit(to: index)
        let committed = replication.logs[place].log.committed
        guard committed > before else { return }
        effects.append(.writeLog(groups[place].id, .committed(committed)))
        if replication.logs[place].log.compact(keeping: keptBytes) {
            effects.append(.writeLog(groups[place].id, .image(replication.logs[place].log.image)))
        }
        if !news.isEmpty {
            tell(news, of: place, at: now, &effects)
            // Orders come into force everywhere at once, not at the next interval.
            if groups[place].leaseUntil != nil { beatNow(at: now) }
        }
        markBusy(place)
    }

    private mutating func sendAppends(_ place: Int, at now: Instant) {
        // Its arrays move through the change instead of being copied by it.
        guard var leading = replication.logs[place].leading.take() else { return }
        let base = replication.logs[place].log.base.index
        let last = replication.logs[place].log.last.index
        var run: (after: UInt64, entries: [LogEntry]) = (last, [])
        for node in rules.indices where node != rules.this {
            let slot = Int(node.rawValue)
            guard leading.matched[slot] < last, isReachable(node, at: now) else { continue }
            let isDue = now >= leading.dueAt[slot]
            if isDue && leading.dueAt[slot] != .zero {
                leading.next[slot] = min(leading.next[slot], max(leading.matched[slot], base) + 1)
            }
            let isNews = leading.next[slot] <= last && leading.next[slot] - leading.matched[slot] <= 64
            if isDue || isNews {
                sendEntries(in: place, to: node, &leading, &run)
                leading.dueAt[slot] = now + rules.timing.heartbeat * (isBeyond(node, in: place, at: now) ? 64 : 1)
            }
            wake(place, at: leading.dueAt[slot])
        }
        replication.logs[place].leading = leading
    }

    /// Has voted in a newer term, as it seems, and acknowledges nothing (G1) until there is a holder in that: what is
    /// said to it once in a while is in case that it only seems so. A pair's nodes count their terms each for itself.
    private func isBeyond(_ node: NodeIndex, in place: Int, at now: Instant) -> Bool {
        guard rules.groups[place].mode == .majority, case .holding(let holding) = groups[place].role,
            let term = groups[place].termHeld, let beat = beat(of: node, in: place), beat.term > term
        else { return false }
        guard let promised = holding.acknowledged[Int(node.rawValue)] else { return true }
        return now.since(promised) >= rules.timing.promise
    }

    /// - Parameter run: what was sent to the node before, which the next one mostly lacks too.
    private mutating func sendEntries(
        in place: Int, to node: NodeIndex, _ leading: inout Leading, _ run: inout (after: UInt64, entries: [LogEntry])
    ) {
        let slot = Int(node.rawValue)
        let base = replication.logs[place].log.base.index
        let last = replication.logs[place].log.last.index
        let committed = replication.logs[place].log.committed
        leading.next[slot] = min(max(leading.next[slot], base + 1), last + 1)
        for _ in 0..<Bound.logWindow {
            guard let before = replication.logs[place].log.position(at: leading.next[slot] - 1) else { return }
            if run.after != before.index {
                run = (before.index, replication.logs[place].log.cut(after: before.index, atMost: Bound.logBytes))
            }
            post(
                .append(
                    LogAppend(
                        group: groups[place].id, term: leading.term, place: before, entries: run.entries,
                        committed: committed, oldest: base)), to: node)
            leading.next[slot] += UInt64(run.entries.count)
            if leading.next[slot] > last { return }
        }
    }

    func isReachable(_ node: NodeIndex, at now: Instant) -> Bool {
        guard let at = peers[Int(node.rawValue)].directAt, now.since(at) < rules.timing.promise else { return false }
        return agrees(node)
    }

    /// Whether the node's log is complete, as far as this holder knows: by its word, for one that has voted in a newer
    /// term acknowledges nothing.
    func isCaughtUp(_ node: NodeIndex, in place: Int) -> Bool {
        let last = replication.logs[place].log.last
        if let leading = replication.logs[place].leading, leading.matched[Int(node.rawValue)] >= last.index {
            return true
        }
        let mark = replication.logs[place].marks[Int(node.rawValue)]
        return mark.map { !$0.position.isBehind(term: last.term, index: last.index) } ?? (last.index == 0)
    }

    mutating func receive(
        _ word: LogAcknowledgement, from node: NodeIndex, in place: Int, at now: Instant, _ effects: inout [Effect]
    ) {
        guard word.holder == life, replication.logs[place].leadingTerm == word.term else { return }
        let slot = Int(node.rawValue)
        let last = replication.logs[place].log.last.index
        let isKnown = replication.logs[place].log.position(at: word.committed.index)?.hash == word.committed.hash
        // Its own branch begins in this one, or goes on where this one ends.
        if !isKnown && rules.groups[place].mode == .pair {
            meetBranch(endingAt: word.committed, of: node, in: place, at: now)
        }
        if let durable = word.durable {
            guard durable <= last else { return }
            replication.logs[place].leading?.raise(slot, to: durable)
            advanceCommit(place, at: now, &effects)
        } else {
            // Said again soon, from what it has for certain: at once would be for ever where it can't be mended.
            replication.logs[place].leading?.next[slot] = last + 1
            replication.logs[place].leading?.hasten(slot, to: now + rules.timing.retry)
            // What is committed needs nobody's count any more.
            if isKnown { replication.logs[place].leading?.match(slot, word.committed.index) }
        }
        markBusy(place)
    }

    // MARK: Following

    /// G1: only of the certified holder, only in a term not below the own vote, and acknowledged when on disk.
    mutating func receive(
        _ append: LogAppend, from holder: NodeLife, in place: Int, at now: Instant, _ effects: inout [Effect]
    ) {
        guard groups[place].leaseUntil == nil, life(holder, leads: place, in: append.term),
            append.term >= groups[place].ballot.term || rules.groups[place].mode == .pair
        else { return }
        if replication.logs[place].leadingTerm != nil { replication.logs[place].leading = nil }
        var followed = Followed(holder: holder, term: append.term, index: 0)
        if let known = replication.logs[place].followed, known.holder == holder, known.term == append.term {
            followed = known
        } else {
            replication.logs[place].followed = followed
        }
        let end = append.place.index + UInt64(append.entries.count)
        guard follow(append, in: place, &effects) else {
            post(
                .acknowledge(
                    LogAcknowledgement(
                        group: append.group, holder: holder, term: append.term, durable: nil,
                        committed: replication.logs[place].log.committedPosition)), to: holder.node)
            if append.oldest > replication.logs[place].log.committed || rules.groups[place].mode == .pair {
                fetch(place, from: holder.node, isWhole: rules.groups[place].mode == .pair, at: now)
            }
            return
        }
        replication.logs[place].behindSince = nil
        followed.index = max(followed.index, end)
        replication.logs[place].followed = followed
        commit(place, to: min(append.committed, followed.index), at: now, &effects)
        acknowledge(place)
    }

    /// - Returns: whether this node's log agrees with the holder's up to the end of what was sent.
    private mutating func follow(_ append: LogAppend, in place: Int, _ effects: inout [Effect]) -> Bool {
        var before = append.place
        var entries = append.entries
        let base = replication.logs[place].log.base
        if before.index < base.index {
            // Folded into the state here, so committed: only what comes after it can be news.
            let old = min(UInt64(entries.count), base.index - before.index)
            if let last = entries.prefix(Int(old)).last?.position { before = last }
            entries.removeFirst(Int(old))
            if before.index < base.index { return rules.groups[place].mode == .majority }
            guard before.hash == base.hash else { return false }
        }
        guard replication.logs[place].log.position(at: before.index)?.hash == before.hash else { return false }
        if let kept = replication.logs[place].log.take(entries, after: before) {
            guard let keptPlace = replication.logs[place].log.position(at: kept) else { return false }
            write(place, after: keptPlace, &effects)
        }
        let end = entries.last?.position ?? before
        return replication.logs[place].log.position(at: end.index)?.hash == end.hash
    }

    /// Tells the holder what is on disk here; nothing while there is nothing new to tell.
    private mutating func acknowledge(_ place: Int) {
        guard let followed = replication.logs[place].followed, followed.index > 0,
            groups[place].ballot.term <= followed.term || rules.groups[place].mode == .pair
        else { return }
        let durable = replication.logs[place].durable
        // What the disk still owes is acknowledged when it is there.
        guard durable >= min(followed.index, replication.logs[place].log.last.index) else { return }
        post(
            .acknowledge(
                LogAcknowledgement(
                    group: groups[place].id, holder: followed.holder, term: followed.term,
                    durable: min(followed.index, durable),
                    committed: replication.logs[place].log.committedPosition)),
            to: followed.holder.node)
    }

    /// What a heartbeat says of its sender's log.
    mutating func hear(
        _ mark: LogMark, from sender: NodeLife, isHolding: Bool, term: Term, in place: Int, at now: Instant,
        _ effects: inout [Effect]
    ) {
        let slot = Int(sender.node.rawValue)
        if replication.logs[place].marks[slot] != mark { replication.logs[place].marks[slot] = mark }
        let last = replication.logs[place].log.last
        if mark.committed <= replication.logs[place].log.committed, mark.index == last.index, mark.term == last.term {
            // It may have the entries and not know yet that they are committed.
            if let leading = replication.logs[place].leading, leading.matched[slot] < last.index { markBusy(place) }
            return
        }
        if isHolding, life(sender, leads: place, in: term) {
            if let followed = replication.logs[place].followed, followed.holder == sender, followed.term == term {
                commit(place, to: min(mark.committed, followed.index), at: now, &effects)
            } else if rules.groups[place].mode == .majority, mark.index == last.index, mark.term == last.term {
                // Its own vote is of a newer term, so it follows nobody; but a log that ends alike is the same log.
                commit(place, to: mark.committed, at: now, &effects)
            }
        }
        if rules.groups[place].mode == .pair, groups[place].leaseUntil != nil,
            replication.logs[place].log.position(at: mark.index)?.term != mark.term
        {
            // It has held meanwhile: what it once acknowledged isn't all that it has.
            replication.logs[place].leading?.matched[slot] = 0
        }
        markBusy(place)
    }

    // MARK: Every step

    /// The end of a step: sends, repeats, waits; nothing at all while no log is busy.
    mutating func replicate(at now: Instant, _ effects: inout [Effect]) {
        if now >= replication.wakeAt {
            for place in groups.indices where now >= replication.logs[place].wakeAt { markBusy(place) }
        }
        guard !replication.busy.isEmpty || !replication.outbox.isEmpty || !replication.writes.isEmpty else { return }
        if !replication.busy.isEmpty {
            let busy = replication.busy.count
            for slot in 0..<busy { tendLog(replication.busy[slot], at: now, &effects) }
            // What became busy meanwhile is looked at in the next step.
            if replication.busy.count == busy {
                replication.busy.removeAll(keepingCapacity: true)
            } else {
                replication.busy.removeFirst(busy)
            }
            replication.wakeAt = .never
            for place in groups.indices {
                replication.wakeAt = min(replication.wakeAt, replication.logs[place].wakeAt)
            }
        }
        askForWrites(at: now, &effects)
        flush(&effects)
    }

    private mutating func tendLog(_ place: Int, at now: Instant, _ effects: inout [Effect]) {
        replication.logs[place].isBusy = false
        replication.logs[place].wakeAt = .never
        if let term = replication.logs[place].leadingTerm, groups[place].termHeld != term {
            replication.logs[place].leading = nil
        }
        tendOrders(place, at: now, &effects)
        if replication.logs[place].leadingTerm != nil {
            decideProposal(place, at: now)
            tendOrders(place, at: now, &effects)
            sendAppends(place, at: now)
        }
        tendFetch(place, at: now)
        tendVerdict(place, at: now)
    }

    /// The log is looked at again at that instant at the latest.
    mutating func wake(_ place: Int, at instant: Instant) {
        replication.logs[place].wakeAt = min(replication.logs[place].wakeAt, instant)
        replication.wakeAt = min(replication.wakeAt, instant)
    }

    /// One write for all logs, and none of its own when the step asks for one anyway.
    private mutating func askForWrites(at now: Instant, _ effects: inout [Effect]) {
        guard replication.writes.contains(where: { $0.ticket == nil }) else { return }
        var ticket: Ticket?
        for effect in effects.reversed() {
            if case .writeLog(_, .entries) = effect { break }
            if case .persist(let asked) = effect {
                ticket = asked
                break
            }
        }
        let given = ticket ?? persist(at: now, &effects)
        for slot in replication.writes.indices where replication.writes[slot].ticket == nil {
            replication.writes[slot].ticket = given
        }
    }

    mutating func logPersisted(_ ticket: Ticket, at now: Instant, _ effects: inout [Effect]) {
        guard replication.writes.contains(where: { $0.ticket.map { $0 <= ticket } ?? false }) else { return }
        let done = replication.writes.filter { $0.ticket.map { $0 <= ticket } ?? false }
        replication.writes.removeAll { $0.ticket.map { $0 <= ticket } ?? false }
        for write in done {
            let durable = replication.logs[write.place].durable
            replication.logs[write.place].durable = max(durable, write.index)
            if replication.logs[write.place].leadingTerm != nil {
                advanceCommit(write.place, at: now, &effects)
            } else {
                acknowledge(write.place)
            }
        }
    }

    private mutating func flush(_ effects: inout [Effect]) {
        guard !replication.outbox.isEmpty else { return }
        var outbox: [Outgoing] = []
        swap(&outbox, &replication.outbox)
        var receivers = NodeSet()
        for outgoing in outbox { receivers.insert(outgoing.to) }
        for node in rules.indices where receivers.contains(node) {
            var parts: [LogPart] = []
            parts.reserveCapacity(outbox.count / receivers.count)
            var room = Bound.logBytes
            for outgoing in outbox where outgoing.to == node {
                let size = outgoing.part.size
                if !parts.isEmpty, size > room || parts.count == Bound.logParts {
                    send(.log(parts), to: .node(node), &effects)
                    parts = []
                    room = Bound.logBytes
                }
                parts.append(outgoing.part)
                room -= size
            }
            if !parts.isEmpty { send(.log(parts), to: .node(node), &effects) }
        }
        outbox.removeAll(keepingCapacity: true)
        swap(&outbox, &replication.outbox)
    }

    mutating func receiveLog(_ parts: [LogPart], from sender: NodeLife, at now: Instant, _ effects: inout [Effect]) {
        guard agrees(sender.node) else { return }
        for part in parts {
            guard let place = groups.firstIndex(of: part.group) else { continue }
            switch part {
            case .append(let append): receive(append, from: sender, in: place, at: now, &effects)
            case .acknowledge(let word): receive(word, from: sender.node, in: place, at: now, &effects)
            case .want(let want): serve(want, to: sender.node, from: place)
            case .piece(let piece): receive(piece, from: sender.node, in: place, at: now, &effects)
            case .longer(_, let mark):
                replication.logs[place].marks[Int(sender.node.rawValue)] = mark
                markBusy(place)
            case .order(_, let id, let command):
                receiveOrder(id, command, from: sender, in: place, at: now, &effects)
            case .refuse(_, let id, let why): orderRefused(id, why, in: place, &effects)
            case .verdict(_, let proposal, let obstacle):
                hearVerdict(obstacle, on: proposal, from: sender.node, in: place)
            }
        }
    }
}

extension LogPart {
    var group: GroupID {
        switch self {
        case .append(let append): append.group
        case .acknowledge(let word): word.group
        case .want(let want): want.group
        case .piece(let piece): piece.group
        case .longer(let group, _), .order(let group, _, _), .refuse(let group, _, _), .verdict(let group, _, _): group
        }
    }

    /// Bytes, about.
    var size: Int {
        switch self {
        case .append(let append): append.entries.reduce(56) { $0 + $1.content.size }
        case .acknowledge: 64
        case .want: 56
        case .piece(let piece): 24 + piece.bytes.count
        case .longer: 32
        case .order(_, _, let command):
            LogContent.command(
                CommandID(origin: NodeLife(node: NodeIndex(0), incarnation: Incarnation(0)), number: 0), command
            ).size
        case .refuse(_, _, let why): 24 + why.utf8.count
        case .verdict(_, _, let obstacle): 24 + obstacle.utf8.count
        }
    }
}
