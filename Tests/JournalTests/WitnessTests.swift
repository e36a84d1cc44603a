import Election
import Foundation
import Journal
import Sodium
import Testing

/// A node cosigns one history of each peer.
@Suite struct WitnessTests {
    let scratch = Scratch()
    private let witness = SigningKey.generate()
    private let fred = NodeIndex(0)

    private var nodes: [(name: String, key: PublicKey)] {
        [("fred", scratch.key.publicKey), ("lucy", witness.publicKey)]
    }

    private func claims(_ count: Int) throws -> [CheckpointClaim] {
        let writer = try scratch.writer(try scratch.state())
        var claims = [try #require(writer.durableClaim)]
        for second in 1..<count {
            try writer.checkpoint(at: milliseconds(UInt64(second) * 1000))
            claims.append(try #require(writer.durableClaim))
        }
        return claims
    }

    private func book(_ witnessed: [Witnessed] = []) -> WitnessBook {
        WitnessBook(clusterTag: Array(1...8), nodes: nodes, witnessed: witnessed)
    }

    @Test func whatGoesOnIsCosignedOnceEach() throws {
        var book = book()
        for claim in try claims(4) {
            guard case .cosign(let witnessed) = book.consider(claim, of: fred) else {
                Issue.record("epoch \(claim.checkpoint.epoch) isn't cosigned")
                continue
            }
            #expect(witnessed.epoch == claim.checkpoint.epoch && witnessed.node == "fred")
            #expect(book.consider(claim, of: fred) == .again)
        }
    }

    @Test func whoHasAnotherKeyBeginsAnotherJournal() throws {
        let claims = try claims(3)
        var book = book()
        _ = book.consider(claims[2], of: fred)
        let new = SigningKey.generate()
        book.change(to: [("fred", new.publicKey), ("lucy", witness.publicKey)])
        let fresh = Scratch(key: new)
        let first = try #require(try fresh.writer(try fresh.state()).durableClaim)
        #expect(book.consider(claims[1], of: fred) == .refuse)
        guard case .cosign = book.consider(first, of: fred) else {
            Issue.record("the journal of the new key isn't cosigned")
            return
        }
        // The other node's goes on as before.
        book.change(to: [("fred", new.publicKey), ("lucy", witness.publicKey)])
        #expect(book.consider(first, of: fred) == .again)
    }

    /// A restart knows what was cosigned before it, but not of a journal that another key has ended.
    @Test func aRestartForgetsTheJournalOfAFormerKey() throws {
        func genesis(_ ethyl: UInt8) -> [UInt8] {
            var rules = Recorded.rules(key: scratch.key.publicKey.bytes)
            rules.nodes[0].key = [UInt8](repeating: ethyl, count: 32)
            return Recorded.encoded(Elector(rules: rules))
        }
        let state = try scratch.state()
        func restart(_ ethyl: UInt8) throws -> JournalWriter {
            try scratch.writer(state, genesis: genesis(ethyl))
        }
        func seen(_ segment: UInt64) -> Witnessed {
            Witnessed(
                node: "ethyl", segment: segment, epoch: 3, frames: 4, root: [UInt8](repeating: 5, count: 32), size: 6,
                head: [UInt8](repeating: 7, count: 32))
        }
        var writer = try restart(1)
        try writer.append(seen(9))
        try writer.close(at: milliseconds(1))
        writer = try restart(1)
        #expect(writer.witnessed.map(\.segment) == [9])
        try writer.append(seen(10))
        try writer.close(at: milliseconds(1))
        writer = try restart(2)
        #expect(writer.witnessed.isEmpty)
        try writer.append(seen(1))
        var other = Recorded.rules(key: scratch.key.publicKey.bytes)
        other.nodes[0].key = [UInt8](repeating: 3, count: 32)
        try writer.append(.reconfigured(other), outcome: .nothing, at: milliseconds(2))
        try writer.append(seen(2))
        try writer.close(at: milliseconds(3))
        #expect(try restart(3).witnessed.map(\.segment) == [2])
    }

    @Test func whatIsOlderOrForeignIsRefused() throws {
        let claims = try claims(3)
        var book = book()
        _ = book.consider(claims[2], of: fred)
        #expect(book.consider(claims[0], of: fred) == .refuse)
        var other = self.book()
        #expect(other.consider(claims[0], of: NodeIndex(1)) == .refuse)
        var forged = claims[0]
        forged.checkpoint.size += 1
        #expect(other.consider(forged, of: fred) == .refuse)
        // What an earlier life has cosigned is not forgotten.
        guard case .cosign(let witnessed) = other.consider(claims[1], of: fred) else {
            Issue.record("a gap is no reason to refuse")
            return
        }
        var restarted = self.book([witnessed])
        #expect(restarted.consider(claims[0], of: fred) == .refuse)
        #expect(restarted.consider(claims[1], of: fred) == .again)
    }

    @Test func twoHistoriesAreAContradiction() throws {
        let first = try claims(2)
        try FileManager.default.removeItem(atPath: scratch.path)
        let second = try claims(3)
        var book = book()
        for claim in first { _ = book.consider(claim, of: fred) }
        guard case .contradiction = book.consider(second[1], of: fred) else {
            Issue.record("two contents of epoch 2")
            return
        }
        guard case .contradiction = book.consider(second[2], of: fred) else {
            Issue.record("epoch 3 by another key than epoch 2 named")
            return
        }
    }

    /// Owner and auditor check the same signature, and a proof carries it along.
    @Test func cosignaturesAreKeptAndProve() throws {
        let writer = try scratch.writer(try scratch.state())
        try writer.append(.check(1, passing: true), outcome: .nothing, at: milliseconds(1))
        try writer.checkpoint(at: milliseconds(2))
        let claim = try #require(writer.durableClaim)
        let cosignature = Cosignature(
            of: claim, text: book().text(of: claim, by: fred), by: "lucy",
            at: WallClock(nanoseconds: 1_700_000_000_000_000_000), with: witness)
        try writer.append(cosignature)
        try writer.close(at: milliseconds(3))
        let proof = try RecordProof.make(scratch.segmentPath(1), record: 2)
        #expect(proof.isGenuine && proof.cosignatures == [cosignature])
        #expect(proof.note.contains("\u{2014} electd/0102030405060708/lucy "))
        var bent = proof
        bent.frame[bent.frame.count - 1] ^= 1
        #expect(!bent.isGenuine)
        #expect(try Audit.run([scratch.path]).segments.first?.cosignatures == 1)
        var bytes = SegmentFrames(try scratch.bytes(scratch.segmentPath(1)))
        let index = try #require(bytes.frames.indices.first { bytes.kind($0) == 8 })
        var payload = Array(bytes.frames[index][8...])
        payload[payload.count - 1] ^= 1
        bytes.replace(index, payload: payload)
        try scratch.replace(scratch.segmentPath(1), with: bytes.bytes)
        #expect(try Audit.run([scratch.path]).findings.map(\.what) == [.damaged(.cosignature)])
    }

    /// Closed segments are packed; every reader takes them as they are.
    @Test func packedSegmentsReadAsTheyWere() throws {
        let state = try scratch.state()
        let writer = try scratch.writer(state)
        for index in 1...200 {
            try writer.append(.check(UInt16(index), passing: true), outcome: .nothing, at: milliseconds(UInt64(index)))
        }
        try writer.rotate(genesis: [9], at: milliseconds(300))
        let before = try records(scratch.segmentPath(1)).map(\.record)
        let plain = try scratch.bytes(scratch.segmentPath(1))
        try writer.upkeep.pack()
        #expect(!FileManager.default.fileExists(atPath: scratch.segmentPath(1)))
        let packed = scratch.segmentPath(1) + ".gz"
        #expect(try scratch.bytes(packed).count < plain.count)
        #expect(try records(packed).map(\.record) == before)
        try writer.close(at: milliseconds(400))
        let next = try scratch.writer(state, incarnation: 2)
        #expect(next.recovery == nil)
        #expect(try Audit.run([scratch.path]).isGood)
        var bent = try scratch.bytes(packed)
        bent[bent.count / 2] ^= 1
        try scratch.replace(packed, with: bent)
        #expect(try !Audit.run([scratch.path]).isGood)
    }
}
