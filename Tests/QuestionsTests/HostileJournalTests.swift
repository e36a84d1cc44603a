import Election
import Foundation
import Journal
import Questions
import Replay
import Sodium
import Testing

/// Journals that somebody made to hurt whoever reads them: every checksum, signature and digest is right, and what they
/// say is anything. Each question is answered or refused, and nothing traps. `ELECTD_HOSTILE` sets how many.
@Suite struct HostileJournalTests {
    private let count = ProcessInfo.processInfo.environment["ELECTD_HOSTILE"].flatMap(Int.init) ?? 60

    @Test func everyQuestionBearsAnyJournal() throws {
        let model = try Model()
        var dice = Dice(state: 0xE1EC)
        var refused = 0
        for _ in 0..<count {
            let forged = try model.forged(&dice)
            defer { try? FileManager.default.removeItem(atPath: forged) }
            refused += try Self.ask(everything: [forged] + model.others, &dice)
            refused += try Self.ask(everything: [forged], &dice)
        }
        #expect(refused < count * 40, "all is refused: nothing was tried")
    }

    /// Bytes of records changed at random, under a checksum that fits.
    @Test func everyQuestionBearsAnyRecord() throws {
        let model = try Model()
        var dice = Dice(state: 0xF0E)
        for _ in 0..<count {
            let bent = try model.bent(&dice)
            defer { try? FileManager.default.removeItem(atPath: bent) }
            _ = try Self.ask(everything: [bent] + model.others, &dice)
        }
    }

    /// - Returns: how many questions were refused.
    private static func ask(everything paths: [String], _ dice: inout Dice) throws -> Int {
        _ = try Audit.run(paths)
        _ = try Replay.run(paths)
        for path in paths {
            for file in try SegmentDirectory.files(of: path) {
                try? RecordText.show(file) { _ in }
                _ = try? CheckpointNote.last(of: file)
            }
        }
        guard let archive = try? JournalArchive.open(paths) else { return 1 }
        guard let chronicle = try? Chronicle.read(archive) else { return 1 }
        var refused = 0
        func ask(_ question: () throws -> Void) { do { try question() } catch { refused += 1 } }
        for group in chronicle.groups.prefix(3) {
            for time in ["end", "-1s", "+1s", "@1700000001", "@4611686000", "2000-01-01T00:00:00Z"] {
                let asked = try #require(TimeText.parse(time))
                ask { _ = try chronicle.whoHeld(group, at: asked).json.encoded }
                ask { _ = try Why(chronicle).explain(.state(group, asked)).json.encoded }
            }
            ask { _ = try Why(chronicle).explain(.last(group, node: nil)).lines }
        }
        _ = chronicle.overlaps(chronicle.groups).json.encoded
        _ = chronicle.gaps(chronicle.groups).json.encoded
        _ = chronicle.flaps(chronicle.groups, byCause: true).json.encoded
        _ = chronicle.evidence().json.encoded
        let timeline = Timeline(chronicle)
        _ = timeline.answer.json.encoded
        for format in Export.Format.allCases { Export.write(timeline, as: format) { _ in } }
        ask { _ = try TimelinePage(chronicle).html }
        ask { _ = try WhatIf(chronicle, settings: ["lease=1s"]).answer(chronicle.groups, in: .init()).lines }
        for _ in 0..<3 {
            let record = "fred:1:\(Int.random(in: 0..<400, using: &dice))"
            ask { _ = try Proof(of: archive.record(named: record), in: archive).answer.json.encoded }
            ask { _ = try Why(chronicle).explain(.record(archive.record(named: record))).lines }
        }
        return refused
    }
}

/// A real cluster's journals, of which one is forged again and again.
private final class Model {
    private let cluster: Cluster
    private let opening: Opening
    private let steps: [Step]
    private let segment: [UInt8]
    let others: [String]

    init() throws {
        cluster = try Cluster()
        cluster.run(2500)
        cluster.isolate("fred")
        cluster.run(2000)
        cluster.heal()
        cluster.run(1500)
        try cluster.commit()
        others = [cluster.path("ethyl"), cluster.path("lucy")]
        let path = try #require(try SegmentDirectory.files(of: cluster.path("fred")).first)
        segment = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var steps: [Step] = []
        let reader = try JournalReader(path)
        while let entry = try reader.next() {
            if case .step(let step) = entry.record { steps.append(step) }
        }
        self.steps = steps
        opening = try #require(reader.opening)
    }

