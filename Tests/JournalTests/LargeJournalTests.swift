import Foundation
import Glibc
import Journal
import Replay
import Testing

/// Replay streams: what it keeps doesn't grow with the journal. `JOURNAL_MEGABYTES=2048` makes it a large one;
/// with `JOURNAL_ORDER_BYTES=60000` most of it is long records, so that it doesn't take an hour.
@Suite struct LargeJournalTests {
    let scratch = Scratch()

    @Test func replayTakesTheSameMemoryWhateverTheLength() throws {
        let environment = ProcessInfo.processInfo.environment
        let megabytes = environment["JOURNAL_MEGABYTES"].flatMap { UInt64($0) } ?? 24
        let run = try Recorded(scratch)
        run.orderBytes = environment["JOURNAL_ORDER_BYTES"].flatMap(Int.init) ?? 0
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

    /// Three nodes at heartbeats of 100 ms; the holder's journal is replayed. `JOURNAL_HOURS=24` makes it a day, and
    /// `JOURNAL_KEEP=DIRECTORY` keeps all three.
    @Test func replayTakesSoMuchOfACore() throws {
        let environment = ProcessInfo.processInfo.environment
        let minutes = environment["JOURNAL_HOURS"].flatMap { UInt64($0) }.map { $0 * 60 } ?? 1
        let cluster = try SmallCluster(epoch: .milliseconds(60_000), jitter: 5)
        for minute in 1...minutes {
            try cluster.live(milliseconds: 60_000)
            if minute % 360 == 0 { try cluster.rotate() }
        }
        let path = cluster.nodes[1].scratch.path
        let begun = Self.processorNanoseconds()
        let report = try Replay.run([path])
        let took = max(1, Self.processorNanoseconds() - begun)
        #expect(report.isGood && report.records > 0, "\(report.lines.suffix(2))")
        print(
            "replay of \(minutes) minutes of \(SmallCluster.names[1]): \(report.records) records in \(took / 1_000_000) ms "
                + "of CPU, \(report.records * 1_000_000_000 / took) records/s")
        guard let kept = environment["JOURNAL_KEEP"] else { return }
        for (name, node) in zip(SmallCluster.names, cluster.nodes) {
            try FileManager.default.copyItem(atPath: node.scratch.path, toPath: "\(kept)/\(name)")
        }
    }

    private static func processorNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static func peakKilobytes() -> Int? {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first
    }
}
