import Election

/// A node's monotonic clock: it has its own zero and its own rate, which may change, and it never goes back.
///
/// True time is the simulation's, in nanoseconds from its beginning; no node can see it.
struct NodeClock: Equatable {
    private var trueBase: UInt64 = 0
    private var localBase: UInt64
    /// How much too fast, in parts per million; negative for too slow.
    private var ppm: Int64

    init(offset: UInt64, ppm: Int64) {
        localBase = offset
        self.ppm = ppm
    }

    func reading(at trueTime: UInt64) -> Instant {
        // It stands still.
        guard trueTime > trueBase else { return Instant(nanoseconds: localBase) }
        let elapsed = Int64(trueTime - trueBase)
        return Instant(nanoseconds: localBase + UInt64(elapsed + elapsed * ppm / 1_000_000))
    }

    /// Its machine is stopped and it with it, until then in true time.
    mutating func freeze(from now: UInt64, until end: UInt64) {
        guard end > max(now, trueBase) else { return }
        localBase = reading(at: now).nanoseconds
        trueBase = end
    }

    mutating func setRate(ppm: Int64, at trueTime: UInt64) {
        guard trueTime > trueBase else {
            self.ppm = ppm
            return
        }
        localBase = reading(at: trueTime).nanoseconds
        trueBase = trueTime
        self.ppm = ppm
    }

    /// The first true instant at which the clock reads `instant` or more, if its rate stays; `.max` when that is
    /// beyond every simulation.
    func trueTime(of instant: Instant) -> UInt64 {
        guard instant.nanoseconds > localBase else { return trueBase }
        let delta = instant.nanoseconds - localBase
        guard delta < 9_000_000_000_000 else { return .max }
        var elapsed = delta * 1_000_000 / UInt64(1_000_000 + ppm)
        while reading(at: trueBase + elapsed) < instant { elapsed += 1 }
        while elapsed > 0 && reading(at: trueBase + elapsed - 1) >= instant { elapsed -= 1 }
        return trueBase + elapsed
    }
}
