import Election
import Foundation
import Journal
import Replay
import Sodium
import Testing

@Suite struct ReplayTests {
    let scratch = Scratch()

    @Test func aRunIsReproducedDecisionByDecision() throws {
        let run = try Recorded(scratch)
        try run.live(steps: 200)
        try run.rotate()
        try run.live(steps: 200)
        try run.end()
        let report = try Replay.run([scratch.path])
        #expect(report.isGood, "\(report.lines)")
        #expect(report.segments.map(\.closing) == [.rotated, .stopped])
        #expect(report.steps == UInt64(run.steps) && report.segments.allSatisfy { $0.states > 0 })
        #expect(report.segments[0].checkpoints >= 2)
        #expect(report.lines.last?.hasSuffix("all as recorded") == true)
    }

    @Test func severalLivesAreReplayedEachFromItsGenesis() throws {
        for life in 1...3 {
            let run = try Recorded(scratch, incarnation: UInt64(life))
            try run.live(steps: 50)
            if life == 2 { try run.end() } else { try run.crash() }
        }
        let report = try Replay.run([scratch.path + "/journal"])
        #expect(report.isGood, "\(report.lines)")
        #expect(report.segments.map(\.closing) == [nil, .stopped, nil])
    }

    /// A decision that isn't what these rules decide: by another version, or by a liar who has the key.
    @Test func theFirstDifferingDecisionIsNamed() throws {
        let run = try Recorded(scratch)
        try run.live(steps: 60)
        let index = UInt64(try records(scratch.segmentPath(1)).count)
        try run.live(steps: 1, lie: EffectsDigest(rawValue: 7))
        try run.live(steps: 60)
        try run.end()
        let report = try Replay.run([scratch.path])
        guard case .diverged(let divergence) = report.segments[0].outcome,
            case .effects(let recorded, let derived) = divergence.what
        else {
            Issue.record("\(report.lines)")
            return
        }
        #expect(
            divergence.index == index && recorded == .whole(EffectsDigest(rawValue: 7))
                && derived != EffectsDigest(rawValue: 7))
        #expect(divergence.instant == run.lastLie)
        #expect(divergence.stateBefore.contains("peers") && !divergence.event.isEmpty)
        #expect(!report.isGood)
        let entry = try records(scratch.segmentPath(1))[Int(index)]
        #expect(entry.offset == divergence.offset)
        // The records themselves are whole: that is what log verify asks.
        #expect(try Replay.run([scratch.path], derives: false).isGood)
    }

    @Test func aDifferingStateIsNamed() throws {
        let run = try Recorded(scratch)
        try run.live(steps: 10)
        try run.writer.append(state: [1, 2, 3])
        try run.end()
        guard case .diverged(let divergence) = try Replay.run([scratch.path]).segments[0].outcome,
            case .state = divergence.what
        else {
            Issue.record("not noticed")
            return
        }
    }

    @Test func aGenesisOfAnotherNodeIsRefused() throws {
        _ = try scratch.writer(try scratch.state())
        guard case .diverged(let divergence) = try Replay.run([scratch.path]).segments[0].outcome,
            case .genesis = divergence.what
        else {
            Issue.record("not noticed")
            return
        }
    }

    /// A journal of an older or newer version of the rules is whole, and not for this one to judge.
    @Test func anotherVersionOfTheRulesIsSaidAndIsNoDamage() throws {
        let state = try scratch.state()
        var genesis = Recorded.encoded(Elector(rules: Recorded.rules(key: scratch.key.publicKey.bytes)))
        genesis[0] &+= 1
        let writer = try JournalWriter.open(
            in: state,
            identity: JournalIdentity(
                clusterTag: Array(1...8), node: "fred", incarnation: Incarnation(1), software: "test"),
            key: scratch.key, genesis: genesis, at: .zero)
        try writer.close(at: .zero)
        let report = try Replay.run([scratch.path])
        #expect(!report.isGood && report.isForAnotherVersion, "\(report.lines)")
        #expect(report.lines.contains { $0.contains("replay it with the electd that wrote it") })
        #expect(try Replay.run([scratch.path], derives: false).isGood)
    }

    @Test func segmentsThatAreMissingOrChangedBreakContinuity() throws {
        let run = try Recorded(scratch)
        for _ in 1...3 {
            try run.live(steps: 20)
            try run.rotate()
        }
        try run.end()
        #expect(try Replay.run([scratch.path]).isGood)
        let ends = [scratch.segmentPath(1), scratch.segmentPath(4)]
        #expect(try Replay.run(ends).breaks.map(\.what) == [.missing])
        // A whole, properly signed tail less: only the next segment tells.
        let whole = try scratch.bytes(scratch.segmentPath(2))
        let last = try #require(try records(scratch.segmentPath(2)).last)
        try scratch.replace(scratch.segmentPath(2), with: Array(whole[..<Int(last.offset)]))
        #expect(try Replay.run([scratch.path]).breaks.map(\.what) == [.head])
        try scratch.replace(scratch.segmentPath(2), with: whole)
        try scratch.replace(scratch.segmentPath(9), with: whole)
        #expect(try Replay.run([scratch.path]).breaks.map(\.what) == [.twice])
    }

    @Test func damageEndsWithWhere() throws {
        let run = try Recorded(scratch)
        try run.live(steps: 50)
        try run.end()
        var bytes = try scratch.bytes(scratch.segmentPath(1))
        let entries = try records(scratch.segmentPath(1))
        let entry = entries[20]
        bytes[Int(entry.offset) + 10] ^= 1
        try scratch.replace(scratch.segmentPath(1), with: bytes)
        let report = try Replay.run([scratch.path])
        guard case .damaged(.damaged(let offset, let record, _)) = report.segments[0].outcome else {
            Issue.record("\(report.lines)")
            return
        }
        #expect(offset == entry.offset && entries[Int(record)].offset == offset)
        let json = String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
        #expect(json.contains("\"outcome\":\"damaged\"") && json.contains("\"offset\":\(offset)"))
    }

    @Test func aTornTailIsNoDamage() throws {
        let run = try Recorded(scratch)
        try run.live(steps: 50)
        try run.crash()
        let bytes = try scratch.bytes(scratch.segmentPath(1))
        try scratch.replace(scratch.segmentPath(1), with: bytes.dropLast(3))
        let report = try Replay.run([scratch.path])
        #expect(report.isGood && report.segments[0].tornTail != nil)
    }

    @Test func aJournalIsFollowedAcrossRotationAndRestart() throws {
        let follower = JournalFollower(scratch.path)
        var lines: [String] = []
        _ = try scratch.state()
        try follower.poll { lines.append($0.text) }
        #expect(lines.isEmpty)
        var run: Recorded? = try Recorded(scratch)
        try run?.live(steps: 20)
        try follower.poll { lines.append($0.text) }
        let first = lines.count
        #expect(first > 20)
        try follower.poll { lines.append($0.text) }
        #expect(lines.count == first)
        try run?.live(steps: 5)
        try run?.rotate()
        try run?.live(steps: 5)
        try follower.poll { lines.append($0.text) }
        #expect(lines.filter { $0.contains("segment 2 of fred") }.count == 1)
        try run?.crash()
        run = nil
        run = try Recorded(scratch, incarnation: 2)
        try run?.live(steps: 5)
        try follower.poll { lines.append($0.text) }
        #expect(lines.filter { $0.contains("segment 3 of fred, life 2") }.count == 1)
        var all: [String] = []
        for segment in 1...3 { try RecordText.show(scratch.segmentPath(segment)) { all.append($0.text) } }
        #expect(lines == all)
    }

    @Test func everyRecordHasALine() throws {
        let run = try Recorded(scratch)
        try run.live(steps: 100)
        try run.end()
        var lines: [String] = []
        try RecordText.show(scratch.segmentPath(1)) { lines.append($0.text) }
        #expect(lines.count == (try records(scratch.segmentPath(1)).count))
        #expect(lines.contains { $0.contains("from ethyl/1 #") && $0.contains("router37 term") })
        #expect(lines[0].contains("segment 1 of fred, life 1, the first") && lines[0].contains("2023-11-14T22:13:20Z"))
        #expect(lines.last?.contains("checkpoint") == true)
    }

    @Test func everyRecordIsAnObject() throws {
        let run = try Recorded(scratch)
        try run.live(steps: 40)
        try run.end()
        try scratch.replace(scratch.segmentPath(1), with: scratch.bytes(scratch.segmentPath(1)) + [1, 2, 3])
        var objects: [[String: Any]] = []
        try RecordText.show(scratch.segmentPath(1)) { line in
            let object = try? JSONSerialization.jsonObject(with: JSONEncoder().encode(line))
            objects.append(object as? [String: Any] ?? [:])
        }
        let records = try records(scratch.segmentPath(1))
        #expect(objects.count == records.count + 1)
        for (object, entry) in zip(objects, records) {
            #expect(object["record"] as? Int == Int(entry.index) && object["offset"] as? Int == Int(entry.offset))
            #expect((object["text"] as? String)?.isEmpty == false)
            if case .step(let step) = entry.record {
                #expect(object["at_ns"] as? Int == Int(step.instant.nanoseconds))
            }
        }
        #expect(objects.first?["kind"] as? String == "opening" && objects.last?["kind"] as? String == "torn tail")
        #expect(objects.last?["bytes"] as? Int == 3)
    }

    /// Nothing that a file holds may crash the reader: bytes changed and checksums put right again.
    @Test func hostileJournalsDontCrash() throws {
        let run = try Recorded(scratch)
        try run.live(steps: 30)
        try run.end()
        let good = try scratch.bytes(scratch.segmentPath(1))
        let entries = try records(scratch.segmentPath(1))
        let last = try #require(entries.last).index
        var dice = Dice(state: 0x5EED)
        for _ in 0..<300 {
            var bytes = good
            let entry = entries[Int.random(in: 0..<entries.count, using: &dice)]
            let start = Int(entry.offset)
            let count = Int(bytes[start]) | Int(bytes[start + 1]) << 8
            for _ in 0...Int.random(in: 0..<3, using: &dice) {
                bytes[start + 8 + Int.random(in: 0..<count, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
            }
            let crc = CRC32C.of(Array(bytes[start..<start + 4]) + Array(bytes[start + 8..<start + 8 + count]))
            for byte in 0..<4 { bytes[start + 4 + byte] = UInt8(truncatingIfNeeded: crc >> (8 * UInt32(byte))) }
            try scratch.replace(scratch.segmentPath(1), with: bytes)
            let report = try Replay.run([scratch.path])
            #expect(report.segments.count == 1)
            if bytes != good && entry.index < last { #expect(!report.isGood) }
            try? RecordText.show(scratch.segmentPath(1)) { _ in }
        }
    }
}

/// Marsaglia's xorshift64*: the same bytes on every run.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
