import Election
import Sodium
import Wire

/// Three nodes with keys of known seeds, and what they send.
struct Cluster {
    var keys = (0..<3).map { SigningKey(insecureSeed: [UInt8](repeating: UInt8($0 + 1), count: 32)) ?? .generate() }
    let secret = ClusterSecret(insecureBytes: [UInt8](repeating: 0x5E, count: 32)) ?? .generate()

    func sealer(_ node: UInt8) -> Sealer {
        Sealer(this: NodeIndex(node), key: keys[Int(node)], secret: secret)
    }

    var nodes: [NodeKeys] { keys.map { NodeKeys(key: $0.publicKey) } }

    func gatekeeper(_ node: UInt8, incarnation: UInt64 = 1) -> Gatekeeper {
        Gatekeeper(this: NodeIndex(node), incarnation: Incarnation(incarnation), nodes: nodes, secret: secret)
    }

    func frame(
        _ node: UInt8, _ sequence: UInt64, incarnation: UInt64 = 1, _ message: Message = .beat(),
        journal: JournalMark? = nil
    ) -> SignedFrame {
        sealer(node).sign(
            Packet(sender: life(node, incarnation), sequence: Sequence(sequence), message: message), journal: journal)
    }

    /// One datagram from its sender.
    func heartbeat(_ node: UInt8, _ sequence: UInt64, incarnation: UInt64 = 1) -> [UInt8] {
        sealer(node).datagrams([frame(node, sequence, incarnation: incarnation)])[0]
    }

    func certificate(_ voters: [UInt8], term: UInt64 = 4, grantTerm: UInt64? = nil) -> Certificate {
        Certificate(
            group: GroupID(7), term: Term(term), holder: life(0, 1),
            votes: voters.map { voter in
                let grant = Grant(
                    group: GroupID(7), term: Term(grantTerm ?? term), trial: false, candidate: life(0, 1),
                    round: Sequence(9))
                return Certificate.Vote(voter: NodeIndex(voter), proof: frame(voter, 50, .grant(grant)).bytes)
            })
    }
}

func life(_ node: UInt8, _ incarnation: UInt64) -> NodeLife {
    NodeLife(node: NodeIndex(node), incarnation: Incarnation(incarnation))
}

extension Message {
    static func beat(priority: UInt16 = 100) -> Message {
        .heartbeat(
            Heartbeat(
                safetyDigest: 1, configurationDigest: 2,
                heard: [
                    Heard(
                        node: NodeIndex(1), incarnation: Incarnation(1), sequence: Sequence(3), ageMilliseconds: 12)
                ],
                groups: [
                    GroupBeat(
                        group: GroupID(7), eligible: true, holding: false, priority: priority, term: Term(3),
                        holder: nil, release: nil)
                ]))
    }
}

extension Gatekeeper.Arrival {
    var reception: Reception? {
        if case .packet(let reception) = self { reception } else { nil }
    }
}

/// Marsaglia's xorshift64*: the same bytes on every run.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
