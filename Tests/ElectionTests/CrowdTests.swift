import Election
import Testing

/// Many groups that have lost their holder at once.
@Suite struct CrowdTests {
    private static let count = 100

    private static func rules() -> Rules {
        var rules = Bench.rules(this: Bench.fred)
        let one = rules.groups[0]
        rules.groups = (1...UInt32(count)).map { number in
            GroupRules(
                id: GroupID(number), name: "office\(number)", mode: one.mode, priorities: one.priorities,
                preemptAfter: one.preemptAfter, checks: [], needsDataPlane: false)
        }
        return rules
    }

    /// fred with its peers, who say that they live and answer nothing; which groups it asked for, and when.
    private func asked(milliseconds: UInt64) -> [(group: GroupID, at: UInt64)] {
        var elector = Elector(rules: Self.rules())
        let begin = Instant(nanoseconds: 5_000_000_000_000)
        let memory = Memory(
            groups: elector.rules.groups.map {
                Memory.GroupMemory(group: $0.id, ballot: Ballot(term: .none, candidate: nil))
            },
            promise: .milliseconds(500), maintenance: false, needsFloor: false)
        var asked: [(GroupID, UInt64)] = []
        func step(_ event: Event, _ millisecond: UInt64) {
            for effect in elector.step(event, at: begin + .milliseconds(millisecond)) {
                if case .send(let packet, to: _) = effect, case .voteRequest(let request) = packet.message {
                    asked.append((request.group, millisecond))
                }
                if case .persist(let ticket) = effect { step(.persisted(ticket), millisecond) }
            }
        }
        step(.started(Start(incarnation: Incarnation(9), memory: memory)), 0)
        for group in elector.rules.groups { step(.link(group.id, up: true), 0) }
        for millisecond in 1..<milliseconds {
            if millisecond % 100 == 1 {
                for peer in [Bench.ethyl, Bench.lucy] {
                    step(.received(Reception(packet: beat(of: peer, millisecond), relay: nil)), millisecond)
                }
            }
            step(.timer, millisecond)
        }
        return asked
    }

    private func beat(of peer: NodeIndex, _ sequence: UInt64) -> Packet {
        let heard = (0..<UInt8(3)).map(NodeIndex.init).filter { $0 != peer }.map {
            Heard(
                node: $0, incarnation: Incarnation($0 == Bench.fred ? 9 : 1), sequence: Sequence(1), ageMilliseconds: 0)
        }
        let beats = (1...UInt32(Self.count)).map { number in
            GroupBeat(
                group: GroupID(number), eligible: peer == Bench.ethyl, holding: false,
                priority: peer == Bench.ethyl ? 100 : 0, term: .none, holder: nil, release: nil)
        }
        return Packet(
            sender: NodeLife(node: peer, incarnation: Incarnation(1)), sequence: Sequence(sequence),
            message: .heartbeat(Heartbeat(safetyDigest: 7, configurationDigest: 7, heard: heard, groups: beats)))
    }

    @Test func aFewAskAtATime() {
        let asked = asked(milliseconds: 4_000)
        #expect(!asked.isEmpty)
        for start in stride(from: UInt64(0), to: 4_000, by: 100) {
            let groups = Set(asked.filter { $0.at >= start && $0.at < start + 100 }.map(\.group))
            // Those of the interval before may still be asking when the next begin.
            #expect(groups.count <= 32, "from \(start) ms")
        }
    }

    @Test func whoeverAsksInVainLeavesItsTurnToOthers() {
        let asked = asked(milliseconds: 4_000)
        #expect(Set(asked.map(\.group)).count == Self.count)
    }
}
