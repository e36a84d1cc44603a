import Election
import Foundation
import Journal
import Sodium
import Testing

/// A proof speaks for itself: with the node's public key, and nothing of its journal.
@Suite struct ProofTests {
    let scratch = Scratch()
    private let peer = SigningKey.generate()

    /// Three epochs of 40 checks each, the second of them cosigned.
    private func record() throws {
        let writer = try scratch.writer(try scratch.state())
        for epoch in 0..<3 {
            for index in 0..<40 {
                let now = milliseconds(UInt64(epoch * 100 + index + 1))
                try writer.append(.check(UInt16(index), passing: true), outcome: .nothing, at: now)
            }
            try writer.checkpoint(at: milliseconds(UInt64(epoch * 100 + 60)))
            guard epoch == 1, let claim = writer.durableClaim else { continue }
            let text = CheckpointNote.text(of: claim.checkpoint, in: try opening())
            try writer.append(
                Cosignature(
                    of: claim, text: text, by: "lucy", at: WallClock(nanoseconds: 1_700_000_000_000_000_000), with: peer
                ))
        }
        try writer.append(.leaving, outcome: .nothing, at: milliseconds(400))
        try writer.commit()
    }

    private func opening() throws -> Opening {
        guard case .opening(let opening)? = try records(scratch.segmentPath(1)).first?.record else {
            throw JournalDamage.notAJournal
        }
        return opening
    }

    private var keys: [String: PublicKey] { ["fred": scratch.key.publicKey, "lucy": peer.publicKey] }

    @Test func everyRecordUnderACheckpointIsProven() throws {
        try record()
        let all = try records(scratch.segmentPath(1))
        let last = try #require(all.last { if case .checkpoint = $0.record { true } else { false } })
        for entry in all where entry.index < last.index {
            let proof = try RecordProof.make(scratch.segmentPath(1), record: entry.index)
            #expect(proof.isGenuine && proof.record == entry.record)
            let told = try ToldProof(parsing: proof.text)
            let cosigners = try told.check(keys)
            #expect(cosigners == (proof.checkpoint.epoch == 3 ? ["lucy"] : []))
            #expect(told.node == "fred" && told.segment == 1 && told.record == entry.record)
        }
        #expect(throws: ProofError.notSealedYet) {
            try RecordProof.make(scratch.segmentPath(1), record: last.index + 1)
        }
        #expect(throws: ProofError.noRecord(of: UInt64(all.count))) {
            try RecordProof.make(scratch.segmentPath(1), record: UInt64(all.count))
        }
    }

    @Test func othersKeysDontFit() throws {
        try record()
        let text = try RecordProof.make(scratch.segmentPath(1), record: 60).text
        let told = try ToldProof(parsing: text)
        #expect(throws: ProofError.noKey(of: "fred")) { try told.check(["lucy": peer.publicKey]) }
        #expect(throws: ProofError.notSigned(by: "fred")) { try told.check(["fred": peer.publicKey]) }
        #expect(throws: ProofError.cosignature(of: "lucy")) {
            try told.check(["fred": scratch.key.publicKey, "lucy": scratch.key.publicKey])
        }
    }

    /// Every byte of the proof is spoken for, but what it doesn't say anything with.
    @Test func anAlteredProofIsNone() throws {
        try record()
        let text = try RecordProof.make(scratch.segmentPath(1), record: 60).text
        let bytes = Array(text.utf8)
        let sealLine = try #require(text.range(of: "\u{2014} electd/0102030405060708/fred/1/epoch/")).lowerBound
        // The epoch's key isn't given to whoever checks: its line may say anything.
        let unchecked = text.utf8.distance(from: text.startIndex, to: sealLine)
        let end =
            unchecked
            + (text[sealLine...].utf8.firstIndex(of: 10).map { text.utf8.distance(from: sealLine, to: $0) } ?? 0)
        var dice = Dice(state: 5)
        for _ in 0..<600 {
            let place = Int.random(in: 0..<bytes.count, using: &dice)
            guard !(unchecked...end).contains(place) else { continue }
            var bent = bytes
            bent[place] ^= 1 << UInt8.random(in: 0..<7, using: &dice)
            #expect(throws: ProofError.self, "byte \(place)") {
                let cosigners = try ToldProof(parsing: String(decoding: bent, as: UTF8.self)).check(keys)
                // A cosigner's line under another name is nobody's.
                if cosigners.isEmpty { throw ProofError.cosignature(of: "lucy") }
            }
        }
        for cut in stride(from: 0, to: unchecked - 1, by: 7) {
            #expect(throws: ProofError.self) {
                _ = try ToldProof(parsing: String(decoding: bytes[..<cut], as: UTF8.self)).check(keys)
            }
        }
    }
}
