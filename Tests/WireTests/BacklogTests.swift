import Election
import Testing
import Wire

@Suite struct BacklogTests {
    let cluster = Cluster()

    private func request(_ group: UInt32, term: UInt64 = 4, trial: Bool = false) -> Message {
        .voteRequest(VoteRequest(group: GroupID(group), term: Term(term), trial: trial, priority: 9))
    }

    /// Numbers of the packets in the order in which they are looked at, with those that are let in let in.
    private func order(_ messages: [Message], forged: Set<UInt64> = []) -> [UInt64] {
        var keeper = cluster.gatekeeper(0)
        var backlog = Backlog(
            messages.enumerated().flatMap { place, message in
                let number = UInt64(place) + 1
                // Signed by another node than the one that is said to speak.
                let frame =
                    forged.contains(number)
                    ? cluster.sealer(2).sign(
                        Packet(sender: life(1, 1), sequence: Sequence(number), message: message), journal: nil)
                    : cluster.frame(1, number, message)
                return cluster.sealer(1).datagrams([frame]).flatMap { keeper.open($0) }
            })
        var numbers: [UInt64] = []
        while let frame = backlog.next() {
            guard let arrival = keeper.admit(frame, at: .zero) else { continue }
            backlog.noteAdmitted(frame)
            if let reception = arrival.reception { numbers.append(reception.packet.sequence.rawValue) }
        }
        return numbers
    }

    @Test func whatKeepsLeasesAliveGoesFirst() {
        let promise = Message.promise(Promise(holder: life(0, 1), round: Sequence(5), bonds: []))
        let grant = Grant(group: GroupID(7), term: Term(4), trial: false, candidate: life(0, 1), round: Sequence(1))
        #expect(order([request(1), .grant(grant), promise, request(2), .beat()]) == [3, 5, 2, 4, 1])
    }

    @Test func ofACandidatesRequestsTheNewestCounts() {
        #expect(order([request(1), request(2), request(1), request(1, trial: true), request(1)]) == [5, 4, 2])
    }

    @Test func aForgedRequestDisplacesNobody() {
        #expect(order([request(1), request(1)], forged: [2]) == [1])
    }
}
