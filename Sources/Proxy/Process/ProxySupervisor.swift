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
        /// Sockets that left the plan: the thread closes them when no message names them any more.
        var retired: [Int32] = []
        /// What was said about servers, by service and name.
        var standings: [Server: Standing] = [:]
        /// Servers whose standing the proxy process hasn't been told.
        var untold: [Server] = []
        var stops = false

        var condition = ProxyCondition.starting
        var pid: Int32?
        var starts = 0
        /// By worker, then service and server of the plan with `countedSerial`.
        var counters: [ProxyCounterTable] = []
        var countedSerial: UInt32 = 0
    }

    struct Server: Hashable {
        let service: String
        let name: String
    }

    struct Standing: Equatable {
        var health: ServicePlan.Health
        var duty: ServicePlan.Duty
        let address: ServicePlan.Endpoint
    }

    /// - Parameters:
    ///   - executable: absolute path of the program whose `arguments` make it call `ProxyProcess.run(channel: 3)`.
    ///   - uid: the user that the proxy process becomes; this process must be root for any other than its own.
    ///   - silence: milliseconds without a pulse of some worker that make the process wedged, at least 250. Pulses come
    ///     every 100 ms, so a shorter one accuses a busy machine.
    package init(
        executable: String, arguments: [String], uid: UInt32, gid: UInt32, silence: Int = 500,
        onChange: @escaping @Sendable (ProxyCondition) -> Void
    ) throws(ProxyError) {
        self.executable = executable
        self.arguments = arguments
        self.uid = uid
        self.gid = gid
        self.silence = UInt64(max(250, silence))
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
            try desired.bindListeners(of: plan, threads: threads)
            desired.take(plan, threads: threads)
        }
        polling_ring(bell)
    }

    /// What a check says about a server. Unknown names are ignored: the plan may have changed meanwhile.
    package func set(server: String, of service: String, to health: ServicePlan.Health) {
        change(Server(service: service, name: server)) { $0.health = health }
    }

    /// What the operator says about a server.
    package func set(server: String, of service: String, to duty: ServicePlan.Duty) {
        change(Server(service: service, name: server)) { $0.duty = duty }
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
                if let old = standings[key], old.address == server.address {
                    kept[key] = old
                } else {
                    kept[key] = .init(health: server.health, duty: server.duty, address: server.address)
                }
            }
        }
        standings = kept
        untold.removeAll()
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
                plan.services[service].servers[server].health = standing.health
                plan.services[service].servers[server].duty = standing.duty
            }
        }
        return plan
    }

    /// In the order that the proxy process expects: service, listener, worker.
    var listenersInOrder: [Int32] {
        guard let plan else { return [] }
        return plan.services.flatMap(\.listeners).flatMap { listeners[$0] ?? [] }
    }

    fileprivate func snapshot() -> ProxySnapshot {
        let plan = planWithStandings()
        let isCurrent = countedSerial == serial
        let services = (plan?.services ?? []).enumerated().map { place, service in
            let tables = isCurrent ? counters : []
            return ProxySnapshot.Service(
                name: service.name, mode: service.mode, maxConnections: service.maxConnections,
                counters: tables.reduce(into: ProxyCounters()) { $0 += $1.service(place) },
                servers: service.servers.enumerated().map { serverPlace, server in
                    ProxySnapshot.Server(
                        name: server.name, address: server.address, health: server.health, duty: server.duty,
                        weight: server.weight,
                        counters: tables.reduce(into: ProxyCounters()) { $0 += $1.server(place, serverPlace) })
                })
        }
        return ProxySnapshot(
            condition: condition, pid: pid, restarts: max(0, starts - 1), services: services)
    }
}

/// The latest counters of one worker, in the plan's order.
struct ProxyCounterTable: Sendable {
    private var services: [ProxyCounters]
    private var servers: [[ProxyCounters]]

    init(_ plan: ServicePlan) {
        services = plan.services.map { _ in ProxyCounters() }
        servers = plan.services.map { service in service.servers.map { _ in ProxyCounters() } }
    }

    /// Entries that name nothing of the plan are ignored.
    mutating func take(_ entry: CounterEntry) {
        guard services.indices.contains(entry.service) else { return }
        guard let server = entry.server else {
            services[entry.service] = entry.counters
            return
        }
        guard servers[entry.service].indices.contains(server) else { return }
        servers[entry.service][server] = entry.counters
    }

    func service(_ place: Int) -> ProxyCounters { services.indices.contains(place) ? services[place] : ProxyCounters() }

    func server(_ service: Int, _ place: Int) -> ProxyCounters {
        guard servers.indices.contains(service), servers[service].indices.contains(place) else {
            return ProxyCounters()
        }
        return servers[service][place]
    }
}
