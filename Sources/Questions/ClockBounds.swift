import Election

/// What messages say about two clocks: a message is received after it was sent, so each one bounds the difference
/// from one side. Between samples the bound widens by what two clocks may drift apart.
struct ClockBounds {
    /// How much one clock's reading lies ahead of another's, nanoseconds: at least `low`, at most `high`.
    struct Difference: Hashable {
        var low: Int64
        var high: Int64

        static let same = Difference(low: 0, high: 0)

        func combined(with next: Difference) -> Difference {
            Difference(low: low + next.low, high: high + next.high)
        }

        var reversed: Difference { Difference(low: -high, high: -low) }
    }

    private struct Sample {
        /// On the lower-numbered clock.
        var at: Int64
        var value: Int64
    }

    /// Samples of one pair: for each stretch of time the tightest.
    private struct Pair {
        var upper: [Sample] = []
        var lower: [Sample] = []
    }

    private static let stretch: Int64 = 250_000_000
    private static let sampleLimit = 400_000
    /// Samples looked at on each side of a moment; beyond, drift has made them useless.
    private static let reach = 40

    private var pairs: [Key: Pair] = [:]
    /// Parts per million that two clocks may differ in rate by.
    var driftPPM: Int64 = 2_000

    private struct Key: Hashable {
        var first: Int
        var second: Int
    }

    /// A message left at `sent` on one clock and arrived at `received` on another.
    mutating func add(from sender: Int, sent: Instant, to receiver: Int, received: Instant) {
        guard sender != receiver else { return }
        let sent = Int64(clamping: sent.nanoseconds)
        let received = Int64(clamping: received.nanoseconds)
        let key = Key(first: min(sender, receiver), second: max(sender, receiver))
        // Difference: second minus first.
        if sender < receiver {
            Self.insert(
                Sample(at: sent, value: received - sent), into: &pairs[key, default: Pair()].upper, keepsLeast: true)
        } else {
            Self.insert(
                Sample(at: received, value: sent - received), into: &pairs[key, default: Pair()].lower,
                keepsLeast: false)
        }
    }

    private static func insert(_ sample: Sample, into samples: inout [Sample], keepsLeast: Bool) {
        if let last = samples.last, last.at / stretch >= sample.at / stretch {
            if keepsLeast ? sample.value < last.value : sample.value > last.value {
                samples[samples.count - 1] = sample
            }
            return
        }
        // Beyond the bound every other one goes: answers get wider, not wrong.
        if samples.count == sampleLimit { samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element) }
        samples.append(sample)
    }

    /// How much clock `to` lies ahead of clock `from` when `from` shows `at`; nil when no message says.
    func difference(from: Int, to: Int, at: Int64, clocks: Int) -> Difference? {
        if from == to { return .same }
        var best = direct(from: from, to: to, at: at)
        for middle in 0..<clocks where middle != from && middle != to {
            guard let first = direct(from: from, to: middle, at: at) else { continue }
            let there = at + (first.low + first.high) / 2
            guard let second = direct(from: middle, to: to, at: there) else { continue }
            let way = first.combined(with: second)
            guard let found = best else {
                best = way
                continue
            }
            let narrow = Difference(low: max(found.low, way.low), high: min(found.high, way.high))
            // Bounds that exclude each other come from clocks beyond their drift, or from a lie: keep the direct one.
            if narrow.low <= narrow.high { best = narrow }
        }
        return best
    }

    private func direct(from: Int, to: Int, at: Int64) -> Difference? {
        guard let pair = pairs[Key(first: min(from, to), second: max(from, to))] else { return nil }
        if from < to { return bounds(pair, at: at) }
        // The moment is given on the second clock: find it on the first by a rough difference.
        guard let rough = bounds(pair, at: at - middle(pair)) else { return nil }
        return bounds(pair, at: at - (rough.low + rough.high) / 2)?.reversed
    }

    private func middle(_ pair: Pair) -> Int64 {
        guard let upper = pair.upper.first, let lower = pair.lower.first else { return 0 }
        return upper.value / 2 + lower.value / 2
    }

    private func bounds(_ pair: Pair, at: Int64) -> Difference? {
        guard let high = tightest(pair.upper, at: at, sign: 1), let low = tightest(pair.lower, at: at, sign: -1) else {
            return nil
        }
        return Difference(low: min(low, high), high: max(low, high))
    }

    private func tightest(_ samples: [Sample], at: Int64, sign: Int64) -> Int64? {
        guard !samples.isEmpty else { return nil }
        var low = 0
        var high = samples.count
        while low < high {
            let middle = (low + high) / 2
            if samples[middle].at < at { low = middle + 1 } else { high = middle }
        }
        var best: Int64?
        for place in max(0, low - Self.reach)..<min(samples.count, low + Self.reach) {
            let sample = samples[place]
            let widened = sample.value + sign * (abs(sample.at - at) / 1_000_000 * driftPPM)
            if let known = best, sign > 0 ? known <= widened : known >= widened { continue }
            best = widened
        }
        return best
    }
}
