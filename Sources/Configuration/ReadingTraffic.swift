/// What is done with heads, and said to clients: forwarding fields, header rules, error pages, PROXY headers.
extension Reading {
    static let trafficKeys = [
        "forwarded_for", "forwarded", "forwarded_proto", "forwarded_port", "headers", "pools", "default_pool", "routes",
        "errors", "accept_proxy",
    ]
    /// Those that speak of HTTP.
    static let trafficHTTPKeys = [
        "forwarded_for", "forwarded", "forwarded_proto", "forwarded_port", "headers", "errors",
    ]

    func traffic(
        _ section: Section, mode: Configuration.Service.Mode, balance: Configuration.Balance,
        servers: [Configuration.Server]
    ) -> Configuration.TrafficRules {
        var rules = Configuration.TrafficRules()
        rules.forwarding = forwarding(section)
        if let field = section.optional("headers"),
            let headers = Section(field.tree, "`headers`", keys: ["request", "response"], findings: findings)
        {
            let ours = ownFields(section, rules.forwarding)
            rules.request =
                headers.optional("request").map { headerChanges($0, ours: ours, isRequest: true) } ?? .init()
            rules.response =
                headers.optional("response").map { headerChanges($0, ours: [:], isRequest: false) } ?? .init()
        }
        rules.pools = pools(section, mode: mode, balance: balance, servers: servers)
        rules.routes = routes(section, mode: mode, pools: rules.pools)
        rules.errorPages = errorPages(section)
        rules.acceptProxy = section.optional("accept_proxy").map(networks) ?? []
        return rules
    }

    /// `forwarded_for` is on.
    func forwardsClient(_ section: Section) -> Bool {
        guard let field = section.optional("forwarded_for") else { return false }
        if case .mapping = field.tree.content { return true }
        return field.bool() ?? false
    }

    private func forwarding(_ section: Section) -> Configuration.Forwarding {
        var rules = Configuration.Forwarding()
        if let field = section.optional("forwarded_for"), case .mapping = field.tree.content,
            let words = Section(
                field.tree, "`forwarded_for`", keys: ["header", "existing", "except"], findings: findings)
        {
            rules.header = words.optional("header")?.fieldName(isRequest: true) ?? rules.header
            rules.existing = words.choice("existing", default: .append)
            rules.except = words.optional("except").map(networks) ?? []
        }
        rules.forwarded = section.bool("forwarded", default: false)
        rules.scheme = section.optional("forwarded_proto")?.choice()
        rules.port = section.bool("forwarded_port", default: false)
        return rules
    }

    /// Request fields that the service sets by other keys, in lower case, with those keys.
    private func ownFields(_ section: Section, _ rules: Configuration.Forwarding) -> [String: String] {
        var ours: [String: String] = [:]
        if forwardsClient(section) { ours[rules.header.lowercased()] = "forwarded_for" }
        if rules.forwarded { ours["forwarded"] = "forwarded" }
        if rules.scheme != nil { ours["x-forwarded-proto"] = "forwarded_proto" }
        if rules.port { ours["x-forwarded-port"] = "forwarded_port" }
        return ours
    }

    func networks(_ field: Field) -> [Configuration.Network] {
        (field.items(limit: 64, "a list of networks") ?? []).compactMap { $0.network() }
    }

