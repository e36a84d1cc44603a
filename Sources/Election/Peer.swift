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

    func beat(of group: GroupID) -> GroupBeat? { heartbeat?.beat(of: group) }
}

extension Heartbeat {
    /// The groups are sent in ascending order of id; a heartbeat that isn't sorted only hides its own groups.
    func beat(of group: GroupID) -> GroupBeat? {
        var low = 0
        var high = groups.count
        while low < high {
            let middle = (low + high) / 2
            if groups[middle].group < group { low = middle + 1 } else { high = middle }
        }
        return low < groups.count && groups[low].group == group ? groups[low] : nil
    }
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
            let entry = peers[index].heartbeat?.heard.first(where: { $0.node == speaker })
        else { return false }
        return now.since(toldAt) + .milliseconds(UInt64(entry.ageMilliseconds)) < span
    }

    /// Two-way, direct, fresher than D, with so many voters that the node could lead (rule L1).
    func isConnectedToQuorum(_ node: NodeIndex, at now: Instant) -> Bool {
        let span = rules.timing.promise
        var connected = 0
        for index in 0..<UInt8(rules.nodes.count) where voters.contains(NodeIndex(index)) {
            let voter = NodeIndex(index)
            guard hears(node, voter, within: span, at: now), hears(voter, node, within: span, at: now) else { continue }
            connected += 1
            if connected == quorum { return true }
        }
        return false
    }

    /// Whether the peer's promises mean what ours mean, as far as its last heartbeat tells.
    func agrees(_ node: NodeIndex) -> Bool {
        node == rules.this || peers[Int(node.rawValue)].heartbeat?.safetyDigest == rules.safetyDigest
    }

    /// A node's place among the candidates; nil when it may not hold or hasn't been heard for D.
    func standing(of node: NodeIndex, in group: Group, at now: Instant) -> Standing? {
        let groupRules = rules(of: group)
        guard groupRules.mayHold(node) else { return nil }
        let isSuccessor = group.successor(at: now, within: rules.timing.promise) == node
        if node == rules.this {
            return Standing(
                node: node, isEligible: ineligibility(in: group) == nil, isSuccessor: isSuccessor,
                priority: priority(in: group))
        }
        let peer = peers[Int(node.rawValue)]
        guard agrees(node), let at = peer.heartbeatAt, now.since(at) < rules.timing.promise,
            let beat = peer.beat(of: group.id)
        else { return nil }
        return Standing(
            node: node, isEligible: beat.eligible, isSuccessor: isSuccessor, priority: beat.priority)
    }

    /// Eligible candidates that are connected to a quorum and rank above `candidate`, best first.
    func betterCandidates(than candidate: Standing, in group: Group, at now: Instant) -> [Standing] {
        var better: [Standing] = []
        // Who has just given the group up without naming itself isn't waited for: it may still seem connected.
        let isRecent = group.released != nil && now.since(group.releasedAt) < rules.timing.promise
        let retired = isRecent ? group.certificate?.holder.node : nil
        for node in rules.indices where node != candidate.node && node != retired {
            guard let standing = standing(of: node, in: group, at: now), standing.isEligible,
                standing.outranks(candidate), isConnectedToQuorum(node, at: now)
            else { continue }
            better.append(standing)
        }
        return better.sorted { $0.outranks($1) }
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
        var bonds: [Promise.Bond] = []
        for beat in heartbeat.groups {
            guard let place = groups.firstIndex(of: beat.group) else { continue }
            // Another configuration is no silence: a pair that holds twice must notice it all the same.
            let isPair = rules.groups[place].mode == .pair
            guard agrees || isPair else { continue }
            hear(beat, from: life, in: place, at: now)
            if isPair {
                hearPairPeer(beat, from: life.node, in: place, at: now, &effects)
            } else if relay == nil, beat.holding, promiseRound(to: life, term: beat.term, in: place, at: now) {
                bonds.append(Promise.Bond(group: beat.group, term: beat.term))
            }
        }
        if !bonds.isEmpty {
            let promise = Promise(holder: life, round: sequence, bonds: bonds)
            send(.promise(promise), to: .node(life.node), &effects)
        }
        if agrees && relay == nil {
            passOn(life.node, at: now, &effects)
            remind(life.node, of: heartbeat, at: now, &effects)
        }
    }

    private mutating func hear(_ beat: GroupBeat, from life: NodeLife, in place: Int, at now: Instant) {
        // A term is only a number to go beyond; a liar may not run it out of numbers.
        if beat.term.isWithinReach(of: groups[place].newestTerm) { groups[place].note(term: beat.term) }
        if let release = beat.release {
            groups[place].free(from: life, term: release.term, at: now)
            if let certificate = groups[place].certificate, certificate.holder == life,
                certificate.term == release.term, groups[place].released == nil
            {
                groups[place].released = release
                groups[place].releasedAt = now
            }
        }
        guard beat.holding else { return }
        if rules.groups[place].mode == .pair {
            groups[place].claimedAt = now
        } else if let certificate = groups[place].certificate, certificate.holder == life, certificate.term == beat.term
        {
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
    private mutating func remind(
        _ node: NodeIndex, of heartbeat: Heartbeat, at now: Instant, _ effects: inout [Effect]
    ) {
        let index = Int(node.rawValue)
        if let last = peers[index].remindedAt, now.since(last) < rules.timing.heartbeat { return }
        for place in groups.indices {
            guard groups[place].holding != nil, let certificate = groups[place].certificate else { continue }
            let beat = heartbeat.beat(of: certificate.group)
            if beat?.holder == rules.this && beat?.term == certificate.term { continue }
            send(.certificate(certificate), to: .node(node), &effects)
            peers[index].remindedAt = now
        }
    }
}

extension [Group] {
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
