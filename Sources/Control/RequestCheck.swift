/// Decides from a request's head alone whether it goes to the daemon; what it refuses, the daemon never sees.
package struct RequestCheck: Sendable {
    /// Longest body.
    package static let bodyLimit = 64 * 1024

    package enum Verdict: Equatable {
        case accepted(ControlRoute, query: String)
        case refused(ControlResponse)
    }

    private let authority: ControlAuthority

    package init(authority: ControlAuthority) { self.authority = authority }

    package func verdict(method: String, uri: String, contentLength: String?, caller: PeerCredentials) -> Verdict {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, let route = ControlRoute(rawValue: String(path)) else {
            return .refused(
                .refusal(404, "no such path; there are \(ControlRoute.allCases.map(\.rawValue).joined(separator: " "))")
            )
        }
        guard method == route.method.rawValue else {
            return .refused(.refusal(405, "\(route.rawValue) answers to \(route.method.rawValue)"))
        }
        guard authority.permits(route.method, to: caller) else {
            return .refused(.refusal(403, "uid \(caller.uid) may look, but not change anything; do it as root"))
        }
        if let contentLength {
            guard let length = Int(contentLength), length >= 0 else {
                return .refused(.refusal(400, "content-length is not a number"))
            }
            guard length <= Self.bodyLimit else { return .refused(Self.tooLarge) }
        }
        return .accepted(route, query: parts.count > 1 ? String(parts[1]) : "")
    }

    static let tooLarge = ControlResponse.refusal(413, "the body is over \(bodyLimit) bytes")
}
