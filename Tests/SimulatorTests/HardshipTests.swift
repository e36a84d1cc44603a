import Simulator
import Testing

/// Machines that stop with their clocks, disks that are full or go back in time, keys in two machines, liars, and
/// clients that hear half of what is announced.
struct HardshipTests {
    @Test func everyKindIsInjected() {
        var kinds: [String] = []
        SimulateCommand.run(seeds: 1...12, minutes: 1) { report in kinds += report.faults.map(\.kind) }
        for kind in ["frozen machine", "stalled disk", "full disk", "wall clock", "lost announcements", "lapsed gate"] {
            #expect(kinds.contains(kind), "\(kind)")
        }
    }

    /// Every eighth seed has a voter that breaks what safety rests on: what is left then is promised all the same.
    @Test(arguments: 0..<8)
    func offendersAreWithstoodOrShown(_ part: UInt64) {
        for seed in stride(from: 7 + 40 * part, through: 39 + 40 * part, by: 8) {
            let report = Simulation(seed: seed, options: Simulation.Options(minutes: 1)).run()
            #expect(report.violations.isEmpty, "seed \(seed): \(report.violations.prefix(3))")
        }
    }

    /// Seeds that once failed with these faults, with what they found.
    @Test(
        arguments: [
            5  // a voter with a newer ballot never learned that its last entries were committed (G3)
        ] as [UInt64])
    func oldFailuresStayMended(_ seed: UInt64) {
        let report = Simulation(seed: seed, options: Simulation.Options(minutes: 1)).run()
        #expect(report.violations.isEmpty, "seed \(seed): \(report.violations.prefix(3))")
    }

    @Test func wallClocksDecideNothing() {
        for seed: UInt64 in [11, 12, 14] {
            var options = Simulation.Options(minutes: 1)
            let jumping = Simulation(seed: seed, options: options).run()
            options.jumpsWallClocks = false
            let steady = Simulation(seed: seed, options: options).run()
            #expect(jumping.faults.contains { $0.kind == "wall clock" })
            #expect(!steady.faults.contains { $0.kind == "wall clock" })
            #expect(jumping.fingerprint == steady.fingerprint)
        }
    }

    @Test(
        arguments: [
            (.frozenCounts, .oneHolder), (.offendersCount, .oneHolder), (.offendersCount, .noDoubleVote),
            (.unannounced, .clientsFollow),
        ] as [(Canary, Invariant)])
    func isNoticed(_ canary: Canary, _ invariant: Invariant) {
        for seed: UInt64 in canary == .offendersCount ? Array(stride(from: 7, through: 399, by: 8)) : Array(1...40) {
            let report = Simulation(seed: seed, options: Simulation.Options(minutes: 1, canary: canary)).run()
            if report.violations.contains(where: { $0.invariant == invariant }) { return }
        }
        Issue.record("no \(invariant.rawValue)")
    }
}
