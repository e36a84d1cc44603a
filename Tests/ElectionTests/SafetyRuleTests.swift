import Election
import Testing

/// The rules S1 to S13 of Specs/protocol.md, each on one elector.
struct SafetyRuleTests {
    private let others = [Bench.ethyl, Bench.fred]

    @Test func S1_aGrantBindsItsVoterForD() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.ask(Bench.fred, term: 1)
        #expect(lucy.grants.map(\.candidate.node) == [Bench.fred])
        lucy.forget()
        lucy.wait(400, hearing: others)
        lucy.ask(Bench.ethyl, term: 2)
        #expect(lucy.grants.isEmpty)
        lucy.hear(Bench.fred, eligible: false)
        lucy.wait(100, hearing: [Bench.ethyl])
        lucy.hear(Bench.fred, eligible: false)
        lucy.ask(Bench.ethyl, term: 2)
        #expect(lucy.grants.map(\.term) == [Term(2)])
    }

    @Test func S1_aGrantEchoesTheRequestsRound() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        let request = VoteRequest(group: Bench.office, term: Term(1), trial: false, priority: 101)
        let round = lucy.receive(.voteRequest(request), from: Bench.fred)
        #expect(lucy.grants.first?.round == round)
    }

    @Test func S2_aVoteLeavesOnlyWhenItsBallotIsOnDisk() throws {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.writesAtOnce = false
        lucy.ask(Bench.fred, term: 1)
        #expect(lucy.grants.isEmpty)
        #expect(lucy.elector.memory.groups[0].ballot == Ballot(term: Term(1), candidate: lucy.life(Bench.fred)))
        let ticket = try #require(
            lucy.effects.compactMap { effect -> Ticket? in
                if case .persist(let ticket) = effect { return ticket }
                return nil
            }.last)
        lucy.step(.persisted(ticket))
        #expect(lucy.grants.count == 1)
    }

    @Test func S2_aVoteThatWaitsForTheDiskCountsAsCast() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.writesAtOnce = false
        lucy.ask(Bench.fred, term: 1)
        lucy.forget()
        lucy.hear(Bench.fred, eligible: false)
        lucy.ask(Bench.ethyl, term: 2)
        #expect(lucy.effects.isEmpty)
        #expect(lucy.elector.memory.groups[0].ballot.term == Term(1))
    }

    @Test func S3_theLeaseCountsFromTheSendingOfTheAnsweredRound() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.wait(100)
        let round = try #require(fred.beats.last?.0)
        let sentAt = fred.now
        fred.now = fred.now + .milliseconds(40)
        let bond = Promise.Bond(group: Bench.office, term: Term(1))
        fred.receive(.promise(Promise(holder: fred.life(Bench.fred), round: round, bonds: [bond])), from: Bench.lucy)
        #expect(fred.gateDeadline == sentAt + fred.elector.rules.timing.lease)
    }

    @Test func S3_hearingIsNoPromise() {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.wait(600, hearing: [Bench.ethyl, Bench.lucy])
        #expect(fred.withdrawal != nil, "heartbeats of all, promises of none")
    }

    @Test func S3_aHeartbeatThatWasPassedOnIsNoRound() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.certify(Bench.fred, term: 1, voters: others)
        lucy.forget()
        lucy.hear(Bench.fred, holding: true, term: 1, relay: Bench.ethyl)
        #expect(lucy.promises.isEmpty)
        lucy.hear(Bench.fred, holding: true, term: 1)
        #expect(lucy.promises.count == 1)
    }

    @Test func S4_noPromiseInATermBelowTheOneVotedIn() {
        var lucy = Bench(Bench.lucy, ballot: Ballot(term: Term(5), candidate: nil))
        lucy.certify(Bench.fred, term: 4, voters: others)
        lucy.hear(Bench.fred, holding: true, term: 4)
        #expect(lucy.promises.isEmpty)
        lucy.certify(Bench.fred, term: 5, voters: others)
        lucy.hear(Bench.fred, holding: true, term: 5)
        #expect(lucy.promises.count == 1)
    }

    @Test func S5_aNewerCertificateOverridesAPromiseForRoundsButNotForVotes() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.certify(Bench.fred, term: 1, voters: others)
        lucy.hear(Bench.fred, holding: true, term: 1)
        lucy.forget()
        lucy.ask(Bench.ethyl, term: 2)
        #expect(lucy.grants.isEmpty)
        lucy.certify(Bench.ethyl, term: 3, voters: others)
        lucy.hear(Bench.ethyl, holding: true, term: 3)
        #expect(lucy.promises.map(\.holder.node) == [Bench.ethyl])
        lucy.hear(Bench.fred, holding: true, term: 1)
        #expect(lucy.promises.count == 1, "the older one gets no promise any more")
    }

    @Test func S6_aRestartedVoterIsSilentForDButAnswersACertifiedHolder() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(400, hearing: others)
        lucy.ask(Bench.fred, term: 7)
        #expect(lucy.grants.isEmpty)
        lucy.certify(Bench.fred, term: 8, voters: others)
        lucy.hear(Bench.fred, holding: true, term: 8)
        #expect(lucy.promises.count == 1)
    }

    @Test func S7_whatWasGrantedToAnEarlierLifeCountsForNothing() throws {
        var fred = Bench(Bench.fred)
        fred.wait(600, hearing: [Bench.lucy])
        let (request, term) = try #require(fred.requests(trial: true).last)
        let earlier = NodeLife(node: Bench.fred, incarnation: Incarnation(8))
        fred.grant(request, term: term.rawValue, trial: true, from: Bench.lucy, to: earlier)
        #expect(fred.requests(trial: false).isEmpty)
    }

    @Test func S7_aCertificateOfAnEarlierLifeIsNoHolder() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.certify(Bench.fred, term: 1, voters: others)
        lucy.restart(Bench.fred)
        lucy.forget()
        lucy.hear(Bench.fred, holding: true, term: 1)
        #expect(lucy.promises.isEmpty)
    }

    @Test func S7_aPacketOfAnEarlierLifeSaysNothing() {
        var lucy = Bench(Bench.lucy)
        lucy.restart(Bench.fred)
        lucy.wait(600, hearing: others)
        lucy.certify(Bench.fred, term: 1, voters: others)
        lucy.hear(Bench.fred, holding: true, term: 1)
        let before = lucy.elector
        let earlier = NodeLife(node: Bench.fred, incarnation: Incarnation(1))
        let heartbeat = Heartbeat(safetyDigest: 7, configurationDigest: 7, heard: [], groups: [])
        let packet = Packet(sender: earlier, sequence: Sequence(900), message: .heartbeat(heartbeat))
        lucy.step(.received(Reception(packet: packet, relay: nil, proof: [2])))
        #expect(lucy.elector == before)
    }

    @Test func S8_aReleaseFreesOnlyPromisesToItsOwnLifeAndTerm() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.certify(Bench.fred, term: 2, voters: others)
        lucy.hear(Bench.fred, holding: true, term: 2)
        lucy.hear(Bench.fred, term: 2, release: Release(term: Term(1), successor: nil, ordered: false))
        lucy.ask(Bench.ethyl, term: 3)
        #expect(lucy.grants.isEmpty, "an older term's release")
        lucy.hear(Bench.ethyl, term: 2, release: Release(term: Term(2), successor: nil, ordered: false))
        lucy.ask(Bench.ethyl, term: 3)
        #expect(lucy.grants.isEmpty, "another node's release")
        lucy.hear(Bench.fred, term: 2, release: Release(term: Term(2), successor: Bench.ethyl, ordered: false))
        lucy.hear(Bench.ethyl, term: 2)
        lucy.ask(Bench.ethyl, term: 3)
        #expect(lucy.grants.map(\.candidate.node) == [Bench.ethyl])
    }

    @Test func S9_aReleaseIsToldOnlyWhenTheKernelConfirmed() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.step(.maintenance(true))
        let ticket = try #require(fred.withdrawal)
        fred.forget()
        fred.wait(50)
        #expect(fred.beats.allSatisfy { !$0.1.holding && $0.1.release == nil })
        fred.step(.withdrawn(Bench.office, ticket))
        #expect(fred.beats.last?.1.release?.term == Term(1))
    }

    @Test func S10_aGateThatLapsedIsGivenUpNotRenewed() {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.step(.gateLost(Bench.office))
        #expect(fred.withdrawal != nil)
        #expect(fred.gateDeadline == nil)
    }

    @Test func S10_deadlinesAreAbsoluteAndWithinTheLease() throws {
        var fred = Bench(Bench.fred)
        fred.wait(600, hearing: [Bench.lucy])
        let (trial, term) = try #require(fred.requests(trial: true).last)
        fred.grant(trial, term: term.rawValue, trial: true, from: Bench.lucy)
        let askedAt = fred.now
        let (request, _) = try #require(fred.requests(trial: false).last)
        fred.now = fred.now + .milliseconds(3)
        fred.grant(request, term: term.rawValue, trial: false, from: Bench.lucy)
        #expect(fred.gateDeadline == askedAt + fred.elector.rules.timing.lease)
    }

    @Test func S11_theNodeItIsBoundToGetsAHigherTermAtOnce() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.ask(Bench.fred, term: 1)
        lucy.ask(Bench.fred, term: 1)
        lucy.ask(Bench.fred, term: 2)
        #expect(lucy.grants.map(\.term.rawValue) == [1, 1, 2])
    }

    @Test func S12_aNewStateDirectoryVotesOnlyWellBeyondWhatItHeard() {
        var lucy = Bench(Bench.lucy)
        lucy.elector = Elector(rules: Bench.rules(this: Bench.lucy))
        lucy.step(.started(Start(incarnation: Incarnation(9), memory: nil)))
        #expect(lucy.elector.memory.needsFloor)
        lucy.hear(Bench.fred, term: 40)
        lucy.wait(600, hearing: others)
        #expect(!lucy.elector.memory.needsFloor)
        lucy.ask(Bench.fred, term: 41)
        #expect(lucy.grants.isEmpty)
        lucy.ask(Bench.fred, term: 40 + 1_025)
        #expect(lucy.grants.count == 1)
    }

    @Test func S12_whoHearsNobodyCannotKnowThatTheClusterIsNew() {
        var lucy = Bench(Bench.lucy)
        lucy.elector = Elector(rules: Bench.rules(this: Bench.lucy))
        lucy.step(.started(Start(incarnation: Incarnation(9), memory: nil)))
        lucy.wait(10_000)
        #expect(lucy.elector.memory.needsFloor)
        lucy.hear(Bench.fred, term: 40)
        lucy.ask(Bench.fred, term: 41)
        #expect(lucy.grants.isEmpty)
        lucy.ask(Bench.fred, term: 40 + 1_025)
        #expect(lucy.grants.count == 1)
    }

    @Test func S12_aNewClusterElectsAtOnce() {
        var lucy = Bench(Bench.lucy)
        lucy.elector = Elector(rules: Bench.rules(this: Bench.lucy))
        lucy.step(.started(Start(incarnation: Incarnation(9), memory: nil)))
        lucy.wait(600, hearing: [Bench.fred])
        lucy.ask(Bench.fred, term: 1)
        #expect(lucy.grants.map(\.term.rawValue) == [1])
    }

    @Test func S13_ofTwoCertificatesOfATermOneCountsEverywhere() {
        for holders in [[Bench.fred, Bench.ethyl], [Bench.ethyl, Bench.fred]] {
            var lucy = Bench(Bench.lucy)
            lucy.wait(600, hearing: others)
            for holder in holders { lucy.certify(holder, term: 1, voters: [holder, Bench.lucy]) }
            lucy.hear(Bench.fred, holding: true, term: 1)
            #expect(lucy.promises.isEmpty)
            lucy.hear(Bench.ethyl, holding: true, term: 1)
            #expect(lucy.promises.count == 1)
        }
    }

    @Test func I1_aCertificateOfAMinorityIsNone() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.certify(Bench.fred, term: 1, voters: [Bench.fred])
        lucy.hear(Bench.fred, holding: true, term: 1)
        #expect(lucy.promises.isEmpty)
        lucy.certify(Bench.fred, term: 1, voters: [Bench.fred, Bench.fred])
        lucy.hear(Bench.fred, holding: true, term: 1)
        #expect(lucy.promises.isEmpty, "one voter twice")
    }

    @Test func I5_ballotsOfGroupsThatTheConfigurationLostAreKept() {
        let lost = Memory.GroupMemory(
            group: GroupID(77), ballot: Ballot(term: Term(12), candidate: nil))
        var elector = Elector(rules: Bench.rules(this: Bench.fred))
        let memory = Memory(groups: [lost], promise: .milliseconds(500), maintenance: false, needsFloor: false)
        _ = elector.step(.started(Start(incarnation: Incarnation(2), memory: memory)), at: Instant(nanoseconds: 1))
        #expect(elector.memory.groups.map(\.group) == [Bench.office, GroupID(77)])
        #expect(elector.memory.groups.last == lost)
    }

    @Test func I11_twoCertificatesOfOneTermAccuseWhoSignedBoth() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        lucy.certify(Bench.fred, term: 1, voters: [Bench.fred, Bench.lucy])
        lucy.certify(Bench.ethyl, term: 1, voters: [Bench.ethyl, Bench.lucy])
        let accused = lucy.effects.compactMap { effect -> NodeIndex? in
            if case .accuse(let node, _, _, _) = effect { return node }
            return nil
        }
        #expect(accused == [Bench.lucy])
    }
}
