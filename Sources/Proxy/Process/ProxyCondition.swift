/// How the data plane is, as the election wants to know it.
package enum ProxyCondition: Equatable, Sendable, CustomStringConvertible {
    /// A process is on its way up, or there is no plan yet.
    case starting
    /// Every worker's loop turns, on the current plan.
    case running
    /// A worker's loop has been still for so long: the virtual IP must move.
    case wedged(silentMilliseconds: Int)
    /// There is no process; another one is started.
    case down(reason: String)
    case stopped

    package var description: String {
        switch self {
        case .starting: "starting"
        case .running: "running"
        case .wedged(let milliseconds): "wedged (silent for \(milliseconds) ms)"
        case .down(let reason): "down (\(reason))"
        case .stopped: "stopped"
        }
    }

    /// The same condition, whatever its details.
    func isSameKind(as other: ProxyCondition) -> Bool {
        switch (self, other) {
        case (.starting, .starting), (.running, .running), (.wedged, .wedged), (.down, .down), (.stopped, .stopped):
            true
        default: false
        }
    }
}

/// What the data plane does and has done.
package struct ProxySnapshot: Equatable, Sendable {
    package struct Server: Equatable, Sendable {
        package var name: String
        package var address: ServicePlan.Endpoint
        package var health: ServicePlan.Health
        package var duty: ServicePlan.Duty
        package var weight: Int
        package var isBackup: Bool
        /// 0: as many as come.
        package var maxConnections: Int
        /// Since electd began; a new proxy process goes on where the last one ended.
        package var counters: ProxyCounters
        package var figures: ProxyFigures
        /// nil: nothing was served.
        package var latencies: Latencies?
        /// Milliseconds since its health last changed.
        package var sinceChange: UInt64
        /// Times that it went down, and milliseconds that it was down.
        package var downs: UInt64
        package var downtime: UInt64
        /// Milliseconds since something was last given to it; nil: never.
        package var sinceSession: UInt64?

        /// As HAProxy's `show stat` says it: UP, DOWN, DRAIN, MAINT, or `no check` passed yet.
        package var status: String {
            switch (duty, health) {
            case (.maintenance, _): "MAINT"
            case (_, .down): "DOWN"
            case (_, .unverified): "UNVERIFIED"
            case (.drain, .up): "DRAIN"
            case (.ready, .up): "UP"
            }
        }

        /// Its balance may choose it, as HAProxy counts `act` and `bck`.
        var isUsable: Bool { health == .up && duty == .ready && weight > 0 }
    }

    package struct Service: Equatable, Sendable {
        package var name: String
        package var mode: ServicePlan.Mode
        package var maxConnections: Int
        package var counters: ProxyCounters
        package var figures: ProxyFigures
        package var latencies: Latencies?
        package var servers: [Server]
        /// All backups share the requests, instead of the first.
        package var allBackups: Bool

        /// Usable servers that aren't backups.
        package var active: Int { servers.count { $0.isUsable && !$0.isBackup } }
        /// Usable backups.
        package var backups: Int { servers.count { $0.isUsable && $0.isBackup } }
        /// Of those that get requests: backups do only while no other server does.
        package var weight: Int {
            let usable = servers.filter { $0.isUsable && $0.isBackup == (active == 0) }
            return (active > 0 || allBackups ? usable[...] : usable.prefix(1)).reduce(0) { $0 + $1.weight }
        }
    }

    package var condition: ProxyCondition
    /// Of the proxy process; nil: there is none.
    package var pid: Int32?
    /// Times that it was started again.
    package var restarts: Int
    /// Lines of access logs that no sink took.
    package var linesLost: UInt64
    package var services: [Service]
}
