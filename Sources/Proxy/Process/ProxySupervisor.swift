import CLinux
import Glibc
import Synchronization

/// The control process's side of the data plane: binds the listeners, starts the proxy process, watches that its loops
/// turn, and starts it again when they don't.
///
/// All methods are safe from any thread and don't wait for the proxy process. `onChange` is called on the supervisor's
/// own thread, with every change of condition, in order.
package final class ProxySupervisor: Sendable {
    let executable: String
    let arguments: [String]
    let uid: UInt32
    let gid: UInt32
    let silence: UInt64
    let linger: UInt32
    /// Where it is written down which process there is; nil: nowhere.
    let record: String?
    let onChange: @Sendable (ProxyCondition) -> Void
    /// Wakes the thread.
    let bell: Int32
    let desired = Mutex(Desired())
    private let ended = Mutex(false)

    /// What the callers want, and what they may see; the thread carries it out.
    struct Desired {
        var plan: ServicePlan?
        /// Grows with each plan; 0: none.
        var serial: UInt32 = 0
        /// Sockets of the current plan, one for each worker.
        var listeners: [ServicePlan.Endpoint: [Int32]] = [:]
        /// Where the current plan's access logs go.
        var logs: [ServicePlan.LogSink: Int32] = [:]
        /// Sockets that left the plan: the thread closes them when no message names them any more.
        var retired: [Int32] = []
        /// What was said about servers, by service and name.
        var standings: [Server: Standing] = [:]
        /// Servers whose standing the proxy process hasn't been told.
        var untold: [Server] = []
        var stops = false
        /// Milliseconds of the monotonic clock at which the supervisor came into being.
        let startedAt = ProxyWatch.now()

        var condition = ProxyCondition.starting
        var pid: Int32?
        var starts = 0
        /// Of each worker of the running process, in the order of `plan`; and of all processes that have ended.
        var counters: [ProxyCounterTable] = []
        var ended: ProxyCounterTable?
        /// By service and server; looked at once a second.
        var figures: [Server: ProxyFigures] = [:]
        var figuresAt: UInt64 = 0
        /// Lines of access logs that no sink took: in this process, and in those that have ended.
        var linesLost: UInt64 = 0
        var linesLostBefore: UInt64 = 0
    }

    struct Server: Hashable {
        let service: String
        /// Empty: the service itself.
        let name: String
    }

    struct Standing: Equatable {
        var health: ServicePlan.Health
        var duty: ServicePlan.Duty
        /// The operator's; nil: the plan's.
        var weight: Int?
        /// What the plan says: another one there ends the operator's.
        var plannedWeight: Int
        let address: ServicePlan.Endpoint
        /// Milliseconds of the monotonic clock at which its health last changed, and 0 before the first time.
        var changed: UInt64 = 0
        /// Times that it went down, and milliseconds that it was down before it last changed.
        var downs: UInt64 = 0
        var downtime: UInt64 = 0
        /// What the server's agent said; it can only take away from what checks and operator say.
        var agentIsDown = false
        var agentDuty = ServicePlan.Duty.ready
        /// Of the configured weight.
        var weightPercent = 100

        /// With the agent's word.
        var effectiveHealth: ServicePlan.Health { agentIsDown ? .down : health }
        var effectiveDuty: ServicePlan.Duty { duty.rawValue > agentDuty.rawValue ? duty : agentDuty }

        init(_ server: ServicePlan.Server) {
            health = server.health
            duty = server.duty
            plannedWeight = server.weight
            address = server.address
        }

        mutating func take(_ new: ServicePlan.Health, at now: UInt64) {
            if new == health { return }
            if health == .down { downtime += now - changed }
            if new == .down { downs += 1 }
            health = new
            changed = now
        }
    }

    /// - Parameters:
    ///   - executable: absolute path of the program whose `arguments` make it call `ProxyProcess.run(channel: 3)`.
    ///   - uid: the user that the proxy process becomes; this process must be root for any other than its own.
    ///   - silence: milliseconds without a pulse of some worker that make the process wedged, at least 250. Pulses come
    ///     every 100 ms, so a shorter one accuses a busy machine.
    ///   - linger: milliseconds that the proxy process serves on when this process has ended without a word; at most
    ///     61,000. 0: it ends at once.
    ///   - record: a file in a directory of this process's own, which says what process there is; see `endOrphan`.
    package init(
        executable: String, arguments: [String], uid: UInt32, gid: UInt32, silence: Int = 500,
        linger: Int = 0, record: String? = nil, onChange: @escaping @Sendable (ProxyCondition) -> Void
    ) throws(ProxyError) {
        self.executable = executable
        self.arguments = arguments
        self.uid = uid
        self.gid = gid
        self.silence = UInt64(max(250, silence))
        self.linger = UInt32(min(max(0, linger), 61_000))
        self.record = record
        self.onChange = onChange
        bell = polling_bell()
        guard bell >= 0 else { throw .outOfDescriptors(code: errno) }
        var thread = pthread_t()
        let start = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let supervisor = Unmanaged<ProxySupervisor>.fromOpaque(argument).takeRetainedValue()
                _ = process_set_thread_name("proxy-watch")
                var watch = ProxyWatch(supervisor)
                watch.run()
                supervisor.ended.withLock { $0 = true }
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw .outOfDescriptors(code: code)
        }
        pthread_detach(thread)
    }

    deinit { close(bell) }

    /// Ends what an earlier control process left behind, according to the file that it was given as `record`. To be
    /// called before `apply`, which needs the same ports, and behind closed gates, because connections are reset.
    ///
    /// - Returns: the process that was ended; nil: there was none.
    package static func endOrphan(record: String) -> Int32? { ProxyRecord.endOrphan(file: record) }

    /// Makes `plan` the one to serve. Listeners are bound here and now, so that a failure reaches the caller, who then
    /// still has the old plan; connections of services that stay are kept.
    ///
    /// - Throws: `ProxyError` with nothing changed.
    package func apply(_ plan: ServicePlan) throws(ProxyError) {
        do throws(ServicePlanError) { try plan.validate() } catch { throw .plan(error) }
        try desired.withLock { desired throws(ProxyError) in
            if desired.stops { throw .stopped }
            // Each thread has its own sockets, so their number stays.
            let threads = desired.plan?.threads ?? plan.threads
            let logs = try Desired.openLogs(of: plan)
            do throws(ProxyError) {
                try desired.bindListeners(of: plan, threads: threads)
            } catch {
                for fd in logs.values { close(fd) }
                throw error
            }
            desired.replaceLogs(logs)
            desired.take(plan, threads: threads)
        }
        polling_ring(bell)
    }

    /// Opens the access logs of the current plan anew, as after their files were renamed (logrotate).
    ///
    /// - Throws: `ProxyError` when a file can't be opened; all go on to where they went.
    package func reopenLogs() throws(ProxyError) {
        try desired.withLock { desired throws(ProxyError) in
            guard let plan = desired.plan, !desired.stops, !desired.logs.isEmpty else { return }
            desired.replaceLogs(try Desired.openLogs(of: plan))
            // The plan is sent again with the new descriptors; nothing else in it is news.
            desired.serial &+= 1
        }
        polling_ring(bell)
    }

    /// What a check says about a server. Unknown names are ignored: the plan may have changed meanwhile.
    package func set(server: String, of service: String, to health: ServicePlan.Health) {
        let now = ProxyWatch.now()
        change(Server(service: service, name: server)) { $0.take(health, at: now) }
    }

    /// What the operator says about a server.
    package func set(server: String, of service: String, to duty: ServicePlan.Duty) {
        set(server: server, of: service, duty: duty, weight: nil)
    }

    /// What the operator, here or on another node, says about a server: the one way that this takes into the data plane.
    ///
    /// Unknown names are ignored: the plan may have changed meanwhile.
    /// - Parameters:
    ///   - duty: nil leaves it as it is.
    ///   - weight: 0 to `ServicePlan.Limit.weight`, clamped; in force until the plan says another weight for the server
    ///     than it did. nil leaves it as it is.
    package func set(server: String, of service: String, duty: ServicePlan.Duty?, weight: Int?) {
        change(Server(service: service, name: server)) { standing in
            if let duty { standing.duty = duty }
            if let weight { standing.weight = min(max(0, weight), ServicePlan.Limit.weight) }
        }
    }

    /// What the server's own agent says: HAProxy's agent-check.
    ///
    /// - Parameter weightPercent: of the configured weight, 0 to 256; a weight above 0 never becomes 0 but by 0 %.
    package func set(
        server: String, of service: String, agentIsUp: Bool, agentDuty: ServicePlan.Duty, weightPercent: Int
    ) {
        change(Server(service: service, name: server)) { standing in
            standing.weightPercent = min(max(0, weightPercent), 256)
            standing.agentIsDown = !agentIsUp
            standing.agentDuty = agentDuty
        }
    }

    private func change(_ server: Server, _ body: (inout Standing) -> Void) {
        let isNews = desired.withLock { desired in
            guard let before = desired.standings[server] else { return false }
            var standing = before
            body(&standing)
            if standing == before { return false }
            desired.standings[server] = standing
            if !desired.untold.contains(server) { desired.untold.append(server) }
            return true
        }
        if isNews { polling_ring(bell) }
    }

    package var condition: ProxyCondition { desired.withLock { $0.condition } }

    /// Counters and states; at most one pulse (100 ms) old.
    package func snapshot() -> ProxySnapshot { desired.withLock { $0.snapshot() } }

    /// Ends the proxy process and closes the listeners; returns when that is done. Nothing else works afterwards. Not to
    /// be called from `onChange`, which runs on the thread that this waits for.
    package func stop() {
        desired.withLock { $0.stops = true }
        polling_ring(bell)
        while !ended.withLock({ $0 }) { usleep(2_000) }
    }
}

