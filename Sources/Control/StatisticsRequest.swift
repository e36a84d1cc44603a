import NIOHTTP1

/// What a request to the statistics page asks for, read off its head alone.
struct StatisticsRequest: Equatable {
    enum Form: Equatable {
        /// For people; reloads itself unless `norefresh` was asked for, as in HAProxy.
        case page(refreshing: Bool)
        /// ``StatusReport``.
        case json
        /// HAProxy's `show stat`.
        case csv
        /// Prometheus text; what a server of metrics has instead of the others.
        case metrics
    }

    /// Why a request isn't answered; the connection ends with it, since its body may follow.
    enum Refusal: Error, Equatable {
        case malformed, notFound, wrongMethod, withBody
    }

    let form: Form
    let isHead: Bool
    /// The bytes behind `Basic`, decoded: `user:password`; nil without, or when they are no such thing.
    let credentials: [UInt8]?

    init(_ head: HTTPRequestHead, path: String) throws(Refusal) {
        guard head.version == .http1_0 || (head.version == .http1_1 && head.headers["host"].count == 1) else {
            throw .malformed
        }
        guard let form = Self.form(of: head.uri, path: path) else { throw .notFound }
        guard head.method == .GET || head.method == .HEAD else { throw .wrongMethod }
        let length = head.headers["content-length"]
        guard length.isEmpty || length == ["0"], head.headers["transfer-encoding"].isEmpty else { throw .withBody }
        self.form = form
        isHead = head.method == .HEAD
        credentials = Self.credentials(head.headers["authorization"])
    }

    /// `PATH`, with HAProxy's `;csv` or with `?json`; what isn't known is passed over.
    private static func form(of uri: String, path: String) -> Form? {
        var target = Substring(uri)
        // RFC 9112 section 3.2.2: a server takes the absolute form, too.
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            let rest = target.dropFirst(scheme.count)
            target = rest[(rest.firstIndex(of: "/") ?? rest.endIndex)...]
        }
        guard target.hasPrefix(path) else { return nil }
        let rest = target.dropFirst(path.count)
        guard rest.isEmpty || rest.first == "?" || rest.first == ";" else { return nil }
        let words = rest.split { $0 == "?" || $0 == ";" || $0 == "&" }
        if words.contains("json") { return .json }
        if words.contains("csv") { return .csv }
        return .page(refreshing: !words.contains("norefresh"))
    }

    /// RFC 7617. Two such fields are no credentials: each could be meant.
    private static func credentials(_ fields: [String]) -> [UInt8]? {
        guard fields.count == 1 else { return nil }
        let words = fields[0].split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "basic" else { return nil }
        return CredentialCheck.decode(words[1])
    }
}
