import Election

/// One elector on a bench, its peers played by the test: ethyl (index 0, priority 100), fred (1, 101), lucy (2, witness).
struct Bench {
    static let ethyl = NodeIndex(0)
    static let fred = NodeIndex(1)
    static let lucy = NodeIndex(2)
    static let office = GroupID(1)

    var elector: Elector
    var now = Instant(nanoseconds: 5_000_000_000_000)
    /// Everything the elector asked for since the last `forget`.
    private(set) var effects: [Effect] = []
    /// Whether writes are confirmed at once.
    var writesAtOnce = true
    private var sequences: [UInt64] = [0, 0, 0]
    private var incarnations: [UInt64] = [1, 1, 1]

    static func rules(this: NodeIndex, mode: GroupRules.Mode = .majority, checks: [GroupCheck] = []) -> Rules {
        Rules(
            safetyDigest: 7, configurationDigest: 7, this: this,
            nodes: [
                NodeRules(name: "ethyl", part: .voter, key: []), NodeRules(name: "fred", part: .voter, key: []),
                NodeRules(name: "lucy", part: .witness, key: []),
            ],
            timing: Timing(
                heartbeat: .milliseconds(100), promise: .milliseconds(500), driftPPM: 1_000, lag: .milliseconds(6)),
            checks: checks.map { "check \($0.check)" },
            groups: [
                GroupRules(
                    id: office, name: "office", mode: mode, priorities: [100, 101, 0],
                    preemptAfter: .milliseconds(2_000),
                    checks: checks, needsDataPlane: false)
            ])
    }

    init(_ node: NodeIndex, mode: GroupRules.Mode = .majority, checks: [GroupCheck] = [], ballot: Ballot? = nil) {
        elector = Elector(rules: Self.rules(this: node, mode: mode, checks: checks))
        incarnations[Int(node.rawValue)] = 9
        let kept = ballot.map { [Memory.GroupMemory(group: Self.office, ballot: $0)] } ?? []
        let memory = Memory(groups: kept, promise: .milliseconds(500), maintenance: false, needsFloor: false)
        step(.started(Start(incarnation: Incarnation(9), memory: memory)))
        step(.link(Self.office, up: true))
    }

    var this: NodeIndex { elector.rules.this }

    func life(_ node: NodeIndex) -> NodeLife {
        NodeLife(node: node, incarnation: Incarnation(incarnations[Int(node.rawValue)]))
    }

    mutating func restart(_ peer: NodeIndex) {
        incarnations[Int(peer.rawValue)] += 1
        sequences[Int(peer.rawValue)] = 0
    }

    mutating func forget() { effects = [] }

    mutating func step(_ event: Event) {
        let caused = elector.step(event, at: now)
        effects += caused
        for effect in caused {
            if writesAtOnce, case .persist(let ticket) = effect { step(.persisted(ticket)) }
            if case .send(let packet, to: .node(let node)) = effect, node == this {
                step(.received(Reception(packet: packet, relay: nil, proof: [1])))
            }
        }
    }

    /// Lets time pass, timers fire, and the given peers send a heartbeat every 100 ms.
    mutating func wait(_ milliseconds: UInt64, hearing peers: [NodeIndex] = []) {
        let end = now + .milliseconds(milliseconds)
        var next = now
        while now < end {
            if now >= next {
                for peer in peers { hear(peer) }
                next = now + .milliseconds(100)
            }
            let due = elector.nextDeadline ?? end
            now = max(now, min(end, min(due, next)))
            step(.timer)
        }
    }

    @discardableResult
    mutating func receive(_ message: Message, from peer: NodeIndex, relay: NodeIndex? = nil) -> Sequence {
        sequences[Int(peer.rawValue)] += 1
        let sequence = Sequence(sequences[Int(peer.rawValue)])
        let packet = Packet(sender: life(peer), sequence: sequence, message: message)
        step(.received(Reception(packet: packet, relay: relay, proof: [2])))
        return sequence
    }

