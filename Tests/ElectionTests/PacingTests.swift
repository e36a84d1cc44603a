import Election
import Testing

/// How often a candidate repeats what nobody answers, alone and with many groups that ask at once (L4).
struct PacingTests {
    private let heartbeat: UInt64 = 100
    private let promise: UInt64 = 500

    private func rules(groups: Int) -> Rules {
        var rules = Bench.rules(this: Bench.fred)
        let office = rules.groups[0]
        rules.groups = (1...groups).map { number in
            var group = office
            group.id = GroupID(UInt32(number))
            group.name = "group\(number)"
            return group
        }
        return rules
    }

    /// The trials that fred sends in D from the first one on, each with when and for which group.
    private func trials(groups: Int) -> [(at: Instant, group: GroupID)] {
        let rules = rules(groups: groups)
        var fred = Elector(rules: rules)
        var now = Instant(nanoseconds: 5_000_000_000_000)
        var sent: [(at: Instant, group: GroupID)] = []
        var sequence: UInt64 = 0
        func step(_ event: Event) {
            for effect in fred.step(event, at: now) {
                if case .persist(let ticket) = effect { step(.persisted(ticket)) }
                if case .send(let packet, _) = effect, case .voteRequest(let request) = packet.message, request.trial {
                    sent.append((now, request.group))
                }
            }
        }
        func hear(_ peer: NodeIndex) {
            sequence += 1
            let heard = rules.indices.filter { $0 != peer }.map {
                Heard(node: $0, incarnation: Incarnation(9), sequence: Sequence(1), ageMilliseconds: 0)
            }
            let beats = rules.groups.map {
                GroupBeat(
                    group: $0.id, eligible: peer == Bench.ethyl, holding: false,
                    priority: peer == Bench.ethyl ? 100 : 0, term: .none, holder: nil, release: nil)
            }
            let packet = Packet(
                sender: NodeLife(node: peer, incarnation: Incarnation(1)), sequence: Sequence(sequence),
                message: .heartbeat(
                    Heartbeat(safetyDigest: 7, configurationDigest: 7, heard: heard, groups: beats)))
            step(.received(Reception(packet: packet, relay: nil, proof: [])))
        }
        let memory = Memory(groups: [], promise: .milliseconds(promise), maintenance: false, needsFloor: false)
        step(.started(Start(incarnation: Incarnation(9), memory: memory)))
        for group in rules.groups { step(.link(group.id, up: true)) }
        var nextBeat = now
        while sent.isEmpty || now < sent[0].at + .milliseconds(promise - 1) {
            if now >= nextBeat {
                for peer in [Bench.ethyl, Bench.lucy] { hear(peer) }
                nextBeat = now + .milliseconds(heartbeat)
            }
            let due = fred.nextDeadline ?? nextBeat
            now = max(now, min(due, nextBeat))
            step(.timer)
            guard sequence < 100 else { break }
        }
        return sent
    }

    @Test func oneGroupAsksAgainSoon() {
        let trials = trials(groups: 1)
        let gaps = zip(trials, trials.dropFirst()).map { $1.at.since($0.at) }
        #expect(trials.count >= 90)
        #expect(gaps.allSatisfy { $0 == .milliseconds(heartbeat / 20) })
    }

    /// As many as ask without turns: each at once, and again only when as many answers may have come.
    @Test func manyGroupsDontDrownTheAnswers() {
        let groups = 16
        let trials = trials(groups: groups)
        for group in 1...groups {
            let own = trials.filter { $0.group == GroupID(UInt32(group)) }.map(\.at)
            #expect(own.first == trials.first?.at)
            #expect((5...8).contains(own.count), "group \(group) asked \(own.count) times")
        }
    }

    /// Between these: together they ask as often as one would.
    @Test func someGroupsShareThePaceOfOne() {
        let alone = trials(groups: 1).count
        let together = trials(groups: 4).count
        #expect(together <= alone + 8, "\(together) requests instead of \(alone)")
        #expect(together >= alone / 2)
    }
}
