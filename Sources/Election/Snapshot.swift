/// The elector's whole state as bytes: journals begin with it and hash it at intervals, so that a difference is
/// found at the record where it arose.
extension Elector: Transcribable {
    /// The version of the state's form and of the rules; a journal of another version is refused by replay.
    package static let stateVersion: UInt16 = 3

    package func encode(to writer: inout ByteWriter) {
        writer.fixed(Self.stateVersion)
        rules.encode(to: &writer)
        incarnation.encode(to: &writer)
        sequence.encode(to: &writer)
        lastTicket.encode(to: &writer)
        writer.list(peers)
        writer.list(groups)
        writer.list(checks) { writer, verdict in writer.optional(verdict) { $0.flag($1) } }
        for flag in [
            dataPlaneIsUp, isInMaintenance, isLeaving, hasLeft, storageHasFailed, needsFloor, isRunning,
        ] { writer.flag(flag) }
        writer.byte(farewells)
        lastWrite.encode(to: &writer)
        writer.optional(unwrittenSince)
        writer.flag(storageIsSlow)
        writer.list(otherBallots)
        longestPromise.encode(to: &writer)
        for instant in [silentUntil, lastStepAt, steadyFrom, heartbeatAt] { instant.encode(to: &writer) }
        writer.list(rounds)
        replication.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.fixed(UInt16.self) == Self.stateVersion else { throw .outOfRange }
        self.init(rules: try Rules(from: &reader))
        incarnation = try Incarnation(from: &reader)
        sequence = try Sequence(from: &reader)
        lastTicket = try Ticket(from: &reader)
        peers = try reader.list(atMost: Bound.nodes)
        groups = try reader.list(atMost: Bound.groups)
        checks = try reader.list(atMost: Bound.checks) { (reader: inout ByteReader) throws(Malformed) in
            try reader.optional { (reader: inout ByteReader) throws(Malformed) in try reader.flag() }
        }
        dataPlaneIsUp = try reader.flag()
        isInMaintenance = try reader.flag()
        isLeaving = try reader.flag()
        hasLeft = try reader.flag()
        storageHasFailed = try reader.flag()
        needsFloor = try reader.flag()
        isRunning = try reader.flag()
        farewells = try reader.byte()
        lastWrite = try Ticket(from: &reader)
        unwrittenSince = try reader.optional()
        storageIsSlow = try reader.flag()
        otherBallots = try reader.list(atMost: Bound.groups)
        longestPromise = try Span(from: &reader)
        silentUntil = try Instant(from: &reader)
        lastStepAt = try Instant(from: &reader)
        steadyFrom = try Instant(from: &reader)
        heartbeatAt = try Instant(from: &reader)
        rounds = try reader.list(atMost: Bound.rounds)
        try replication.read(from: &reader, rules)
        guard peers.count == rules.nodes.count, checks.count == rules.checks.count,
            groups.map(\.id) == rules.groups.map(\.id),
            groups.allSatisfy({ $0.refersOnlyToNodes(below: rules.nodes.count) })
        else { throw .outOfRange }
        for node in rules.indices {
            guard let heartbeat = peers[Int(node.rawValue)].heartbeat else { continue }
            told.note(heartbeat, of: node, in: groups, agrees: heartbeat.safetyDigest == rules.safetyDigest)
        }
        nextDeadline = deadline()
    }
}

extension Peer: Transcribable {
    func encode(to writer: inout ByteWriter) {
        writer.optional(incarnation)
        writer.optional(directAt)
        directSequence.encode(to: &writer)
        writer.optional(heartbeat)
        heartbeatSequence.encode(to: &writer)
        writer.optional(heartbeatAt)
        writer.optional(remindedAt)
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        incarnation = try reader.optional()
        directAt = try reader.optional()
        directSequence = try Sequence(from: &reader)
        heartbeat = try reader.optional()
        heartbeatSequence = try Sequence(from: &reader)
        heartbeatAt = try reader.optional()
        remindedAt = try reader.optional()
    }
}

extension Group: Transcribable {
    func encode(to writer: inout ByteWriter) {
        id.encode(to: &writer)
        ballot.encode(to: &writer)
        writer.list(armed) { writer, armed in
            armed.ticket.encode(to: &writer)
            armed.grant.encode(to: &writer)
            armed.at.encode(to: &writer)
        }
        writer.optional(promise) { writer, promise in
            promise.to.encode(to: &writer)
            promise.term.encode(to: &writer)
            promise.until.encode(to: &writer)
        }
        writer.optional(certificate)
        writer.optional(claimedAt)
        writer.optional(released)
        releasedAt.encode(to: &writer)
        retreatUntil.encode(to: &writer)
        newestTerm.encode(to: &writer)
        freeSince.encode(to: &writer)
        writer.flag(linkIsUp)
        role.encode(to: &writer)
        writer.optional(ownRelease)
        writer.optional(better) { writer, better in
            better.node.encode(to: &writer)
            better.since.encode(to: &writer)
        }
        writer.list(takenAt)
        writer.optional(reported) { writer, role in writer.byte(role.rawValue) }
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        id = try GroupID(from: &reader)
        ballot = try Ballot(from: &reader)
        armed = try reader.list(atMost: 1) { (reader: inout ByteReader) throws(Malformed) in
            ArmedGrant(
                ticket: try Ticket(from: &reader), grant: try Grant(from: &reader), at: try Instant(from: &reader))
        }
        promise = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            GivenPromise(
                to: try NodeLife(from: &reader), term: try Term(from: &reader), until: try Instant(from: &reader))
        }
        certificate = try reader.optional()
        claimedAt = try reader.optional()
        released = try reader.optional()
        releasedAt = try Instant(from: &reader)
        retreatUntil = try Instant(from: &reader)
        newestTerm = try Term(from: &reader)
        freeSince = try Instant(from: &reader)
        linkIsUp = try reader.flag()
        role = try Role(from: &reader)
        ownRelease = try reader.optional()
        better = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            BetterNode(node: try NodeIndex(from: &reader), since: try Instant(from: &reader))
        }
        takenAt = try reader.list(atMost: Bound.takings)
        reported = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            guard let role = Change.Role(rawValue: try reader.byte()) else { throw .outOfRange }
            return role
        }
        takeUpCertificate()
        takeUpRole()
    }
}

