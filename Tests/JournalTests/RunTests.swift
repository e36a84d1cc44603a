import Election
import Foundation
import Journal
import Sodium
import Testing

/// Quiet steps are kept as differences, and come back as they were.
@Suite struct RunTests {
    let scratch = Scratch()

    /// Heartbeats of two peers with everything in them that changes, promises and timers, over several checkpoints.
    @Test func whatIsKeptAsDifferencesComesBackWhole() throws {
        var traffic = Traffic()
        let writer = try scratch.writer(try scratch.state(), limits: JournalLimits(epoch: .milliseconds(1000)))
        var written: [Step] = []
        for _ in 0..<3000 {
            let (event, exact) = traffic.next()
            // Another clock may be finer.
            let instant = max(
                written.last?.instant ?? .zero, traffic.count % 7 == 0 ? exact + Span(nanoseconds: 77) : exact)
            let outcome = traffic.outcome()
            try writer.append(event, outcome: outcome, at: instant)
            try writer.checkpointIfDue(at: instant)
            if traffic.count % 50 == 0 { try writer.commit() }
            written.append(Traffic.expected(event, outcome, instant))
        }
        try writer.close(at: traffic.now)
        let read = try records(scratch.segmentPath(1)).compactMap { entry -> Step? in
            if case .step(let step) = entry.record { step } else { nil }
        }
        #expect(read.count == written.count)
        for (step, before) in zip(read, written) {
            #expect(step.event == before.event && step.instant == before.instant && step.effects == before.effects)
        }
    }

    /// Counting goes on over a carry and a lost packet; what shakes is expected to stay; what repeats a change is followed.
    @Test func theGuessFollowsWhatCountsAndWaitsOutWhatShakes() throws {
        var stream = StreamState(at: 0)
        stream.begin(with: [10, 40, 7])
        func comes(_ event: [UInt8]) -> [UInt8] {
            let guess = Array(stream.guess)
            stream.correct(to: event)
            stream.take()
            #expect(Array(stream.bytes) == event)
            return guess
        }
        #expect(comes([11, 41, 7]) == [10, 40, 7])
        #expect(comes([12, 40, 7]) == [11, 41, 7])
        #expect(comes([13, 42, 7]) == [13, 40, 7], "twice by one: it counts")
        // One is lost and the next has a carry: the step stays.
        #expect(comes([15, 41, 7]) == [14, 42, 7])
        #expect(comes([128, 41, 7]) == [16, 41, 7])
        #expect(comes([129, 40, 0xFD]) == [129, 41, 7])
        #expect(comes([130, 41, 0xF3]) == [130, 40, 0xFD], "modulo 256: twice by -10")
        #expect(comes([131, 41, 0xE9]) == [131, 41, 0xE9])
    }

    /// Found by fuzzing: a patch made a record of another sender, or one that decides, of a quiet one.
    @Test func aStreamStaysWhatItIs() throws {
        let writer = try scratch.writer(try scratch.state())
        for round: UInt64 in 1...2 {
            let life = NodeLife(node: NodeIndex(2), incarnation: Incarnation(3))
            let heartbeat = Heartbeat(safetyDigest: 1, configurationDigest: 2, heard: [], groups: [])
            let packet = Packet(sender: life, sequence: Sequence(round), message: .heartbeat(heartbeat))
            try writer.append(
                .received(Reception(packet: packet, relay: nil)), outcome: .nothing, at: milliseconds(round))
        }
        try writer.commit()
        #expect(try records(scratch.segmentPath(1)).count == 5)
        var segment = SegmentFrames(try scratch.bytes(scratch.segmentPath(1)))
        let run = try #require(segment.frames.firstIndex { $0[3] == SegmentFrames.Kind.run })
        var payload = Array(segment.frames[run][8...])
        // The number of the second one, and the sum.
        #expect(payload.suffix(4).prefix(2) == [0x8C, 2])
        // Instead of it the sender.
        payload.replaceSubrange(payload.count - 4..<payload.count - 2, with: [0x84, 1])
        segment.replace(run, payload: payload)
        try scratch.replace(scratch.segmentPath(1), with: segment.bytes)
        #expect(throws: JournalDamage.self) { try records(scratch.segmentPath(1)) }
    }

    /// A day of the holder of three nodes at 100 ms: 40 MB at most.
    @Test func aNodeDayStaysSmall() throws {
        var traffic = Traffic()
        let writer = try scratch.writer(try scratch.state())
        let minutes: UInt64 = 3
        while traffic.now < milliseconds(minutes * 60_000) {
            let (event, instant) = traffic.next()
            try writer.append(event, outcome: traffic.outcome(), at: instant)
            try writer.checkpointIfDue(at: instant)
            if traffic.count % 10 == 0 { try writer.commit() }
        }
        try writer.close(at: traffic.now)
        let bytes = UInt64(try scratch.bytes(scratch.segmentPath(1)).count)
        let day = bytes * 1440 / minutes
        #expect(day <= 40_000_000, "\(day) bytes a day, \(Double(bytes) / Double(traffic.count)) a step")
    }

