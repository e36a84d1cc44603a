/// Where requests go: pools of servers, and routes to them.
extension Reading {
    static let poolLimit = 64
    static let routeLimit = 256

    /// The service's pools, the default first; none when the file names none.
    func pools(
        _ section: Section, mode: Configuration.Service.Mode, balance: Configuration.Balance,
        servers: [Configuration.Server]
    ) -> [Configuration.Pool] {
        let defaultField = section.optional("default_pool")
        guard let field = section.optional("pools") else {
            if let defaultField { defaultField.refuse("`default_pool` needs `pools`", "remove it, or add `pools`") }
            return []
        }
        guard let entries = field.named("pool", limit: Self.poolLimit - 1) else { return [] }
        var pools = entries.compactMap { entry -> Configuration.Pool? in
            let title = "pool \(quoted(entry.name))"
            guard let pool = Section(entry.tree, title, keys: ["servers", "balance"], findings: findings) else {
                return nil
            }
            return Configuration.Pool(
                name: entry.name, balance: self.balance(pool, default: balance, mode: mode),
                servers: members(pool, of: servers))
        }
        if let defaultField {
            guard let name = defaultField.text("a pool's name") else { return pools }
            guard let place = pools.firstIndex(where: { $0.name == name }) else {
                let near = nearest(to: name, among: pools.map(\.name)).map { "did you mean \($0)?" }
                defaultField.refuse("there is no pool \(quoted(name))", near ?? "name one of `pools`")
                return pools
            }
            pools.insert(pools.remove(at: place), at: 0)
            return pools
        }
        let named = Set(pools.flatMap(\.servers))
        let others = servers.map(\.name).filter { !named.contains($0) }
        if others.isEmpty {
            field.refuse(
                "every server is in a pool, and none takes what no route sends elsewhere",
                "add `default_pool: NAME`, or a server that is in no pool")
        }
        if pools.contains(where: { $0.name == "default" }) {
            field.refuse(
                "`default` is the pool of the servers in no other", "add `default_pool: default`, or rename it")
        }
        return [Configuration.Pool(name: "default", balance: balance, servers: others)] + pools
    }

    private func members(_ pool: Section, of servers: [Configuration.Server]) -> [String] {
        guard let field = pool.required("servers", "add `servers: [NAME, …]`, of the service's servers"),
            let items = field.items(limit: Limit.servers, "a list of servers")
        else { return [] }
        if items.isEmpty { field.refuse("\(pool.title) has no servers", "name at least one") }
        var names: [String] = []
        for item in items {
            guard let name = item.text("a server's name") else { continue }
            if !servers.contains(where: { $0.name == name }) {
                let near = nearest(to: name, among: servers.map(\.name)).map { "did you mean \($0)?" }
                item.refuse("there is no server \(quoted(name))", near ?? "add it to `servers`")
            } else if names.contains(name) {
                item.refuse("\(quoted(name)) is in \(pool.title) twice", "remove one of them")
            } else {
                names.append(name)
            }
        }
        return names
    }

    func routes(
        _ section: Section, mode: Configuration.Service.Mode, pools: [Configuration.Pool]
    ) -> [Configuration.Route] {
        guard let field = section.optional("routes"),
            let items = field.items(limit: Self.routeLimit, "a list of routes")
        else { return [] }
        let keys = mode == .tcp ? ["sni", "pool"] : ["host", "path", "path_prefix", "pool", "deny", "redirect"]
        return items.compactMap { item in
            Section(item.tree, "a route", keys: keys, findings: findings).flatMap {
                route($0, mode: mode, pools: pools)
            }
        }
    }

