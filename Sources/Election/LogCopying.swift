/// Copying a whole log from another node: how a candidate completes its own (G4), and how a node that was away or
/// knows nothing catches up, from whomever it hears (G5).
extension Elector {
    /// Whose log goes further than this one's, of the voters that could answer.
    ///
    /// Two-way connected, or a node that doesn't hear this one would keep it from campaigning for ever.
    private func fartherNode(in place: Int, at now: Instant) -> NodeIndex? {
        var best: NodeIndex?
        var furthest = LogPosition(
            index: replication.logs[place].log.last.index, term: replication.logs[place].log.last.term, hash: .zero)
        for node in rules.indices where node != rules.this {
            guard let mark = replication.logs[place].marks[Int(node.rawValue)],
                furthest.isBehind(term: mark.term, index: mark.index), isReachable(node, at: now),
                hears(node, rules.this, within: rules.timing.promise, at: now)
            else { continue }
            best = node
            furthest = LogPosition(index: mark.index, term: mark.term, hash: .zero)
        }
        return best
    }

    /// G4: whether a candidate has to complete its log first; it begins to do so.
    ///
    /// Not for longer than 4 D: one node that tells of a log that it doesn't have would keep everybody from
    /// campaigning. The voters judge by their own logs, whatever the candidate believes.
    mutating func lacksLog(_ place: Int, at now: Instant) -> Bool {
        guard rules.groups[place].mode == .majority, fartherNode(in: place, at: now) != nil else { return false }
        markBusy(place)
        let since = replication.logs[place].behindSince ?? now
        replication.logs[place].behindSince = since
        return now.since(since) < rules.timing.promise * 4
    }

    /// G7: a voter with a new state directory has copied what a quorum could have committed without it.
    ///
    /// For ten D at most: then the disk that was lost is what the promise breaks on (Specs/safety.md, "Assumptions"). But
    /// who hears too few for an election can't know that the cluster is new, nor which terms it voted in (S12).
    func hasCopiedLogs(at now: Instant) -> Bool {
        let isPatient = now < silentUntil + rules.timing.promise * 10
        for place in groups.indices where rules.groups[place].mode == .majority {
            let group = replication.logs[place]
            var isNew = groups[place].newestTerm == .none
            var heard = 0
            for node in rules.indices where node != rules.this && voters.contains(node) {
                guard let mark = group.marks[Int(node.rawValue)] else {
                    // Its heartbeats tell of no log, directly or passed on: it has none.
                    if peers[Int(node.rawValue)].heartbeatAt != nil, agrees(node) { heard += 1 }
                    continue
                }
                heard += 1
                if mark.index > 0 { isNew = false }
                if isPatient && group.log.last.isBehind(term: mark.term, index: mark.index) { return false }
            }
            let others = voters.contains(rules.this) ? voters.count - 1 : voters.count
            if heard < quorum - 1 { return false }
            if isPatient && !isNew && heard < min(voters.count - quorum + 1, others) { return false }
        }
        return true
    }

    mutating func fetch(_ place: Int, from node: NodeIndex, isWhole: Bool, at now: Instant) {
        if let fetch = replication.logs[place].fetch, fetch.from == node, fetch.isWhole == isWhole { return }
        replication.logs[place].fetch = Fetch(from: node, isWhole: isWhole, askedAt: now)
        ask(place, at: now)
    }

    private mutating func ask(_ place: Int, at now: Instant) {
        guard var fetch = replication.logs[place].fetch else { return }
        fetch.askedAt = now
        fetch.askedUpTo = fetch.bytes.count + Bound.logWindow * Bound.logBytes
        replication.logs[place].fetch = fetch
        let known = replication.logs[place].log.committedPosition
        post(
            .want(
                LogWant(
                    group: groups[place].id, place: fetch.isWhole ? nil : known, offset: UInt32(fetch.bytes.count))),
            to: fetch.from)
        wake(place, at: now + rules.timing.heartbeat)
    }

    private static func copyPatience(_ rules: Rules) -> Span { rules.timing.heartbeat * 3 }

    mutating func tendFetch(_ place: Int, at now: Instant) {
        if let fetch = replication.logs[place].fetch {
            let isMerging = rules.groups[place].mode == .pair && replication.logs[place].leadingTerm != nil
            guard isReachable(fetch.from, at: now), replication.logs[place].leadingTerm == nil || isMerging,
                !isAskedInVain(fetch, in: place, at: now)
            else {
                replication.logs[place].fetch = nil
                markBusy(place)
                return
            }
            if now >= fetch.askedAt + rules.timing.heartbeat { ask(place, at: now) }
            wake(place, at: (replication.logs[place].fetch?.askedAt ?? now) + rules.timing.heartbeat)
            return
        }
        guard rules.groups[place].mode == .majority, groups[place].leaseUntil == nil else { return }
        guard let node = fartherNode(in: place, at: now) else {
            replication.logs[place].behindSince = nil
            return
        }
        let since = replication.logs[place].behindSince ?? now
        replication.logs[place].behindSince = since
        // A holder that hears this node brings it what it lacks; nobody else does.
        let patience = hasValidHolder(in: place, at: now) ? Self.copyPatience(rules) : .zero
        let from = max(since + patience, replication.logs[place].fetchesFrom)
        if now >= from {
            fetch(place, from: node, isWhole: false, at: now)
        } else {
            wake(place, at: from)
        }
    }