extension ProxySupervisor.Desired {
    /// Binds what `plan` needs beyond what is bound. On failure nothing has changed.
    fileprivate mutating func bindListeners(of plan: ServicePlan, threads: Int) throws(ProxyError) {
        var fresh: [ServicePlan.Endpoint: [Int32]] = [:]
        for service in plan.services {
            for endpoint in service.listeners where listeners[endpoint] == nil {
                do throws(ProxyError) {
                    fresh[endpoint] = try ListeningSocket.open(endpoint, service: service.name, count: threads)
                } catch {
                    for fd in fresh.values.joined() { close(fd) }
                    throw error
                }
            }
        }
        listeners.merge(fresh) { old, _ in old }
    }

    /// Descriptors for every sink of a plan; none of them when one can't be opened.
    fileprivate static func openLogs(of plan: ServicePlan) throws(ProxyError) -> [ServicePlan.LogSink: Int32] {
        var logs: [ServicePlan.LogSink: Int32] = [:]
        for service in plan.services {
            guard let sink = service.accessLog?.sink, logs[sink] == nil else { continue }
            do throws(ProxyError) {
                logs[sink] = try LogSocket.open(sink, service: service.name)
            } catch {
                for fd in logs.values { close(fd) }
                throw error
            }
        }
        return logs
    }

