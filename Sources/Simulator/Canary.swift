/// Errors made on purpose by the simulated shell, kernel or clock: each must be noticed by a checker, or the checkers
/// are blind there.
package enum Canary: String, Hashable, Sendable, CaseIterable {
    /// A vote leaves before its ballot is durable (S2).
    case persistedTooEarly = "persisted-too-early"
    /// The removal is confirmed before the gate is closed (S9).
    case withdrawnTooEarly = "withdrawn-too-early"
    /// The kernel is given a timeout, counted from when it hears of it (S10).
    case relativeDeadline = "relative-deadline"
    /// The gate stays open for a quarter of D beyond the lease.
    case gateArmedTooLong = "gate-armed-too-long"
    /// A restarted voter knows nothing of its votes (S2, I5).
    case ballotsForgotten = "ballots-forgotten"
    /// A restarted voter votes at once (S6).
    case bootSilenceSkipped = "boot-silence-skipped"
    /// A clock runs 20 % off, far beyond rho.
    case clockBeyondRho = "clock-beyond-rho"
    /// A machine that was stopped together with its clock counts as any other (it never can).
    case frozenCounts = "frozen-counts"
    /// Votes of liars, of disks that went back in time and of nodes that run twice count as any others.
    case offendersCount = "offenders-count"
    /// Takeovers aren't announced.
    case unannounced
}
