import Control

/// Status as Prometheus text (exposition format 0.0.4).
enum Metrics {
    static func text(_ report: StatusReport) -> String {
        var page = Page()
        page.family("electd_group_holder", "gauge", "1 while this node holds the group.")
        for group in report.groups { page.sample([("group", group.name)], group.role == .holder ? 1 : 0) }
        page.family("electd_group_held", "gauge", "1 while this node knows of a holder.")
        for group in report.groups { page.sample([("group", group.name)], group.holder == nil ? 0 : 1) }
        page.family("electd_group_term", "counter", "Number of the group's election.")
        for group in report.groups { page.sample([("group", group.name)], Int(clamping: group.term)) }
        page.family("electd_group_eligible", "gauge", "1 while this node may hold the group.")
        for group in report.groups { page.sample([("group", group.name)], group.eligible ? 1 : 0) }
        page.family("electd_group_priority", "gauge", "Configured priority and the weights of the checks.")
        for group in report.groups { page.sample([("group", group.name)], group.priority) }
        page.family("electd_group_lease_milliseconds", "gauge", "What is left of the lease of this node.")
        for group in report.groups {
            if let left = group.leaseMSLeft { page.sample([("group", group.name)], left) }
        }
        page.family("electd_node_heard_milliseconds", "gauge", "Since the node was last heard directly.")
        for node in report.nodes {
            if let ago = node.heardMSAgo { page.sample([("node", node.name)], ago) }
        }
        page.family("electd_datagrams_dropped_total", "counter", "Datagrams refused, by the check that refused them.")
        for drop in report.datagrams.dropped { page.sample([("reason", drop.reason)], Int(clamping: drop.count)) }
        page.family("electd_datagrams_sent_total", "counter", "Datagrams sent.")
        page.sample([], Int(clamping: report.datagrams.sent))
        page.family("electd_datagrams_accepted_total", "counter", "Packets that passed every check.")
        page.sample([], Int(clamping: report.datagrams.accepted))
        servers(report, &page)
        return page.text
    }

    private static func servers(_ report: StatusReport, _ page: inout Page) {
        page.family("electd_server_up", "gauge", "1 while the server takes requests.")
        for service in report.services {
            for server in service.servers {
                page.sample(labels(service, server), server.state == .up || server.state == .unchecked ? 1 : 0)
            }
        }
        page.family("electd_server_sessions_total", "counter", "Connections or requests given to the server.")
        for service in report.services {
            for server in service.servers { page.sample(labels(service, server), Int(clamping: server.sessionsTotal)) }
        }
        page.family("electd_service_sessions_total", "counter", "Connections that the service accepted.")
        for service in report.services {
            page.sample([("service", service.name)], Int(clamping: service.sessionsTotal))
        }
    }

    private static func labels(_ service: ServiceStatus, _ server: ServerStatus) -> [(String, String)] {
        [("service", service.name), ("server", server.name)]
    }

    /// Names come from the configuration, whose rules for names leave nothing to escape.
    private struct Page {
        private(set) var text = ""
        private var current = ""

        mutating func family(_ name: String, _ type: String, _ meaning: String) {
            current = name
            text += "# HELP \(name) \(meaning)\n# TYPE \(name) \(type)\n"
        }

        mutating func sample(_ labels: [(String, String)], _ value: Int) {
            let written = labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
            text += labels.isEmpty ? "\(current) \(value)\n" : "\(current){\(written)} \(value)\n"
        }
    }
}
