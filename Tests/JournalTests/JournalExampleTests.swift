import Election
import Foundation
import Journal
import Sodium
import Testing

/// Specs/journal.md gives these bytes; they were computed by another program from the page alone.
@Suite struct JournalExampleTests {
    let scratch = Scratch()

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
            wallClock: { WallClock(nanoseconds: 1_700_000_000_000_000_000) })
        try writer.append(.timer, effects: EffectsDigest(of: []), at: milliseconds(5100))
        try writer.append(state: Array("state".utf8))
        try writer.close(at: milliseconds(5200))
        let bytes = try scratch.bytes(scratch.segmentPath(1))
        #expect(example.contains(hex(bytes)) && bytes.count == 453)
        #expect(example.contains(hex(Blake2b.hash(bytes))))
    }
}

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
