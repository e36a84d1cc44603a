import Simulator
import Testing

/// Errors made on purpose: a checker that doesn't notice them is blind.
struct CanaryTests {
    @Test(
        arguments: [
            (.persistedTooEarly, .durableFirst), (.withdrawnTooEarly, .releaseAfterRemoval),
            (.relativeDeadline, .gateNeedsLease), (.gateArmedTooLong, .gateNeedsLease),
            (.ballotsForgotten, .votesGoForward), (.clockBeyondRho, .oneHolder), (.bootSilenceSkipped, .gateNeedsLease),
        ] as [(Canary, Invariant)])
    func isNoticed(_ canary: Canary, _ invariant: Invariant) {
        for seed: UInt64 in 1...40 {
            let report = Simulation(seed: seed, options: Simulation.Options(minutes: 1, canary: canary)).run()
            if report.violations.contains(where: { $0.invariant == invariant }) { return }
        }
        Issue.record("40 seeds and no \(invariant.rawValue)")
    }

    /// S6 to its end: a restart within a lease, and a vote in it.
    @Test func skippedBootSilenceMakesTwoHolders() throws {
        let scenario = try Scenario(try ScenarioTests.read("008-boot-silence.txt"))
        #expect(scenario.run().violations.isEmpty)
        let faulty = scenario.run(canary: .bootSilenceSkipped)
        #expect(faulty.violations.contains { $0.invariant == .oneHolder })
    }
}
