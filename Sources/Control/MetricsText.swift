/// A ``StatusReport`` as Prometheus text (exposition format 0.0.4).
package enum MetricsText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package static func render(_ report: StatusReport) -> String {
        var page = MetricsPage()
        election(report, &page)
        proxy(report, &page)
        services(report, &page)
        latencies(report, &page)
        return page.text
    }

    private static func election(_ report: StatusReport, _ page: inout MetricsPage) {
        page.family("electd_group_holder", "gauge", "1 while this node holds the group.")
        for group in report.groups { page.sample([("group", group.name)], group.role == .holder ? 1 : 0) }
        page.family("electd_group_held", "gauge", "1 while this node knows of a holder.")
        for group in report.groups { page.sample([("group", group.name)], group.holder == nil ? 0 : 1) }
        page.family("electd_group_term", "counter", "Number of the group's election.")
        for group in report.groups { page.sample([("group", group.name)], group.term) }
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
        for drop in report.datagrams.dropped { page.sample([("reason", drop.reason)], drop.count) }
        page.family("electd_datagrams_sent_total", "counter", "Datagrams sent.")
        page.sample([], report.datagrams.sent)
        page.family("electd_datagrams_accepted_total", "counter", "Packets that passed every check.")
        page.sample([], report.datagrams.accepted)
    }

    private static func proxy(_ report: StatusReport, _ page: inout MetricsPage) {
        guard let proxy = report.proxy else { return }
        page.family("electd_proxy_up", "gauge", "1 while every worker of the proxy process turns.")
        page.sample([], proxy.running ? 1 : 0)
        page.family("electd_proxy_restarts_total", "counter", "Times that the proxy process was started again.")
        page.sample([], proxy.restarts)
        page.family("electd_log_lines_lost_total", "counter", "Lines of access logs that nobody took in time.")
        page.sample([], proxy.logLinesLost)
    }

    // MARK: - services and servers

    /// A figure of `show stat`, and what it is called here.
    private struct Figure {
        let stat: String
        let name: String
        let type: String
        let meaning: String

        init(_ stat: String, _ name: String, _ type: String, _ meaning: String) {
            self.stat = stat
            self.name = name
            self.type = type
            self.meaning = meaning
        }
    }

    /// Of services and of servers.
    private static let common: [Figure] = [
        Figure("scur", "sessions_current", "gauge", "Sessions now."),
        Figure("smax", "sessions_max", "gauge", "The most sessions at once."),
        Figure("slim", "sessions_limit", "gauge", "Sessions allowed at once."),
        Figure("bin", "bytes_in_total", "counter", "Bytes that came from clients."),
        Figure("bout", "bytes_out_total", "counter", "Bytes that went to clients."),
        Figure("qcur", "queue_current", "gauge", "Requests that wait for a server."),
        Figure("qmax", "queue_max", "gauge", "The most requests that waited at once."),
        Figure("econ", "connection_errors_total", "counter", "Attempts to connect to a server that failed."),
        Figure("eresp", "response_errors_total", "counter", "Responses that were invalid, too slow, or broken off."),
        Figure("wretr", "retries_total", "counter", "Attempts made again at the same server."),
        Figure("wredis", "redispatches_total", "counter", "Attempts made again at another server."),
        Figure("cli_abrt", "client_aborts_total", "counter", "Exchanges broken off by the client."),
        Figure("srv_abrt", "server_aborts_total", "counter", "Exchanges broken off by the server."),
        Figure("connect", "connections_made_total", "counter", "Connections made to servers."),
        Figure("reuse", "connections_reused_total", "counter", "Requests sent on a connection that was there."),
        Figure("dresp", "responses_denied_total", "counter", "Responses refused by a rule."),
    ]

    private static let ofServices: [Figure] = [
        Figure("req_tot", "requests_total", "counter", "Requests received."),
        Figure("ereq", "request_errors_total", "counter", "Requests refused, too slow, or broken off."),
        Figure("dreq", "requests_denied_total", "counter", "Requests refused by a rule."),
        Figure("dcon", "connections_denied_total", "counter", "Connections refused at accept."),
        Figure("intercepted", "requests_intercepted_total", "counter", "Requests that the proxy answered itself."),
        Figure("log_dropped", "log_lines_dropped_total", "counter", "Lines that found the access log's ring full."),
    ]

    private static let ofServers: [Figure] = [
        Figure("weight", "weight", "gauge", "Weight in balancing, now."),
        Figure("chkfail", "check_failures_total", "counter", "Checks that failed."),
        Figure("chkdown", "downs_total", "counter", "Times that the server went down."),
        Figure("downtime", "downtime_seconds_total", "counter", "Time that the server was down."),
        Figure("ejected", "ejections_total", "counter", "Times that the server was ejected for failing in a row."),
        Figure("idle_conn_cur", "idle_connections_current", "gauge", "Idle connections kept to the server."),
    ]

    private static func services(_ report: StatusReport, _ page: inout MetricsPage) {
        page.family("electd_server_up", "gauge", "1 while the server takes requests.")
        for (service, server) in servers(report) {
            page.sample(labels(service, server), server.state == .up || server.state == .unchecked ? 1 : 0)
        }
        page.family("electd_server_sessions_total", "counter", "Connections or requests given to the server.")
        for (service, server) in servers(report) { page.sample(labels(service, server), server.sessionsTotal) }
        page.family("electd_service_sessions_total", "counter", "Connections that the service accepted.")
        for service in report.services { page.sample(labels(service), service.sessionsTotal) }
        page.family("electd_service_active", "gauge", "1 while this node accepts connections for the service.")
        for service in report.services { page.sample(labels(service), service.active ? 1 : 0) }
        for figure in common + ofServices {
            page.family("electd_service_" + figure.name, figure.type, figure.meaning)
            for service in report.services {
                if let value = service.stats?[figure.stat] { page.sample(labels(service), value) }
            }
        }
        for figure in common + ofServers {
            page.family("electd_server_" + figure.name, figure.type, figure.meaning)
            for (service, server) in servers(report) {
                if let value = server.stats?[figure.stat] { page.sample(labels(service, server), value) }
            }
        }
        page.family("electd_service_responses_total", "counter", "Responses, by class of status.")
        for service in report.services where service.mode == .http {
            for (name, count) in service.responses.named { page.sample(labels(service) + [("code", name)], count) }
        }
        page.family("electd_server_responses_total", "counter", "Responses, by class of status.")
        for (service, server) in servers(report) where service.mode == .http {
            for (name, count) in server.responses.named {
                page.sample(labels(service, server) + [("code", name)], count)
            }
        }
    }

    private static func latencies(_ report: StatusReport, _ page: inout MetricsPage) {
        let total = "From a request to the end of its response; TCP mode: a connection's life."
        let response = "From a request sent to the head of its response; TCP mode: the time to connect."
        page.family("electd_service_duration_seconds", "histogram", total)
        for service in report.services { page.histogram(labels(service), service.latency) }
        page.family("electd_service_response_seconds", "histogram", response)
        for service in report.services { page.histogram(labels(service), service.responseLatency) }
        page.family("electd_server_duration_seconds", "histogram", total)
        for (service, server) in servers(report) { page.histogram(labels(service, server), server.latency) }
        page.family("electd_server_response_seconds", "histogram", response)
        for (service, server) in servers(report) { page.histogram(labels(service, server), server.responseLatency) }
    }

    private static func servers(_ report: StatusReport) -> [(ServiceStatus, ServerStatus)] {
        report.services.flatMap { service in service.servers.map { (service, $0) } }
    }

    private static func labels(_ service: ServiceStatus) -> [(String, String)] { [("service", service.name)] }

    private static func labels(_ service: ServiceStatus, _ server: ServerStatus) -> [(String, String)] {
        [("service", service.name), ("server", server.name)]
    }
}

