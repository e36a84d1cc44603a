import Election
import Foundation
import Journal
import Sodium
import Testing

/// Random injuries of three nodes' journals: each one found, with where. `ELECTD_INJURIES` sets how many, and
/// `ELECTD_INJURIES_REPORT` where the figures go; `Tools/bench injuries` does so.
@Suite struct InjuryTests {
    typealias Place = Injury.Place

    struct Figures: Codable {
        var kind: InjuryKind
        var done = 0
        var found = 0
        /// The finding names the segment and a stretch of it that holds the injury.
        var located = 0
        var by: [String: Int] = [:]
    }

    private let environment = ProcessInfo.processInfo.environment

    @Test func everyInjuryIsFound() throws {
        let wanted = environment["ELECTD_INJURIES"].flatMap(Int.init) ?? 2_000
        let ward = try Ward()
        #expect(ward.healthy.isGood && ward.healthy.pinned > 50, "\(ward.healthy.lines)")
        var dice = Dice(state: 0x1A7)
        var figures = InjuryKind.allCases.map { Figures(kind: $0) }
        var done = 0
        while done < wanted {
            for place in figures.indices {
                guard let injury = ward.set.hurt(figures[place].kind, &dice) else { continue }
                let findings = try ward.examine(injury)
                figures[place].done += 1
                done += 1
                if findings.isEmpty {
                    Issue.record("\(figures[place].kind.rawValue) at \(injury.changed.map(\.place)), \(injury.offset)")
                    continue
                }
                figures[place].found += 1
                if ward.isLocated(injury, by: findings) { figures[place].located += 1 }
                figures[place].by[findings[0].what.name, default: 0] += 1
            }
        }
        try report(figures)
        #expect(figures.allSatisfy { $0.done > 0 && $0.found == $0.done && $0.located == $0.done })
    }

    private func report(_ figures: [Figures]) throws {
        for figure in figures {
            let by = figure.by.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            print("\(figure.kind.rawValue): \(figure.found) of \(figure.done), \(figure.located) located (\(by))")
        }
        guard let path = environment["ELECTD_INJURIES_REPORT"], !path.isEmpty else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(figures).write(to: URL(fileURLWithPath: path))
    }
}

/// The journals, what is known of them whole, and how an injured one is examined without reading the others again.
private final class Ward {
    typealias Place = Injury.Place

    let set: InjuredSet
    let healthy: AuditReport
    private let facts: [Place: SegmentFacts]
    private let paths: [Place: String]
    private let nodes: [SmallCluster.Node]

    init() throws {
        let cluster = try SmallCluster()
        try cluster.live(milliseconds: 12_000)
        try cluster.rotate()
        try cluster.live(milliseconds: 12_000)
        nodes = cluster.nodes
        var bytes: [Place: [UInt8]] = [:]
        var paths: [Place: String] = [:]
        for (index, node) in nodes.enumerated() {
            for segment in 1...2 {
                let place = Place(node: index, segment: segment)
                paths[place] = node.scratch.segmentPath(segment)
                bytes[place] = try node.scratch.bytes(node.scratch.segmentPath(segment))
            }
        }
        // The mark that had left two heartbeats before the end.
        let end = cluster.now
        let pinned = nodes.map { node in
            let mark = node.marks.last { $0.mark.segment == 2 && end.since($0.at) >= .milliseconds(200) }
            return Int(mark?.mark.size ?? 0)
        }
        set = InjuredSet(
            bytes: bytes,
            thieves: nodes.map { Forger(node: $0.scratch.key, epoch: $0.currentEpochKey ?? .generate()) },
            pinned: pinned)
        self.paths = paths
        facts = paths.mapValues { SegmentFacts.read($0) }
        healthy = Self.conclude(facts)
    }

    private static func conclude(_ facts: [Place: SegmentFacts]) -> AuditReport {
        Audit.conclude(
            (0..<3).map { node in
                let own = facts.filter { $0.key.node == node }.sorted { $0.key.segment < $1.key.segment }
                return Audit.Journal(path: "node \(node)", isWhole: true, segments: own.map(\.value))
            })
    }

    func examine(_ injury: Injury) throws -> [AuditFinding] {
        var facts = facts
        for (place, bytes) in injury.changed {
            guard let path = paths[place] else { continue }
            if let bytes {
                try nodes[place.node].scratch.replace(path, with: bytes)
                facts[place] = SegmentFacts.read(path)
            } else {
                unlink(path)
                facts[place] = nil
            }
        }
        let report = Self.conclude(facts)
        for (place, _) in injury.changed {
            guard let path = paths[place], let bytes = set.bytes[place] else { continue }
            try nodes[place.node].scratch.replace(path, with: bytes)
        }
        return report.findings
    }

    /// A finding names a hurt segment, and a stretch that holds the first changed byte or begins within its epoch; of
    /// segments that are gone or exchanged, the segment or its node.
    func isLocated(_ injury: Injury, by findings: [AuditFinding]) -> Bool {
        injury.changed.contains { place, bytes in
            findings.contains { finding in
                guard let path = paths[place], let original = set.bytes[place] else { return false }
                guard let bytes, injury.isWithin else {
                    return finding.path == path || finding.node == SmallCluster.names[place.node]
                }
                guard finding.path == path else { return false }
                guard var offset = finding.offset.map(Int.init) else { return finding.what.name == "unreadable" }
                if let end = finding.end, (offset..<Int(end)).contains(injury.offset) { return true }
                // What follows has moved.
                if offset > injury.offset { offset -= bytes.count - original.count }
                return Self.epoch(offset, in: original) == Self.epoch(injury.offset, in: original)
            }
        }
    }

    /// A checkpoint is of the epoch that it ends, down to its last byte.
    private static func epoch(_ offset: Int, in bytes: [UInt8]) -> Int {
        let segment = SegmentFrames(bytes)
        return zip(segment.frames.indices, segment.offsets).count { index, begin in
            segment.kind(index) == SegmentFrames.Kind.checkpoint && begin + segment.frames[index].count <= offset
        }
    }
}