    private func route(
        _ section: Section, mode: Configuration.Service.Mode, pools: [Configuration.Pool]
    ) -> Configuration.Route? {
        let host: String?
        if mode == .tcp {
            host = section.required("sni", "add `sni: NAME`, the name in the ClientHello")?.hostPattern()
        } else {
            host = section.optional("host")?.hostPattern()
        }
        let exact = section.optional("path")?.routePath()
        let prefix = section.optional("path_prefix")?.routePath()
        if let place = section.place(of: "path_prefix"), section.place(of: "path") != nil {
            findings.report("a route has `path` and `path_prefix`", "keep one of them", at: place)
        }
        let actions = ["pool", "deny", "redirect"].compactMap { key in section.place(of: key).map { (key, $0) } }
        guard let (first, _) = actions.first else {
            findings.report(
                "a route says nowhere to go", mode == .tcp ? "add `pool`" : "add `pool`, `deny` or `redirect`",
                at: section.position)
            return nil
        }
        for (key, place) in actions.dropFirst() {
            findings.report("a route has `\(first)` and `\(key)`", "keep one of them", at: place)
        }
        guard let action = action(section, first, pools) else { return nil }
        return Configuration.Route(
            host: host, path: exact.map { .exact($0) } ?? prefix.map { .prefix($0) }, action: action)
    }

    private func action(
        _ section: Section, _ key: String, _ pools: [Configuration.Pool]
    ) -> Configuration.Route.Action? {
        guard let field = section.optional(key) else { return nil }
        switch key {
        case "pool":
            guard let name = field.text("a pool's name") else { return nil }
            if pools.contains(where: { $0.name == name }) { return .pool(name) }
            let near = nearest(to: name, among: pools.map(\.name)).map { "did you mean \($0)?" }
            field.refuse("there is no pool \(quoted(name))", near ?? "add it to `pools`")
            return nil
        case "deny": return field.integer(400...599).map { .deny($0) }
        default: return redirect(field).map { .redirect($0) }
        }
    }

    private func redirect(_ field: Field) -> Configuration.Redirect? {
        let keys = ["status", "scheme", "host", "path", "prefix"]
        guard let rule = Section(field.tree, "`redirect`", keys: keys, findings: findings) else { return nil }
        let status = rule.integer("status", 301...308, default: 302)
        if ![301, 302, 303, 307, 308].contains(status) {
            rule.optional("status")?.refuse("\(status) isn't a redirect", "write 301, 302, 303, 307 or 308")
        }
        if let place = rule.place(of: "prefix"), rule.place(of: "path") != nil {
            findings.report("`redirect` has `path` and `prefix`", "keep one of them", at: place)
        }
        if ["scheme", "host", "path", "prefix"].allSatisfy({ rule.place(of: $0) == nil }) {
            field.refuse("`redirect` leads to where the request came from", "add `scheme`, `host`, `path` or `prefix`")
        }
        return Configuration.Redirect(
            status: status, scheme: rule.optional("scheme")?.choice(),
            host: rule.optional("host")?.printable("a host's name", max: 255, forbidden: " /\\\"#?@"),
            path: rule.optional("path")?.shortPath(), prefix: rule.optional("prefix")?.shortPath())
    }
}

extension Field {
    /// `example.com`, or `*.example.com`.
    func hostPattern() -> String? {
        guard let text = text("a host's name such as example.com or \"*.example.com\"") else { return nil }
        let name = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
        let isAddress =
            name.hasPrefix("[") && name.hasSuffix("]") && IPAddress(String(name.dropFirst().dropLast())) != nil
        let isPlain = name.utf8.allSatisfy { byte in
            (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2d || byte == 0x2e
                || byte == 0x5f
        }
        guard (1...250).contains(name.utf8.count), isPlain || isAddress, !name.hasPrefix("."), !name.hasSuffix(".")
        else {
            refuse(
                "\(quoted(text)) isn't a host's name", "write it without port, as in example.com or \"*.example.com\"")
            return nil
        }
        return text
    }

    /// The path of a redirect.
    func shortPath() -> String? {
        guard let path = httpPath() else { return nil }
        if path.utf8.count <= 255 { return path }
        refuse("`\(key)` is too long", "keep it below 256 characters")
        return nil
    }

    /// A path that routes compare with; they compare what percent-encoding stands for.
    func routePath() -> String? {
        guard let path = shortPath() else { return nil }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !path.contains("%"), !path.contains("?"), !path.contains("//"), !segments.contains("."),
            !segments.contains("..")
        else {
            refuse(
                "no request has the path \(quoted(path)), as routes compare it",
                "write it without query, percent-encoding, dot segments and double slashes")
            return nil
        }
        return path
    }
}
