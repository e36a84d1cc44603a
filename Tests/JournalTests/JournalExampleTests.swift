import Election
import Foundation
import Journal
import Sodium
import Synchronization
import Testing

/// Specs/journal.md gives these bytes; they were computed by another program from the page alone.
@Suite struct JournalExampleTests {
    let scratch = Scratch()
    /// Epoch 1's seed is 32 bytes 11, epoch 2's 32 bytes 12, and so on.
    private let seeds = Seeds()

    private final class Seeds: Sendable {
        private let last = Atomic<UInt8>(0x10)

        func next() -> SigningKey {
            let byte = last.wrappingAdd(1, ordering: .relaxed).newValue
            return SigningKey(insecureSeed: [UInt8](repeating: byte, count: 32)) ?? .generate()
        }
    }

    @Test func theSpecificationsBytesAreOurs() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Specs/journal.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let start = try #require(text.range(of: "## A worked example"))
        let example = text[start.upperBound...].filter { !$0.isWhitespace }
        let secret = try #require(ClusterSecret(insecureBytes: [UInt8](repeating: 0x5E, count: 32)))
        let key = try #require(SigningKey(insecureSeed: [UInt8](repeating: 1, count: 32)))
        let writer = try JournalWriter.open(
            in: try scratch.state(),
            identity: JournalIdentity(
                clusterTag: secret.clusterTag, node: "fred", incarnation: Incarnation(7), bootID: Array(0..<16),
                software: "electd 0.1"),
            key: key, genesis: Array("genesis".utf8), at: milliseconds(5000),
            wallClock: { WallClock(nanoseconds: 1_700_000_000_000_000_000) }, epochKey: seeds.next)
        try writer.append(.timer, outcome: .nothing, at: milliseconds(5100))
        for round: UInt64 in 1...2 {
            let instant = milliseconds(5100 + 10 * round)
            try writer.append(
                .received(
                    Reception(
                        packet: Packet(
                            sender: NodeLife(node: NodeIndex(2), incarnation: Incarnation(3)),
                            sequence: Sequence(299 + round),
                            message: .heartbeat(
                                Heartbeat(safetyDigest: 1, configurationDigest: 2, heard: [], groups: []))),
                        relay: nil,
                        journal: JournalMark(segment: 2, size: 4710 + round, head: Array(0..<16)))),
                outcome: StepOutcome(digest: EffectsDigest(rawValue: 0xAB), isEmpty: false, decides: false),
                at: instant)
        }
        try writer.append(.maintenance(true), outcome: StepOutcome(of: [.left]), at: milliseconds(5130))
        try writer.append(state: Array("state".utf8))
        try writer.close(at: milliseconds(5200))
        let bytes = try scratch.bytes(scratch.segmentPath(1))
        #expect(example.contains(hex(bytes)) && example.contains("\(bytes.count)bytes"))
        if let path = ProcessInfo.processInfo.environment["ELECTD_EXAMPLE"] {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
        }
        #expect(example.contains(hex(Blake2b.hash(bytes))))
    }
}
