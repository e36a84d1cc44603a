import Election
import Sodium
import Testing
import Wire

@Suite struct GatekeeperTests {
    let cluster = Cluster()

    @Test func whatIsSentArrives() throws {
        let mark = JournalMark(segment: 2, size: 4711, head: Array(0..<16))
        let frame = cluster.frame(1, 1, journal: mark)
        var keeper = cluster.gatekeeper(0)
        let arrivals = keeper.receive(cluster.sealer(1).datagrams([frame])[0], at: .zero)
        #expect(arrivals == [.packet(Reception(packet: frame.packet, relay: nil, journal: mark))])
        #expect(keeper.refusals.total == 0)
        #expect(keeper.newestHeartbeat(of: NodeIndex(1)) == frame)
    }

    @Test func everyKindOfMessageComesThrough() throws {
        var keeper = cluster.gatekeeper(0)
        let grant = Grant(
            group: GroupID(7), term: Term(4), trial: false, candidate: life(0, 1), round: Sequence(.max))
        let messages: [Message] = [
            .beat(), .promise(Promise(holder: life(0, 1), round: Sequence(5), bonds: [])),
            .voteRequest(VoteRequest(group: GroupID(7), term: Term(4), trial: true, priority: 9)), .grant(grant),
            .certificate(cluster.certificate([0, 2])),
            .transferRequest(TransferRequest(group: GroupID(7), to: NodeIndex(2))),
        ]
        let frames = messages.enumerated().map { cluster.frame(1, UInt64($0) + 1, $1) }
        let arrivals = cluster.sealer(1).datagrams(frames).flatMap { keeper.receive($0, at: .zero) }
        #expect(arrivals.compactMap { $0.reception?.packet.message } == messages)
        for (reception, frame) in zip(arrivals.compactMap(\.reception), frames) {
            if case .grant = frame.packet.message {
                #expect(reception.proof == frame.bytes && frame.bytes.count <= Bound.proof)
            } else {
                #expect(reception.proof.isEmpty)
            }
        }
    }

    @Test func theOrderOfChecksIsThatOfTheirCost() throws {
        let good = cluster.heartbeat(1, 1)
        var keeper = cluster.gatekeeper(0)
        func refused(_ datagram: [UInt8], _ refusal: Refusal, _ line: Comment) {
            let before = keeper.refusals[refusal]
            let total = keeper.refusals.total
            #expect(keeper.receive(datagram, at: .zero).isEmpty, line)
            #expect(keeper.refusals[refusal] == before + 1 && keeper.refusals.total == total + 1, line)
        }
        refused([], .tooShort, "nothing")
        refused(Array(good.prefix(100)), .tooShort, "cut short")
        refused([UInt8](repeating: 1, count: 60_001), .tooLong, "too long")
        refused([UInt8](repeating: 1, count: 200), .foreignProtocol, "noise")
        refused(good.flipped(4), .unknownVersion, "version")
        refused(good.flipped(7), .foreignCluster, "tag")
        refused(good.flipped(20), .seal, "nonce")
        refused(good.flipped(60), .seal, "ciphertext")
        refused(Array(good.dropLast()), .seal, "one byte less")
        refused(good + [0], .seal, "one byte more")
        refused(cluster.sealer(1).seal([UInt8](repeating: 0, count: 200)), .malformed, "sealed noise")
        refused(
            cluster.sealer(1).datagram([cluster.frame(1, 1)], claiming: NodeIndex(9), nonce: nonce), .unknownSender,
            "a node that is none")
        refused(
            cluster.sealer(1).datagram([cluster.frame(1, 1)], claiming: NodeIndex(0), nonce: nonce), .own,
            "claims to be the receiver")
        #expect(keeper.receive(good, at: .zero).count == 1)
    }

    @Test func aForeignClusterIsDroppedBeforeItsSeal() {
        let other = ClusterSecret.generate()
        let datagram = Sealer(this: NodeIndex(1), key: cluster.keys[1], secret: other).datagrams([cluster.frame(1, 1)])
        var keeper = cluster.gatekeeper(0)
        #expect(keeper.receive(datagram[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.foreignCluster] == 1)
    }

    /// Signed for one cluster, resealed by somebody who has both secrets: the signature covers the cluster (S7).
    @Test func aSignatureOfAnotherClusterMeansNothingHere() {
        let other = Sealer(this: NodeIndex(1), key: cluster.keys[1], secret: .generate())
        let foreign = other.sign(cluster.frame(1, 1).packet, journal: nil)
        var keeper = cluster.gatekeeper(0)
        #expect(keeper.receive(cluster.sealer(1).datagrams([foreign])[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.signature] == 1)
    }