    /// A heartbeat of a peer that hears everybody now.
    @discardableResult
    mutating func hear(
        _ peer: NodeIndex, holding: Bool = false, term: UInt64 = 0, release: Release? = nil, eligible: Bool = true,
        priority: UInt16? = nil, relay: NodeIndex? = nil, deaf: Bool = false, digest: UInt64 = 7
    ) -> Sequence {
        let heard = (0..<UInt8(3)).map(NodeIndex.init).filter { $0 != peer && !deaf }.map {
            Heard(node: $0, incarnation: life($0).incarnation, sequence: Sequence(1), ageMilliseconds: 0)
        }
        let beat = GroupBeat(
            group: Self.office, eligible: eligible && peer != Self.lucy, holding: holding,
            priority: priority ?? [100, 101, 0][Int(peer.rawValue)], term: Term(term), holder: holding ? peer : nil,
            release: release)
        return receive(
            .heartbeat(Heartbeat(safetyDigest: digest, configurationDigest: 7, heard: heard, groups: [beat])),
            from: peer, relay: relay)
    }

    mutating func certify(_ holder: NodeIndex, term: UInt64, voters: [NodeIndex]) {
        let certificate = Certificate(
            group: Self.office, term: Term(term), holder: life(holder),
            votes: voters.map { Certificate.Vote(voter: $0, proof: [$0.rawValue]) })
        let sender = holder == this ? voters.first { $0 != this } ?? holder : holder
        receive(.certificate(certificate), from: sender)
    }

    mutating func ask(_ candidate: NodeIndex, term: UInt64, trial: Bool = false) {
        let request = VoteRequest(
            group: Self.office, term: Term(term), trial: trial, priority: [100, 101, 0][Int(candidate.rawValue)])
        receive(.voteRequest(request), from: candidate)
    }

    mutating func grant(
        _ request: Sequence, term: UInt64, trial: Bool, from voter: NodeIndex, to candidate: NodeLife? = nil
    ) {
        let grant = Grant(
            group: Self.office, term: Term(term), trial: trial, candidate: candidate ?? life(this), round: request)
        receive(.grant(grant), from: voter)
    }

    // What the elector asked for.

    var sent: [Packet] {
        effects.compactMap { effect in
            if case .send(let packet, _) = effect { return packet }
            return nil
        }
    }

    var grants: [Grant] {
        sent.compactMap { packet in
            if case .grant(let grant) = packet.message, !grant.trial { return grant }
            return nil
        }
    }

    var trialGrants: [Grant] {
        sent.compactMap { packet in
            if case .grant(let grant) = packet.message, grant.trial { return grant }
            return nil
        }
    }

    var promises: [Promise] {
        sent.compactMap { packet in
            if case .promise(let promise) = packet.message { return promise }
            return nil
        }
    }

    func requests(trial: Bool) -> [(Sequence, Term)] {
        sent.compactMap { packet in
            if case .voteRequest(let request) = packet.message, request.trial == trial {
                return (packet.sequence, request.term)
            }
            return nil
        }
    }

    var beats: [(Sequence, GroupBeat)] {
        sent.compactMap { packet in
            if case .heartbeat(let heartbeat) = packet.message { return (packet.sequence, heartbeat.groups[0]) }
            return nil
        }
    }

    var withdrawal: Ticket? {
        effects.compactMap { effect -> Ticket? in
            if case .withdraw(_, let ticket) = effect { return ticket }
            return nil
        }.last
    }

    var gateDeadline: Instant? {
        effects.compactMap { effect -> Instant? in
            switch effect {
            case .openGate(_, let until), .renewGate(_, let until): until
            default: nil
            }
        }.last
    }

    /// Makes this node the holder of term 1 with lucy's vote; forgets how.
    mutating func becomeHolder() {
        wait(600, hearing: [Self.lucy])
        if let (request, term) = requests(trial: true).last {
            grant(request, term: term.rawValue, trial: true, from: Self.lucy)
        }
        if let (request, term) = requests(trial: false).last {
            grant(request, term: term.rawValue, trial: false, from: Self.lucy)
        }
        forget()
    }
}
