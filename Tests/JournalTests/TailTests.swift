import Election
import Foundation
import Journal
import Testing

/// What somebody with root does to the end of one node's journal, where no checkpoint follows yet: the peers' journals
/// pin it to within two heartbeats.
@Suite struct TailTests {
    /// Two heartbeats of 100 ms.
    private static let bound: UInt64 = 200

    /// A node stops at any moment of the two heartbeats between two commits, and the others go on. Its running epoch is
    /// cut and rewritten at every frame.
    @Test func everythingOlderThanTwoHeartbeatsIsPinned() throws {
        var injuries = 0
        var unnoticed = 0
        var oldest: UInt64 = 0
        for moment in 0..<20 {
            let victim = try Victim(moment % 3, after: 3_000 + UInt64(moment) * 10)
            #expect(try victim.findings(victim.bytes).isEmpty)
            for (index, age) in victim.tail {
                for hurt in [victim.cut(before: index), victim.rewritten(index)] {
                    injuries += 1
                    let findings = try victim.findings(hurt)
                    guard findings.isEmpty else {
                        let byPeers = findings.contains { ["cut_short", "rewritten"].contains($0.what.name) }
                        #expect(byPeers, "\(findings.map(\.what.name))")
                        continue
                    }
                    unnoticed += 1
                    oldest = max(oldest, age)
                }
            }
        }
        #expect(injuries > 400 && oldest <= Self.bound, "\(oldest) ms of one journal can be changed unnoticed")
        print("\(injuries) cuts and rewritings; \(unnoticed) unnoticed, all of the last \(oldest) ms")
    }

    /// A node that stopped, its journal, and what the peers' journals say of it.
    private final class Victim {
        let bytes: [UInt8]
        /// The frames with steps that follow the last checkpoint, and how many milliseconds before the node stopped
        /// the first of their steps was.
        let tail: [(index: Int, age: UInt64)]
        private let frames: SegmentFrames
        private let node: SmallCluster.Node
        private let path: String
        private let peers: [Audit.Journal]

        init(_ victim: Int, after milliseconds: UInt64) throws {
            let cluster = try SmallCluster()
            try cluster.live(milliseconds: milliseconds)
            let end = cluster.now
            cluster.stop(victim)
            try cluster.live(milliseconds: 500)
            node = cluster.nodes[victim]
            path = node.scratch.segmentPath(1)
            bytes = try node.scratch.bytes(path)
            let frames = SegmentFrames(bytes)
            self.frames = frames
            peers = (0..<3).filter { $0 != victim }.map { index in
                Audit.Journal(
                    path: "node \(index)", isWhole: true,
                    segments: [SegmentFacts.read(cluster.nodes[index].scratch.segmentPath(1))])
            }
            var ages: [Int: UInt64] = [:]
            for entry in try records(path) {
                guard case .step(let step) = entry.record, ages[Int(entry.frame)] == nil else { continue }
                ages[Int(entry.frame)] = end.since(step.instant).nanoseconds / 1_000_000
            }
            let last = frames.frames.indices.last { frames.kind($0) == SegmentFrames.Kind.checkpoint } ?? 0
            tail = ages.filter { $0.key > last }.map { (index: $0.key, age: $0.value) }.sorted { $0.index < $1.index }
        }

        func cut(before index: Int) -> [UInt8] { Array(bytes[..<frames.offsets[index]]) }

        /// The same with another sum or instant in this frame, and with checksums that fit.
        func rewritten(_ index: Int) -> [UInt8] {
            var segment = frames
            var payload = Array(segment.frames[index][8...])
            let place = segment.kind(index) == SegmentFrames.Kind.run ? payload.count - 1 : 0
            payload[place] ^= 1
            segment.replace(index, payload: payload)
            return segment.bytes
        }

        func findings(_ hurt: [UInt8]) throws -> [AuditFinding] {
            try node.scratch.replace(path, with: hurt)
            let own = Audit.Journal(path: "victim", isWhole: true, segments: [SegmentFacts.read(path)])
            return Audit.conclude([own] + peers).findings
        }
    }
}
