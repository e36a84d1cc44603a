import Configuration
import Control
import Health
import Proxy

/// The proxy's figures under HAProxy's names, for services and servers.
enum ProxyStatistics {
    static func ofService(_ service: ProxySnapshot.Service) -> [String: UInt64] {
        var stats = Dictionary(uniqueKeysWithValues: service.counters.named.map { ($0.name, $0.value) })
        stats["slim"] = UInt64(service.maxConnections)
        add(service.figures, to: &stats)
        // What is counted with servers only is the service's as their sum.
        for name in ["connect", "reuse", "lbtot", "idle_conn_cur"] {
            stats[name] = service.servers.reduce(0) { sum, server in
                sum &+ (server.counters.named.first { $0.name == name }?.value ?? 0)
            }
        }
        stats["act"] = UInt64(service.active)
        stats["bck"] = UInt64(service.backups)
        stats["weight"] = UInt64(service.weight)
        stats["chkdown"] = service.servers.reduce(0) { $0 + $1.downs }
        stats["lastsess"] = service.servers.compactMap(\.sinceSession).min().map { $0 / 1_000 }
        stats["lastchg"] = service.servers.map(\.sinceChange).min().map { $0 / 1_000 }
        return stats
    }

    static func ofServer(_ server: ProxySnapshot.Server, _ check: CheckStatus?) -> [String: UInt64] {
        var stats = Dictionary(uniqueKeysWithValues: server.counters.named.map { ($0.name, $0.value) })
        add(server.figures, to: &stats)
        stats["weight"] = UInt64(server.weight)
        stats["slim"] = server.maxConnections > 0 ? UInt64(server.maxConnections) : nil
        stats["act"] = server.isBackup ? 0 : 1
        stats["bck"] = server.isBackup ? 1 : 0
        stats["chkdown"] = server.downs
        stats["lastchg"] = server.sinceChange / 1_000
        stats["downtime"] = server.downtime / 1_000
        stats["lastsess"] = server.sinceSession.map { $0 / 1_000 }
        if let check {
            stats["chkfail"] = check.failures
            stats["check_duration"] = UInt64(max(0, check.durationMS))
        }
        return stats
    }

    private static func add(_ figures: ProxyFigures, to stats: inout [String: UInt64]) {
        stats["rate"] = figures.rate
        stats["rate_max"] = figures.rateMax
        stats["req_rate"] = figures.reqRate
        stats["req_rate_max"] = figures.reqRateMax
        stats["qtime"] = UInt64(figures.qtime.rounded())
        stats["ctime"] = UInt64(figures.ctime.rounded())
        stats["rtime"] = UInt64(figures.rtime.rounded())
        stats["ttime"] = UInt64(figures.ttime.rounded())
    }
}

extension LatencyStatus {
    /// Bounds that are doublings of 128 us are the ends of buckets in every histogram: nothing is guessed.
    init(_ histogram: LatencyHistogram) {
        self.init(
            count: histogram.total, sum: histogram.sum, p50: histogram.quantile(500), p90: histogram.quantile(900),
            p99: histogram.quantile(990),
            buckets: (7...26).map { power in
                Bucket(below: 1 << UInt64(power), count: histogram.count(below: 1 << UInt64(power)))
            })
    }
}
