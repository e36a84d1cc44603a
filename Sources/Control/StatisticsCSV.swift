/// The report as HAProxy's `show stat` prints it, so that what reads that reads this: same columns at the same places.
/// What electd doesn't count is empty.
package enum StatisticsCSV {
    /// The columns up to HAProxy 1.8's last common one; newer ones come behind these.
    package static let columns = [
        "pxname", "svname", "qcur", "qmax", "scur", "smax", "slim", "stot", "bin", "bout", "dreq", "dresp", "ereq",
        "econ", "eresp", "wretr", "wredis", "status", "weight", "act", "bck", "chkfail", "chkdown", "lastchg",
        "downtime", "qlimit", "pid", "iid", "sid", "throttle", "lbtot", "tracked", "type", "rate", "rate_lim",
        "rate_max", "check_status", "check_code", "check_duration", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx",
        "hrsp_5xx", "hrsp_other", "hanafail", "req_rate", "req_rate_max", "req_tot", "cli_abrt", "srv_abrt", "comp_in",
        "comp_out", "comp_byp", "comp_rsp", "lastsess", "last_chk", "last_agt", "qtime", "ctime", "rtime", "ttime",
        "agent_status", "agent_code", "agent_duration", "check_desc", "agent_desc", "check_rise", "check_fall",
        "check_health", "agent_rise", "agent_fall", "agent_health", "addr", "cookie", "mode", "algo", "conn_rate",
        "conn_rate_max", "conn_tot", "intercepted", "dcon", "dses", "wrew", "connect", "reuse",
    ]

    /// What each kind of line takes from the figures of the same name.
    private static let both = ["smax", "dresp", "rate", "rate_max"]
    private static let ofFrontends =
        both + ["slim", "dreq", "req_rate", "req_rate_max", "req_tot", "intercepted", "dcon", "dses"]
    private static let ofBackends =
        both + [
            "qcur", "qmax", "dreq", "req_tot", "cli_abrt", "srv_abrt", "lbtot", "chkdown", "lastchg", "lastsess", "act",
            "bck", "weight", "qtime", "ctime", "rtime", "ttime", "connect", "reuse", "intercepted",
        ]
    private static let ofServers =
        both + [
            "qcur", "qmax", "slim", "qlimit", "bin", "bout", "cli_abrt", "srv_abrt", "lbtot", "chkfail", "chkdown",
            "lastchg", "downtime", "lastsess", "weight", "act", "bck", "throttle", "check_duration", "qtime", "ctime",
            "rtime", "ttime", "connect", "reuse", "req_tot",
        ]

    private static func add(_ stats: [String: UInt64]?, _ names: [String], to values: inout [String: String]) {
        for name in names { if let value = stats?[name] { values[name] = String(value) } }
    }

    package static func render(_ report: StatusReport) -> String {
        var lines = ["# " + columns.joined(separator: ",") + ","]
        for (index, service) in report.services.enumerated() {
            lines.append(line(frontend(service, index + 1)))
            for (place, server) in service.servers.enumerated() {
                lines.append(line(self.server(server, of: service, index + 1, place + 1)))
            }
            lines.append(line(backend(service, index + 1)))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// HAProxy's numbers of the kinds of line.
    private enum Kind: Int { case frontend = 0, backend, server }

    private static func common(_ service: ServiceStatus, _ name: String, _ kind: Kind, _ id: Int, _ place: Int)
        -> [String: String]
    {
        [
            "pxname": service.name, "svname": name, "pid": "1", "iid": String(id), "sid": String(place),
            "type": String(kind.rawValue), "mode": service.mode.rawValue,
        ]
    }

    private static func frontend(_ service: ServiceStatus, _ id: Int) -> [String: String] {
        var values = common(service, "FRONTEND", .frontend, id, 0)
        add(service, to: &values)
        add(service.stats, ofFrontends, to: &values)
        values["conn_tot"] = String(service.sessionsTotal)
        values["conn_rate"] = values["rate"]
        values["conn_rate_max"] = values["rate_max"]
        values["ereq"] = String(service.requestsDenied)
        values["status"] = service.active ? "OPEN" : "STOP"
        values["addr"] = service.listen.joined(separator: " ")
        return values
    }

    private static func backend(_ service: ServiceStatus, _ id: Int) -> [String: String] {
        var values = common(service, "BACKEND", .backend, id, 0)
        add(service, to: &values)
        // A backend's sessions are requests: those of its servers, and those that wait for one.
        let sessions = service.servers.reduce(0) { $0 + $1.sessions } + Int(clamping: service.stats?["qcur"] ?? 0)
        values["scur"] = String(sessions)
        values["stot"] = total(service) { $0.sessionsTotal }
        values["slim"] = String(max(1, (service.stats?["slim"] ?? 0) / 10))
        let working = service.servers.filter { $0.state == .up || $0.state == .unchecked }
        values["status"] = working.isEmpty ? "DOWN" : "UP"
        values["act"] = String(working.count)
        values["bck"] = "0"
        values["econ"] = total(service) { $0.connectErrors }
        values["eresp"] = total(service) { $0.responseErrors }
        values["wretr"] = total(service) { $0.retries }
        values["wredis"] = total(service) { $0.redispatches }
        values["lbtot"] = total(service) { $0.sessionsTotal }
        add(service.stats, ofBackends.filter { $0 != "lbtot" }, to: &values)
        return values
    }

    private static func server(_ server: ServerStatus, of service: ServiceStatus, _ id: Int, _ place: Int)
        -> [String: String]
    {
        var values = common(service, server.name, .server, id, place)
        values["scur"] = String(server.sessions)
        values["stot"] = String(server.sessionsTotal)
        values["lbtot"] = String(server.sessionsTotal)
        values["econ"] = String(server.connectErrors)
        values["eresp"] = String(server.responseErrors)
        values["wretr"] = String(server.retries)
        values["wredis"] = String(server.redispatches)
        values["status"] =
            switch server.state {
            case .up: "UP"
            case .down: "DOWN"
            case .drain: "DRAIN"
            case .maintenance: "MAINT"
            case .unchecked: "no check"
            }
        values["act"] = "1"
        values["bck"] = "0"
        add(server.stats, ofServers.filter { $0 != "lbtot" || (server.stats?["lbtot"] ?? 0) > 0 }, to: &values)
        values["last_chk"] = server.detail
        values["addr"] = server.address
        if service.mode == .http { add(server.responses, to: &values) }
        return values
    }

    private static func add(_ service: ServiceStatus, to values: inout [String: String]) {
        values["scur"] = String(service.sessions)
        values["stot"] = String(service.sessionsTotal)
        values["bin"] = String(service.bytesIn)
        values["bout"] = String(service.bytesOut)
        if service.mode == .http { add(service.responses, to: &values) }
    }

    private static func add(_ counts: ResponseCounts, to values: inout [String: String]) {
        values["hrsp_1xx"] = String(counts.informational)
        values["hrsp_2xx"] = String(counts.success)
        values["hrsp_3xx"] = String(counts.redirection)
        values["hrsp_4xx"] = String(counts.clientError)
        values["hrsp_5xx"] = String(counts.serverError)
        values["hrsp_other"] = String(counts.other)
    }

    private static func total(_ service: ServiceStatus, _ count: (ServerStatus) -> UInt64) -> String {
        String(service.servers.reduce(0) { $0 &+ count($1) })
    }

    private static func line(_ values: [String: String]) -> String {
        columns.map { quoted(values[$0] ?? "") }.joined(separator: ",") + ","
    }

    /// RFC 4180; a line break in a value would end the line for those who read by lines.
    private static func quoted(_ value: String) -> String {
        guard value.unicodeScalars.contains(where: { $0 == "," || $0 == "\"" || $0.value < 32 || $0.value == 127 })
        else {
            return value
        }
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\"\""
            case _ where scalar.value < 32 || scalar.value == 127: text += " "
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
