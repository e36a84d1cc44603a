import Election
import Testing

/// Weights as keepalived has them: `vrrp_script` with and without weight.
struct EligibilityTests {
    private func priority(_ weight: Int16, passing: Bool?) -> (UInt16, Bool) {
        var fred = Bench(Bench.fred, checks: [GroupCheck(check: 0, weight: weight)])
        if let passing { fred.step(.check(0, passing: passing)) }
        let view = fred.elector.view(at: fred.now).groups[0]
        return (view.priority, view.ineligibility == nil)
    }

    @Test func aPositiveWeightIsAddedWhileTheCheckPasses() {
        #expect(priority(20, passing: true) == (121, true))
        #expect(priority(20, passing: false) == (101, true))
        #expect(priority(20, passing: nil) == (101, true))
    }

    @Test func aNegativeWeightIsAddedWhileTheCheckFails() {
        #expect(priority(-20, passing: true) == (101, true))
        #expect(priority(-20, passing: false) == (81, true))
    }

    @Test func weightZeroMakesIneligibleWhileTheCheckFails() {
        #expect(priority(0, passing: true) == (101, true))
        #expect(priority(0, passing: false) == (101, false))
        #expect(priority(0, passing: nil) == (101, false))
    }

    @Test func aPriorityNeverFallsBelowOne() {
        #expect(priority(-253, passing: false) == (1, true))
    }

    @Test func equalPrioritiesAreBrokenByTheNodesOrder() {
        var ethyl = Bench(Bench.ethyl)
        ethyl.wait(600, hearing: [Bench.lucy])
        ethyl.hear(Bench.fred, priority: 100)
        ethyl.wait(20, hearing: [Bench.lucy])
        #expect(!ethyl.requests(trial: true).isEmpty, "ethyl comes before fred")
    }

    @Test func aFailingCheckOfWeightZeroGivesTheGroupUpAtOnce() {
        var fred = Bench(Bench.fred, checks: [GroupCheck(check: 0, weight: 0)])
        fred.step(.check(0, passing: true))
        fred.becomeHolder()
        #expect(fred.elector.isHolding(Bench.office))
        fred.step(.check(0, passing: false))
        #expect(fred.withdrawal != nil)
    }

    @Test func aLinkThatIsDownGivesTheGroupUpAtOnce() {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.step(.link(Bench.office, up: false))
        #expect(fred.withdrawal != nil)
    }
}
