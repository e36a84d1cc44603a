extension Reading {
    private static let httpKeys = ["method", "host", "expect", "body"]
    private static let scheduleKeys = ["interval", "fast_interval", "down_interval", "timeout", "rise", "fall"]

    /// The health checks that groups refer to.
    mutating func checks(_ root: Section) -> [Configuration.Check] {
        guard let entries = root.optional("checks")?.named("check", limit: Limit.checks) else { return [] }
        let keys = ["command", "tcp", "http", "weight"] + Self.httpKeys + Self.scheduleKeys
        var checks: [Configuration.Check] = []
        for entry in entries {
            checkWeights[entry.name] = 0
            let title = "check \(quoted(entry.name))"
            guard let section = Section(entry.tree, title, keys: keys, findings: findings) else { continue }
            let weight = section.integer("weight", -253...253, default: 0)
            checkWeights[entry.name] = weight
            places.command[entry.name] = section.place(of: "command")
            let schedule = self.schedule(section, rise: 1, fall: 1)
            guard oneKind(section, among: ["command", "tcp", "http"], title: title), let probe = self.probe(section)
            else { continue }
            checks.append(
                Configuration.Check(name: entry.name, probe: probe, schedule: schedule, weight: weight))
        }
        return checks
    }

    /// Whether exactly one of the keys that say what a check does is there.
    private func oneKind(_ section: Section, among kinds: [String], title: String) -> Bool {
        let given = kinds.compactMap { kind in section.place(of: kind).map { (kind, $0) } }.sorted { $0.1 < $1.1 }
        let listed = alternatives(kinds.map { "`\($0)`" })
        guard let first = given.first else {
            findings.report("\(title) doesn't say what to do", "add one of \(listed)", at: section.position)
            return false
        }
        for (kind, place) in given.dropFirst() {
            findings.report("\(title) has `\(first.0)` and `\(kind)`", "keep one of \(listed)", at: place)
        }
        for key in Self.httpKeys where first.0 != "http" {
            guard let place = section.place(of: key) else { continue }
            findings.report("`\(key)` belongs to `http` checks only", "remove it", at: place)
        }
        return given.count == 1
    }

    private func probe(_ section: Section) -> Configuration.Probe? {
        if let field = section.optional("command") { return command(field).map { .command($0) } }
        if let field = section.optional("tcp") { return field.endpoint().map { .tcp($0) } }
        guard let field = section.optional("http"), let (address, path) = url(field) else { return nil }
        return http(section, address: address, path: path).map { .http($0) }
    }

    private func http(_ section: Section, address: Endpoint, path: String) -> Configuration.HTTPProbe? {
        let host = section.optional("host")?.printable("a host's name", max: 255, forbidden: " /\\\"#?@")
        let expect = section.optional("expect")?.statusCodes()
        // An authority leaves out the port that the scheme implies (RFC 9110, section 4.2.3).
        let authority = address.port == 80 ? String(address.description.dropLast(3)) : address.description
        let method = section.optional("method")?.printable("a method", max: 16, forbidden: " \"(),/:;<=>?@[\\]{}")
        let bodyField = section.optional("body")
        if method == "HEAD", let bodyField { bodyField.refuse("an answer to HEAD has no body", "use GET") }
        let body = bodyField?.printable("a text that the body contains", max: 256, forbidden: "")
        return Configuration.HTTPProbe(
            address: address, method: method ?? "GET", path: path, host: host ?? authority,
            expect: expect ?? [200...399], body: body)
    }

    /// Program and arguments; no shell reads them.
    private func command(_ field: Field) -> [String]? {
        if case .text(let text, _) = field.tree.content {
            let words = text.split(separator: " ").prefix(8).map { quoted(String($0)) }.joined(separator: ", ")
            field.refuse("`command` must be a list of words; no shell splits it", "write [\(words)]")
            return nil
        }
        guard let items = field.items(limit: Limit.commandWords, "a list of words") else { return nil }
        let words = items.compactMap { $0.text("a list of words") }
        guard words.count == items.count else { return nil }
        guard let program = words.first, program.hasPrefix("/") else {
            (items.first ?? field).refuse(
                "a command begins with the absolute path of a program",
                "write it from the root, as in \"/usr/bin/pgrep\"")
            return nil
        }
        for (word, item) in zip(words, items) where word.utf8.count > 4096 || word.utf8.contains(0) {
            item.refuse("a word of the command is too long or contains a NUL", "keep each below 4096 bytes")
            return nil
        }
        return words
    }

    /// `http://ADDRESS[:PORT]/PATH`.
    private func url(_ field: Field) -> (Endpoint, String)? {
        guard let text = field.text("a URL") else { return nil }
        guard text.hasPrefix("http://") else {
            field.refuse(
                "\(quoted(text)) isn't the URL of a check",
                text.hasPrefix("https:")
                    ? "checks don't speak TLS; use http, or a command" : "write it as \"http://127.0.0.1:8080/health\"")
            return nil
        }
        let rest = text.dropFirst("http://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = String(rest[..<slash])
        if !authority.contains(":") || authority.hasSuffix("]") { authority += ":80" }
        let part = Field(
            key: field.key, place: field.place,
            tree: Tree(content: .text(authority, quoted: true), position: field.position), findings: findings)
        let path = slash == rest.endIndex ? "/" : String(rest[slash...])
        guard let address = part.endpoint(), let path = field.httpPath(path) else { return nil }
        return (address, path)
    }

    /// When a check runs; keepalived's counts for groups' checks, HAProxy's for servers'.
    private func schedule(_ section: Section, rise: Int, fall: Int) -> Configuration.Schedule {
        let interval = section.duration("interval", .milliseconds(50)...(.hours(1)), default: .seconds(2))
        let timeoutField = section.optional("timeout")
        let timeout = timeoutField?.duration(.milliseconds(10)...(.hours(1)))
        if let timeout, timeout > interval {
            timeoutField?.refuse(
                "a timeout of \(timeout) is longer than the interval of \(interval)", "choose at most \(interval)")
        }
        let range = TimeSpan.milliseconds(50)...(.hours(1))
        return Configuration.Schedule(
            interval: interval, fastInterval: section.duration("fast_interval", range, default: interval),
            downInterval: section.duration("down_interval", range, default: interval),
            timeout: timeout ?? min(.seconds(1), interval),
            rise: section.integer("rise", 1...100, default: rise), fall: section.integer("fall", 1...100, default: fall)
        )
    }

    /// A server's agent; nil for one that was reported.
    func agent(_ field: Field, of server: String, at address: Endpoint?) -> Configuration.Agent? {
        let title = "the agent of server \(quoted(server))"
        let keys = ["port", "interval", "timeout", "send"]
        guard let section = Section(field.tree, title, keys: keys, findings: findings) else { return nil }
        let interval = section.duration("interval", .milliseconds(50)...(.hours(1)), default: .seconds(2))
        let timeout = section.duration(
            "timeout", .milliseconds(10)...interval, default: min(.seconds(1), interval))
        let send = section.optional("send")?.printable("a text", max: 256, forbidden: "") ?? ""
        guard let port = section.required("port", "add `port:`, where the agent listens")?.integer(1...65_535),
            let address
        else { return nil }
        return Configuration.Agent(
            address: Endpoint(address: address.address, port: UInt16(port)), interval: interval, timeout: timeout,
            // A line: agents that read one wait for its end.
            send: send.isEmpty ? "" : send + "\n")
    }

    /// A server's check; nil for none, and for one that was reported.
    func serverCheck(_ field: Field, of server: String, at address: Endpoint?) -> Configuration.ServerCheck? {
        if case .text("none", _) = field.tree.content { return nil }
        let title = "the check of server \(quoted(server))"
        let keys = ["http", "tcp", "port"] + Self.httpKeys + Self.scheduleKeys
        guard let section = Section(field.tree, title, keys: keys, findings: findings) else { return nil }
        let schedule = self.schedule(section, rise: 2, fall: 3)
        let port = section.optional("port")?.integer(1...65_535)
        let address = address.map { Endpoint(address: $0.address, port: port.map { UInt16($0) } ?? $0.port) }
        guard oneKind(section, among: ["http", "tcp"], title: title) else { return nil }
        if let tcp = section.optional("tcp") {
            guard tcp.bool() == true else {
                if case .text("false", _) = tcp.tree.content {
                    tcp.refuse("`tcp: false` says nothing", "write `check: none`")
                }
                return nil
            }
            return address.map { Configuration.ServerCheck(probe: .tcp($0), schedule: schedule) }
        }
        guard let path = section.optional("http")?.httpPath() else { return nil }
        // Without an address the path and the rest are read all the same, for their own mistakes.
        let placeholder = Endpoint(address: .unspecified, port: 80)
        guard let probe = http(section, address: address ?? placeholder, path: path), address != nil else { return nil }
        return Configuration.ServerCheck(probe: .http(probe), schedule: schedule)
    }
}