    /// G4: who hears this node no more answers nothing, though it is heard; somebody connected is asked instead.
    private func isAskedInVain(_ fetch: Fetch, in place: Int, at now: Instant) -> Bool {
        rules.groups[place].mode == .majority && !hears(fetch.from, rules.this, within: rules.timing.promise, at: now)
            && fartherNode(in: place, at: now) != nil
    }

    mutating func serve(_ want: LogWant, to node: NodeIndex, from place: Int) {
        let log = replication.logs[place].log
        let image = want.place.map { log.image(after: $0) } ?? log.image
        var writer = ByteWriter(reserving: 4096)
        image.encode(to: &writer)
        let bytes = writer.bytes
        guard !bytes.isEmpty, bytes.count <= LogImage.limit else { return }
        let digest = Digest(of: bytes).short
        // Folded since the piece before, the log may end before that: from the beginning then.
        var from = Int(want.offset) < bytes.count ? Int(want.offset) : 0
        for _ in 0..<Bound.logWindow where from < bytes.count {
            let end = min(from + Bound.logBytes, bytes.count)
            post(
                .piece(
                    LogPiece(
                        group: want.group, digest: digest, size: UInt32(bytes.count), offset: UInt32(from),
                        bytes: Array(bytes[from..<end]))), to: node)
            from = end
        }
    }

    mutating func receive(
        _ piece: LogPiece, from node: NodeIndex, in place: Int, at now: Instant, _ effects: inout [Effect]
    ) {
        guard var fetch = replication.logs[place].fetch, fetch.from == node else { return }
        if fetch.digest != piece.digest {
            // Its log has changed meanwhile: from the beginning. Pieces come in any order.
            fetch.digest = piece.digest
            fetch.size = piece.size
            fetch.bytes = []
            fetch.early = []
        }
        guard piece.size == fetch.size, Int(piece.offset) >= fetch.bytes.count, !piece.bytes.isEmpty else { return }
        fetch.early.append(piece)
        while let place = fetch.early.firstIndex(where: { Int($0.offset) == fetch.bytes.count }) {
            fetch.bytes += fetch.early.remove(at: place).bytes
        }
        fetch.early.removeAll { Int($0.offset) < fetch.bytes.count }
        if fetch.early.count > Bound.logWindow { fetch.early.removeFirst() }
        replication.logs[place].fetch = fetch
        if fetch.bytes.count >= Int(fetch.size) {
            replication.logs[place].fetch = nil
            var reader = ByteReader(fetch.bytes)
            guard Digest(of: fetch.bytes).short == fetch.digest, let image = try? LogImage(from: &reader),
                reader.remaining == 0
            else { return }
            let before = replication.logs[place].log.last
            take(image, of: node, in: place, at: now, &effects)
            if replication.logs[place].log.last == before {
                replication.logs[place].fetchesFrom = now + Self.copyPatience(rules)
            }
        } else if fetch.bytes.count >= fetch.askedUpTo {
            ask(place, at: now)
        }
        markBusy(place)
    }

    private mutating func take(
        _ image: LogImage, of node: NodeIndex, in place: Int, at now: Instant, _ effects: inout [Effect]
    ) {
        if rules.groups[place].mode == .pair {
            takePairImage(image, of: node, in: place, at: now, &effects)
            return
        }
        let own = replication.logs[place].log
        guard groups[place].leaseUntil == nil, own.last.isBehind(term: image.last.term, index: image.last.index) else {
            return
        }
        if image.state == nil {
            // What follows on a place that both have; what is committed here stays in any case.
            guard image.base.index >= own.committed || own.position(at: image.base.index)?.hash == image.base.hash,
                let kept = replication.logs[place].log.take(image.entries, after: image.base),
                let keptPlace = replication.logs[place].log.position(at: kept)
            else { return }
            write(place, after: keptPlace, &effects)
            commit(place, to: image.committed, at: now, &effects)
        } else {
            guard image.committed >= own.committed else { return }
            replace(place, by: image, at: now, &effects)
        }
        replication.logs[place].behindSince = nil
    }

    /// Everything at once: what the state says now is told as if it had just come to be.
    mutating func replace(_ place: Int, by image: LogImage, at now: Instant, _ effects: inout [Effect]) {
        let before = replication.logs[place].log.state
        replication.logs[place].log = ReplicatedLog(image)
        replication.logs[place].followed = nil
        replication.logs[place].durable = 0
        replication.writes.removeAll { $0.place == place }
        effects.append(.writeLog(groups[place].id, .image(image)))
        replication.writes.append(LogAwait(ticket: nil, place: place, index: image.last.index))
        groups[place].note(term: image.last.term)
        markBusy(place)
        tell(replication.logs[place].log.state.news(since: before), of: place, at: now, &effects)
    }
}

extension LogState {
    /// What somebody has to hear of who knew the other state last.
    func news(since before: LogState) -> [LogNews] {
        var news: [LogNews] = [.settings]
        if epoch != before.epoch { news.append(.epoch) }
        if let proposal, proposal.isComplete, proposal.id != before.proposal?.id || before.proposal?.isComplete != true
        {
            news.append(.proposed(proposal.id))
        }
        if let decision, decision != before.decision { news.append(.decided(decision)) }
        for place in maintenance.indices where maintenance[place] != before.maintenance(of: NodeIndex(UInt8(place))) {
            news.append(.maintenance(NodeIndex(UInt8(place)), nil))
        }
        return news
    }
}
