import Election
import Testing

/// What is read was written, and hostile bytes cost an error, never more.
struct CodecTests {
    private struct Dice {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 11
        }
        mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    }

    private func bytes(_ value: some Transcribable) -> [UInt8] {
        var writer = ByteWriter()
        value.encode(to: &writer)
        return writer.bytes
    }

    private func read<Value: Transcribable>(_: Value.Type, _ bytes: [UInt8]) -> Value? {
        var reader = ByteReader(bytes)
        guard let value = try? Value(from: &reader), reader.remaining == 0 else { return nil }
        return value
    }

    private var packets: [Packet] {
        let life = NodeLife(node: NodeIndex(1), incarnation: Incarnation(3))
        let release = Release(term: Term(4), successor: NodeIndex(2), ordered: true)
        let beat = GroupBeat(
            group: GroupID(9), eligible: true, holding: true, priority: 101, term: Term(300), holder: NodeIndex(1),
            release: release)
        let heard = Heard(
            node: NodeIndex(0), incarnation: Incarnation(2), sequence: Sequence(70_000), ageMilliseconds: 65_535)
        let grant = Grant(group: GroupID(9), term: Term(5), trial: false, candidate: life, round: Sequence(8))
        let messages: [Message] = [
            .heartbeat(Heartbeat(safetyDigest: .max, configurationDigest: 1, heard: [heard], groups: [beat, beat])),
            .promise(
                Promise(holder: life, round: Sequence(1), bonds: [Promise.Bond(group: GroupID(9), term: Term(1))])),
            .voteRequest(VoteRequest(group: GroupID(9), term: Term(.max), trial: true, priority: 254)), .grant(grant),
            .certificate(
                Certificate(
                    group: GroupID(9), term: Term(5), holder: life,
                    votes: [Certificate.Vote(voter: NodeIndex(31), proof: Array(repeating: 7, count: 256))])),
            .transferRequest(TransferRequest(group: GroupID(9), to: NodeIndex(0))), .log(Self.logParts),
        ]
        return messages.map { Packet(sender: life, sequence: Sequence(12), message: $0) }
    }

    /// One of each, as far as others than the elector make them.
    static let logParts: [LogPart] = {
        let life = NodeLife(node: NodeIndex(1), incarnation: Incarnation(3))
        let id = CommandID(origin: life, number: 7)
        let name = ServerName(service: "web", server: "s1")
        var log = ReplicatedLog()
        let contents: [LogContent] = [
            .held(life, because: .elected), .released(life, Release(term: Term(2), successor: nil, ordered: true)),
            .command(id, .server(name, .duty(.drain))), .command(id, .server(name, .weight(20))),
            .command(id, .maintenance(NodeIndex(2), true)), .command(id, .propose(size: 3, digest: Digest(of: [1]))),
            .command(id, .text(offset: 0, [1, 2, 3])), .command(id, .decide(id, accepted: false, why: "no room")),
            .command(id, .evidence(Evidence(against: NodeIndex(2), term: Term(4), proofs: [[1], [2]]))),
            .merged(Fork(kept: .start, other: .start, otherNode: NodeIndex(0))),
        ]
        for content in contents {
            log.apply(.entries(after: log.last, [LogEntry(after: log.last, term: Term(5), content: content)]))
        }
        return [
            .append(
                LogAppend(
                    group: GroupID(9), term: Term(5), place: .start, entries: log.entries, committed: 1, oldest: 0)),
            .acknowledge(
                LogAcknowledgement(group: GroupID(9), holder: life, term: Term(5), durable: nil, committed: log.last)),
            .longer(GroupID(9), LogMark(term: Term(5), index: 9, committed: 3, stateHash: 1)),
            .order(GroupID(9), id, .server(name, .weight(nil))), .refuse(GroupID(9), id, why: "too many"),
            .verdict(GroupID(9), proposal: id, obstacle: ""),
        ]
    }()

    private var events: [Event] {
        let memory = Memory(
            groups: [Memory.GroupMemory(group: GroupID(9), ballot: Ballot(term: Term(2), candidate: nil))],
            promise: .milliseconds(500), maintenance: true, needsFloor: true)
        let rules = Bench.rules(this: Bench.fred, checks: [GroupCheck(check: 0, weight: -3)])
        var events: [Event] = [
            .started(Start(incarnation: Incarnation(1), memory: memory)),
            .started(Start(incarnation: Incarnation(1), memory: nil)),
            .timer, .persisted(Ticket(3)), .storageFailed, .withdrawn(GroupID(9), Ticket(1)), .gateLost(GroupID(9)),
            .check(3, passing: true), .link(GroupID(9), up: false), .dataPlane(up: true), .maintenance(true),
            .transfer(GroupID(9), to: NodeIndex(2)), .reconfigured(rules), .leaving,
            .recalled(GroupID(1), ReplicatedLog().image),
            .command(3, GroupID(1), .server(ServerName(service: "web", server: "s1"), .duty(.maintenance))),
            .propose(4, text: Array("cluster: x".utf8)),
            .examined(
                GroupID(1),
                CommandID(origin: NodeLife(node: NodeIndex(0), incarnation: Incarnation(1)), number: 1),
                obstacle: "no"),
        ]
        events += packets.map { .received(Reception(packet: $0, relay: NodeIndex(2), proof: [1, 2, 3])) }
        return events
    }

    @Test func everyPacketAndEventReadsAsItWasWritten() {
        for packet in packets { #expect(read(Packet.self, bytes(packet)) == packet) }
        for event in events { #expect(read(Event.self, bytes(event)) == event) }
    }

    @Test func everyPrefixIsRefused() {
        for event in events {
            let whole = bytes(event)
            for length in 0..<whole.count { #expect(read(Event.self, Array(whole[..<length])) == nil) }
        }
    }

    @Test func whatIsReadFromHostileBytesIsWrittenAsThoseBytes() {
        var dice = Dice(state: 42)
        let seeds = events.map { bytes($0) }
        var accepted = 0
        for round in 0..<100_000 {
            var hostile: [UInt8]
            if round % 4 == 0 {
                hostile = (0..<dice.below(80)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
            } else {
                hostile = seeds[dice.below(seeds.count)]
                for _ in 0...dice.below(3) {
                    let place = dice.below(hostile.count)
                    switch dice.below(4) {
                    case 0: hostile[place] = UInt8(truncatingIfNeeded: dice.next())
                    case 1: hostile[place] ^= 1 << UInt8(dice.below(8))
                    case 2: hostile.insert(0xFF, at: place)
                    default: if hostile.count > 1 { hostile.remove(at: place) }
                    }
                }
            }
            guard let event = read(Event.self, hostile) else { continue }
            accepted += 1
            #expect(bytes(event) == hostile, "one value, one form")
        }
        #expect(accepted > 1_000)
    }

    @Test func anElectorStandsWhateverItIsTold() {
        var dice = Dice(state: 7)
        let seeds = events.map { bytes($0) }
        for node in [Bench.ethyl, Bench.fred, Bench.lucy] {
            for mode in [GroupRules.Mode.majority, .pair] {
                var bench = Bench(node, mode: mode)
                for _ in 0..<5_000 {
                    var hostile = seeds[dice.below(seeds.count)]
                    hostile[dice.below(hostile.count)] = UInt8(truncatingIfNeeded: dice.next())
                    bench.now = bench.now + Span(nanoseconds: dice.next() % 50_000_000)
                    if let event = read(Event.self, hostile) { bench.step(event) }
                    bench.forget()
                }
                #expect(read(Elector.self, bytes(bench.elector)) == bench.elector)
            }
        }
    }

    @Test func aSnapshotReadsAsItWasWritten() {
        var fred = Bench(Bench.fred)
        #expect(read(Elector.self, bytes(fred.elector)) == fred.elector)
        fred.becomeHolder()
        #expect(read(Elector.self, bytes(fred.elector)) == fred.elector)
    }

    @Test func hostileSnapshotsAreRefused() {
        var dice = Dice(state: 3)
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        let whole = bytes(fred.elector)
        for _ in 0..<20_000 {
            var hostile = whole
            for _ in 0...dice.below(3) { hostile[dice.below(hostile.count)] = UInt8(truncatingIfNeeded: dice.next()) }
            guard var elector = read(Elector.self, hostile) else { continue }
            _ = elector.step(.timer, at: Instant(nanoseconds: dice.next()))
        }
    }
}