    /// A state directory whose journal was written in order, of a state and of events that are another's.
    func forged(_ dice: inout Dice) throws -> String {
        let path = cluster.directory + "/forged-\(UUID().uuidString)"
        let key = SigningKey.generate()
        var genesis = opening.genesis
        if Bool.random(using: &dice) {
            for _ in 0..<20 {
                let bent = Self.bend(opening.genesis, &dice)
                guard Self.elector(bent) != nil else { continue }
                genesis = bent
                break
            }
        }
        var elector = try #require(Self.elector(genesis))
        let start =
            Bool.random(using: &dice)
            ? opening.instant : Instant(nanoseconds: UInt64.random(in: 0..<1 << 60, using: &dice))
        let writer = try JournalWriter.open(
            in: try StateDirectory.open(path),
            identity: JournalIdentity(
                clusterTag: opening.clusterTag, node: opening.node,
                incarnation: Incarnation(UInt64.random(in: 0...3, using: &dice)), bootID: opening.bootID,
                software: "hostile\u{1B}[2J"), key: key, genesis: genesis, at: start,
            wallClock: { WallClock(nanoseconds: Cluster.start) })
        var now = start
        for step in steps {
            now = now + step.instant.since(steps[0].instant).limited(&dice)
            let event = Self.event(step.event, &dice)
            guard now.nanoseconds < 1 << 60 else { break }
            let effects = elector.step(event, at: now)
            do throws(JournalError) {
                try writer.append(event, outcome: StepOutcome(of: effects), at: now)
                if Int.random(in: 0..<40, using: &dice) == 0 { try writer.checkpoint(at: now) }
            } catch {
                break
            }
        }
        try writer.commit()
        return path
    }

    private static func elector(_ genesis: [UInt8]) -> Elector? {
        var reader = ByteReader(genesis)
        guard let elector = try? Elector(from: &reader), reader.remaining == 0 else { return nil }
        return elector
    }

    private static func event(_ event: Event, _ dice: inout Dice) -> Event {
        guard Int.random(in: 0..<6, using: &dice) == 0 else { return event }
        var writer = ByteWriter()
        event.encode(to: &writer)
        for _ in 0..<10 {
            var reader = ByteReader(bend(writer.bytes, &dice))
            guard let bent = try? Event(from: &reader), reader.remaining == 0 else { continue }
            return bent
        }
        return event
    }

    private static func bend(_ bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
        var bent = bytes
        for _ in 0..<Int.random(in: 1...3, using: &dice) {
            let place = Int.random(in: 0..<bent.count, using: &dice)
            switch Int.random(in: 0..<4, using: &dice) {
            case 0: bent[place] = 0xFF
            case 1: bent[place] = 0
            case 2: bent[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
            default:
                for near in place..<min(place + 8, bent.count) { bent[near] = UInt8.random(in: 0...255, using: &dice) }
            }
        }
        return bent
    }

    /// A segment with some bytes of some payloads changed, and checksums that fit.
    func bent(_ dice: inout Dice) throws -> String {
        var bytes = Array(segment[..<8])
        var place = 8
        var frames = 0
        while place + 8 <= segment.count {
            let length = Int(segment[place]) | Int(segment[place + 1]) << 8 | Int(segment[place + 2]) << 16
            guard place + 8 + length <= segment.count else { break }
            var payload = Array(segment[place + 8..<place + 8 + length])
            if !payload.isEmpty, Int.random(in: 0..<(frames == 0 ? 3 : 12), using: &dice) == 0 {
                payload = Self.bend(payload, &dice)
            }
            var crc = CRC32C()
            let head = Array(segment[place..<place + 4])
            head.withUnsafeBytes { crc.update($0) }
            payload.withUnsafeBytes { crc.update($0) }
            bytes += head
            withUnsafeBytes(of: crc.value.littleEndian) { bytes += $0 }
            bytes += payload
            place += 8 + length
            frames += 1
        }
        let path = cluster.directory + "/bent-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/0000000001.electd"))
        return path
    }
}

extension Span {
    /// Mostly a little; sometimes years.
    fileprivate func limited(_ dice: inout Dice) -> Span {
        switch Int.random(in: 0..<200, using: &dice) {
        case 0: Span(nanoseconds: UInt64.random(in: 0..<1 << 58, using: &dice))
        case 1: .zero
        default: Span(nanoseconds: nanoseconds % 40_000_000)
        }
    }
}

private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
