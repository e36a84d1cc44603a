/// What servers are told about the client, without references: a part of `RequestRules`.
struct ForwardingRules {
    enum Known {
        case clientHeader, forwarded, scheme, port
    }

    /// The header for the client's address in lower case; empty: none.
    var header = OwnedText()
    var existing = ServicePlan.Forwarding.Existing.append
    var forwarded = false
    var setsScheme = false
    var isHTTPS = false
    var port = false

    init() {}

    init(_ rules: ServicePlan.Forwarding, forwardedFor: Bool) {
        if forwardedFor { header = OwnedText(rules.header.lowercased()) }
        existing = rules.existing
        forwarded = rules.forwarded
        setsScheme = rules.scheme != nil
        isHTTPS = rules.scheme == .https
        port = rules.port
    }

    /// Lengths of the names that have to be looked at.
    var lengths: UInt64 {
        (header.count > 0 ? HeadEdits.bit(header.count) : 0) | (forwarded ? HeadEdits.bit(9) : 0)
            | (setsScheme ? HeadEdits.bit(17) : 0) | (port ? HeadEdits.bit(16) : 0)
    }

    /// Which of our fields a line is, also when it is spelt with `_`. nil: another.
    func known(_ name: UnsafePointer<UInt8>, _ count: Int) -> Known? {
        if header.isAlias(of: name, count) { return .clientHeader }
        switch count {
        case 9 where forwarded && HeaderText.equals(name, "forwarded"): return .forwarded
        case 16 where port && HeaderText.isAlias(name, "x-forwarded-port"): return .port
        case 17 where setsScheme && HeaderText.isAlias(name, "x-forwarded-proto"): return .scheme
        default: return nil
        }
    }

    func putScheme(into output: inout HeadOutput) { output.put(isHTTPS ? "https" : "http") }
}

/// Who sent a request, and to which of our ports.
struct RequestSource {
    var address = ClientAddress()
    var localPort: UInt16 = 0
}
