import Election
import Testing

struct PairTests {
    private func holdingPair(_ node: NodeIndex) -> Bench {
        var bench = Bench(node, mode: .pair)
        bench.wait(700)
        return bench
    }

    @Test func silenceForDLetsANodeTakeTheGroup() {
        let ethyl = holdingPair(Bench.ethyl)
        #expect(ethyl.elector.isHolding(Bench.office))
        #expect(ethyl.elector.view(at: ethyl.now).groups[0].certificate.isEmpty)
    }

    @Test func ofTwoHoldersTheLowerOneClosesAtOnce() {
        var ethyl = holdingPair(Bench.ethyl)
        ethyl.hear(Bench.fred, holding: true, term: 1)
        #expect(ethyl.withdrawal != nil)
    }

    @Test func ofTwoHoldersTheBetterOneStaysAndAnnouncesItself() {
        var fred = holdingPair(Bench.fred)
        fred.forget()
        fred.hear(Bench.ethyl, holding: true, term: 1)
        #expect(fred.withdrawal == nil)
        #expect(fred.effects.contains(.announce(Bench.office)))
    }

    @Test func anotherConfigurationIsNoSilence() {
        var ethyl = holdingPair(Bench.ethyl)
        ethyl.hear(Bench.fred, holding: true, term: 1, digest: 8)
        #expect(ethyl.withdrawal != nil)
    }

    @Test func theBetterNodeThatComesBackWaitsToBeHandedTheGroup() {
        var fred = Bench(Bench.fred, mode: .pair)
        for _ in 0..<20 {
            fred.hear(Bench.ethyl, holding: true, term: 1)
            fred.wait(100)
        }
        #expect(!fred.elector.isHolding(Bench.office))
        fred.hear(Bench.ethyl, term: 1, release: Release(term: Term(1), successor: Bench.fred, ordered: false))
        #expect(fred.elector.isHolding(Bench.office))
    }

    @Test func aStandbyWaitsUntilTheOtherSaysThatItsGateIsClosed() {
        var ethyl = Bench(Bench.ethyl, mode: .pair)
        ethyl.hear(Bench.fred, holding: true, term: 1)
        ethyl.wait(450)
        ethyl.hear(Bench.fred, holding: true, term: 1)
        ethyl.wait(100)
        ethyl.hear(Bench.fred, term: 1, eligible: false)
        #expect(!ethyl.elector.isHolding(Bench.office), "it stopped claiming, but has released nothing")
        let release = Release(term: Term(1), successor: Bench.ethyl, ordered: false)
        ethyl.hear(Bench.fred, term: 1, release: release, eligible: false)
        #expect(ethyl.elector.isHolding(Bench.office))
    }
}