extension Group {
    /// What indexes the list of nodes: a snapshot may come from a hostile journal.
    fileprivate func refersOnlyToNodes(below count: Int) -> Bool {
        if let certificate, Int(certificate.holder.node.rawValue) >= count { return false }
        if let holding, holding.acknowledged.count != count { return false }
        if case .candidate(let candidacy) = role {
            return candidacy.votes.allSatisfy { Int($0.voter.rawValue) < count }
        }
        return true
    }
}

extension Round: Transcribable {
    func encode(to writer: inout ByteWriter) {
        sequence.encode(to: &writer)
        sentAt.encode(to: &writer)
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        sequence = try Sequence(from: &reader)
        sentAt = try Instant(from: &reader)
    }
}

extension Role: Transcribable {
    func encode(to writer: inout ByteWriter) {
        switch self {
        case .standby: writer.byte(1)
        case .canvassing(let canvass):
            writer.byte(2)
            canvass.encode(to: &writer)
        case .candidate(let candidacy):
            writer.byte(3)
            candidacy.encode(to: &writer)
        case .acquiring(let holding, let ticket):
            writer.byte(4)
            holding.encode(to: &writer)
            ticket.encode(to: &writer)
        case .holding(let holding):
            writer.byte(5)
            holding.encode(to: &writer)
        case .withdrawing(let withdrawal):
            writer.byte(6)
            withdrawal.encode(to: &writer)
        }
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1: self = .standby
        case 2: self = .canvassing(try Canvass(from: &reader))
        case 3: self = .candidate(try Candidacy(from: &reader))
        case 4: self = .acquiring(try Holding(from: &reader), try Ticket(from: &reader))
        case 5: self = .holding(try Holding(from: &reader))
        case 6: self = .withdrawing(try Withdrawal(from: &reader))
        default: throw .outOfRange
        }
    }
}

extension Canvass: Transcribable {
    func encode(to writer: inout ByteWriter) {
        term.encode(to: &writer)
        first.encode(to: &writer)
        willing.encode(to: &writer)
        retryAt.encode(to: &writer)
        endsAt.encode(to: &writer)
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        term = try Term(from: &reader)
        first = try Sequence(from: &reader)
        willing = try NodeSet(from: &reader)
        retryAt = try Instant(from: &reader)
        endsAt = try Instant(from: &reader)
    }
}

extension Candidacy: Transcribable {
    func encode(to writer: inout ByteWriter) {
        term.encode(to: &writer)
        writer.list(requests)
        writer.list(votes) { writer, vote in
            vote.voter.encode(to: &writer)
            writer.blob(vote.proof)
            vote.acknowledged.encode(to: &writer)
        }
        retryAt.encode(to: &writer)
        endsAt.encode(to: &writer)
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        term = try Term(from: &reader)
        requests = try reader.list(atMost: Bound.rounds)
        votes = try reader.list(atMost: Bound.nodes) { (reader: inout ByteReader) throws(Malformed) in
            CandidateVote(
                voter: try NodeIndex(from: &reader), proof: try reader.blob(atMost: Bound.proof),
                acknowledged: try Instant(from: &reader))
        }
        retryAt = try Instant(from: &reader)
        endsAt = try Instant(from: &reader)
    }
}

extension Holding: Transcribable {
    func encode(to writer: inout ByteWriter) {
        term.encode(to: &writer)
        writer.list(acknowledged) { writer, instant in writer.optional(instant) }
        answered.encode(to: &writer)
        leaseUntil.encode(to: &writer)
        since.encode(to: &writer)
        writer.byte(reason.rawValue)
        writer.flag(isPinned)
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        term = try Term(from: &reader)
        acknowledged = try reader.list(atMost: Bound.nodes) { (reader: inout ByteReader) throws(Malformed) in
            try reader.optional()
        }
        answered = try Instant(from: &reader)
        leaseUntil = try Instant(from: &reader)
        since = try Instant(from: &reader)
        reason = try Reason(from: &reader)
        isPinned = try reader.flag()
    }
}

extension Withdrawal: Transcribable {
    func encode(to writer: inout ByteWriter) {
        ticket.encode(to: &writer)
        release.encode(to: &writer)
        writer.byte(reason.rawValue)
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        ticket = try Ticket(from: &reader)
        release = try Release(from: &reader)
        reason = try Reason(from: &reader)
    }
}

extension Reason {
    fileprivate init(from reader: inout ByteReader) throws(Malformed) {
        guard let reason = Reason(rawValue: try reader.byte()) else { throw .outOfRange }
        self = reason
    }
}
