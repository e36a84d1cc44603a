/// One health check as the configuration states it: what to probe, how often, and how many answers make a verdict.
///
/// Two plans are equal when nothing about them differs; ``CheckRunner/apply(_:)`` leaves such a check alone.
package struct CheckPlan: Sendable, Hashable {
    /// What a check does each time it is due.
    package enum Probe: Sendable, Hashable {
        /// Runs a program; `argv[0]` is an absolute path. Exit status 0 passes, everything else fails.
        case command([String])
        /// Opens a TCP connection and closes it again.
        case tcp(Endpoint)
        /// Sends one HTTP/1.1 request and looks at the answer.
        case http(HTTPProbe)
        /// Connects, says `send` if it isn't empty, and reads one line: HAProxy's agent-check.
        case agent(Endpoint, send: String)
    }

    /// What is believed before the first result is in.
    package enum Assumption: Sendable, Hashable {
        /// Nothing: the first result decides, whatever `rise` and `fall` say.
        case undecided
        /// It works; one failure is enough to say otherwise (keepalived's and HAProxy's default).
        case passing
        /// It doesn't, until `rise` successes in a row (keepalived's `init_fail`).
        case failing
    }

    /// Unique within one ``CheckRunner``: `web` for a group's check, `cluster37/fred` for a service's server.
    package let name: String
    package let probe: Probe
    /// Between two starts, 10 ... 86,400,000 ms. A probe that takes longer delays the next one, it is never doubled.
    package let intervalMS: Int
    /// The same while results begin to speak against the verdict, and while it is failing for good: HAProxy's
    /// `fastinter` and `downinter`.
    package let fastIntervalMS: Int
    package let downIntervalMS: Int
    /// For the whole probe, 1 ... 3,600,000 ms.
    package let timeoutMS: Int
    /// Successes in a row that make a failing check pass, 1 ... 1000.
    package let rise: Int
    /// Failures in a row that make a passing check fail, 1 ... 1000.
    package let fall: Int
    package let initially: Assumption

    /// Values out of range are moved to the nearest end of it: the configuration has complained before.
    package init(
        name: String, probe: Probe, intervalMS: Int, timeoutMS: Int, rise: Int = 1, fall: Int = 1,
        initially: Assumption = .undecided, fastIntervalMS: Int? = nil, downIntervalMS: Int? = nil
    ) {
        self.name = name
        self.probe = probe
        self.intervalMS = min(max(intervalMS, 10), 86_400_000)
        self.fastIntervalMS = min(max(fastIntervalMS ?? intervalMS, 10), 86_400_000)
        self.downIntervalMS = min(max(downIntervalMS ?? intervalMS, 10), 86_400_000)
        self.timeoutMS = min(max(timeoutMS, 1), 3_600_000)
        self.rise = min(max(rise, 1), 1000)
        self.fall = min(max(fall, 1), 1000)
        self.initially = initially
    }
}

/// Where a network probe connects to.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 address in digits, without brackets. Names are not looked up: a resolver that hangs would
    /// look like a server that does.
    package let address: String
    package let port: UInt16

    package init(address: String, port: UInt16) {
        self.address = address
        self.port = port
    }

    package var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

/// The request of an HTTP probe and what its answer must look like.
package struct HTTPProbe: Sendable, Hashable {
    package let endpoint: Endpoint
    /// `GET`, `HEAD` or `OPTIONS`, as a rule.
    package let method: String
    /// Origin form: begins with `/`.
    package let path: String
    /// The `Host` header; nil sends the endpoint itself.
    package let host: String?
    /// Status codes that pass.
    package let expected: [ClosedRange<Int>]
    /// If set, these bytes must stand somewhere in the first 64 KiB of the body.
    package let bodyContains: String?
    /// What stands before the request; nil: nothing.
    package let introduction: Introduction?

    /// The default accepts what HAProxy's `option httpchk` accepts: 2xx and 3xx.
    package init(
        endpoint: Endpoint, method: String = "GET", path: String = "/", host: String? = nil,
        expected: [ClosedRange<Int>] = [200...399], bodyContains: String? = nil, introduction: Introduction? = nil
    ) {
        self.endpoint = endpoint
        self.method = method
        self.path = path
        self.host = host
        self.expected = expected
        self.bodyContains = bodyContains
        self.introduction = introduction
    }
}
