import Election
import Foundation
import Journal
import Sodium
import Testing

/// Each epoch's key signs one checkpoint, names the next, and is gone.
@Suite struct SealTests {
    let scratch = Scratch()
    private let quick = JournalLimits(epoch: .milliseconds(1000))

    private func checkpoints(_ segment: Int) throws -> [Checkpoint] {
        try records(scratch.segmentPath(segment)).compactMap { entry in
            if case .checkpoint(let checkpoint) = entry.record { checkpoint } else { nil }
        }
    }

    private func opening(_ segment: Int) throws -> Opening {
        guard case .opening(let opening)? = try records(scratch.segmentPath(segment)).first?.record else {
            throw JournalDamage.notAJournal
        }
        return opening
    }

    @Test func epochsCountUpOverSegmentsAndLives() throws {
        let state = try scratch.state()
        let first = try scratch.writer(state, limits: quick)
        #expect(first.sealBegan)
        for second in 1...5 { try first.checkpointIfDue(at: milliseconds(UInt64(second) * 1000)) }
        try first.rotate(genesis: [1], at: milliseconds(6000))
        try first.commit()
        let second = try scratch.writer(state, incarnation: 2, limits: quick)
        #expect(!second.sealBegan)
        try second.close(at: milliseconds(1))
        let all = try (1...3).flatMap { try checkpoints($0) }
        #expect(all.map(\.epoch) == Array(1...UInt64(all.count)))
        #expect(try opening(1).seal.root != nil && opening(2).seal.root == nil && opening(3).seal.root == nil)
        for number in 2...3 {
            let last = try #require(try checkpoints(number - 1).last)
            #expect(try opening(number).seal.key == last.next && opening(number).seal.epoch == last.epoch + 1)
        }
        #expect(try Audit.run([scratch.path]).isGood)
    }

    /// Nothing of an epoch's key is in the file once its checkpoint is on disk.
    @Test func spentKeysAreGoneFromTheDisk() throws {
        let state = try scratch.state()
        var seeds: [UInt8] = []
        let writer = try JournalWriter.open(
            in: state,
            identity: JournalIdentity(
                clusterTag: Array(1...8), node: "fred", incarnation: Incarnation(1), software: "test"),
            key: scratch.key, genesis: Array("genesis".utf8), at: .zero, limits: quick,
            epochKey: {
                seeds.append(UInt8(0xA0 + seeds.count))
                return SigningKey(insecureSeed: [UInt8](repeating: seeds[seeds.count - 1], count: 32)) ?? .generate()
            })
        for second in 1...4 {
            try writer.checkpoint(at: milliseconds(UInt64(second) * 1000))
            let file = try scratch.bytes(scratch.path + "/seal.electd")
            let held = seeds.filter { seed in file.contains(sequence: [UInt8](repeating: seed, count: 32)) }
            #expect(held == [seeds[seeds.count - 1]], "after checkpoint \(second): \(held)")
        }
        var status = stat()
        #expect(stat(scratch.path + "/seal.electd", &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    /// A crash between the steps of an epoch's end: the journal tells which key has signed.
    @Test func aCrashWithinAnEpochsEndLosesNoKey() throws {
        let state = try scratch.state()
        let sealPath = scratch.path + "/seal.electd"
        do {
            let writer = try scratch.writer(state, limits: quick)
            try writer.checkpoint(at: milliseconds(1000))
        }
        // The next key was made, and its checkpoint never written.
        let before = try scratch.bytes(sealPath)
        do {
            let key = try EvolvingKey(sealPath)
            #expect(try key.resume(3))
            _ = try key.prepareNext()
        }
        #expect(try scratch.bytes(sealPath) != before)
        let writer = try scratch.writer(state, incarnation: 2, limits: quick)
        #expect(!writer.sealBegan)
        try writer.close(at: milliseconds(10))
        #expect(try Audit.run([scratch.path]).isGood)
        #expect(try checkpoints(2).map(\.epoch) == [3, 4])
    }

    @Test func aLostKeyBeginsAChainThatIsSeen() throws {
        let state = try scratch.state()
        try scratch.writer(state).close(at: milliseconds(1))
        try FileManager.default.removeItem(atPath: scratch.path + "/seal.electd")
        let writer = try scratch.writer(state, incarnation: 2)
        #expect(writer.sealBegan)
        try writer.close(at: milliseconds(1))
        let found = try Audit.run([scratch.path]).findings.map(\.what)
        #expect(found == [.sealBeganAgain(3)])
    }

    /// A rewrite by root with the node's key and the current epoch's: every checksum, chain, tree and signature that
    /// can be made is made, but for the keys that are gone.
    @Test func whoHasTodaysKeysCantRewriteYesterday() throws {
        var newest = SigningKey.generate()
        let writer = try JournalWriter.open(
            in: try scratch.state(),
            identity: JournalIdentity(
                clusterTag: Array(1...8), node: "fred", incarnation: Incarnation(1), software: "test"),
            key: scratch.key, genesis: Array("genesis".utf8), at: .zero, limits: quick,
            epochKey: {
                newest = .generate()
                return newest
            })
        for second in 1...6 {
            let instant = milliseconds(UInt64(second) * 1000)
            try writer.append(.check(UInt16(second), passing: true), outcome: .nothing, at: instant)
            try writer.checkpoint(at: instant)
        }
        let whole = try scratch.bytes(scratch.segmentPath(1))
        let thief = Forger(node: scratch.key, epoch: newest)
        for place in 1...4 {
            let forged = thief.rewriting(whole, step: place)
            #expect(forged != whole && forged.count == whole.count)
            try scratch.replace(scratch.segmentPath(1), with: forged)
            let found = try Audit.run([scratch.path]).findings.map(\.what)
            #expect(found.contains(.damaged(.seal)), "\(found)")
        }
        // A chain of his own from the start is good in itself, and begins with another key than the one that was seen.
        let other = thief.beginningAnew([thief.rewriting(whole, step: 1)])[0]
        try scratch.replace(scratch.segmentPath(1), with: other)
        #expect(try Audit.run([scratch.path]).isGood)
        #expect(try opening(1).seal.key != SegmentFrames(whole).opening?.seal.key)
    }
}

extension Array where Element == UInt8 {
    func contains(sequence: [UInt8]) -> Bool {
        guard count >= sequence.count else { return false }
        return (0...(count - sequence.count)).contains { Array(self[$0..<$0 + sequence.count]) == sequence }
    }
}