    private func headerChanges(
        _ field: Field, ours: [String: String], isRequest: Bool
    ) -> Configuration.HeaderChanges {
        var changes = Configuration.HeaderChanges()
        let keys = ["set", "add", "remove"]
        guard let section = Section(field.tree, "`headers.\(field.key)`", keys: keys, findings: findings) else {
            return changes
        }
        changes.remove = (section.optional("remove")?.items(limit: 64, "a list of header names") ?? [])
            .compactMap { $0.fieldName(isRequest: isRequest) }
        changes.set = section.optional("set").map { headerFields($0, isRequest: isRequest) } ?? []
        changes.add = section.optional("add").map { headerFields($0, isRequest: isRequest) } ?? []
        for name in changes.remove + (changes.set + changes.add).map(\.name) {
            guard let key = ours[name.lowercased()] else { continue }
            field.refuse("\(name) is what `\(key)` sets", "keep one of the two")
        }
        let fields = changes.set + changes.add
        let bytes = fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 50 }
        if bytes > 4_096 || fields.count + changes.remove.count > 64 {
            field.refuse("`headers.\(field.key)` is too much", "keep at most 64 fields and 4 KiB")
        }
        return changes
    }

    /// `NAME: VALUE`, or `NAME: [VALUE, …]`.
    private func headerFields(_ field: Field, isRequest: Bool) -> [Configuration.HeaderChanges.Field] {
        (field.named("header", limit: 64) ?? []).flatMap { entry -> [Configuration.HeaderChanges.Field] in
            let name = Field(
                key: field.key, place: entry.place,
                tree: Tree(content: .text(entry.name, quoted: true), position: entry.place), findings: findings)
            let values = Field(key: entry.name, place: entry.place, tree: entry.tree, findings: findings)
            guard let checked = name.fieldName(isRequest: isRequest) else { return [] }
            return (values.items(limit: 16, "a value") ?? []).compactMap { item in
                item.headerValue().map { Configuration.HeaderChanges.Field(name: checked, value: $0) }
            }
        }
    }

    private func errorPages(_ section: Section) -> [Configuration.ErrorPage] {
        (section.optional("errors")?.named("status", limit: 32) ?? []).compactMap { entry in
            guard entry.name.utf8.count == 3, let status = Int(entry.name), (400...599).contains(status) else {
                findings.report(
                    "\(quoted(entry.name)) isn't the status of an error", "write 400 to 599, as in `503: FILE`",
                    at: entry.place)
                return nil
            }
            let file = Field(key: entry.name, place: entry.place, tree: entry.tree, findings: findings)
            return file.path().map { Configuration.ErrorPage(status: status, file: $0, place: file.position) }
        }
    }
}

extension Field {
    /// `10.0.0.0/8`, or a single address.
    func network() -> Configuration.Network? {
        guard let text = text("a network such as 10.0.0.0/8") else { return nil }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if let address = IPAddress(String(parts[0])) {
            let bits = address.bytes.count * 8
            if parts.count == 1 { return Configuration.Network(address: address, prefixLength: bits) }
            if (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
                let length = Int(parts[1]), length <= bits
            {
                return Configuration.Network(address: address, prefixLength: length)
            }
        }
        refuse("\(quoted(text)) isn't a network", "write an address and the length of its prefix, as in 10.0.0.0/8")
        return nil
    }

    /// A header field that a rule may touch.
    func fieldName(isRequest: Bool) -> String? {
        guard let name = printable("a header's name", max: 128, forbidden: " \"(),/:;<=>?@[\\]{}") else { return nil }
        let framing = [
            "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
            "content-length", "http2-settings",
        ]
        let lower = name.lowercased()
        guard !framing.contains(lower), !isRequest || (lower != "host" && lower != "expect") else {
            refuse("\(name) can't be changed: it belongs to the connection or frames the message", "remove it")
            return nil
        }
        return name
    }

    /// Printable text with the variables that `HeaderTemplate` of the proxy knows.
    func headerValue() -> String? {
        guard let value = printable("a header's value", max: 1_024, forbidden: "") else { return nil }
        guard value.first != " ", value.last != " " else {
            refuse("`\(key)` begins or ends with a space", "remove it")
            return nil
        }
        var rest = Substring(value)
        while let start = rest.firstRange(of: "%[") {
            let end = rest[start.upperBound...].firstIndex(of: "]") ?? rest.endIndex
            let variable = String(rest[start.upperBound..<end])
            guard end < rest.endIndex, ["src", "dst_port"].contains(variable) else {
                refuse("there is no variable %[\(variable)]", "write %[src] or %[dst_port]")
                return nil
            }
            rest = rest[rest.index(after: end)...]
        }
        return value
    }
}
