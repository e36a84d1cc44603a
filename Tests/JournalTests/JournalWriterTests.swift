import Election
import Foundation
import Journal
import Sodium
import Testing

@Suite struct JournalWriterTests {
    let scratch = Scratch()
    /// A decision: its step is kept whole.
    let digest = StepOutcome(of: [.left])

    @Test func whatIsAppendedReadsBack() throws {
        let writer = try scratch.writer(try scratch.state(), at: milliseconds(5))
        try writer.append(.timer, outcome: digest, at: milliseconds(10))
        try writer.append(.check(3, passing: true), outcome: digest, at: milliseconds(20))
        try writer.append(state: [1, 2, 3])
        try writer.close(at: milliseconds(30))
        let entries = try records(scratch.segmentPath(1))
        #expect(entries.map(\.index) == Array(0..<7))
        guard case .opening(let opening) = entries[0].record, case .checkpoint = entries[1].record,
            case .checkpoint(let last) = entries[6].record
        else {
            Issue.record("\(entries)")
            return
        }
        #expect(opening.node == "fred" && opening.genesis == Array("genesis".utf8) && opening.previous == nil)
        #expect(opening.key == scratch.key.publicKey && opening.segment == 1)
        #expect(
            entries[2].record == .step(Step(instant: milliseconds(10), effects: .whole(digest.digest), event: .timer)))
        #expect(
            entries[3].record
                == .step(
                    Step(instant: milliseconds(20), effects: .whole(digest.digest), event: .check(3, passing: true))))
        #expect(entries[4].record == .state(Array(Blake2b.hash([1, 2, 3]).prefix(16))))
        #expect(entries[5].record == .closing(Closing(instant: milliseconds(30), reason: .stopped)))
        #expect(last.records == 6)
        #expect(throws: JournalError.stopped) {
            try writer.append(.timer, outcome: self.digest, at: milliseconds(40))
        }
    }

    @Test func anotherIdentityBeginsAnotherJournal() throws {
        let state = try scratch.state()
        try scratch.writer(state).close(at: milliseconds(1))
        let other = SigningKey.generate()
        #expect(throws: JournalError.anotherIdentity(path: state.journalPath, key: scratch.key.publicKey)) {
            try scratch.writer(state, incarnation: 2, key: other)
        }
        try FileManager.default.moveItem(atPath: state.journalPath, toPath: scratch.path + "/journal.before")
        try FileManager.default.createDirectory(atPath: state.journalPath, withIntermediateDirectories: false)
        let writer = try scratch.writer(state, incarnation: 2, key: other)
        // The chain of epochs begins anew too, beyond what the one before has sealed.
        #expect(writer.sealBegan && writer.sealStart.epoch > 1)
        try writer.close(at: milliseconds(2))
        #expect(try Audit.run([state.journalPath]).isGood)
        #expect(try Audit.run([scratch.path + "/journal.before"]).isGood)
    }

    /// The chain's head is the plain BLAKE2b-256 of the file: `head -c SIZE FILE | b2sum -l 256` says the same.
    @Test func theMarkIsTheHashOfTheFile() throws {
        let writer = try scratch.writer(try scratch.state())
        for index in 0..<10 { try writer.append(.timer, outcome: digest, at: milliseconds(UInt64(index))) }
        let before = writer.durableMark
        try writer.commit()
        let ahead = writer.durableMark
        #expect(before.size < ahead.size)
        let bytes = try scratch.bytes(scratch.segmentPath(1))
        #expect(ahead.segment == 1 && ahead.size == UInt64(bytes.count))
        #expect(ahead.head == Array(Blake2b.hash(bytes).prefix(16)))
    }

    @Test func nothingIsOnDiskBeforeCommit() throws {
        let writer = try scratch.writer(try scratch.state())
        let before = try scratch.bytes(scratch.segmentPath(1))
        try writer.append(.timer, outcome: digest, at: milliseconds(1))
        #expect(try scratch.bytes(scratch.segmentPath(1)) == before)
        try writer.commit()
        #expect(try scratch.bytes(scratch.segmentPath(1)).count > before.count)
    }

    @Test func checkpointsComeByTheClock() throws {
        let writer = try scratch.writer(try scratch.state())
        for second in 0...200 { try writer.checkpointIfDue(at: milliseconds(UInt64(second) * 1000)) }
        try writer.commit()
        let checkpoints = try records(scratch.segmentPath(1)).filter {
            if case .checkpoint = $0.record { true } else { false }
        }
        #expect(checkpoints.count == 4)
    }

    @Test func everyLifeAndRotationContinuesTheChain() throws {
        let state = try scratch.state()
        let first = try scratch.writer(state, limits: JournalLimits(segmentBytes: 900))
        #expect(!first.isRotationDue(at: milliseconds(1)))
        #expect(first.isRotationDue(at: milliseconds(86_400_000)))
        for index in 0..<20 { try first.append(.timer, outcome: digest, at: milliseconds(UInt64(index))) }
        #expect(first.isRotationDue(at: milliseconds(20)))
        try first.rotate(genesis: [9], at: milliseconds(30))
        #expect(!first.isRotationDue(at: milliseconds(31)))
        try first.append(.leaving, outcome: digest, at: milliseconds(40))
        try first.close(at: milliseconds(50))
        let second = try scratch.writer(state, incarnation: 2)
        #expect(second.recovery == nil)
        for number in 1...3 {
            guard case .opening(let opening)? = try records(scratch.segmentPath(number)).first?.record else {
                Issue.record("no opening")
                return
            }
            #expect(opening.segment == UInt64(number))
            if number > 1 {
                let bytes = try scratch.bytes(scratch.segmentPath(number - 1))
                #expect(opening.previous?.head == Blake2b.hash(bytes))
                #expect(opening.previous?.size == UInt64(bytes.count))
            }
        }
        #expect(second.durableMark.segment == 3)
        #expect(second.durableMark.size == UInt64(try scratch.bytes(scratch.segmentPath(3)).count))
    }

    @Test func oldSegmentsGoCurrentAndDamagedStay() throws {
        let state = try scratch.state()
        let writer = try scratch.writer(state, limits: JournalLimits(segmentBytes: 100, totalBytes: 6000))
        try scratch.replace(scratch.path + "/journal/0000000000.electd.damaged", with: [1, 2, 3])
        for index in 1...20 {
            try writer.append(.timer, outcome: digest, at: milliseconds(UInt64(index)))
            try writer.rotate(genesis: [9], at: milliseconds(UInt64(index)))
            try writer.upkeep.prune(now: WallClock(nanoseconds: 1_700_000_000_000_000_000)) { pruned in
                (try? writer.append(pruned)) != nil
            }
        }
        try writer.close(at: milliseconds(30))
        let stated = try records(scratch.segmentPath(21)).compactMap { entry -> Pruned? in
            if case .pruned(let pruned) = entry.record { pruned } else { nil }
        }
        let last = try #require(stated.last)
        guard case .opening(let opening)? = try records(scratch.segmentPath(Int(last.last) + 1)).first?.record else {
            Issue.record("the first segment that stays has an opening")
            return
        }
        #expect(opening.previous?.head == last.head && opening.previous?.size == last.size)
        #expect(last.checkpoint?.next == opening.seal.key && last.checkpoint?.epoch == opening.seal.epoch - 1)
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/journal").sorted()
        #expect(names.first == "0000000000.electd.damaged" && names.last == "0000000021.electd")
        #expect(names.count < 9)
    }

    @Test func aFullBacklogIsRefusedAndBridgedByRotation() throws {
        let writer = try scratch.writer(try scratch.state())
        let rules = Event.accusation
        var taken = 0
        do throws(JournalError) {
            while true {
                try writer.append(rules, outcome: digest, at: .zero)
                taken += 1
            }
        } catch {
            #expect(error == .backlogFull)
        }
        #expect(taken * 200 < JournalWriter.backlogLimit * 2)
        #expect(writer.isRotationDue(at: .zero))
        // Nobody is told that the refused record is on disk.
        #expect(throws: JournalError.backlogFull) { try writer.commit() }
        try writer.rotate(genesis: [9], at: milliseconds(1))
        try writer.commit()
        try writer.append(.timer, outcome: digest, at: milliseconds(2))
        try writer.close(at: milliseconds(3))
        #expect(try records(scratch.segmentPath(1)).count == taken + 2)
        #expect(try records(scratch.segmentPath(2)).count == 5)
    }
}

extension Event {
    /// A large one.
    static var accusation: Event {
        .received(
            Reception(
                packet: Packet(
                    sender: NodeLife(node: NodeIndex(1), incarnation: Incarnation(1)), sequence: Sequence(1),
                    message: .transferRequest(TransferRequest(group: GroupID(1), to: NodeIndex(0)))),
                relay: nil, proof: [UInt8](repeating: 7, count: 256)))
    }
}
