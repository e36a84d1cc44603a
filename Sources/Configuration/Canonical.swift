/// Texts to be hashed, so that nodes can tell whether they have the same configuration.
///
/// They depend on what a file says and not on how it says it: defaults are written out, everything is sorted, and one
/// fact is one line. The paths of secret and identity are left out, because they are a node's own.
extension Configuration {
    /// What nodes must agree on for an election to be safe: members, roles, timing, and each group's mode, addresses and
    /// candidates. Not keys: a node counts only what its own keys verify, and must hear the others while one changes.
    package var canonicalSafetyText: String {
        var lines = ["electd safety 2", "cluster \(cluster)"]
        for node in nodes {
            lines.append("node \(node.name) \(node.address) \(node.role.rawValue)")
        }
        lines.append("timing \(timing.heartbeat) \(timing.lease) \(timing.rho) \(timing.epsilon)")
        for group in groups {
            lines.append("group \(group.name) \(group.mode.rawValue)")
            lines += group.virtualAddresses.map { "address \($0)" }
            lines += group.priorities.map { "candidate \($0.node)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Everything.
    package var canonicalText: String {
        var lines = ["electd configuration 2"]
        for node in nodes {
            let former = node.formerKey.map { " former ed25519:\(base64($0))" } ?? ""
            lines.append("key \(node.name) ed25519:\(base64(node.key))\(former)")
        }
        for check in checks {
            lines.append("check \(check.name) \(check.weight) \(Self.line(check.schedule)) \(Self.line(check.probe))")
        }
        lines += groups.flatMap(Self.lines)
        lines += services.flatMap(Self.lines)
        if let statistics {
            let users = statistics.usersFile.map(literal) ?? "-"
            lines.append("statistics \(statistics.listen) \(statistics.path) \(literal(statistics.realm)) \(users)")
        }
        if let metrics { lines.append("metrics \(metrics.listen) \(metrics.path)") }
        lines.append("election realtime=\(election.realtime) lock_memory=\(election.lockMemory)")
        lines.append(
            "journal \(journal.directory.map(literal) ?? "-") \(journal.rotateSize) \(journal.retain) "
                + "\(journal.rotateAge) \(journal.epoch)")
        lines.append("proxy \(proxy.user ?? "-") \(proxy.threads.map(String.init) ?? "-")")
        if proxy.maxConnections != 100_000 || proxy.maxMemory != 268_435_456 {
            lines.append("proxy limits \(proxy.maxConnections) \(proxy.maxMemory)")
        }
        lines.append("log \(log.level.rawValue) \(log.format.rawValue) \(log.decisions.rawValue)")
        return canonicalSafetyText + lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ group: Group) -> [String] {
        var lines = ["group \(group.name) interface \(group.interface.map(literal) ?? "-")"]
        lines += group.priorities.map { "priority \($0.node) \($0.value)" }
        let damping = group.isDamped ? " flap_damping" : ""
        lines.append("preempt_after \(group.preemptAfter?.description ?? "never")\(damping)")
        lines += group.checks.map { "uses \($0.check) \($0.weight)" }
        lines.append("on_change \(group.onChange.map(literal) ?? "-")")
        return lines
    }

    private static func lines(_ service: Service) -> [String] {
        let timeouts = service.timeouts
        var lines = [
            "service \(service.name) \(service.group) \(service.mode.rawValue) \(service.balance)"
                + " \(service.connection.rawValue) forwarded_for=\(service.forwardedFor)",
            "attempts \(service.retries) redispatch=\(service.redispatch) \(service.maxConnections)",
            "timeouts \(timeouts.connect) \(timeouts.client) \(timeouts.server) \(timeouts.request)",
            "threads \(service.threads.map(String.init) ?? "-")",
        ]
        lines += traffic(service)
        lines += service.endpoints.map { "listen \($0)" }
        if let log = service.accessLog { lines.append(log.canonical) }
        if let cookie = service.cookie { lines += Self.lines(cookie) }
        lines += Self.lines(service.traffic)
        for server in service.servers {
            let agent =
                server.agent.map { " agent \($0.address) \($0.interval) \($0.timeout) \(literal($0.send))" } ?? ""
            let check = server.check.map { "\(line($0.schedule)) \(line($0.probe))" } ?? "-"
            lines.append(
                "server \(server.name) \(server.address) \(server.cookie ?? "-") \(server.weight) drain=\(server.drain)"
                    + " check \(check)\(agent)\(server.sendProxy.map { " send_proxy=\($0.rawValue)" } ?? "")")
            if server.isBackup || server.slowStart != .zero || server.maxConnections != 0 {
                lines.append(
                    "server \(server.name) backup=\(server.isBackup) \(server.slowStart) \(server.maxConnections)")
            }
        }
        return lines
    }

    /// What earlier versions didn't have is there only where it isn't as they did it, so that nodes agree across an
    /// upgrade.
    private static func traffic(_ service: Service) -> [String] {
        var lines: [String] = []
        let timeouts = service.timeouts
        if timeouts.attempt != .milliseconds(500) || timeouts.queue != timeouts.connect {
            lines.append("timeouts try \(timeouts.attempt) queue \(timeouts.queue)")
        }
        if service.allBackups || service.maxQueue != 1000 || service.closesSessions {
            lines.append(
                "queue \(service.maxQueue) all_backups=\(service.allBackups) close_sessions=\(service.closesSessions)")
        }
        let eject = service.ejection
        if eject != Ejection.standard {
            lines.append("eject \(eject.errors) \(eject.serverErrors) \(eject.duration) \(eject.share)")
        }
        let limits = service.limits
        if limits != ClientLimits.standard {
            lines.append(
                "limits \(limits.head) \(limits.fields) \(limits.bodyRate) \(limits.sourceConnections)"
                    + " \(limits.sourceRequests) \(limits.sourcePeriod)")
        }
        return lines
    }

    private static func lines(_ rules: TrafficRules) -> [String] {
        var lines: [String] = []
        if rules.forwarding != Forwarding() { lines.append("forwarding \(rules.forwarding)") }
        for (direction, changes) in [("request", rules.request), ("response", rules.response)] {
            lines += changes.remove.map { "\(direction) remove \($0)" }
            lines += changes.set.map { "\(direction) set \($0.name): \($0.value)" }
            lines += changes.add.map { "\(direction) add \($0.name): \($0.value)" }
        }
        lines += rules.pools.map { "pool \($0.name) \($0.balance) \($0.servers.joined(separator: " "))" }
        lines += rules.routes.map { "route \($0)" }
        lines += rules.errorPages.map { "error \($0.status) \($0.file)" }
        lines += rules.acceptProxy.map { "accept_proxy \($0)" }
        return lines
    }

    private static func lines(_ cookie: Cookie) -> [String] {
        let flags = "insert=\(cookie.insert) indirect=\(cookie.indirect) nocache=\(cookie.nocache)"
        var lines = ["cookie \(cookie.name) \(flags)"]
        if cookie.preserve || cookie.secure || cookie.httpOnly {
            lines.append("cookie preserve=\(cookie.preserve) secure=\(cookie.secure) http_only=\(cookie.httpOnly)")
        }
        if let sameSite = cookie.sameSite { lines.append("cookie same_site \(sameSite.rawValue)") }
        if let maxAge = cookie.maxAge { lines.append("cookie max_age \(maxAge)") }
        if let domain = cookie.domain { lines.append("cookie domain \(domain)") }
        if cookie.path != "/" { lines.append("cookie path \(cookie.path)") }
        return lines
    }

    private static func line(_ schedule: Schedule) -> String {
        let others = [schedule.fastInterval, schedule.downInterval]
        let paces = others.allSatisfy { $0 == schedule.interval } ? "" : "\(others[0]) \(others[1]) "
        return "\(schedule.interval) \(paces)\(schedule.timeout) \(schedule.rise) \(schedule.fall)"
    }

    private static func line(_ probe: Probe) -> String {
        switch probe {
        case .command(let words): "command \(words.map(literal).joined(separator: " "))"
        case .tcp(let address): "tcp \(address)"
        case .http(let http):
            "http \(http.method == "GET" ? "" : http.method + " ")\(http.address) \(http.path) \(http.host) "
                + (http.body.map { "body \(literal($0)) " } ?? "")
                + http.expect.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
        }
    }
}

/// A text that can't run into its neighbours: quoted, with quotes, backslashes and line ends escaped.
private func literal(_ text: String) -> String {
    var bytes: [UInt8] = [UInt8(ascii: "\"")]
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case 0..<0x20, 0x7f: bytes += Array("\\x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
        default: bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self) + "\""
}
