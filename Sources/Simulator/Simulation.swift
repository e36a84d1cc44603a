import Election

/// One run of one simulated cluster. The seed decides everything: its shape, its timing, what befalls it, and when.
package struct Simulation: Sendable {
    package struct Options: Sendable {
        /// Simulated time.
        package var minutes: UInt64 = 10
        package var canary: Canary?
        /// Some lives are recorded and stepped again (I9).
        package var records = true
        package var narrates = false
        /// Also the faults of `Hardship`; without them a seed goes as it did before there were any.
        package var isHard = true
        /// The run ends with the first violation: for whoever only asks whether there is one.
        package var endsAtViolation = false
        /// Wall clocks jump where the seed has it: nothing may come of it.
        package var jumpsWallClocks = true

        var weather = Weather(delayFrom: Span(nanoseconds: 50_000), delayTo: .milliseconds(2))
        var filtersReplays = true
        /// Earlier lives' words come again.
        var echoes = false
        /// Nothing is left to chance: for scenarios.
        var isPlain = false
        var driftPPM: UInt32 = 1_000
        var diskLatency = Span(nanoseconds: 800_000)
        /// How late a timer or a packet finds the daemon at most.
        var wakeLatency = Span(nanoseconds: 500_000)
        var gateLag = Span.milliseconds(6)
        var withdrawLatency = Span.milliseconds(1)

        package init(minutes: UInt64 = 10, canary: Canary? = nil) {
            self.minutes = minutes
            self.canary = canary
        }
    }

    private let seed: UInt64
    private let options: Options

    package init(seed: UInt64, options: Options) {
        self.seed = seed
        self.options = options
    }

    package func run() -> SimulationReport {
        var mischief = Mischief(seed: seed, minutes: options.minutes, canary: options.canary, isHard: options.isHard)
        let rules = mischief.rules()
        var plan = mischief.plan(rules)
        if !options.jumpsWallClocks {
            plan.removeAll { if case .wallClock = $0.action { true } else { false } }
        }
        var options = options
        options.driftPPM = rules.timing.driftPPM
        options.gateLag = rules.timing.lag
        options.weather = mischief.fairWeather
        options.echoes = options.isHard && Echoes.sound(seed)
        options.filtersReplays = mischief.filtersReplays && !options.echoes
        if options.canary == .clockBeyondRho { options.driftPPM = 200_000 }
        var world = World(rules: rules, plan: plan, options: options, seed: seed &+ 1)
        world.run(until: Span(nanoseconds: options.minutes * 60_000_000_000), grace: Checkers.longestGap(rules))
        return world.report(seed: seed)
    }
}

package struct SimulationReport: Sendable {
    package var seed: UInt64
    package var violations: [Violation]
    /// What was injected, by kind, sorted by name.
    package var faults: [(kind: String, count: Int)]
    package var simulated: Span
    package var steps: UInt64
    package var packets: UInt64
    /// Times that a gate was opened.
    package var acquisitions: Int
    /// Steps that were stepped again and compared.
    package var replayed: UInt64
    /// Of every step's instant, node and effects: equal for equal runs.
    package var fingerprint: UInt64
    /// What people read; empty unless asked for.
    package var narration: [String]
}

extension World {
    private var toldInOrder: [String] {
        narration.enumerated()
            .sorted { $0.element.at != $1.element.at ? $0.element.at < $1.element.at : $0.offset < $1.offset }
            .map(\.element.line)
    }

    mutating func report(seed: UInt64) -> SimulationReport {
        for place in machines.indices { finish(place) }
        checkers.checkEnd(machines, links, at: now)
        checkers.checkClients(neighbours, machines, at: now, isEnd: true)
        return SimulationReport(
            seed: seed, violations: checkers.violations,
            faults: checkers.actions.keys.sorted().map { ($0, checkers.actions[$0, default: 0]) },
            simulated: Span(nanoseconds: now), steps: steps, packets: packets, acquisitions: checkers.acquisitions,
            replayed: checkers.replayed, fingerprint: fingerprint.value, narration: toldInOrder)
    }
}
