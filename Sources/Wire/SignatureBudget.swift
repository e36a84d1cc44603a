import Election

/// How many signatures may be checked on behalf of one origin. At 80 us each, somebody who holds the cluster's secret
/// but no node's key could otherwise keep the election thread busy with rubbish.
struct SignatureBudget {
    /// Signatures a second, and at once after a pause. Heartbeats, promises and votes of the largest cluster at 10 ms
    /// stay below a tenth of it.
    static let perSecond: UInt64 = 2_000
    private static let cost = 1_000_000_000 / perSecond

    /// In nanoseconds' worth of time.
    private var credit: UInt64 = 1_000_000_000
    private var refilledAt: Instant?

    /// False when the budget is used up.
    mutating func take(at now: Instant) -> Bool {
        if let refilledAt {
            credit = min(credit + min(now.since(refilledAt).nanoseconds, 1_000_000_000), 1_000_000_000)
        }
        refilledAt = max(now, refilledAt ?? now)
        guard credit >= Self.cost else { return false }
        credit -= Self.cost
        return true
    }
}
