import Election
import Foundation
import Journal
import Sodium
import Testing

@Suite struct JournalRecoveryTests {
    let scratch = Scratch()
    let digest = StepOutcome.nothing

    /// A segment of a dozen steps, as a crash leaves it: committed, not closed.
    private func crashed() throws -> [UInt8] {
        let writer = try scratch.writer(try scratch.state())
        for index in 1...12 {
            try writer.append(.check(UInt16(index), passing: true), outcome: digest, at: milliseconds(5))
        }
        try writer.commit()
        return try scratch.bytes(scratch.segmentPath(1))
    }

    /// Cut at every byte of the last three records: what is whole stays, the rest is a torn tail.
    @Test func everyTornTailIsCutAndRecorded() throws {
        let whole = try crashed()
        let entries = try records(scratch.segmentPath(1))
        let from = Int(entries[entries.count - 3].offset)
        for cut in from + 1..<whole.count {
            try scratch.replace(scratch.segmentPath(1), with: Array(whole[..<cut]))
            let boundary = entries.last { Int($0.offset) <= cut }.map(\.offset) ?? 0
            let isTorn = Int(boundary) != cut
            do {
                let reader = try JournalReader(scratch.segmentPath(1))
                while try reader.next() != nil {}
                #expect((reader.tornTail != nil) == isTorn, "cut at \(cut)")
            }
            let writer = try scratch.writer(try scratch.state())
            if isTorn {
                #expect(
                    writer.recovery
                        == Recovery(
                            finding: .tornTail, segment: 1, offset: boundary, bytes: UInt64(cut) - boundary,
                            records: try #require(entries.last { Int($0.offset) <= cut }).index))
                let recorded = try records(scratch.segmentPath(2)).map(\.record)
                #expect(recorded.contains(.recovery(try #require(writer.recovery))))
            } else {
                #expect(writer.recovery == nil)
            }
            #expect(try scratch.bytes(scratch.segmentPath(1)) == Array(whole[..<Int(boundary)]))
            try FileManager.default.removeItem(atPath: scratch.segmentPath(2))
        }
    }

    /// No crash leaves a segment without its opening, so what has none is no empty segment.
    @Test func aSegmentWithoutRecordsIsDamaged() throws {
        let whole = try crashed()
        try scratch.replace(scratch.segmentPath(1), with: Array(whole[..<8]))
        let reader = try JournalReader(scratch.segmentPath(1))
        #expect(throws: JournalDamage.damaged(offset: 8, record: 0, what: .frame)) { try reader.next() }
    }

    /// Every bit of the first 400 bytes and of a sample beyond: found, at or before where it was flipped.
    @Test func everyFlippedBitIsDamage() throws {
        let whole = try crashed()
        let entries = try records(scratch.segmentPath(1))
        let last = Int(try #require(entries.last).offset)
        for index in 0..<last {
            var bent = whole
            bent[index] ^= 1 << UInt8(index % 8)
            try scratch.replace(scratch.segmentPath(1), with: bent)
            do {
                _ = try records(scratch.segmentPath(1))
                Issue.record("byte \(index) wasn't noticed")
            } catch let error as JournalDamage {
                if case .damaged(let offset, let record, _) = error {
                    #expect(Int(offset) <= index && entries[Int(record)].offset == offset)
                } else {
                    #expect(index < 8)
                }
            }
        }
    }

    /// With a right checksum, too: what was changed by somebody who knows the format meets the checkpoint.
    @Test func aRewriteWithoutTheKeyMeetsTheCheckpoint() throws {
        let state = try scratch.state()
        let writer = try scratch.writer(state)
        try writer.append(.check(1, passing: true), outcome: digest, at: milliseconds(1))
        try writer.close(at: milliseconds(2))
        let honest = try scratch.bytes(scratch.segmentPath(1))
        let step = try records(scratch.segmentPath(1))[2]
        var forged = honest
        let start = Int(step.offset)
        let count = Int(forged[start]) | Int(forged[start + 1]) << 8
        forged[start + 8 + count - 1] ^= 1
        let crc = CRC32C.of(Array(forged[start..<start + 4]) + Array(forged[start + 8..<start + 8 + count]))
        for byte in 0..<4 { forged[start + 4 + byte] = UInt8(truncatingIfNeeded: crc >> (8 * UInt32(byte))) }
        try scratch.replace(scratch.segmentPath(1), with: forged)
        #expect {
            try records(self.scratch.segmentPath(1))
        } throws: { error in
            // What no longer reads as a record is noticed before the checkpoint is reached.
            switch error {
            case JournalDamage.damaged(_, _, what: .checkpointDiffers), JournalDamage.damaged(_, _, what: .content):
                true
            default: false
            }
        }
    }

    @Test func damagedSegmentsAreKept() throws {
        var bytes = try crashed()
        let entries = try records(scratch.segmentPath(1))
        bytes[Int(entries[5].offset) + 9] ^= 1
        try scratch.replace(scratch.segmentPath(1), with: bytes)
        let writer = try scratch.writer(try scratch.state(), incarnation: 2)
        #expect(
            writer.recovery
                == Recovery(
                    finding: .damage, segment: 1, offset: entries[5].offset,
                    bytes: UInt64(bytes.count) - entries[5].offset, records: 5))
        #expect(try scratch.bytes(scratch.segmentPath(1) + ".damaged") == bytes)
        guard case .opening(let opening)? = try records(scratch.segmentPath(2)).first?.record else {
            Issue.record("no opening")
            return
        }
        #expect(opening.previous?.head == Blake2b.hash(bytes) && opening.previous?.segment == 1)
    }

    @Test func foreignFilesAreNamed() throws {
        let path = scratch.path
        try scratch.replace(path, with: Array("hello, world".utf8))
        #expect(throws: JournalDamage.notAJournal) { try JournalReader(path) }
        try scratch.replace(path, with: Array("electdJ\u{9}".utf8))
        #expect(throws: JournalDamage.unknownVersion(9)) { try JournalReader(path) }
        try scratch.replace(path, with: [])
        #expect(throws: JournalDamage.notAJournal) { try JournalReader(path) }
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: JournalDamage.self) { try JournalReader(path) }
    }

    @Test func halfMadeSegmentsAreNoPartOfTheJournal() throws {
        _ = try crashed()
        try scratch.replace(scratch.segmentPath(2) + ".new", with: [1, 2, 3])
        let writer = try scratch.writer(try scratch.state())
        #expect(writer.recovery == nil)
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/journal").sorted()
        #expect(names == ["0000000001.electd", "0000000002.electd"])
    }
}