    fileprivate mutating func replaceLogs(_ fresh: [ServicePlan.LogSink: Int32]) {
        retired.append(contentsOf: logs.values)
        logs = fresh
    }

    /// In the order of the plan's sinks.
    var logsInOrder: [Int32] { plan?.sinks.compactMap { logs[$0] } ?? [] }

    fileprivate mutating func take(_ plan: ServicePlan, threads: Int) {
        var plan = plan
        plan.threads = threads
        let wanted = Set(plan.services.flatMap(\.listeners))
        for endpoint in listeners.keys.filter({ !wanted.contains($0) }) {
            retired.append(contentsOf: listeners.removeValue(forKey: endpoint) ?? [])
        }
        var kept: [ProxySupervisor.Server: ProxySupervisor.Standing] = [:]
        for service in plan.services {
            for server in service.servers {
                let key = ProxySupervisor.Server(service: service.name, name: server.name)
                var standing = ProxySupervisor.Standing(server)
                if let old = standings[key], old.address == server.address {
                    standing = old
                    // Nobody checks it any more: what a check said last would stay for ever.
                    if server.health == .up { standing.take(.up, at: ProxyWatch.now()) }
                    standing.plannedWeight = server.weight
                    if old.plannedWeight != server.weight { standing.weight = nil }
                }
                kept[key] = standing
            }
        }
        standings = kept
        untold.removeAll()
        if let old = self.plan {
            counters = counters.map { ProxyCounterTable(plan, from: $0, of: old) }
            ended = ended.map { ProxyCounterTable(plan, from: $0, of: old) }
        }
        figures = figures.filter { key, _ in
            plan.services.contains { $0.name == key.service } && (key.name.isEmpty || kept[key] != nil)
        }
        self.plan = plan
        serial &+= 1
    }

