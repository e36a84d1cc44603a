import Configuration
import Health

/// The names under which one runner keeps the nodes' checks and the servers' checks apart.
enum CheckName {
    static func node(_ check: String) -> String { "check:" + check }

    static func server(_ server: String, of service: String) -> String { "server:" + service + "/" + server }

    static func agent(_ server: String, of service: String) -> String { "agent:" + service + "/" + server }

    static func ofAgent(_ name: String) -> (service: String, server: String)? {
        guard name.hasPrefix("agent:") else { return nil }
        let parts = name.dropFirst("agent:".count).split(separator: "/", maxSplits: 1)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
    }

    static func ofNode(_ name: String) -> String? {
        name.hasPrefix("check:") ? String(name.dropFirst("check:".count)) : nil
    }

    static func ofServer(_ name: String) -> (service: String, server: String)? {
        guard name.hasPrefix("server:") else { return nil }
        let parts = name.dropFirst("server:".count).split(separator: "/", maxSplits: 1)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
    }
}

extension Configuration {
    /// Every probe that this node runs: the checks that its groups refer to, and those of the servers it may serve.
    package func checkPlans(on node: Configuration.Node) -> [CheckPlan] {
        let held = groups.filter { group in group.priorities.contains { $0.node == node.name } }
        let used = Set(held.flatMap { $0.checks.map(\.check) })
        let ours = checks.filter { used.contains($0.name) }.map { check in
            CheckPlan(named: CheckName.node(check.name), check.probe, check.schedule)
        }
        let served = services.filter { service in held.contains { $0.name == service.group } }
        let servers = served.flatMap { service in
            service.servers.compactMap { server in
                server.check.map { check in
                    CheckPlan(
                        named: CheckName.server(server.name, of: service.name), check.probe, check.schedule,
                        introduction: server.introduction(for: check.probe))
                }
            }
        }
        let agents = served.flatMap { service in
            service.servers.compactMap { server in
                server.agent.map { agent in
                    CheckPlan(
                        name: CheckName.agent(server.name, of: service.name),
                        probe: .agent(
                            Health.Endpoint(
                                address: agent.address.address.description, port: agent.address.port), send: agent.send),
                        intervalMS: agent.interval.milliseconds, timeoutMS: agent.timeout.milliseconds)
                }
            }
        }
        return ours + servers + agents
    }
}

extension CheckPlan {
    fileprivate init(
        named name: String, _ probe: Configuration.Probe,
        _ schedule: Configuration.Schedule, introduction: Introduction? = nil
    ) {
        self.init(
            name: name, probe: Probe(probe, introduction), intervalMS: schedule.interval.milliseconds,
            timeoutMS: schedule.timeout.milliseconds, rise: schedule.rise, fall: schedule.fall,
            fastIntervalMS: schedule.fastInterval.milliseconds, downIntervalMS: schedule.downInterval.milliseconds)
    }
}

extension CheckPlan.Probe {
    fileprivate init(_ probe: Configuration.Probe, _ introduction: Introduction?) {
        switch probe {
        case .command(let words): self = .command(words)
        case .tcp(let endpoint):
            self = .tcp(Health.Endpoint(address: endpoint.address.description, port: endpoint.port))
        case .http(let probe):
            self = .http(
                Health.HTTPProbe(
                    endpoint: Health.Endpoint(address: probe.address.address.description, port: probe.address.port),
                    method: probe.method, path: probe.path, host: probe.host, expected: probe.expect,
                    bodyContains: probe.body, introduction: introduction))
        }
    }
}

extension Configuration.Server {
    /// Whoever listens where the traffic goes wants the header that the traffic has; another port has its own ways
    /// (HAProxy's rule for `check-send-proxy`).
    fileprivate func introduction(for probe: Configuration.Probe) -> Introduction? {
        guard case .http(let request) = probe, request.address.port == address.port else { return nil }
        return sendProxy.map { $0 == .v2 ? .v2 : .v1 }
    }
}

extension TimeSpan {
    /// Whole milliseconds, rounded down, at least 1.
    var milliseconds: Int { max(1, Int(nanoseconds / 1_000_000)) }
}