/// Families of samples: each is announced once, and its samples stand together. A family without a sample isn't told.
private struct MetricsPage {
    private(set) var text = ""
    private var current = ""
    private var announcement = ""

    mutating func family(_ name: String, _ type: String, _ meaning: String) {
        current = name
        announcement = "# HELP \(name) \(meaning)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ labels: [(String, String)], _ value: some BinaryInteger) {
        put(current, labels, "\(value)")
    }

    mutating func histogram(_ labels: [(String, String)], _ latency: LatencyStatus?) {
        guard let latency else { return }
        for bucket in latency.buckets {
            put(current + "_bucket", labels + [("le", Self.seconds(bucket.below))], "\(bucket.count)")
        }
        put(current + "_bucket", labels + [("le", "+Inf")], "\(latency.count)")
        put(current + "_sum", labels, Self.seconds(latency.sum))
        put(current + "_count", labels, "\(latency.count)")
    }

    private mutating func put(_ name: String, _ labels: [(String, String)], _ value: String) {
        text += announcement
        announcement = ""
        let written = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(written)} \(value)\n"
    }

    /// Microseconds as a decimal number of seconds, without a Double's last digits.
    private static func seconds(_ microseconds: UInt64) -> String {
        let fraction = String(microseconds % 1_000_000)
        var text = "\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
        while text.hasSuffix("0") && !text.hasSuffix(".0") { text.removeLast() }
        return text
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }
}
