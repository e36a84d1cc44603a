/// What is known of one other node.
struct Peer: Hashable, Sendable {
    /// The newest life it was heard in.
    var incarnation: Incarnation?
    /// When something last came from it directly.
    var directAt: Instant?
    var directSequence = Sequence(0)
    /// Its newest heartbeat, direct or passed on.
    var heartbeat: Heartbeat?
    var heartbeatSequence = Sequence(0)
    var heartbeatAt: Instant?
    /// When the certificates of held groups were last repeated to it.
    var remindedAt: Instant?
}

/// A candidate's place in the order of candidates: eligible before not, a named successor before others, then the
/// higher priority, then the lower node index. Integers only, so equal views give equal winners (design L2).
struct Standing: Hashable, Sendable {
    var node: NodeIndex
    var isEligible: Bool
    var isSuccessor: Bool
    var priority: UInt16

    func outranks(_ other: Standing) -> Bool {
        if isEligible != other.isEligible { return isEligible }
        if isSuccessor != other.isSuccessor { return isSuccessor }
        if priority != other.priority { return priority > other.priority }
        return node < other.node
    }
}

extension Elector {
    /// Whether `listener` heard `speaker` directly within D, as far as this node can tell (rule L1).
    func hears(_ listener: NodeIndex, _ speaker: NodeIndex, within span: Span, at now: Instant) -> Bool {
        if listener == speaker { return true }
        if listener == rules.this {
            guard let heardAt = peers[Int(speaker.rawValue)].directAt else { return false }
            return now.since(heardAt) < span
        }
        let index = Int(listener.rawValue)
        guard let toldAt = peers[index].heartbeatAt, now.since(toldAt) < span,
            let age = told.age(of: speaker, at: listener)
        else { return false }
        return now.since(toldAt) + age < span
    }

    /// Two-way, direct, fresher than D, with so many voters that the node could lead (rule L1).
    func isConnectedToQuorum(_ node: NodeIndex, at now: Instant) -> Bool {
        let span = rules.timing.promise
        var connected = 0
        for voter in rules.indices where voters.contains(voter) {
            guard hears(node, voter, within: span, at: now), hears(voter, node, within: span, at: now) else { continue }
            connected += 1
            if connected == quorum { return true }
        }
        return false
    }

    /// Whether the peer's promises mean what ours mean, as far as its last heartbeat tells.
    func agrees(_ node: NodeIndex) -> Bool {
        node == rules.this || told.agreeing.contains(node)
    }

    /// A node's place among the candidates; nil when it may not hold or hasn't been heard for D.
    func standing(of node: NodeIndex, in place: Int, at now: Instant) -> Standing? {
        guard rules.groups[place].mayHold(node) else { return nil }
        if node == rules.this {
            return ownStanding(in: place, isEligible: ineligibility(in: place) == nil, at: now)
        }
        guard agrees(node), let at = peers[Int(node.rawValue)].heartbeatAt, now.since(at) < rules.timing.promise,
            let beat = beat(of: node, in: place)
        else { return nil }
        return Standing(
            node: node, isEligible: beat.eligible, isSuccessor: isSuccessor(node, in: place, at: now),
            priority: beat.priority)
    }

    func ownStanding(in place: Int, isEligible: Bool, at now: Instant) -> Standing {
        Standing(
            node: rules.this, isEligible: isEligible, isSuccessor: isSuccessor(rules.this, in: place, at: now),
            priority: priority(in: place))
    }

    private func isSuccessor(_ node: NodeIndex, in place: Int, at now: Instant) -> Bool {
        groups[place].successor(at: now, within: rules.timing.promise) == node
    }

    /// How many eligible candidates are connected to a quorum and rank above `candidate`, and the best of them.
    func better(than candidate: Standing, in place: Int, at now: Instant) -> (count: UInt64, best: Standing?) {
        var better: (count: UInt64, best: Standing?) = (0, nil)
        // Who has just given the group up without naming itself isn't waited for: it may still seem connected.
        let isRecent = groups[place].released != nil && now.since(groups[place].releasedAt) < rules.timing.promise
        let retired = isRecent ? groups[place].certified?.holder.node : nil
        for node in rules.indices where node != candidate.node && node != retired {
            guard let standing = standing(of: node, in: place, at: now), standing.isEligible,
                standing.outranks(candidate), isConnectedToQuorum(node, at: now)
            else { continue }
            better.count += 1
            if better.best.map({ standing.outranks($0) }) ?? true { better.best = standing }
        }
        return better
    }

    /// What the node's newest heartbeat says of the group.
    func beat(of node: NodeIndex, in place: Int) -> GroupBeat? {
        told.beats[Int(node.rawValue) * groups.count + place]
    }

