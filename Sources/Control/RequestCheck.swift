/// Decides from a request's head alone whether it goes to the daemon; what it refuses, the daemon never sees.
package struct RequestCheck: Sendable {
    /// Longest body of an order.
    package static let bodyLimit = 64 * 1024
    /// Of one with a configuration in it.
    package static let textLimit = 256 * 1024

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
            guard length <= route.bodyLimit else { return .refused(Self.tooLarge(for: route)) }
        }
        return .accepted(route, query: parts.count > 1 ? String(parts[1]) : "")
    }

    static func tooLarge(for route: ControlRoute) -> ControlResponse {
        .refusal(413, "the body is over \(route.bodyLimit) bytes")
    }
}

extension ControlRoute {
    /// Bytes of a request's body.
    var bodyLimit: Int { self == .apply ? RequestCheck.textLimit : RequestCheck.bodyLimit }
}