    @Test func theSumOfARunTellsWhatAByteLetsThrough() throws {
        var sum = EffectsSum()
        sum.add(EffectsDigest(rawValue: 0x1122))
        sum.add(EffectsDigest(rawValue: 0x3344))
        var other = EffectsSum()
        other.add(EffectsDigest(rawValue: 0x5522))
        other.add(EffectsDigest(rawValue: 0x3344))
        #expect(sum != other)
        #expect(
            RecordedEffects.short(0x22).agrees(
                with: StepOutcome(digest: EffectsDigest(rawValue: 0x1122), isEmpty: false, decides: false)))
        #expect(!RecordedEffects.none.agrees(with: StepOutcome(of: [.left])))
        #expect(RecordedEffects.none.agrees(with: .nothing))
    }
}

/// What the holder of three nodes hears, roughly as it comes: each 100 ms two heartbeats, two promises and its own
/// timer, all with some jitter.
struct Traffic {
    private(set) var now = Instant.zero
    private(set) var count = 0
    private var dice = Dice(state: 0xE1EC)
    private var sequences: [UInt64] = [4_000, 9_000]
    private var round: UInt64 = 16_000
    private var sizes: [UInt64] = [100_000, 200_000]
    private var beats: UInt64 = 0

    mutating func next() -> (Event, Instant) {
        let place = count % 5
        count += 1
        if place == 0 { beats += 1 }
        let due = beats * 100_000_000 + [0, 350_000, 420_000, 31_000_000, 62_000_000][place]
        now = max(now, Instant(nanoseconds: due + UInt64.random(in: 0..<160, using: &dice) * 1000))
        switch place {
        case 0:
            round += 1
            return (.timer, now)
        case 1, 2: return (promise(of: place - 1), now)
        default: return (heartbeat(of: place - 3), now)
        }
    }

    mutating func outcome() -> StepOutcome {
        let digest = EffectsDigest(rawValue: UInt64.random(in: 0...UInt64.max, using: &dice))
        return count % 5 == 2 ? .nothing : StepOutcome(digest: digest, isEmpty: false, decides: false)
    }

    private mutating func promise(of peer: Int) -> Event {
        sequences[peer] += 1
        let promise = Promise(
            holder: NodeLife(node: NodeIndex(1), incarnation: Incarnation(1_700_000_000)), round: Sequence(round),
            bonds: [.init(group: GroupID(37), term: Term(12))])
        return packet(of: peer, .promise(promise), mark: nil)
    }

    private mutating func heartbeat(of peer: Int) -> Event {
        sequences[peer] += 1
        if beats % 2 == 0 { sizes[peer] += UInt64.random(in: 70..<120, using: &dice) }
        let mark = JournalMark(
            segment: 3, size: sizes[peer],
            head: Blake2b.hash(Array("\(sizes[peer])".utf8), length: 16))
        let heard = [
            Heard(
                node: NodeIndex(1), incarnation: Incarnation(1_700_000_000), sequence: Sequence(round),
                ageMilliseconds: 30 + UInt16.random(in: 0..<2, using: &dice)),
            Heard(
                node: NodeIndex(peer == 0 ? 2 : 0), incarnation: Incarnation(1_700_000_007),
                sequence: Sequence(sequences[1 - peer]), ageMilliseconds: 68 + UInt16.random(in: 0..<2, using: &dice)),
        ]
        let beat = GroupBeat(
            group: GroupID(37), eligible: true, holding: false, priority: 90, term: Term(12), holder: NodeIndex(1),
            release: nil)
        return packet(
            of: peer,
            .heartbeat(Heartbeat(safetyDigest: 1 << 60, configurationDigest: 1 << 61, heard: heard, groups: [beat])),
            mark: mark)
    }

    private func packet(of peer: Int, _ message: Message, mark: JournalMark?) -> Event {
        let life = NodeLife(node: NodeIndex(peer == 0 ? 0 : 2), incarnation: Incarnation(1_700_000_003))
        return .received(
            Reception(
                packet: Packet(sender: life, sequence: Sequence(sequences[peer]), message: message), relay: nil,
                journal: mark))
    }

    static func expected(_ event: Event, _ outcome: StepOutcome, _ instant: Instant) -> Step {
        var event = event
        if case .received(var reception) = event {
            reception.journal = nil
            event = .received(reception)
        }
        let effects: RecordedEffects =
            outcome.isEmpty ? .none : .short(UInt8(truncatingIfNeeded: outcome.digest.rawValue))
        return Step(instant: instant, effects: effects, event: event, isQuiet: true)
    }
}
