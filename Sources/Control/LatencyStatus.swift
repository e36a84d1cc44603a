/// How long exchanges took: quantiles for people, buckets for monitoring.
package struct LatencyStatus: Codable, Sendable, Equatable {
    package struct Bucket: Codable, Sendable, Equatable {
        /// Microseconds.
        package var below: UInt64
        /// Exchanges that took less.
        package var count: UInt64

        package init(below: UInt64, count: UInt64) {
            self.below = below
            self.count = count
        }

        package enum CodingKeys: String, CodingKey {
            case below = "below_us"
            case count
        }
    }

    package var count: UInt64
    /// Of all, in microseconds.
    package var sum: UInt64
    @OrNull package var p50: UInt64?
    @OrNull package var p90: UInt64?
    @OrNull package var p99: UInt64?
    /// Each counts the ones before it, too.
    package var buckets: [Bucket]

    package init(count: UInt64, sum: UInt64, p50: UInt64?, p90: UInt64?, p99: UInt64?, buckets: [Bucket]) {
        self.count = count
        self.sum = sum
        self.buckets = buckets
        self.p50 = p50
        self.p90 = p90
        self.p99 = p99
    }

    package enum CodingKeys: String, CodingKey {
        case count, buckets
        case sum = "sum_us"
        case p50 = "p50_us"
        case p90 = "p90_us"
        case p99 = "p99_us"
    }
}

/// The proxy process on this node.
package struct ProxyStatus: Codable, Sendable, Equatable {
    /// In words: `running`, or why it isn't.
    package var condition: String
    package var running: Bool
    @OrNull package var pid: Int?
    /// Times that it was started again.
    package var restarts: Int
    /// Lines of access logs that nobody took in time.
    package var logLinesLost: UInt64

    package init(condition: String, running: Bool, pid: Int?, restarts: Int, logLinesLost: UInt64) {
        self.condition = condition
        self.running = running
        self.restarts = restarts
        self.logLinesLost = logLinesLost
        self.pid = pid
    }

    package enum CodingKeys: String, CodingKey {
        case condition, running, pid, restarts
        case logLinesLost = "log_lines_lost"
    }
}
