import Configuration
import Control
import Health
import Proxy

extension RunningDaemon {
    /// The services as the proxy process counts them and the checks see their servers.
    func services(
        _ view: ElectionView, _ loaded: LoadedConfiguration, _ results: Results, _ snapshot: ProxySnapshot?
    ) -> [ServiceStatus] {
        loaded.configuration.services.map { service in
            let isHeld = view.groups.contains { $0.name == service.group && $0.role == .holder }
            let counted = snapshot?.services.first { $0.name == service.name }
            var status = ServiceStatus(
                name: service.name, group: service.group, mode: service.mode == .tcp ? .tcp : .http,
                listen: service.endpoints.map(\.description), active: isHeld && snapshot?.condition == .running,
                sessions: Int(clamping: counted?.counters.scur ?? 0), sessionsTotal: counted?.counters.stot ?? 0)
            if let counters = counted?.counters {
                status.bytesIn = counters.bin
                status.bytesOut = counters.bout
                status.responses = ResponseCounts(counters)
                status.requestsDenied = counters.ereq
            }
            status.stats = counted.map { ProxyStatistics.ofService($0) }
            status.latency = counted?.latencies.map { LatencyStatus($0.total) }
            status.responseLatency = counted?.latencies.map { LatencyStatus($0.response) }
            status.servers = service.servers.map { server in
                report(
                    server, counted?.servers.first { $0.name == server.name },
                    results[CheckName.server(server.name, of: service.name)])
            }
            return status
        }
    }

    private func report(
        _ server: Configuration.Server, _ counted: ProxySnapshot.Server?, _ result: CheckStatus?
    ) -> ServerStatus {
        var status = ServerStatus(
            name: server.name, address: server.address.description, state: state(server, counted, result),
            detail: result?.detail ?? "", sessions: Int(clamping: counted?.counters.scur ?? 0),
            sessionsTotal: counted?.counters.stot ?? 0)
        if let counters = counted?.counters {
            status.responses = ResponseCounts(counters)
            status.connectErrors = counters.econ
            status.responseErrors = counters.eresp
            status.retries = counters.wretr
            status.redispatches = counters.wredis
        }
        status.stats = counted.map { ProxyStatistics.ofServer($0, result) }
        status.latency = counted?.latencies.map { LatencyStatus($0.total) }
        status.responseLatency = counted?.latencies.map { LatencyStatus($0.response) }
        return status
    }

    private func state(
        _ server: Configuration.Server, _ counted: ProxySnapshot.Server?, _ result: CheckStatus?
    ) -> ServerStatus.State {
        if counted?.duty == .maintenance { return .maintenance }
        if server.check != nil && result?.passing != true { return result?.passing == false ? .down : .unchecked }
        let isDrained = counted.map { $0.duty != .ready } ?? server.drain
        if isDrained { return .drain }
        return server.check == nil ? .unchecked : .up
    }
}

extension ResponseCounts {
    fileprivate init(_ counters: ProxyCounters) {
        self.init()
        informational = counters.hrsp1xx
        success = counters.hrsp2xx
        redirection = counters.hrsp3xx
        clientError = counters.hrsp4xx
        serverError = counters.hrsp5xx
        other = counters.hrspOther
    }
}
