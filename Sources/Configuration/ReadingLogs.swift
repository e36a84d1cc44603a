/// Where the access logs go, and who may read the metrics.
extension Reading {
    /// A service's access log; nil for none, and for one that was reported.
    func accessLog(_ section: Section) -> Configuration.AccessLog? {
        guard let field = section.optional("access_log") else { return nil }
        if case .text("none", _) = field.tree.content { return nil }
        let keys = ["format", "to", "facility", "framing", "tag"]
        guard let log = Section(field.tree, "`access_log`", keys: keys, findings: findings) else { return nil }
        let format = log.choice("format", default: Configuration.AccessLog.Format.json)
        let facility = log.optional("facility").flatMap(facility)
        let framing = log.choice("framing", default: Configuration.AccessLog.Framing.rfc3164)
        let tag = log.optional("tag")?.printable("a word", max: 32, forbidden: " []:\"") ?? "electd"
        guard let place = log.required("to", "add `to: journald`, a file's path, or \"syslog:IP:PORT\"").flatMap(place)
        else { return nil }
        for key in ["facility", "tag", "framing"] where !place.takes(key) {
            guard let position = log.place(of: key) else { continue }
            findings.report("`\(key)` means nothing for `to: \(place)`", "remove it", at: position)
        }
        return Configuration.AccessLog(
            format: format, place: place, facility: facility ?? 16, framing: framing, tag: tag)
    }

    private func place(_ field: Field) -> Configuration.AccessLog.Place? {
        guard let text = field.text("journald, stdout, a path, or syslog") else { return nil }
        switch text {
        case "journald": return .journald
        case "stdout": return .stdout
        case "syslog": return .syslogSocket("/dev/log")
        default: break
        }
        if text.hasPrefix("/") { return field.path().map { .file($0) } }
        let prefix = "syslog:"
        guard text.hasPrefix(prefix) else {
            let words = ["journald", "stdout", "syslog"]
            let near = nearest(to: text, among: words).map { "did you mean \($0)?" }
            field.refuse(
                "\(quoted(text)) is no place for a log",
                near ?? "write journald, stdout, a file's absolute path, syslog, syslog:/PATH or \"syslog:IP:PORT\"")
            return nil
        }
        let rest = String(text.dropFirst(prefix.count))
        let part = Field(
            key: field.key, place: field.place,
            tree: Tree(content: .text(rest, quoted: true), position: field.position), findings: findings)
        if !rest.hasPrefix("/") { return part.endpoint().map { .syslogUDP($0) } }
        guard rest.utf8.count <= 107 else {
            field.refuse("the path of a socket has at most 107 bytes", "choose a shorter one")
            return nil
        }
        return part.path().map { .syslogSocket($0) }
    }

    private static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
        "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ]

    private func facility(_ field: Field) -> Int? {
        guard let text = field.text("a facility of syslog") else { return nil }
        if let number = Self.facilities.firstIndex(of: text) { return number }
        let near = nearest(to: text, among: Self.facilities).map { "did you mean \($0)?" }
        field.refuse("\(quoted(text)) is no facility of syslog", near ?? "write daemon, user, or local0 to local7")
        return nil
    }

    /// Where the metrics are read besides the control socket.
    mutating func metrics(_ root: Section) -> Configuration.Metrics? {
        guard let field = root.optional("metrics"),
            let section = Section(field.tree, "`metrics`", keys: ["listen", "path"], findings: findings)
        else { return nil }
        let listen = section.required("listen", "add `listen: \"IP:PORT\"`")
        let endpoint = listen?.endpoint()
        let path = section.optional("path")?.httpPath() ?? "/metrics"
        guard let listen, let endpoint else { return nil }
        claim([endpoint], for: "the metrics", at: listen)
        return Configuration.Metrics(listen: endpoint, path: path)
    }
}

extension Configuration.AccessLog.Place: CustomStringConvertible {
    package var description: String {
        switch self {
        case .journald: "journald"
        case .stdout: "stdout"
        case .file(let path): path
        case .syslogSocket(let path): "syslog:\(path)"
        case .syslogUDP(let endpoint): "syslog:\(endpoint)"
        }
    }

    fileprivate func takes(_ key: String) -> Bool {
        switch self {
        case .file, .stdout: false
        case .journald: key != "framing"
        case .syslogSocket, .syslogUDP: true
        }
    }
}
