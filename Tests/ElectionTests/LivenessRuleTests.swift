import Election
import Testing

/// The rules L1 to L5 of Specs/protocol.md, each on one elector.
struct LivenessRuleTests {
    private let others = [Bench.ethyl, Bench.fred]

    @Test func L1_aCandidateThatIsNotHeardBothWaysGetsNoVote() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: [Bench.ethyl])
        lucy.hear(Bench.fred, deaf: true)
        lucy.ask(Bench.fred, term: 1)
        #expect(lucy.grants.isEmpty)
        lucy.hear(Bench.fred)
        lucy.ask(Bench.fred, term: 1)
        #expect(lucy.grants.count == 1)
    }

    @Test func L1_aDeafNodeDoesNotCampaign() {
        var fred = Bench(Bench.fred)
        fred.wait(2_000)
        #expect(fred.requests(trial: true).isEmpty)
    }

    @Test func L1_aNodeThatNobodyHearsDoesNotCampaign() {
        var fred = Bench(Bench.fred)
        for _ in 0..<20 {
            fred.hear(Bench.lucy, deaf: true)
            fred.wait(100)
        }
        #expect(fred.requests(trial: true).isEmpty)
        fred.hear(Bench.lucy)
        #expect(!fred.requests(trial: true).isEmpty)
    }

    @Test func L2_aHolderWithoutALeaseClosesAndAsksForNoMorePromises() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.wait(600)
        let ticket = try #require(fred.withdrawal)
        fred.step(.withdrawn(Bench.office, ticket))
        fred.forget()
        fred.wait(100)
        #expect(fred.beats.allSatisfy { !$0.1.holding && $0.1.release?.term == Term(1) })
    }

    @Test func L3_patienceIsOneRoundPerBetterCandidateFromTheEndOfTheOwnPromise() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(500, hearing: others)
        lucy.wait(2, hearing: others)
        lucy.ask(Bench.ethyl, term: 1, trial: true)
        #expect(lucy.trialGrants.isEmpty, "fred is better and connected")
        for _ in 0..<5 {
            lucy.wait(40, hearing: others)
            lucy.ask(Bench.ethyl, term: 1, trial: true)
        }
        #expect(lucy.trialGrants.count == 1, "two heartbeats later, however often it was asked")
    }

    @Test func L3_theBestCandidateIsHelpedAtOnce() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(500, hearing: others)
        lucy.wait(2, hearing: others)
        lucy.ask(Bench.fred, term: 1, trial: true)
        #expect(lucy.trialGrants.count == 1)
    }

    @Test func L4_aTrialSpendsNoTermAndARefusalChangesNothing() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: others)
        let before = lucy.elector.memory
        lucy.ask(Bench.fred, term: 900, trial: true)
        #expect(lucy.trialGrants.count == 1)
        #expect(lucy.elector.memory == before)
        lucy.ask(Bench.fred, term: 1)
        let voted = lucy.elector
        lucy.ask(Bench.ethyl, term: 800)
        #expect(lucy.elector.memory == voted.memory)
        #expect(lucy.elector.view(at: lucy.now).groups[0].term == voted.view(at: lucy.now).groups[0].term)
    }

    @Test func L4_noVoteIsAskedForBeforeAQuorumIsWilling() {
        var fred = Bench(Bench.fred)
        fred.wait(700, hearing: [Bench.lucy])
        #expect(!fred.requests(trial: true).isEmpty)
        #expect(fred.requests(trial: false).isEmpty)
        #expect(fred.elector.memory.groups[0].ballot.term == .none)
    }

    @Test func L4_aCandidateThatGivesUpReleasesItsTerm() throws {
        var fred = Bench(Bench.fred)
        fred.wait(600, hearing: [Bench.lucy])
        let (request, term) = try #require(fred.requests(trial: true).last)
        fred.grant(request, term: term.rawValue, trial: true, from: Bench.lucy)
        fred.wait(700, hearing: [Bench.lucy])
        #expect(fred.beats.last?.1.release == Release(term: term, successor: nil, ordered: false))
        let (late, _) = try #require(fred.requests(trial: false).last)
        fred.grant(late, term: term.rawValue, trial: false, from: Bench.lucy)
        #expect(fred.gateDeadline == nil, "too late")
        fred.hear(Bench.ethyl, term: 1)
        fred.ask(Bench.ethyl, term: 2)
        fred.wait(250, hearing: [Bench.lucy, Bench.ethyl])
        fred.ask(Bench.ethyl, term: 3)
        #expect(fred.grants.contains { $0.candidate.node == Bench.ethyl }, "its own vote binds it no longer")
    }

    /// - Returns: milliseconds from the end of a candidacy of term 1 that failed to the node's next trial.
    private func retreat(of node: NodeIndex) throws -> Int {
        var bench = Bench(node)
        bench.wait(600, hearing: [Bench.lucy])
        let (request, term) = try #require(bench.requests(trial: true).last)
        bench.grant(request, term: term.rawValue, trial: true, from: Bench.lucy)
        var waited = 0
        while !bench.beats.contains(where: { $0.1.release?.term == term }), waited < 1_000 {
            bench.wait(1, hearing: [Bench.lucy])
            waited += 1
        }
        bench.forget()
        waited = 0
        while bench.requests(trial: true).isEmpty, waited < 1_000 {
            bench.wait(1, hearing: [Bench.lucy])
            waited += 1
        }
        return waited
    }

    @Test func L4_afterACandidacyThatFailedNoTwoNodesWaitEquallyLong() throws {
        #expect(try (40...60).contains(retreat(of: Bench.ethyl)), "half an interval, once")
        #expect(try (90...110).contains(retreat(of: Bench.fred)), "twice")
    }

    @Test func L5_aHolderThatOthersHearIsNotCampaignedAgainst() {
        var ethyl = Bench(Bench.ethyl)
        ethyl.wait(600, hearing: [Bench.lucy])
        ethyl.certify(Bench.fred, term: 3, voters: [Bench.fred, Bench.lucy])
        ethyl.wait(200, hearing: [Bench.lucy])
        ethyl.forget()
        for _ in 0..<10 {
            ethyl.hear(Bench.fred, holding: true, term: 3, relay: Bench.lucy)
            ethyl.wait(100, hearing: [Bench.lucy])
        }
        #expect(ethyl.requests(trial: true).isEmpty)
        ethyl.wait(600, hearing: [Bench.lucy])
        #expect(!ethyl.requests(trial: true).isEmpty, "silent for D")
    }

    @Test func L5_aWorseNodeLeavesTheBetterOneItsRound() {
        var ethyl = Bench(Bench.ethyl)
        ethyl.wait(600, hearing: [Bench.fred, Bench.lucy])
        #expect(ethyl.requests(trial: true).isEmpty)
        ethyl.wait(150, hearing: [Bench.fred, Bench.lucy])
        #expect(!ethyl.requests(trial: true).isEmpty)
    }

    @Test func aHolderAsksInItsOwnTermHoweverNewOthersAre() {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.hear(Bench.ethyl, term: 1_025)
        fred.wait(100)
        #expect(fred.beats.last?.1.term == Term(1))
        #expect(fred.beats.last?.1.holding == true)
    }

    @Test func aNodeWhoseDiskOwesAWriteForDStepsBack() {
        var fred = Bench(Bench.fred)
        fred.wait(600, hearing: [Bench.lucy])
        fred.writesAtOnce = false
        fred.step(.maintenance(false))
        fred.forget()
        fred.wait(600, hearing: [Bench.lucy])
        #expect(fred.beats.last?.1.eligible == false)
    }

    @Test func aLateNodeAccusesNobodyAtOnce() {
        var ethyl = Bench(Bench.ethyl)
        ethyl.wait(600, hearing: [Bench.fred, Bench.lucy])
        ethyl.certify(Bench.fred, term: 1, voters: [Bench.fred, Bench.lucy])
        ethyl.forget()
        ethyl.now = ethyl.now + .milliseconds(3_000)
        ethyl.hear(Bench.lucy)
        #expect(ethyl.requests(trial: true).isEmpty)
    }
}
