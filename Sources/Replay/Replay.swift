import Election
import Glibc
import Journal

/// `electd replay` and `electd log verify`: reads journals of one or several nodes, in constant memory.
package enum Replay {
    /// - Parameters:
    ///   - paths: segments, journal directories or state directories.
    ///   - derives: decide everything again and compare; else the records, chain and signatures are checked only.
    ///   - progress: told of each segment when it is done.
    /// - Throws: `SystemError` when a directory can't be listed. What is wrong with a segment is in the report.
    package static func run(
        _ paths: [String], derives: Bool = true, progress: (SegmentReport) -> Void = { _ in }
    ) throws(SystemError) -> ReplayReport {
        let begun = now()
        var segments: [(report: SegmentReport, finalState: [UInt8]?)] = []
        // A directory and a segment in it may both be named.
        var seen: Set<String> = []
        for path in paths {
            for file in try SegmentDirectory.files(of: path) where seen.insert(file).inserted {
                var (report, finalState) = SegmentExaminer.examine(file, derives: derives)
                // Only a rotation promises that the next segment goes on from this state.
                if report.closing != .rotated { finalState = nil }
                segments.append((report, finalState))
                progress(report)
            }
        }
        segments.sort { order($0.report) < order($1.report) }
        return ReplayReport(
            segments: segments.map(\.report), breaks: breaks(in: segments), duration: now() - begun)
    }

    private static func order(_ report: SegmentReport) -> (String, UInt64, String) {
        (report.opening?.key.description ?? "", report.opening?.segment ?? 0, report.path)
    }

    private static func breaks(
        in segments: [(report: SegmentReport, finalState: [UInt8]?)]
    ) -> [ContinuityBreak] {
        var breaks: [ContinuityBreak] = []
        for (earlier, later) in zip(segments, segments.dropFirst()) {
            guard let first = earlier.report.opening, let second = later.report.opening, first.key == second.key,
                let what = breakBetween(earlier.report, earlier.finalState, first, second)
            else { continue }
            breaks.append(
                ContinuityBreak(what: what, node: second.node, earlier: first.segment, later: second.segment))
        }
        return breaks
    }

    private static func breakBetween(
        _ report: SegmentReport, _ finalState: [UInt8]?, _ first: Opening, _ second: Opening
    ) -> ContinuityBreak.What? {
        guard second.segment > first.segment else { return .twice }
        guard second.segment == first.segment + 1, let previous = second.previous,
            previous.segment == first.segment
        else { return .missing }
        // A damaged segment's hash isn't known here; that it is damaged is reported with it.
        guard case .good = report.outcome else { return nil }
        guard previous.size == report.size, previous.head == report.head else { return .head }
        if let finalState, first.incarnation == second.incarnation, finalState != second.genesis { return .state }
        return nil
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
