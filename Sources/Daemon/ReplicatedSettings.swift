import Configuration
import Election
import Proxy

/// What operators set of servers, in the log for all nodes, carried to this node's proxy.
extension RunningDaemon {
    /// A group's log says something new. Called on the election thread.
    func follow(_ state: LogState, of group: GroupID) {
        if let epoch = cluster.take(state, of: group) { cluster.enter(.adopt(epoch)) }
        applySettings(of: group)
    }

    /// After a new configuration the proxy has the configured duties again.
    func applySettings() {
        for group in current.rules.groups { applySettings(of: group.id) }
    }

    private func applySettings(of group: GroupID) {
        guard let proxy else { return }
        let settings = cluster.settings(of: group)
        guard !settings.isEmpty else { return }
        for service in current.configuration.services where GroupID(named: service.group) == group {
            for server in service.servers {
                let name = ServerName(service: service.name, server: server.name)
                guard let setting = settings.first(where: { $0.name == name })?.setting else { continue }
                proxy.set(
                    server: server.name, of: service.name, duty: setting.duty?.plan,
                    weight: setting.weight.map(Int.init))
            }
        }
    }
}

extension ServerDuty {
    fileprivate var plan: ServicePlan.Duty {
        switch self {
        case .ready: .ready
        case .drain: .drain
        case .maintenance: .maintenance
        }
    }
}
