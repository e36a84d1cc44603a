import Election
import Foundation
import Sodium
import Testing
import Wire

/// Specs/wire.md gives these bytes; they were computed by another program from the page alone.
@Suite struct WorkedExampleTests {
    private func example() throws -> String {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Specs/wire.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let start = try #require(text.range(of: "## A worked example"))
        return text[start.upperBound...].filter { !$0.isWhitespace }
    }

    @Test func theSpecificationsBytesAreOurs() throws {
        let example = try example()
        let cluster = Cluster()
        let heartbeat = Heartbeat(
            safetyDigest: 0x1111_1111_1111_1111, configurationDigest: 0x2222_2222_2222_2222,
            heard: [
                Heard(node: NodeIndex(0), incarnation: Incarnation(7), sequence: Sequence(8841), ageMilliseconds: 12)
            ],
            groups: [
                GroupBeat(
                    group: GroupID(37), eligible: true, holding: false, priority: 150, term: Term(12),
                    holder: NodeIndex(0), release: nil)
            ])
        let frame = cluster.frame(
            1, 300, incarnation: 3, .heartbeat(heartbeat),
            journal: JournalMark(segment: 2, size: 4711, head: Array(0..<16)))
        let datagram = cluster.sealer(1).datagram([frame], claiming: NodeIndex(1), nonce: nonce)
        #expect(example.contains(hex(cluster.keys[1].publicKey.bytes)))
        #expect(example.contains(hex(cluster.secret.clusterTag)))
        #expect(example.contains(hex(Array(frame.bytes.dropLast(64)))))
        #expect(example.contains(hex(Array(frame.bytes.suffix(64)))))
        #expect(example.contains(hex(datagram)) && datagram.count == 179)
    }
}

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
