/// The state of one running check.
struct Check {
    let plan: CheckPlan
    /// Tells this check from an earlier one of the same name whose probe may still answer.
    let identity: UInt64
    var loop: Task<Void, Never>?
    var started: ContinuousClock.Instant?

    private var verdict: Verdict
    private var detail = ""
    private var durationMS = 0
    private var runs: UInt64 = 0
    private var failures: UInt64 = 0
    private var changed: ContinuousClock.Instant?
    private var inconclusive = 0
    private var agent: AgentAnswer?

    init(plan: CheckPlan, identity: UInt64) {
        self.plan = plan
        self.identity = identity
        verdict = Verdict(rise: plan.rise, fall: plan.fall, initially: plan.initially)
    }

    mutating func takeOver(_ earlier: Check) {
        guard earlier.verdict.isDecided else { return }
        verdict = Verdict(rise: plan.rise, fall: plan.fall, takingOver: earlier.verdict)
        (detail, durationMS, changed) = (earlier.detail, earlier.durationMS, earlier.changed)
        (runs, failures, agent) = (earlier.runs, earlier.failures, earlier.agent)
    }

    /// Records a result; not conclusive means: probe again soon. News is a first or changed verdict.
    mutating func record(_ result: ProbeResult, at now: ContinuousClock.Instant, took elapsedMS: Int)
        -> (conclusive: Bool, news: CheckReport?)
    {
        started = nil
        if case .inconclusive = result {
            inconclusive += 1
            guard inconclusive >= CheckRunner.inconclusiveLimit else { return (false, nil) }
        }
        inconclusive = 0
        let success: Bool
        var isToldAnew = false
        switch result {
        case .passed: success = true
        case .failed, .inconclusive: success = false
        case .told(let answer, _):
            let sum = answer.following(agent)
            isToldAnew = sum != agent
            agent = sum
            success = true
        }
        runs += 1
        if !success { failures += 1 }
        detail = result.detail
        durationMS = elapsedMS
        let isChanged = verdict.record(success: success)
        guard isChanged || isToldAnew else { return (true, nil) }
        if isChanged { changed = now }
        return (
            true,
            CheckReport(
                name: plan.name, passing: verdict.passing, detail: detail, durationMS: durationMS, agent: agent)
        )
    }

    /// Until the next probe.
    var intervalMS: Int {
        switch verdict.mood {
        case .passing: plan.intervalMS
        case .failing: plan.downIntervalMS
        case .wavering: plan.fastIntervalMS
        }
    }

    func status(at now: ContinuousClock.Instant) -> CheckStatus {
        CheckStatus(
            name: plan.name, passing: verdict.isDecided ? verdict.passing : nil, detail: detail, durationMS: durationMS,
            runs: runs, failures: failures, sinceMS: changed.map { Self.milliseconds($0.duration(to: now)) },
            runningMS: started.map { Self.milliseconds($0.duration(to: now)) })
    }

    static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}

extension CheckPlan {
    /// The check's place, the same on every node and in every process (FNV-1a of the name; Swift's own hashes differ
    /// from process to process).
    var place: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash ^ (hash >> 32)
    }

    /// The first of this check's places in time that is at least half an interval away: after the early first start,
    /// or a probe that overran, the check is back in its place without a double start.
    func nextStart(after now: ContinuousClock.Instant, epoch: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let interval = Int64(intervalMS)
        let offset = Int64(place % UInt64(intervalMS))
        let elapsed = Int64(Check.milliseconds(epoch.duration(to: now)))
        let earliest = elapsed + (interval + 1) / 2
        let turns = max(0, (earliest - offset + interval - 1) / interval)
        return epoch + .milliseconds(offset + turns * interval)
    }
}
