import Election
import Sodium
import Testing
import Wire

/// A node's key changes while the others run (Specs/safety.md, "A node's key").
@Suite struct KeyChangeTests {
    private let cluster = Cluster()
    private let after: Cluster

    init() {
        var after = Cluster()
        after.keys[1] = SigningKey(insecureSeed: [UInt8](repeating: 9, count: 32)) ?? .generate()
        self.after = after
    }

    private func nodes(former: Bool = false) -> [NodeKeys] {
        var nodes = after.nodes
        if former { nodes[1].former = cluster.keys[1].publicKey }
        return nodes
    }

    @Test func onlyTheNewKeyCountsThen() {
        var keeper = cluster.gatekeeper(0)
        #expect(keeper.receive(cluster.heartbeat(1, 7, incarnation: 5), at: .zero).count == 1)
        #expect(keeper.receive(after.heartbeat(1, 1, incarnation: 6), at: .zero).isEmpty)
        keeper.change(to: nodes(former: true))
        // What the old key says is refused, in a newer life too; the former key is for certificates alone.
        #expect(keeper.receive(cluster.heartbeat(1, 8, incarnation: 5), at: .zero).isEmpty)
        #expect(keeper.receive(cluster.heartbeat(1, 1, incarnation: 7), at: .zero).isEmpty)
        #expect(keeper.refusals[.signature] == 3)
        // Whoever replaced a machine may count its lives anew.
        #expect(keeper.receive(after.heartbeat(1, 1, incarnation: 2), at: .zero).count == 1)
        #expect(keeper.newestHeartbeat(of: NodeIndex(1))?.packet.sender.incarnation == Incarnation(2))
    }

    @Test func othersAreNotTouched() {
        var keeper = cluster.gatekeeper(0)
        let datagram = cluster.heartbeat(2, 3)
        #expect(keeper.receive(datagram, at: .zero).count == 1)
        keeper.change(to: nodes())
        keeper.change(to: nodes(former: true))
        #expect(keeper.receive(datagram, at: .zero).isEmpty)
        #expect(keeper.refusals[.replay] == 1)
    }

    /// A restarted node has to be able to check the certificate of a holder that was elected before the change.
    @Test func certificatesOutliveTheKeyOfAVoter() {
        let certificate = cluster.certificate([0, 1])
        func takes(_ certificate: Certificate, _ nodes: [NodeKeys]) -> Bool {
            var keeper = Gatekeeper(
                this: NodeIndex(0), incarnation: Incarnation(9), nodes: nodes, secret: cluster.secret)
            let frame = cluster.frame(2, 1, .certificate(certificate))
            return !keeper.receive(cluster.sealer(2).datagrams([frame])[0], at: .zero).isEmpty
        }
        #expect(takes(certificate, cluster.nodes))
        #expect(takes(certificate, nodes(former: true)))
        #expect(!takes(certificate, nodes()))
        #expect(takes(after.certificate([0, 1]), nodes(former: true)))
        // Who has checked it before keeps it.
        var keeper = cluster.gatekeeper(0)
        func arrives(_ sequence: UInt64) -> Bool {
            let frame = cluster.frame(2, sequence, .certificate(certificate))
            return !keeper.receive(cluster.sealer(2).datagrams([frame])[0], at: .zero).isEmpty
        }
        #expect(arrives(1))
        keeper.change(to: nodes())
        #expect(arrives(2))
    }

    /// A replaced machine whose former key lies is one that lies, in certificates; and nowhere else.
    @Test func aFormerKeyCannotSpeak() {
        var keeper = Gatekeeper(
            this: NodeIndex(0), incarnation: Incarnation(1), nodes: nodes(former: true), secret: cluster.secret)
        let grant = Grant(
            group: GroupID(7), term: Term(4), trial: false, candidate: life(0, 1), round: Sequence(9))
        let frames = [
            cluster.frame(1, 1), cluster.frame(1, 2, .grant(grant)),
            cluster.frame(1, 3, .certificate(cluster.certificate([0, 1]))),
        ]
        for frame in frames { #expect(keeper.receive(cluster.sealer(1).datagrams([frame])[0], at: .zero).isEmpty) }
        #expect(keeper.refusals[.signature] == 3 && keeper.evidence.isEmpty)
    }
}
