import Configuration
import Proxy

extension Configuration {
    /// What the proxy process has to serve on this node: the services of the groups that the node may hold.
    package func servicePlan(on node: Configuration.Node) -> ServicePlan {
        let held = groups.filter { group in group.priorities.contains { $0.node == node.name } }.map(\.name)
        let served = services.filter { held.contains($0.group) }
        let threads = proxy.threads ?? served.compactMap(\.threads).max() ?? 1
        return ServicePlan(
            threads: threads, services: served.map(ServicePlan.Service.init), maxConnections: proxy.maxConnections,
            bufferMebibytes: Int(clamping: proxy.maxMemory / 1_048_576))
    }
}

extension ServicePlan.AccessLog {
    fileprivate init?(_ log: Configuration.AccessLog) {
        let place: ServicePlan.LogSink.Place
        switch log.place {
        case .journald: place = .journald
        case .stdout: place = .stdout
        case .file(let path): place = .file(path)
        case .syslogSocket(let path): place = .syslogSocket(path)
        case .syslogUDP(let endpoint):
            guard let endpoint = ServicePlan.Endpoint(endpoint) else { return nil }
            place = .syslogUDP(endpoint)
        }
        self.init(
            format: log.format == .json ? .json : .httplog,
            sink: ServicePlan.LogSink(
                place, facility: UInt8(log.facility), framing: log.framing == .rfc5424 ? .rfc5424 : .rfc3164,
                tag: log.tag))
    }
}

extension ServicePlan.Service {
    fileprivate init(_ service: Configuration.Service) {
        self.init(
            name: service.name,
            listeners: service.endpoints.compactMap(ServicePlan.Endpoint.init),
            mode: service.mode == .tcp ? .tcp : .http,
            balance: ServicePlan.Balance(service.balance),
            connection: service.connection == .close ? .close : .keepAlive,
            forwardedFor: service.forwardedFor,
            cookie: service.cookie.map(ServicePlan.Cookie.init),
            retries: service.retries, redispatch: service.redispatch, maxConnections: service.maxConnections,
            timeouts: ServicePlan.Timeouts(
                connect: .init(service.timeouts.connect.milliseconds),
                client: .init(service.timeouts.client.milliseconds),
                server: .init(service.timeouts.server.milliseconds),
                request: .init(service.timeouts.request.milliseconds),
                queue: .init(service.timeouts.queue.milliseconds),
                attempt: .init(service.timeouts.attempt.milliseconds)),
            servers: service.servers.compactMap(ServicePlan.Server.init), pools: Self.pools(service),
            maxQueue: service.maxQueue, ejection: ServicePlan.Ejection(service.ejection),
            closesSessions: service.closesSessions, limits: ServicePlan.ClientLimits(service.limits))
        rules = ServicePlan.TrafficRules(service.traffic)
        accessLog = service.accessLog.flatMap(ServicePlan.AccessLog.init)
        for place in pools.indices { pools[place].allBackups = service.allBackups }
    }
}

extension ServicePlan.Service {
    /// nil: one of all servers.
    fileprivate static func pools(_ service: Configuration.Service) -> [ServicePlan.Pool]? {
        if service.traffic.pools.isEmpty { return nil }
        let places = Dictionary(service.servers.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
        return service.traffic.pools.map { pool in
            ServicePlan.Pool(
                name: pool.name, balance: ServicePlan.Balance(pool.balance),
                servers: pool.servers.compactMap { places[$0] })
        }
    }
}

extension ServicePlan.Cookie {
    fileprivate init(_ rule: Configuration.Cookie) {
        self.init(name: rule.name, insert: rule.insert, indirect: rule.indirect, nocache: rule.nocache)
        preserve = rule.preserve
        secure = rule.secure
        httpOnly = rule.httpOnly
        sameSite = rule.sameSite.map { choice in
            switch choice {
            case .lax: .lax
            case .strict: .strict
            case .none: .none
            }
        }
        maxAge = rule.maxAge.map { UInt32(clamping: $0.milliseconds / 1_000) }
        domain = rule.domain
        path = rule.path
    }
}

extension ServicePlan.Balance {
    init(_ balance: Configuration.Balance) {
        switch balance {
        case .roundrobin: self = .roundrobin
        case .leastconn: self = .leastconn
        case .random: self = .random
        case .source: self = .source
        case .consistent(.source): self = .consistent(.source)
        case .consistent(.uri(let withQuery)): self = .consistent(withQuery ? .uri : .path)
        case .consistent(.header(let name)): self = .consistent(.header(name))
        }
    }
}

extension ServicePlan.Ejection {
    fileprivate init(_ rule: Configuration.Ejection) {
        self.init(
            errors: rule.errors, serverErrors: rule.serverErrors, duration: .init(rule.duration.milliseconds),
            share: rule.share)
    }
}

extension ServicePlan.ClientLimits {
    fileprivate init(_ limits: Configuration.ClientLimits) {
        self.init(
            headBytes: limits.head, headFields: limits.fields, bodyRate: limits.bodyRate,
            source: .init(
                connections: limits.sourceConnections, requests: limits.sourceRequests,
                period: .init(limits.sourcePeriod.milliseconds)))
    }
}

extension ServicePlan.Endpoint {
    fileprivate init?(_ endpoint: Endpoint) {
        self.init(address: endpoint.address.bytes, port: endpoint.port)
    }
}

extension ServicePlan.Server {
    fileprivate init?(_ server: Configuration.Server) {
        guard let address = ServicePlan.Endpoint(server.address) else { return nil }
        self.init(
            name: server.name, address: address, cookie: server.cookie, weight: server.weight,
            health: server.check == nil ? .up : .unverified, duty: server.drain ? .drain : .ready,
            isBackup: server.isBackup, slowStart: .init(server.slowStart.milliseconds),
            maxConnections: server.maxConnections)
        proxyHeader = server.sendProxy.map { $0 == .v2 ? .v2 : .v1 } ?? .none
    }
}
