import Election
import Foundation
import Journal
import Testing

/// A disk of 256 KiB that is filled up and then has room again. Needs the right to mount.
@Suite final class DiskFullTests {
    let scratch = Scratch()
    private let isMounted: Bool

    init() {
        mkdir(scratch.path, 0o700)
        isMounted = mount("tmpfs", scratch.path, "tmpfs", 0, "size=256k,mode=700") == 0
    }

    deinit { if isMounted { umount2(scratch.path, Int32(MNT_DETACH)) } }

    @Test func nothingIsLostWhenTheDiskIsFull() throws {
        guard isMounted else { return }
        let writer = try scratch.writer(try scratch.state())
        try scratch.replace(scratch.path + "/filler", with: [UInt8](repeating: 1, count: 150_000))
        var count = 0
        var refusal: JournalError?
        while refusal == nil && count < 10_000 {
            try writer.append(.accusation, outcome: .nothing, at: milliseconds(UInt64(count)))
            count += 1
            do throws(JournalError) { try writer.commit() } catch { refusal = error }
        }
        guard case .noSpace = refusal else {
            Issue.record("\(count) records, \(String(describing: refusal))")
            return
        }
        let durable = writer.durableMark
        for _ in 0..<100 {
            try writer.append(.accusation, outcome: .nothing, at: milliseconds(UInt64(count)))
            count += 1
        }
        #expect(throws: JournalError.self) { try writer.commit() }
        #expect(throws: JournalError.self) { try writer.rotate(genesis: [1], at: milliseconds(UInt64(count))) }
        #expect(writer.durableMark == durable)
        unlink(scratch.path + "/filler")
        try writer.commit()
        try writer.rotate(genesis: [1], at: milliseconds(UInt64(count)))
        try writer.close(at: milliseconds(UInt64(count)))
        let steps = try records(scratch.segmentPath(1)).filter { if case .step = $0.record { true } else { false } }
        #expect(steps.count == count)
        #expect(try records(scratch.segmentPath(2)).count == 4)
    }
}
