import Election
import Foundation
import Journal
import Testing

/// Packed segments that unpack to far more than anybody has memory for: whoever sends journals to an auditor is not to
/// stop the reading by them.
@Suite(.serialized) struct BombTests {
    private static let gigabyte = 1 << 30
    /// Kilobytes; the tests beside this one need some as well.
    private static let kept = 256 * 1024

    let scratch = Scratch()

    /// After a segment that is good so far nothing but zeros follows: no frame, found at the first of them.
    @Test func refusesAGigabyteOfNothingBehindAGoodSegment() throws {
        let whole = try segment()
        let path = try planted(Bomb.packed(whole, zeros: Self.gigabyte))
        let before = try #require(Bomb.peakKilobytes())
        let reader = try JournalReader(path)
        var damage: JournalDamage?
        do { while try reader.next() != nil {} } catch { damage = error }
        #expect(damage == .damaged(offset: UInt64(whole.count), record: reader.records, what: .frame))
        #expect(reader.records > 2)
        let after = try #require(Bomb.peakKilobytes())
        #expect(after - before < Self.kept, "reading grew by \(after - before) kB")
    }

    @Test func refusesAGigabyteThatIsNoSegment() throws {
        let path = try planted(Bomb.packed([], zeros: Self.gigabyte))
        let before = try #require(Bomb.peakKilobytes())
        #expect(throws: JournalDamage.notAJournal) { try JournalReader(path) }
        let after = try #require(Bomb.peakKilobytes())
        #expect(after - before < Self.kept, "reading grew by \(after - before) kB")
    }

    /// A frame announces the most that a head can: refused by its head, before any of it is unpacked.
    @Test func refusesAFrameBeyondTheLimitByItsHead() throws {
        let whole = try segment()
        let path = try planted(Bomb.packed(whole + [0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0], zeros: Self.gigabyte))
        let before = try #require(Bomb.peakKilobytes())
        let reader = try JournalReader(path)
        #expect(throws: JournalDamage.self) { while try reader.next() != nil {} }
        let after = try #require(Bomb.peakKilobytes())
        #expect(after - before < Self.kept, "reading grew by \(after - before) kB")
    }

    private func segment() throws -> [UInt8] {
        let writer = try scratch.writer(try scratch.state())
        for index in 1...12 {
            try writer.append(.check(UInt16(index), passing: true), outcome: .nothing, at: milliseconds(5))
        }
        try writer.commit()
        return try scratch.bytes(scratch.segmentPath(1))
    }

    private func planted(_ bytes: [UInt8]) throws -> String {
        _ = try scratch.state()
        let path = scratch.path + "/bomb.electd.gz"
        try scratch.replace(path, with: bytes)
        return path
    }
}

private enum Bomb {
    /// A gzip member (RFC 1952) of `head` as it is, then as many zeros, 258 of which take 13 bits (RFC 1951).
    static func packed(_ head: [UInt8], zeros: Int) -> [UInt8] {
        var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]
        var rest = head[...]
        while !rest.isEmpty {
            let piece = rest.prefix(0xFFFF)
            rest = rest.dropFirst(piece.count)
            let count = UInt16(piece.count)
            bytes.append(0)
            for word in [count, ~count] { bytes += [UInt8(truncatingIfNeeded: word), UInt8(word >> 8)] }
            bytes += piece
        }
        var bits = Bits(bytes: bytes)
        bits.append(0b011, 3)
        // A literal zero, 00110000, then as often the length 258 (11000101) at distance 1 (00000); codes lie reversed.
        bits.append(0b0000_1100, 8)
        for _ in 0..<zeros / 258 { bits.append(0b0_0000_1010_0011, 13) }
        bits.append(0, 7)
        bits.append(0, 7)
        return bits.bytes
    }

    struct Bits {
        var bytes: [UInt8]
        private var held: UInt32 = 0
        private var count: UInt32 = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func append(_ value: UInt32, _ width: UInt32) {
            held |= value << count
            count += width
            while count >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: held))
                held >>= 8
                count -= 8
            }
        }
    }

    static func peakKilobytes() -> Int? {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first
    }
}
