/// How a service spreads its requests, and what it takes from clients and servers.
extension Configuration {
    /// How requests are spread over servers, weights counting.
    package enum Balance: Equatable, Sendable, CustomStringConvertible {
        case roundrobin, leastconn, random, source
        case consistent(HashKey)

        package var description: String {
            switch self {
            case .roundrobin: "roundrobin"
            case .leastconn: "leastconn"
            case .random: "random"
            case .source: "source"
            case .consistent(let key): "hash \(key)"
            }
        }
    }

    /// What a request's server is found by on a ring.
    package enum HashKey: Equatable, Sendable, CustomStringConvertible {
        case source
        case uri(withQuery: Bool)
        case header(String)

        package var description: String {
            switch self {
            case .source: "source"
            case .uri(let withQuery): "uri query=\(withQuery)"
            case .header(let name): "header \(name.lowercased())"
            }
        }
    }

    /// When servers that fail are left out for a while.
    package struct Ejection: Equatable, Sendable {
        /// Failed connects in a row, and 5xx in a row: 0 to 1000; 0: never.
        package let errors: Int
        package let serverErrors: Int
        /// 100 ms to 1 h.
        package let duration: TimeSpan
        /// Percent of the servers: 1 to 100.
        package let share: Int

        static let standard = Ejection(errors: 3, serverErrors: 0, duration: .seconds(2), share: 50)
    }

    /// What clients may do.
    package struct ClientLimits: Equatable, Sendable {
        /// Bytes, 1 KiB to 32 KiB.
        package let head: Int
        /// 10 to 1000.
        package let fields: Int
        /// Bytes a second, 0 to 1 MiB; 0: no limit.
        package let bodyRate: Int
        /// Of one address; 0: no limit.
        package let sourceConnections: Int
        /// Of one address in `sourcePeriod`; 0: no limit.
        package let sourceRequests: Int
        /// 100 ms to 1 h.
        package let sourcePeriod: TimeSpan

        static let standard = ClientLimits(
            head: 16_384, fields: 100, bodyRate: 240, sourceConnections: 0, sourceRequests: 0, sourcePeriod: .seconds(1)
        )
    }
}
