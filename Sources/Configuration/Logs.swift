extension Configuration {
    /// One line for each request, or in mode `tcp` for each connection.
    package struct AccessLog: Equatable, Sendable {
        package enum Format: String, CaseIterable, Equatable, Sendable {
            case json
            /// HAProxy's `option httplog`; in mode `tcp` its `option tcplog`.
            case httplog
        }

        package enum Place: Equatable, Sendable {
            case journald
            case stdout
            /// An absolute path.
            case file(String)
            /// The path of a datagram socket, at most 107 bytes.
            case syslogSocket(String)
            case syslogUDP(Endpoint)
        }

        package enum Framing: String, CaseIterable, Equatable, Sendable {
            case rfc3164, rfc5424
        }

        package let format: Format
        package let place: Place
        /// RFC 5424 section 6.2.1: 0 to 23.
        package let facility: Int
        package let framing: Framing
        /// 1 to 32 printable characters.
        package let tag: String

        var canonical: String { "access_log \(format.rawValue) \(place) \(facility) \(framing.rawValue) \(tag)" }
    }

    /// Prometheus text for whoever connects.
    package struct Metrics: Equatable, Sendable {
        package let listen: Endpoint
        /// Begins with a slash.
        package let path: String
    }
}
