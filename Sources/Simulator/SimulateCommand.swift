/// What `electd simulate` runs.
package enum SimulateCommand {
    /// - Parameters:
    ///   - seeds: one simulated cluster each.
    ///   - minutes: simulated time of each.
    ///   - each: called with every report as it is there.
    /// - Returns: the reports, in the order of the seeds.
    @discardableResult
    package static func run(
        seeds: ClosedRange<UInt64>, minutes: UInt64, canary: Canary? = nil, each: (SimulationReport) -> Void = { _ in }
    ) -> [SimulationReport] {
        seeds.map { seed in
            let report = Simulation(seed: seed, options: Simulation.Options(minutes: minutes, canary: canary)).run()
            each(report)
            return report
        }
    }
}