    mutating func receiveHeartbeat(
        _ heartbeat: Heartbeat, from life: NodeLife, sequence: Sequence, relay: NodeIndex?, at now: Instant,
        _ effects: inout [Effect]
    ) {
        let index = Int(life.node.rawValue)
        // A copy that was passed on may come first; the direct one is a round all the same.
        guard sequence > peers[index].heartbeatSequence || (sequence == peers[index].heartbeatSequence && relay == nil)
        else { return }
        peers[index].heartbeat = heartbeat
        peers[index].heartbeatSequence = sequence
        peers[index].heartbeatAt = now
        let agrees = heartbeat.safetyDigest == rules.safetyDigest
        told.note(heartbeat, of: life.node, in: groups, agrees: agrees)
        var bonds: [Promise.Bond] = []
        for (position, beat) in heartbeat.groups.enumerated() {
            guard let place = groups.firstIndex(of: beat.group, probably: position) else { continue }
            // Another configuration is no silence: a pair that holds twice must notice it all the same.
            let isPair = rules.groups[place].mode == .pair
            guard agrees || isPair else { continue }
            hear(beat, from: life, in: place, at: now)
            if let mark = beat.log, agrees {
                hear(mark, from: life, isHolding: beat.holding, term: beat.term, in: place, at: now, &effects)
            } else if replication.logs[place].leadingTerm != nil {
                // It has none yet.
                markBusy(place)
            }
            if isPair {
                hearPairPeer(beat, from: life.node, in: place, at: now, &effects)
            } else if relay == nil, beat.holding, promiseRound(to: life, term: beat.term, in: place, at: now) {
                if bonds.isEmpty { bonds.reserveCapacity(heartbeat.groups.count - position) }
                bonds.append(Promise.Bond(group: beat.group, term: beat.term))
            }
        }
        if !bonds.isEmpty {
            let promise = Promise(holder: life, round: sequence, bonds: bonds)
            send(.promise(promise), to: .node(life.node), &effects)
        }
        if agrees && relay == nil {
            passOn(life.node, at: now, &effects)
            remind(life.node, at: now, &effects)
        }
    }

    private mutating func hear(_ beat: GroupBeat, from life: NodeLife, in place: Int, at now: Instant) {
        // A term is only a number to go beyond; a liar may not run it out of numbers.
        if beat.term.isWithinReach(of: groups[place].newestTerm) { groups[place].note(term: beat.term) }
        if let release = beat.release {
            groups[place].free(from: life, term: release.term, at: now)
            if groups[place].isCertified(life, in: release.term), groups[place].released == nil {
                groups[place].released = release
                groups[place].releasedAt = now
            }
        }
        guard beat.holding else { return }
        if rules.groups[place].mode == .pair || groups[place].isCertified(life, in: beat.term) {
            groups[place].claimedAt = now
        }
    }

    /// Passes a heartbeat on to every peer that, by its own words, doesn't hear its sender.
    private func passOn(_ origin: NodeIndex, at now: Instant, _ effects: inout [Effect]) {
        let patience = rules.timing.heartbeat * 2 + Span(nanoseconds: rules.timing.heartbeat.nanoseconds / 2)
        for peer in rules.indices where peer != origin && peer != rules.this {
            guard let at = peers[Int(peer.rawValue)].directAt, now.since(at) < rules.timing.promise else { continue }
            if !hears(peer, origin, within: patience, at: now) { effects.append(.relay(origin: origin, to: peer)) }
        }
    }

    /// Repeats a held group's certificate to a peer that doesn't take this node for its holder.
    private mutating func remind(_ node: NodeIndex, at now: Instant, _ effects: inout [Effect]) {
        let index = Int(node.rawValue)
        if let last = peers[index].remindedAt, now.since(last) < rules.timing.heartbeat { return }
        for place in groups.indices where groups[place].leaseUntil != nil {
            let beat = beat(of: node, in: place)
            // Who names this node has its certificate, for by an older one it would soon name nobody. The term that it
            // tells may be a newer one all the same: of a vote that led to nothing, or a new directory's floor.
            if let beat, beat.holder == rules.this, let held = groups[place].certified?.term, beat.term >= held {
                continue
            }
            guard let certificate = groups[place].certificate else { continue }
            send(.certificate(certificate), to: .node(node), &effects)
            peers[index].remindedAt = now
        }
    }
}

extension [Group] {
    /// Groups are kept sorted by id; nodes of one configuration have each at the same place.
    func firstIndex(of id: GroupID, probably place: Int) -> Int? {
        if place < count && self[place].id == id { return place }
        return firstIndex(of: id)
    }

    /// Groups are kept sorted by id.
    func firstIndex(of id: GroupID) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low].id == id ? low : nil
    }
}