    /// The plan as the proxy process gets it: with what is known about each server now.
    func planWithStandings() -> ServicePlan? {
        guard var plan else { return nil }
        for service in plan.services.indices {
            for server in plan.services[service].servers.indices {
                let key = ProxySupervisor.Server(
                    service: plan.services[service].name, name: plan.services[service].servers[server].name)
                guard let standing = standings[key] else { continue }
                plan.services[service].servers[server].health = standing.effectiveHealth
                plan.services[service].servers[server].duty = standing.effectiveDuty
                let weight = standing.weight ?? plan.services[service].servers[server].weight
                let share =
                    weight == 0 || standing.weightPercent == 0 ? 0 : max(1, weight * standing.weightPercent / 100)
                plan.services[service].servers[server].weight = min(share, ServicePlan.Limit.weight)
            }
        }
        return plan
    }

    /// In the order that the proxy process expects: service, listener, worker.
    var listenersInOrder: [Int32] {
        guard let plan else { return [] }
        return plan.services.flatMap(\.listeners).flatMap { listeners[$0] ?? [] }
    }

    // MARK: what was counted

    /// The running process has ended: what it counted stays.
    mutating func bury() {
        pid = nil
        linesLostBefore += linesLost
        linesLost = 0
        guard let plan else { return }
        var ended = ended ?? ProxyCounterTable(plan)
        for table in counters { ended.inherit(table) }
        self.ended = ended
        counters.removeAll()
    }

    private var tables: [ProxyCounterTable] { counters + (ended.map { [$0] } ?? []) }

    private func counters(_ service: Int, _ server: Int?) -> ProxyCounters {
        tables.reduce(into: ProxyCounters()) { sum, table in
            sum += server.map { table.server(service, $0) } ?? table.service(service)
        }
    }

    private func latencies(_ service: Int, _ server: Int?) -> Latencies? {
        var sum: Latencies?
        for case let part? in tables.map({ $0.latencies(service, server) }) {
            var total = sum ?? Latencies()
            total += part
            sum = total
        }
        return sum
    }

    /// Once a second: what grows by how much.
    mutating func takeFigures(at now: UInt64) {
        guard now >= figuresAt + 1_000, let plan else { return }
        figuresAt = now
        for (place, service) in plan.services.enumerated() {
            let own = ProxySupervisor.Server(service: service.name, name: "")
            figures[own, default: ProxyFigures()].take(counters(place, nil), at: now)
            for (number, server) in service.servers.enumerated() {
                let key = ProxySupervisor.Server(service: service.name, name: server.name)
                figures[key, default: ProxyFigures()].take(counters(place, number), at: now)
            }
        }
    }

    fileprivate func snapshot() -> ProxySnapshot {
        let now = ProxyWatch.now()
        let services = (planWithStandings()?.services ?? []).enumerated().map { place, service in
            let own = figures[ProxySupervisor.Server(service: service.name, name: "")] ?? ProxyFigures()
            return ProxySnapshot.Service(
                name: service.name, mode: service.mode, maxConnections: service.maxConnections,
                counters: counters(place, nil), figures: own, latencies: latencies(place, nil),
                servers: service.servers.enumerated().map { number, server in
                    let key = ProxySupervisor.Server(service: service.name, name: server.name)
                    let figures = figures[key] ?? ProxyFigures()
                    let standing = standings[key]
                    let since = standing.map { now - min($0.changed == 0 ? startedAt : $0.changed, now) } ?? 0
                    return ProxySnapshot.Server(
                        name: server.name, address: server.address, health: server.health, duty: server.duty,
                        weight: server.weight, isBackup: server.isBackup, maxConnections: server.maxConnections,
                        counters: counters(place, number), figures: figures,
                        latencies: latencies(place, number), sinceChange: since, downs: standing?.downs ?? 0,
                        downtime: (standing?.downtime ?? 0) + (server.health == .down ? since : 0),
                        sinceSession: figures.lastSession.map { now - min($0, now) })
                },
                allBackups: service.pools.contains { $0.allBackups })
        }
        return ProxySnapshot(
            condition: condition, pid: pid, restarts: max(0, starts - 1), linesLost: linesLostBefore + linesLost,
            services: services)
    }
}
