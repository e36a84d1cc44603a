/// One service of the proxy on this node.
package struct ServiceStatus: Codable, Sendable, Equatable {
    package enum Mode: String, Codable, Sendable { case http, tcp }

    package var name: String
    package var group: String
    package var mode: Mode
    /// Addresses and ports it listens on.
    package var listen: [String]
    /// Connections are accepted here, now.
    package var active: Bool
    /// Sessions now, and since the proxy process started.
    package var sessions: Int
    package var sessionsTotal: UInt64
    package var bytesIn: UInt64 = 0
    package var bytesOut: UInt64 = 0
    package var responses = ResponseCounts()
    /// Requests refused by the parser, sessions over the limit, requests no server took.
    package var requestsDenied: UInt64 = 0
    package var sessionsRefused: UInt64 = 0
    package var servers: [ServerStatus] = []
    /// Every figure under its name in HAProxy's `show stat`; times in milliseconds, ages in seconds.
    @OrNull package var stats: [String: UInt64]?
    /// From request to end, and from the request sent to the response's head.
    @OrNull package var latency: LatencyStatus?
    @OrNull package var responseLatency: LatencyStatus?

    package init(
        name: String, group: String, mode: Mode, listen: [String], active: Bool, sessions: Int = 0,
        sessionsTotal: UInt64 = 0
    ) {
        self.name = name
        self.group = group
        self.mode = mode
        self.listen = listen
        self.active = active
        self.sessions = sessions
        self.sessionsTotal = sessionsTotal
    }

    package enum CodingKeys: String, CodingKey {
        case name, group, mode, listen, active, sessions, responses, servers, stats, latency
        case responseLatency = "response_latency"
        case sessionsTotal = "sessions_total"
        case bytesIn = "bytes_in"
        case bytesOut = "bytes_out"
        case requestsDenied = "requests_denied"
        case sessionsRefused = "sessions_refused"
    }
}

/// A backend server of a service.
package struct ServerStatus: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable {
        case up, down
        /// Taken out by the operator: sessions end, no new ones begin but of those bound to it.
        case drain
        /// The same for everyone, whatever the checks say.
        case maintenance
        /// No check is configured, or none has answered yet; it gets requests.
        case unchecked
    }

    package var name: String
    package var address: String
    package var state: State
    /// The last check in words.
    package var detail: String
    package var sessions: Int
    package var sessionsTotal: UInt64
    package var responses = ResponseCounts()
    /// Connections that failed.
    package var connectErrors: UInt64 = 0
    /// Answers that were invalid, too slow, or broken off.
    package var responseErrors: UInt64 = 0
    /// Requests tried again, and requests given to another server.
    package var retries: UInt64 = 0
    package var redispatches: UInt64 = 0
    @OrNull package var stats: [String: UInt64]?
    @OrNull package var latency: LatencyStatus?
    @OrNull package var responseLatency: LatencyStatus?

    package init(
        name: String, address: String, state: State, detail: String, sessions: Int = 0, sessionsTotal: UInt64 = 0
    ) {
        self.name = name
        self.address = address
        self.state = state
        self.detail = detail
        self.sessions = sessions
        self.sessionsTotal = sessionsTotal
    }

    package enum CodingKeys: String, CodingKey {
        case name, address, state, detail, sessions, responses, retries, redispatches, stats, latency
        case responseLatency = "response_latency"
        case sessionsTotal = "sessions_total"
        case connectErrors = "connect_errors"
        case responseErrors = "response_errors"
    }
}

/// HTTP answers by class, under HAProxy's names.
package struct ResponseCounts: Codable, Sendable, Equatable {
    package var informational: UInt64 = 0
    package var success: UInt64 = 0
    package var redirection: UInt64 = 0
    package var clientError: UInt64 = 0
    package var serverError: UInt64 = 0
    package var other: UInt64 = 0

    package init() {}

    /// By class, as `2xx`.
    package var named: [(String, UInt64)] {
        [
            ("1xx", informational), ("2xx", success), ("3xx", redirection), ("4xx", clientError), ("5xx", serverError),
            ("other", other),
        ]
    }

    package enum CodingKeys: String, CodingKey {
        case informational = "hrsp_1xx"
        case success = "hrsp_2xx"
        case redirection = "hrsp_3xx"
        case clientError = "hrsp_4xx"
        case serverError = "hrsp_5xx"
        case other = "hrsp_other"
    }
}
