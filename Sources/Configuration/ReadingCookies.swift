/// The rule for a service's persistence cookie, and each server's value of it.
extension Reading {
    private static let cookieKeys = [
        "name", "insert", "indirect", "nocache", "preserve", "secure", "http_only", "same_site", "max_age", "domain",
        "path",
    ]

    func cookie(_ section: Section) -> Configuration.Cookie? {
        guard let field = section.optional("cookie") else { return nil }
        if case .text(let name, _) = field.tree.content {
            field.refuse(
                "`cookie` must be a mapping, not \(quoted(name))",
                "write { name: \(name.isEmpty ? "SERVERNAME" : quoted(name)) }")
            return nil
        }
        guard let rule = Section(field.tree, "`cookie`", keys: Self.cookieKeys, findings: findings),
            let name = rule.required("name", "add the cookie's name, as in `name: SERVERNAME`")?
                .printable("a token of RFC 9110", max: 64, forbidden: " \"(),/:;<=>?@[\\]{}")
        else { return nil }
        let insert = rule.bool("insert", default: true)
        let preserve = rule.bool("preserve", default: false)
        if preserve && !insert {
            findings.report(
                "`preserve` says nothing without `insert`", "remove it, or `insert: false`",
                at: rule.place(of: "preserve") ?? rule.position)
        }
        let sameSite: Configuration.Cookie.SameSite? = rule.optional("same_site")?.choice()
        let secure = rule.bool("secure", default: false)
        if sameSite == .some(.none) && !secure {
            findings.report(
                "browsers throw away a cookie with `same_site: none` that isn't secure", "add `secure: true`",
                at: rule.place(of: "same_site") ?? rule.position)
        }
        return Configuration.Cookie(
            name: name, insert: insert, indirect: rule.bool("indirect", default: true),
            nocache: rule.bool("nocache", default: true), preserve: preserve, secure: secure,
            httpOnly: rule.bool("http_only", default: false), sameSite: sameSite,
            maxAge: rule.optional("max_age")?.duration(.seconds(1)...(.hours(87_600))),
            domain: rule.optional("domain")?.printable("a domain such as example.com", max: 128, forbidden: " ;,=/\""),
            path: rule.optional("path")?.cookiePath() ?? "/")
    }

    /// A server's cookie, which it has exactly when the service has a rule for one.
    func serverCookie(
        _ server: Section, hasCookie: Bool, known: inout [String: (server: String, place: Position)], name: String
    ) -> String? {
        guard hasCookie else {
            if let place = server.place(of: "cookie") {
                findings.report(
                    "\(server.title) has a cookie and its service has no rule for one",
                    "add `cookie: { name: SERVERNAME }` to the service, or remove this", at: place)
            }
            return nil
        }
        // RFC 6265, section 4.1.1: cookie-octet.
        guard let field = server.required("cookie", "add `cookie: \(name)`, the value that binds clients to it"),
            let value = field.printable("a cookie's value", max: 64, forbidden: " \",;\\")
        else { return nil }
        guard let other = known[value] else {
            known[value] = (name, field.position)
            return value
        }
        let isLater = other.place < field.position
        let (late, early) = isLater ? (name, other.server) : (other.server, name)
        findings.report(
            "server \(quoted(late)) has the cookie value of server \(quoted(early)), \(quoted(value))",
            "give each its own", at: isLater ? field.position : other.place)
        return value
    }
}
