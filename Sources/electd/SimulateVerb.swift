import ArgumentParser
import Control
import Simulator

struct SimulateVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Runs whole clusters in one thread, each from a seed, and checks what is promised.",
        discussion: """
            A seed decides everything: the cluster, the faults, every delay. A violation names the invariant (Specs/safety.md) \
            and the seed that shows it again. Exits with 1 when there was one.
            """)

    @Option(help: ArgumentHelp("First and last seed.", valueName: "A..B"))
    var seeds: SeedRange

    @Option(help: "Simulated minutes of each seed.")
    var minutes: UInt64 = 10

    @Flag(help: "Print one JSON object for each seed.")
    var json = false

    func validate() throws {
        if !(1...1440).contains(minutes) { throw ValidationError("--minutes is 1 to 1440") }
    }

    func run() throws {
        var violations = 0
        var totals = Totals()
        SimulateCommand.run(seeds: seeds.range, minutes: minutes) { report in
            violations += report.violations.count
            totals.add(report)
            if json {
                Talk.print(ControlJSON.encode(SeedLine(report)))
            } else {
                for violation in report.violations { print("seed \(report.seed): \(violation)") }
            }
        }
        if !json { print(totals.text(violations: violations)) }
        if violations > 0 { throw ExitCode.difference }
    }
}

/// `A..B` or one seed.
struct SeedRange: ExpressibleByArgument {
    let range: ClosedRange<UInt64>

    init?(argument: String) {
        let parts = argument.split(separator: ".", omittingEmptySubsequences: true).map(String.init)
        guard let first = parts.first.flatMap(UInt64.init), let last = parts.last.flatMap(UInt64.init), first <= last,
            parts.count <= 2, last - first < 1_000_000
        else { return nil }
        range = first...last
    }
}

private struct SeedLine: Encodable {
    let seed: UInt64
    let violations: [String]
    let faults: [String: Int]
    let simulated_ms: UInt64
    let steps: UInt64
    let packets: UInt64
    let acquisitions: Int
    let fingerprint: String

    init(_ report: SimulationReport) {
        seed = report.seed
        violations = report.violations.map { "\($0)" }
        faults = Dictionary(report.faults.map { ($0.kind, $0.count) }, uniquingKeysWith: +)
        simulated_ms = report.simulated.nanoseconds / 1_000_000
        steps = report.steps
        packets = report.packets
        acquisitions = report.acquisitions
        fingerprint = String(report.fingerprint, radix: 16)
    }
}

private struct Totals {
    private var seeds = 0
    private var milliseconds: UInt64 = 0
    private var steps: UInt64 = 0
    private var acquisitions = 0
    private var faults: [String: Int] = [:]
    private let begun = ContinuousClock.now

    mutating func add(_ report: SimulationReport) {
        seeds += 1
        milliseconds += report.simulated.nanoseconds / 1_000_000
        steps += report.steps
        acquisitions += report.acquisitions
        for (kind, count) in report.faults { faults[kind, default: 0] += count }
    }

    func text(violations: Int) -> String {
        let taken = ContinuousClock.now - begun
        let takenMS = max(
            1, UInt64(taken.components.seconds) * 1000 + UInt64(taken.components.attoseconds / 1_000_000_000_000_000))
        let injected = faults.keys.sorted().map { "\($0) \(faults[$0] ?? 0)" }.joined(separator: ", ")
        return """
            \(seeds) seeds, \(milliseconds / 60_000) simulated minutes in \(takenMS / 1000) s (\(milliseconds / takenMS) times real time)
            \(steps) steps, \(acquisitions) acquisitions
            injected: \(injected)
            violations: \(violations)
            """
    }
}
