import Election
import Journal
import Sodium

/// An elector that runs among two peers that only send heartbeats, and the journal of it.
final class Recorded {
    let writer: JournalWriter
    private let state: StateDirectory
    private var elector: Elector
    private var now = Instant.zero
    private var peerSequence: UInt64 = 0
    private(set) var steps = 0
    private(set) var lastLie: Instant?
    /// Bytes of an order that comes every 64 steps; 0: none comes.
    var orderBytes = 0

    init(_ scratch: Scratch, incarnation: UInt64 = 1) throws {
        elector = Elector(rules: Self.rules(key: scratch.key.publicKey.bytes))
        state = try scratch.state()
        let identity = JournalIdentity(
            clusterTag: Array(1...8), node: "fred", incarnation: Incarnation(incarnation), software: "test")
        writer = try JournalWriter.open(
            in: state, identity: identity, key: scratch.key, genesis: Self.encoded(elector), at: .zero,
            wallClock: { WallClock(nanoseconds: 1_700_000_000_000_000_000) })
        try take(.started(Start(incarnation: Incarnation(incarnation), memory: nil)), lie: nil)
    }

    func live(steps count: Int, lie: EffectsDigest? = nil) throws {
        for _ in 0..<count {
            now = now + .milliseconds(20)
            try take(next(), lie: lie)
            // A state that holds an order is long.
            if steps % (orderBytes > 0 ? 4096 : 16) == 0 && lie == nil {
                try writer.append(state: Self.encoded(elector))
            }
        }
        try writer.checkpointIfDue(at: now)
        try writer.commit()
    }

    func rotate() throws {
        try writer.rotate(genesis: Self.encoded(elector), at: now)
    }

    func end() throws { try writer.close(at: now) }

    /// What was appended is on disk, and nobody says goodbye.
    func crash() throws { try writer.commit() }

    private func take(_ event: Event, lie: EffectsDigest?) throws {
        let effects = elector.step(event, at: now)
        var outcome = StepOutcome(of: effects)
        if let lie { outcome = StepOutcome(digest: lie, isEmpty: false, decides: true) }
        try writer.append(event, outcome: outcome, at: now)
        steps += 1
        if lie != nil { lastLie = now }
        // Persistence is reported at once: it is what lets the election go on.
        for case .persist(let ticket) in effects where lie == nil { try take(.persisted(ticket), lie: nil) }
    }

    private func next() -> Event {
        if orderBytes > 0 && steps % 64 == 5 {
            return .propose(UInt64(steps), text: [UInt8](repeating: UInt8(steps / 64 % 251), count: orderBytes))
        }
        switch steps % 4 {
        case 0: return .timer
        case 1: return .link(Self.group, up: steps % 64 < 50)
        default:
            peerSequence += 1
            let beat = GroupBeat(
                group: Self.group, eligible: true, holding: false, priority: 90, term: Term(0), holder: nil,
                release: nil)
            let heartbeat = Heartbeat(safetyDigest: 1, configurationDigest: 2, heard: [], groups: [beat])
            let packet = Packet(
                sender: NodeLife(node: NodeIndex(steps % 2 == 0 ? 0 : 2), incarnation: Incarnation(1)),
                sequence: Sequence(peerSequence), message: .heartbeat(heartbeat))
            return .received(
                Reception(packet: packet, relay: nil, journal: JournalMark(segment: 1, size: 9, head: Array(0..<16))))
        }
    }

    static let group = GroupID(37)

    static func rules(key: [UInt8]) -> Rules {
        let other = [UInt8](repeating: 0, count: 32)
        return Rules(
            safetyDigest: 1, configurationDigest: 2, this: NodeIndex(1),
            nodes: [
                NodeRules(name: "ethyl", part: .voter, key: other), NodeRules(name: "fred", part: .voter, key: key),
                NodeRules(name: "lucy", part: .witness, key: other),
            ],
            timing: Timing(
                heartbeat: .milliseconds(100), promise: .milliseconds(500), driftPPM: 1000, lag: .milliseconds(6)),
            checks: [],
            groups: [
                GroupRules(
                    id: group, name: "router37", mode: .majority, priorities: [90, 100, 0],
                    preemptAfter: .milliseconds(1000), checks: [], needsDataPlane: false)
            ])
    }

    static func encoded(_ elector: Elector) -> [UInt8] {
        var writer = ByteWriter()
        elector.encode(to: &writer)
        return writer.bytes
    }
}
