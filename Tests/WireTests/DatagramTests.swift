import Election
import Sodium
import Testing
import Wire

@Suite struct DatagramTests {
    let cluster = Cluster()

    @Test func framesShareADatagramUntilItWouldBeFragmented() {
        let frames = (1...20).map { cluster.frame(1, UInt64($0)) }
        let datagrams = cluster.sealer(1).datagrams(frames)
        #expect(datagrams.allSatisfy { $0.count <= 1_232 })
        #expect(datagrams.count == 3)
        var keeper = cluster.gatekeeper(0)
        #expect(datagrams.flatMap { keeper.receive($0, at: .zero) }.count == 20)
        #expect(cluster.sealer(1).datagrams([]).isEmpty)
    }

    /// 256 groups, 31 nodes heard, everything at its longest.
    @Test func theLargestHeartbeatFits() throws {
        let heartbeat = Heartbeat(
            safetyDigest: .max, configurationDigest: .max,
            heard: (0..<32).map {
                Heard(
                    node: NodeIndex($0), incarnation: Incarnation(.max), sequence: Sequence(.max),
                    ageMilliseconds: .max)
            },
            groups: (0..<256).map {
                GroupBeat(
                    group: GroupID($0), eligible: true, holding: true, priority: .max, term: Term(.max),
                    holder: NodeIndex(31),
                    release: Release(term: Term(.max), successor: NodeIndex(31), ordered: true))
            })
        let frame = cluster.frame(1, .max, incarnation: .max, .heartbeat(heartbeat))
        #expect(frame.bytes.count <= SignedFrame.limit)
        var keeper = cluster.gatekeeper(0)
        let datagrams = cluster.sealer(1).datagrams([frame, cluster.frame(1, .max - 1, incarnation: .max)])
        #expect(datagrams.flatMap { keeper.receive($0, at: .zero) }.count == 2)
        let largest = Certificate(
            group: GroupID(7), term: Term(.max), holder: life(0, .max),
            votes: (0..<32).map { Certificate.Vote(voter: NodeIndex($0), proof: [UInt8](repeating: 1, count: 256)) })
        #expect(cluster.frame(1, 5, .certificate(largest)).bytes.count <= SignedFrame.limit)
    }

    /// What a holder of the secret can put into a datagram and nobody honest does.
    @Test func sealedNonsenseIsMalformed() {
        let frame = cluster.frame(1, 1).bytes
        let size = [UInt8(frame.count), 0]
        var keeper = cluster.gatekeeper(0)
        let contents: [[UInt8]] = [
            [1, 0] + size + frame, [1, 9] + size + frame, [1, 2] + size + frame, [1, 1] + size + frame + [0],
            [1, 1, 0xFF, 0xFF] + frame, [1, 1] + size + frame.dropLast(), [200, 1] + size + frame,
            [1, 1, 0, 0] + [UInt8](repeating: 0, count: 100),
        ]
        for content in contents {
            #expect(keeper.receive(cluster.sealer(1).seal(content), at: .zero).isEmpty)
        }
        #expect(keeper.refusals[.malformed] == UInt64(contents.count))
        // One frame that is none doesn't take the others with it.
        let half = cluster.sealer(1).seal([1, 2, 80, 0] + [UInt8](repeating: 9, count: 80) + size + frame)
        #expect(keeper.receive(half, at: .zero).count == 1)
        #expect(keeper.refusals[.malformed] == UInt64(contents.count) + 1)
    }

    /// 100,000 datagrams of chance and of altered truth: none gets in, none crashes, each is counted once.
    @Test func hostileBytesCostACounter() {
        var dice = Dice(state: 0x5EED)
        var keeper = cluster.gatekeeper(0)
        let good = cluster.heartbeat(1, 1)
        for _ in 0..<50_000 {
            let bytes = (0..<Int.random(in: 0...400, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) }
            #expect(keeper.receive(bytes, at: .zero).isEmpty)
        }
        #expect(keeper.refusals[.tooShort] + keeper.refusals[.foreignProtocol] == 50_000)
        for _ in 0..<40_000 {
            #expect(keeper.receive(mutated(good, with: &dice), at: .zero).isEmpty)
        }
        #expect(keeper.refusals.total == 90_000)
        #expect(keeper.refusals[.seal] > 20_000 && keeper.refusals[.signature] == 0)
        let frame = cluster.frame(1, 1).bytes
        for _ in 0..<10_000 {
            let bent = mutated(frame, with: &dice)
            let content = [1, 1, UInt8(truncatingIfNeeded: bent.count), UInt8(bent.count >> 8)] + bent
            #expect(keeper.receive(cluster.sealer(1).seal(content), at: .zero).isEmpty)
        }
        #expect(keeper.refusals.total == 100_000)
        // Some of them claim another origin, whose budget is another.
        #expect((2000...6000).contains(keeper.refusals[.signature]))
        #expect(keeper.receive(cluster.heartbeat(2, 1), at: .zero).count == 1)
    }

    private func mutated(_ bytes: [UInt8], with dice: inout Dice) -> [UInt8] {
        var bytes = bytes
        let original = bytes
        repeat {
            switch Int.random(in: 0..<4, using: &dice) {
            case 0: bytes.removeLast(Int.random(in: 1...min(20, bytes.count - 1), using: &dice))
            case 1: bytes.append(UInt8.random(in: 0...255, using: &dice))
            case 2: bytes.swapAt(.random(in: bytes.indices, using: &dice), .random(in: bytes.indices, using: &dice))
            default: bytes[.random(in: bytes.indices, using: &dice)] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
            }
        } while bytes == original
        return bytes
    }
}
