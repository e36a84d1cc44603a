extension Reading {
    private static let serviceKeys = [
        "group", "listen", "mode", "balance", "connection", "cookie", "retries", "redispatch", "max_connections",
        "timeouts", "threads", "servers", "access_log", "all_backups", "max_queue", "eject", "close_sessions", "limits",
    ]

    /// What the proxy serves.
    mutating func services(_ root: Section) -> [Configuration.Service] {
        guard let entries = root.optional("services")?.named("service", limit: Limit.services) else { return [] }
        return entries.compactMap { entry in
            Section(
                entry.tree, "service \(quoted(entry.name))", keys: Self.serviceKeys + Self.trafficKeys,
                findings: findings
            )
            .flatMap { service($0, name: entry.name) }
        }
    }

    private mutating func service(_ section: Section, name: String) -> Configuration.Service? {
        let group = self.group(section)
        let (listen, endpoints) = listeners(section, group: group, service: name)
        let mode = section.choice("mode", default: Configuration.Service.Mode.http)
        let cookie = self.cookie(section)
        let balance = self.balance(section, default: .roundrobin, mode: mode)
        let servers = self.servers(section, hasCookie: section.place(of: "cookie") != nil, listening: endpoints)
        if mode == .tcp {
            for key in ["connection", "cookie"] + Self.trafficHTTPKeys {
                guard let place = section.place(of: key) else { continue }
                findings.report("`\(key)` means nothing in mode tcp", "remove it, or choose `mode: http`", at: place)
            }
        }
        let service = Configuration.Service(
            name: name, group: group ?? "", listen: listen, endpoints: endpoints, mode: mode,
            balance: balance,
            connection: section.choice("connection", default: .keepAlive),
            forwardedFor: forwardsClient(section), cookie: cookie,
            retries: section.integer("retries", 0...10, default: 3),
            redispatch: section.bool("redispatch", default: true),
            maxConnections: section.integer("max_connections", 1...1_000_000, default: 2000),
            timeouts: timeouts(section), threads: section.optional("threads")?.integer(1...64), servers: servers,
            allBackups: section.bool("all_backups", default: false),
            maxQueue: section.integer("max_queue", 0...1_000_000, default: 1000), ejection: ejection(section),
            closesSessions: section.bool("close_sessions", default: false), limits: clientLimits(section),
            accessLog: accessLog(section),
            traffic: traffic(section, mode: mode, balance: balance, servers: servers))
        return group == nil ? nil : service
    }

    private func group(_ section: Section) -> String? {
        let known = groupAddresses.keys.sorted()
        let mend = "add `group: NAME`; its holder serves it"
        guard let field = section.required("group", mend), let name = field.text("a group's name") else { return nil }
        guard groupAddresses[name] != nil else {
            let near = nearest(to: name, among: known).map { "did you mean \($0)?" }
            field.refuse(
                "there is no group \(quoted(name))", near ?? "name one of \(enumeration(known)), or add it to `groups`")
            return nil
        }
        return name
    }

    /// Listeners as written, and the sockets that they come to on the group's addresses.
    private mutating func listeners(
        _ section: Section, group: String?, service: String
    ) -> ([Configuration.Listener], [Endpoint]) {
        guard let field = section.required("listen", "add `listen: \":80\"` for that port of the group's addresses"),
            let items = field.items(limit: Limit.listeners, "a list of places to listen on")
        else { return ([], []) }
        if items.isEmpty { field.refuse("`listen` is empty", "write \":80\" for that port of the group's addresses") }
        let addresses = group.flatMap { groupAddresses[$0] ?? nil }
        var listeners: [Configuration.Listener] = []
        var endpoints: [Endpoint] = []
        for item in items {
            guard let listener = item.listener() else { continue }
            listeners.append(listener)
            guard let addresses, let group else { continue }
            let sockets = self.sockets(of: listener, on: addresses, group: group, at: item)
            claim(sockets, for: "service \(quoted(service))", at: item)
            endpoints += sockets
        }
        if endpoints.count > Limit.endpoints {
            findings.report(
                "\(section.title) listens on \(endpoints.count) addresses and ports", "keep at most \(Limit.endpoints)",
                at: field.place)
        }
        return (listeners, endpoints.sorted())
    }

    private func sockets(
        of listener: Configuration.Listener, on addresses: [IPAddress], group: String, at item: Field
    ) -> [Endpoint] {
        guard let address = listener.address else {
            if addresses.isEmpty {
                item.refuse(
                    "group \(quoted(group)) has no virtual addresses to listen on",
                    "give it some, or write the address in front of the port")
            }
            return addresses.map { Endpoint(address: $0, port: listener.port) }
        }
        if !addresses.isEmpty, !addresses.contains(address) {
            item.refuse(
                "\(address) isn't a virtual address of group \(quoted(group))",
                "listen on \(alternatives(addresses.map { "\($0)" })), or write \":\(listener.port)\" for all of them")
        }
        return [Endpoint(address: address, port: listener.port)]
    }

    /// Enters sockets into the list of all; reports those that are there already, where one meets the second from the top.
    mutating func claim(_ endpoints: [Endpoint], for owner: String, at field: Field) {
        for endpoint in endpoints {
            guard let other = sockets[endpoint] else {
                sockets[endpoint] = (owner, field.position)
                continue
            }
            let isLater = other.place < field.position
            let (late, early, place) =
                isLater ? (owner, other.owner, field.position) : (other.owner, owner, other.place)
            findings.report(
                late == early
                    ? "\(late) listens on \(endpoint) twice" : "\(late) listens on \(endpoint), as \(early) does",
                late == early ? "keep one of them" : "give one of them another port or address", at: place)
        }
    }

    private mutating func servers(_ section: Section, hasCookie: Bool, listening: [Endpoint]) -> [Configuration.Server]
    {
        let mend = "add `servers:` with at least one `NAME: { address: \"IP:PORT\" }`"
        guard let entries = section.required("servers", mend)?.named("server", limit: Limit.servers) else { return [] }
        serverCount += entries.count
        if serverCount > Limit.allServers, serverCount - entries.count <= Limit.allServers {
            findings.report(
                "there are more than \(Limit.allServers) servers up to here", "keep at most that many in all services",
                at: section.position)
        }
        var cookies: [String: (server: String, place: Position)] = [:]
        var servers: [Configuration.Server] = []
        for entry in entries {
            let title = "server \(quoted(entry.name))"
            let keys = [
                "address", "cookie", "weight", "check", "drain", "agent", "send_proxy", "backup", "slow_start",
                "max_connections",
            ]
            guard let server = Section(entry.tree, title, keys: keys, findings: findings) else { continue }
            let addressField = server.required("address", "add `address: \"IP:PORT\"`")
            let address = addressField?.endpoint()
            if let addressField, let address, listening.contains(address) {
                addressField.refuse(
                    "\(title) is the service itself: \(address)", "write the address of the machine behind it")
            }
            let cookie = serverCookie(server, hasCookie: hasCookie, known: &cookies, name: entry.name)
            let check = server.optional("check").flatMap { serverCheck($0, of: entry.name, at: address) }
            let agent = server.optional("agent").flatMap { self.agent($0, of: entry.name, at: address) }
            let weight = server.integer("weight", 0...256, default: 1)
            let drain = server.bool("drain", default: false)
            let isBackup = server.bool("backup", default: false)
            let slowStart = server.duration("slow_start", .zero...(.hours(24)), default: .zero)
            let maxConnections = server.integer("max_connections", 0...1_000_000, default: 0)
            guard let address else { continue }
            servers.append(
                Configuration.Server(
                    name: entry.name, address: address, cookie: cookie, weight: weight, check: check, drain: drain,
                    isBackup: isBackup, slowStart: slowStart, maxConnections: maxConnections, agent: agent,
                    sendProxy: server.optional("send_proxy")?.choice()))
        }
        return servers
    }
}
