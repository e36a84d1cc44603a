extension Reading {
    private static let tokenForbidden = " \"(),/:;<=>?@[\\]{}"

    /// One word, or a mapping that says what the hash is of.
    ///
    /// - Parameter absent: where the section doesn't say.
    func balance(
        _ section: Section, default absent: Configuration.Balance, mode: Configuration.Service.Mode
    ) -> Configuration.Balance {
        guard let field = section.optional("balance") else { return absent }
        let balance = self.balance(field)
        switch balance {
        case .consistent(.uri) where mode == .tcp, .consistent(.header) where mode == .tcp:
            field.refuse(
                "there is neither URI nor header in mode tcp", "write { hash: source }, or choose `mode: http`")
        default: break
        }
        return balance
    }

    private func balance(_ field: Field) -> Configuration.Balance {
        if case .mapping = field.tree.content { return hashBalance(field) ?? .roundrobin }
        let words: [(String, Configuration.Balance)] = [
            ("roundrobin", .roundrobin), ("leastconn", .leastconn), ("random", .random), ("source", .source),
            ("uri", .consistent(.uri(withQuery: false))),
        ]
        let known = words.map(\.0)
        guard let text = field.text(alternatives(known)) else { return .roundrobin }
        if let word = words.first(where: { $0.0 == text }) { return word.1 }
        field.refuse(
            "`balance` can't be \(quoted(text))",
            nearest(to: text, among: known).map { "did you mean \($0)?" }
                ?? "write \(alternatives(known)), or { hash: source }, { hash: uri } or { hash: header, name: NAME }")
        return .roundrobin
    }

    private enum HashWord: String, CaseIterable {
        case source, uri, header
    }

    private func hashBalance(_ field: Field) -> Configuration.Balance? {
        guard let rule = Section(field.tree, "`balance`", keys: ["hash", "query", "name"], findings: findings),
            let word: HashWord = rule.required("hash", "add `hash: source`, `uri` or `header`")?.choice()
        else { return nil }
        if word != .uri, let place = rule.place(of: "query") {
            findings.report("`query` belongs to `hash: uri`", "remove it", at: place)
        }
        if word != .header, let place = rule.place(of: "name") {
            findings.report("`name` belongs to `hash: header`", "remove it", at: place)
        }
        switch word {
        case .source: return .consistent(.source)
        case .uri: return .consistent(.uri(withQuery: rule.bool("query", default: false)))
        case .header:
            return rule.required("name", "add the header's name, as in `name: X-Tenant`")?
                .printable("a token of RFC 9110", max: 64, forbidden: Self.tokenForbidden)
                .map { .consistent(.header($0)) }
        }
    }

    func timeouts(_ section: Section) -> Configuration.Timeouts {
        let keys = ["connect", "try", "client", "server", "request", "queue"]
        let rules = section.optional("timeouts").flatMap {
            Section($0.tree, "`timeouts`", keys: keys, findings: findings)
        }
        func read(_ key: String, _ absent: TimeSpan) -> TimeSpan {
            rules?.duration(key, .milliseconds(10)...(.hours(24)), default: absent) ?? absent
        }
        let connect = read("connect", .seconds(5))
        return Configuration.Timeouts(
            connect: connect, attempt: read("try", .milliseconds(500)), client: read("client", .seconds(50)),
            server: read("server", .seconds(50)), request: read("request", .seconds(10)),
            queue: read("queue", connect))
    }

    /// `none`, or what makes a server fail.
    func ejection(_ section: Section) -> Configuration.Ejection {
        let field = section.optional("eject")
        if let field, case .text(let text, _) = field.tree.content {
            if text != "none" {
                field.refuse("`eject` must be a mapping or none, not \(quoted(text))", "write { errors: 3, for: 2s }")
            }
            return Configuration.Ejection(errors: 0, serverErrors: 0, duration: .seconds(2), share: 50)
        }
        let rule = field.flatMap {
            Section($0.tree, "`eject`", keys: ["errors", "server_errors", "for", "share"], findings: findings)
        }
        let standard = Configuration.Ejection.standard
        guard let rule else { return standard }
        return Configuration.Ejection(
            errors: rule.integer("errors", 0...1_000, default: standard.errors),
            serverErrors: rule.integer("server_errors", 0...1_000, default: standard.serverErrors),
            duration: rule.duration("for", .milliseconds(100)...(.hours(1)), default: standard.duration),
            share: rule.integer("share", 1...100, default: standard.share))
    }

    func clientLimits(_ section: Section) -> Configuration.ClientLimits {
        let rule = section.optional("limits").flatMap {
            Section($0.tree, "`limits`", keys: ["head", "fields", "body_rate", "per_source"], findings: findings)
        }
        let source = rule?.optional("per_source").flatMap {
            Section($0.tree, "`per_source`", keys: ["connections", "requests", "within"], findings: findings)
        }
        if let source, source.place(of: "within") != nil, source.place(of: "requests") == nil {
            findings.report(
                "`within` says nothing without `requests`", "add `requests: 100`, or remove it", at: source.position)
        }
        let standard = Configuration.ClientLimits.standard
        guard let rule else { return standard }
        return Configuration.ClientLimits(
            head: (rule.optional("head")?.size(1_024...32_768)).map(Int.init) ?? standard.head,
            fields: rule.integer("fields", 10...1_000, default: standard.fields),
            bodyRate: rule.integer("body_rate", 0...1_048_576, default: standard.bodyRate),
            sourceConnections: source?.integer("connections", 0...1_000_000, default: 0) ?? 0,
            sourceRequests: source?.integer("requests", 0...1_000_000, default: 0) ?? 0,
            sourcePeriod: source?.duration("within", .milliseconds(100)...(.hours(1)), default: standard.sourcePeriod)
                ?? standard.sourcePeriod)
    }
}
