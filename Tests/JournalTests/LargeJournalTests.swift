import Foundation
import Glibc
import Journal
import Replay
import Testing

/// Replay streams: what it keeps doesn't grow with the journal. `JOURNAL_MEGABYTES=2048` makes it a large one.
@Suite struct LargeJournalTests {
    let scratch = Scratch()

    @Test func replayTakesTheSameMemoryWhateverTheLength() throws {
        let megabytes = ProcessInfo.processInfo.environment["JOURNAL_MEGABYTES"].flatMap { UInt64($0) } ?? 24
        let run = try Recorded(scratch)
        var written: UInt64 = 0
        while written + run.writer.durableMark.size < megabytes << 20 {
            try run.live(steps: 4000)
            if run.writer.durableMark.size >= 48 << 20 {
                written += run.writer.durableMark.size
                try run.rotate()
            }
        }
        try run.end()
        let verified = try Audit.run([scratch.path])
        let rate = verified.records * 1_000_000_000 / max(verified.duration, 1)
        print("verified \(verified.records) records: \(rate) records/s")
        #expect(verified.isGood)
        // The peak so far isn't replay's (proc(5), clear_refs).
        if let file = fopen("/proc/self/clear_refs", "w") {
            fputs("5", file)
            fclose(file)
        }
        let before = try #require(Self.peakKilobytes())
        let report = try Replay.run([scratch.path])
        let after = try #require(Self.peakKilobytes())
        #expect(report.isGood && report.steps == UInt64(run.steps), "\(report.lines.suffix(2))")
        #expect(after - min(before, after) < 32 * 1024, "replay grew by \(after - before) kB")
        print(
            "replay of \(megabytes) MiB: \(report.records) records, \(report.recordsPerSecond) records/s, "
                + "\(after - min(before, after)) kB more than before")
    }

    private static func peakKilobytes() -> Int? {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first
    }
}
