import NIOCore

/// Runs any number of checks side by side, each at most once at a time, and reports every change of verdict.
///
/// Starts are spread: each check has a place of its own in its interval, taken from its name, so that 256 checks of
/// one interval don't start in one moment. The first start is early, within ``firstStartsMS``, because a node may not
/// be eligible before it. Checks run until ``shutdown()``.
///
/// Reports come one after the other, in order for each check, from within the actor: the closure must not block.
package actor CheckRunner {
    private let group: any EventLoopGroup
    private let environment: [String: String]
    private let report: @Sendable (CheckReport) -> Void
    private let clock = ContinuousClock()
    private let epoch: ContinuousClock.Instant
    private var checks: [String: Check] = [:]
    private var lastIdentity: UInt64 = 0
    private var isShutDown = false

    /// All first starts lie within this time after `apply`.
    static let firstStartsMS = 250
    /// So many inconclusive results in a row count as one failure: a node that always stands still isn't well.
    static let inconclusiveLimit = 3

    /// - Parameters:
    ///   - group: event loops of the TCP and HTTP probes; stays the caller's.
    ///   - environment: handed to commands beside PATH and LANG; names that don't begin with `ELECTD_` are left out.
    ///   - report: gets first and changed verdicts; must not block.
    package init(
        group: any EventLoopGroup, environment: [String: String] = [:],
        report: @escaping @Sendable (CheckReport) -> Void
    ) {
        self.group = group
        self.environment = environment
        self.report = report
        epoch = clock.now
    }

    /// Makes the running checks the given ones. Unchanged ones go on as they are, those not named any more end, and
    /// one that changed starts anew with its old verdict on trial: one opposite result changes it. Later plans of a
    /// name given twice are ignored.
    package func apply(_ plans: [CheckPlan]) {
        guard !isShutDown else { return }
        var wanted: [String: CheckPlan] = [:]
        for plan in plans where wanted[plan.name] == nil { wanted[plan.name] = plan }
        for (name, check) in checks where wanted[name] != check.plan {
            check.loop?.cancel()
            if wanted[name] == nil { checks[name] = nil }
        }
        for plan in plans where wanted[plan.name] == plan && checks[plan.name]?.plan != plan {
            start(plan, after: checks[plan.name])
        }
    }

    /// Runs until the task is cancelled or ``shutdown()`` is called, then ends all checks.
    package func run() async {
        let (stopped, continuation) = AsyncStream<Never>.makeStream()
        if isShutDown { continuation.finish() } else { stoppers.append(continuation) }
        for await _ in stopped {}
        await shutdown()
    }

    private var stoppers: [AsyncStream<Never>.Continuation] = []

    /// Ends all checks and kills running commands. Returns when they are gone, after 1 s at the latest.
    package func shutdown() async {
        isShutDown = true
        for stopper in stoppers { stopper.finish() }
        stoppers = []
        let loops = checks.values.compactMap(\.loop)
        for loop in loops { loop.cancel() }
        for loop in loops { await loop.value }
        let limit = clock.now + .seconds(1)
        while !underWay.isEmpty && clock.now < limit { await Self.pause(.milliseconds(5)) }
    }

    /// How all checks stand, by name.
    package func snapshot() -> [CheckStatus] {
        let now = clock.now
        return checks.values.sorted { $0.plan.name < $1.plan.name }.map { $0.status(at: now) }
    }

    private func start(_ plan: CheckPlan, after earlier: Check?) {
        lastIdentity += 1
        var check = Check(plan: plan, identity: lastIdentity)
        if let earlier { check.takeOver(earlier) }
        let identity = lastIdentity
        check.loop = Task { await self.loop(plan, identity) }
        checks[plan.name] = check
    }

    private func loop(_ plan: CheckPlan, _ identity: UInt64) async {
        var next = clock.now + .milliseconds(Int64(plan.place % UInt64(min(Self.firstStartsMS, plan.intervalMS))))
        while (try? await Task.sleep(until: next, tolerance: .zero, clock: clock)) != nil {
            guard await probe(plan, identity) else {
                next = clock.now + .milliseconds(min(100, plan.intervalMS))
                continue
            }
            let interval = checks[plan.name].map { $0.identity == identity ? $0.intervalMS : plan.intervalMS }
            if let interval, interval != plan.intervalMS {
                next = max(clock.now, next + .milliseconds(interval))
            } else {
                next = plan.nextStart(after: clock.now, epoch: epoch)
            }
        }
    }

    /// Runs the probe once; false if it should be tried again soon, because the result says nothing.
    private func probe(_ plan: CheckPlan, _ identity: UInt64) async -> Bool {
        let started = clock.now
        guard update(plan.name, identity, { $0.started = started }) else { return true }
        let result = await result(of: plan, identity)
        guard !Task.isCancelled else { return true }
        return record(result, plan.name, identity, started)
    }

    private func result(of plan: CheckPlan, _ identity: UInt64) async -> ProbeResult {
        switch plan.probe {
        case .tcp(let endpoint): return await NetworkProbe(group: group, timeoutMS: plan.timeoutMS).tcp(endpoint)
        case .http(let probe): return await NetworkProbe(group: group, timeoutMS: plan.timeoutMS).http(probe)
        case .agent(let endpoint, let send):
            return await NetworkProbe(group: group, timeoutMS: plan.timeoutMS).agent(endpoint, send: send)
        case .command(let arguments):
            guard !underWay.contains(identity) else {
                return .failed("the run before was killed, and the kernel can't end it")
            }
            return await run(arguments, plan, identity)
        }
    }

    // MARK: - commands that outlive their time limit

    /// Checks whose command has not ended yet, by identity.
    private var underWay: Set<UInt64> = []

    private func run(_ arguments: [String], _ plan: CheckPlan, _ identity: UInt64) async -> ProbeResult {
        var environment = environment
        environment["ELECTD_CHECK"] = plan.name
        let command = Command(
            arguments: arguments, environment: environment, timeoutMS: plan.timeoutMS, leftovers: .killed)
        underWay.insert(identity)
        return await CommandProbe(command: command) { await self.commandGone(identity) }.run()
    }

    private func commandGone(_ identity: UInt64) { underWay.remove(identity) }

    private static func pause(_ duration: Duration) async {
        // Also while this task is cancelled.
        await Task.detached { try? await Task.sleep(for: duration) }.value
    }

    // MARK: - results

    private func update(_ name: String, _ identity: UInt64, _ change: (inout Check) -> Void) -> Bool {
        guard var check = checks[name], check.identity == identity else { return false }
        change(&check)
        checks[name] = check
        return true
    }

    private func record(_ result: ProbeResult, _ name: String, _ identity: UInt64, _ started: ContinuousClock.Instant)
        -> Bool
    {
        var conclusive = true
        var news: CheckReport?
        _ = update(name, identity) { check in
            let now = clock.now
            (conclusive, news) = check.record(result, at: now, took: Check.milliseconds(started.duration(to: now)))
        }
        if let news, !isShutDown { report(news) }
        return conclusive
    }
}