    /// Someone with the secret and without node 1's key.
    @Test func forgedFramesMeetTheSignature() throws {
        let forger = Sealer(this: NodeIndex(1), key: .generate(), secret: cluster.secret)
        var keeper = cluster.gatekeeper(0)
        let forged = forger.sign(cluster.frame(1, 900, incarnation: 99).packet, journal: nil)
        #expect(keeper.receive(forger.datagrams([forged])[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.signature] == 1)
        // Neither the window nor the incarnation has moved.
        #expect(keeper.receive(cluster.heartbeat(1, 1), at: .zero).count == 1)
        let bent = try #require(try? SignedFrame(parsing: cluster.frame(1, 2).bytes.flipped(30)))
        #expect(keeper.receive(cluster.sealer(1).datagrams([bent])[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.signature] == 2)
    }

    @Test func replaysAreRefused() {
        var keeper = cluster.gatekeeper(0)
        let datagrams = (1...5).map { cluster.heartbeat(1, $0) }
        for datagram in datagrams { #expect(keeper.receive(datagram, at: .zero).count == 1) }
        for datagram in datagrams { #expect(keeper.receive(datagram, at: .zero).isEmpty) }
        #expect(keeper.refusals[.replay] == 5 && keeper.refusals.total == 5)
    }

    @Test func lateOnesAreTakenOnceWithinTheWindow() {
        var keeper = cluster.gatekeeper(0)
        for sequence in [2000, 1500, 1999, 977, 2001] as [UInt64] {
            #expect(keeper.receive(cluster.heartbeat(1, sequence), at: .zero).count == 1, "\(sequence)")
        }
        for sequence in [976, 977, 1, 0] as [UInt64] {
            #expect(keeper.receive(cluster.heartbeat(1, sequence), at: .zero).isEmpty, "\(sequence)")
        }
        #expect(keeper.receive(cluster.heartbeat(1, .max), at: .zero).count == 1)
        #expect(keeper.receive(cluster.heartbeat(1, 2002), at: .zero).isEmpty)
    }

    @Test func aNewLifeReplacesTheOldOne() {
        var keeper = cluster.gatekeeper(0)
        #expect(keeper.receive(cluster.heartbeat(1, 100, incarnation: 3), at: .zero).count == 1)
        #expect(keeper.receive(cluster.heartbeat(1, 1, incarnation: 4), at: .zero).count == 1)
        #expect(keeper.receive(cluster.heartbeat(1, 101, incarnation: 3), at: .zero).isEmpty)
        #expect(keeper.refusals[.staleIncarnation] == 1)
        #expect(keeper.newestHeartbeat(of: NodeIndex(1))?.packet.sender.incarnation == Incarnation(4))
    }
}

/// Frames that others pass on, contradictions, copies of our own key, and floods.
@Suite struct RelayTests {
    let cluster = Cluster()

    @Test func aRelayedFrameIsMarkedAndTheDirectOneStillCounts() {
        var keeper = cluster.gatekeeper(0)
        let frame = cluster.frame(1, 1)
        let relayed = cluster.sealer(2).datagrams([cluster.frame(2, 1), frame])
        #expect(relayed.count == 1)
        let arrivals = keeper.receive(relayed[0], at: .zero).compactMap(\.reception)
        #expect(arrivals.map(\.relay) == [nil, NodeIndex(2)])
        #expect(arrivals.map(\.packet.sender.node) == [NodeIndex(2), NodeIndex(1)])
        // Again by the relay: known. Then by its origin: news, though not a new signature.
        #expect(keeper.receive(cluster.sealer(2).datagrams([frame])[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.duplicate] == 1)
        let direct = keeper.receive(cluster.sealer(1).datagrams([frame])[0], at: .zero)
        #expect(direct == [.packet(Reception(packet: frame.packet, relay: nil))])
        #expect(keeper.receive(cluster.sealer(1).datagrams([frame])[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.replay] == 1)
        #expect(keeper.receive(cluster.sealer(2).datagrams([frame])[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.duplicate] == 2 && keeper.refusals.total == 3)
    }

    @Test func contradictionsAreKeptAsEvidence() {
        var keeper = cluster.gatekeeper(0)
        let first = cluster.frame(1, 8, .beat(priority: 100))
        let second = cluster.frame(1, 8, .beat(priority: 200))
        _ = keeper.receive(cluster.sealer(1).datagrams([first])[0], at: .zero)
        let found = keeper.receive(cluster.sealer(2).datagrams([second])[0], at: .zero)
        let expected = Equivocation(by: life(1, 1), sequence: Sequence(8), first: first.bytes, second: second.bytes)
        #expect(found == [.equivocation(expected)] && keeper.evidence == [expected])
        #expect(keeper.receive(cluster.sealer(2).datagrams([second])[0], at: .zero).isEmpty)
        #expect(keeper.evidence.count == 1 && keeper.refusals[.equivocation] == 2)
        for priority in 1...40 {
            let more = cluster.frame(1, 8, .beat(priority: UInt16(priority)))
            _ = keeper.receive(cluster.sealer(1).datagrams([more])[0], at: .zero)
        }
        #expect(keeper.evidence.count == Gatekeeper.evidenceLimit)
        let forged = Sealer(this: NodeIndex(1), key: .generate(), secret: cluster.secret)
            .sign(first.packet, journal: nil)
        #expect(keeper.receive(cluster.sealer(2).datagrams([forged])[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.signature] == 1)
    }

    @Test func ownFramesComeBackQuietlyCopiesDont() {
        var keeper = cluster.gatekeeper(0, incarnation: 5)
        let sent = cluster.frame(0, 1, incarnation: 5)
        keeper.sent(sent)
        func relayed(_ frame: SignedFrame) -> [Gatekeeper.Arrival] {
            keeper.receive(cluster.sealer(2).datagrams([frame])[0], at: .zero)
        }
        #expect(relayed(sent).isEmpty)
        #expect(relayed(cluster.frame(0, 77, incarnation: 4)).isEmpty)
        #expect(keeper.refusals[.own] == 2)
        for copy in [
            cluster.frame(0, 2, incarnation: 5), cluster.frame(0, 1, incarnation: 6),
            cluster.frame(0, 1, incarnation: 5, .beat(priority: 7)),
        ] { #expect(relayed(copy) == [.ownSignatureFromElsewhere(copy.bytes)]) }
        let forged = Sealer(this: NodeIndex(0), key: .generate(), secret: cluster.secret)
            .sign(cluster.frame(0, 1, incarnation: 6).packet, journal: nil)
        #expect(relayed(forged).isEmpty)
        #expect(keeper.refusals[.signature] == 1)
        // The copy itself may be sending, or somebody who repeats what we sent.
        let copy = cluster.frame(0, 9, incarnation: 5)
        #expect(
            keeper.receive(cluster.sealer(0).datagrams([copy])[0], at: .zero)
                == [.ownSignatureFromElsewhere(copy.bytes)])
        #expect(keeper.receive(cluster.sealer(0).datagrams([sent])[0], at: .zero).isEmpty)
        #expect(keeper.refusals[.own] == 3)
    }

    /// A holder of the secret without a node's key can't buy more than the budget's signature checks.
    @Test func signatureChecksAreBudgeted() throws {
        var keeper = cluster.gatekeeper(0)
        let forged = try #require(try? SignedFrame(parsing: cluster.frame(1, 1).bytes.flipped(80)))
        let datagram = cluster.sealer(1).datagrams(Array(repeating: forged, count: 8))[0]
        let frames = UInt64(keeper.receive(datagram, at: .zero).count) + keeper.refusals.total
        for _ in 1..<500 { _ = keeper.receive(datagram, at: .zero) }
        #expect(keeper.refusals[.signature] == 2000)
        #expect(keeper.refusals[.overBudget] == frames * 500 - 2000)
        // Others aren't touched, and the budget comes back.
        #expect(keeper.receive(cluster.heartbeat(2, 1), at: .zero).count == 1)
        #expect(keeper.receive(cluster.heartbeat(1, 1), at: .zero).isEmpty)
        #expect(keeper.receive(cluster.heartbeat(1, 1), at: .zero + .milliseconds(10)).count == 1)
    }

    @Test func certificatesAreCheckedVoteByVote() throws {
        var sequence: UInt64 = 0
        var keeper = cluster.gatekeeper(0)
        func arrives(_ certificate: Certificate) -> Bool {
            sequence += 1
            let frame = cluster.frame(1, sequence, .certificate(certificate))
            return !keeper.receive(cluster.sealer(1).datagrams([frame])[0], at: .zero).isEmpty
        }
        let good = cluster.certificate([0, 2])
        #expect(arrives(good))
        #expect(arrives(good))
        #expect(good.isGenuine(keys: cluster.keys.map(\.publicKey), in: cluster.sealer(0).cluster))
        var bad: [Certificate] = [
            cluster.certificate([]), cluster.certificate([2, 0]), cluster.certificate([0, 0]),
            cluster.certificate([0, 2], grantTerm: 3),
        ]
        var other = good
        other.holder = life(1, 1)
        bad.append(other)
        other = good
        other.group = GroupID(8)
        bad.append(other)
        other = good
        other.votes[1].voter = NodeIndex(1)
        bad.append(other)
        other = good
        other.votes[1].proof = other.votes[1].proof.flipped(30)
        bad.append(other)
        other = good
        other.votes[1].proof = []
        bad.append(other)
        let trial = Grant(
            group: GroupID(7), term: Term(4), trial: true, candidate: life(0, 1), round: Sequence(9))
        other = good
        other.votes[1].proof = cluster.frame(2, 51, .grant(trial)).bytes
        bad.append(other)
        for certificate in bad { #expect(!arrives(certificate)) }
        #expect(keeper.refusals[.certificate] == UInt64(bad.count) && keeper.refusals.total == UInt64(bad.count))
    }
}

let nonce = [UInt8](0..<24)

extension [UInt8] {
    /// With one bit changed.
    func flipped(_ index: Int) -> [UInt8] {
        var bytes = self
        bytes[index] ^= 0x10
        return bytes
    }
}
