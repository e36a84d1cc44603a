extension Configuration {
    /// A listener of the proxy and the servers behind it.
    package struct Service: Equatable, Sendable {
        package enum Mode: String, CaseIterable, Equatable, Sendable {
            case http, tcp
        }

        package enum Connection: String, CaseIterable, Equatable, Sendable {
            case keepAlive = "keep-alive"
            case close
        }

        package let name: String
        /// The group whose holder serves it.
        package let group: String
        /// As written; `endpoints` says what they come to.
        package let listen: [Listener]
        /// Every address and port that the group's holder listens on for this service: sorted, never empty, and in no
        /// other service.
        package let endpoints: [Endpoint]
        package let mode: Mode
        package let balance: Balance
        package let connection: Connection
        /// Adds X-Forwarded-For.
        package let forwardedFor: Bool
        /// Binds clients to servers; mode `http` only.
        package let cookie: Cookie?
        /// Further attempts to connect after the first: 0 to 10.
        package let retries: Int
        /// The last attempt may go to another server.
        package let redispatch: Bool
        /// 1 to 1,000,000.
        package let maxConnections: Int
        package let timeouts: Timeouts
        /// Workers that it asks for, 1 to 64.
        package let threads: Int?
        /// Sorted by name; 1 to `Limit.servers`.
        package let servers: [Server]
        /// All backups serve when no ordinary server does, instead of the first.
        package let allBackups: Bool
        /// Requests that wait for a server, in each thread: 0 to 1,000,000.
        package let maxQueue: Int
        package let ejection: Ejection
        /// Sessions of a server that is marked down are closed.
        package let closesSessions: Bool
        package let limits: ClientLimits
        package let accessLog: AccessLog?
        package var traffic: TrafficRules
    }

    /// A place to listen on.
    package struct Listener: Hashable, Sendable {
        /// nil: every virtual address of the service's group.
        package let address: IPAddress?
        package let port: UInt16
    }

    /// HAProxy's `cookie NAME insert indirect nocache`.
    package struct Cookie: Equatable, Sendable {
        package let name: String
        /// The proxy sets the cookie.
        package let insert: Bool
        /// The servers don't see it.
        package let indirect: Bool
        /// A response that sets it isn't cacheable.
        package let nocache: Bool
        /// One that the server sets itself stays.
        package let preserve: Bool
        package let secure: Bool
        package let httpOnly: Bool
        package let sameSite: SameSite?
        /// 1 s to ten years; nil: until the browser ends.
        package let maxAge: TimeSpan?
        package let domain: String?
        package let path: String

        package enum SameSite: String, CaseIterable, Equatable, Sendable {
            case lax, strict, none
        }
    }

    /// Each 10 ms to 24 h.
    package struct Timeouts: Equatable, Sendable {
        /// To reach a server, over all attempts.
        package let connect: TimeSpan
        /// For one attempt while there is another server to try.
        package let attempt: TimeSpan
        /// Silence of the client.
        package let client: TimeSpan
        /// Silence of the server.
        package let server: TimeSpan
        /// For the whole head of a request to arrive.
        package let request: TimeSpan
        /// For a server's turn.
        package let queue: TimeSpan
    }

    /// A server behind a service.
    package struct Server: Equatable, Sendable {
        package let name: String
        package let address: Endpoint
        /// Its value of the service's cookie; there exactly when the service has a cookie.
        package let cookie: String?
        /// 0 to 256; 0: gets nothing new.
        package let weight: Int
        /// nil: taken for healthy.
        package let check: ServerCheck?
        /// Starts drained: no new clients, bound ones stay.
        package let drain: Bool
        /// Used only while no ordinary server is.
        package let isBackup: Bool
        /// 0 to 24 h.
        package let slowStart: TimeSpan
        /// Requests at once; 0: no limit.
        package let maxConnections: Int
        /// Who is asked how the server fares; nil: nobody.
        package let agent: Agent?
        /// Tells it who the client is.
        package let sendProxy: ProxyHeader?
    }

    /// A program beside a server that says how it fares: HAProxy's agent-check.
    package struct Agent: Equatable, Sendable {
        package let address: Endpoint
        /// 50 ms to 1 h.
        package let interval: TimeSpan
        /// 10 ms to `interval`.
        package let timeout: TimeSpan
        /// Said to it first; empty: nothing.
        package let send: String
    }

    /// A server's health check.
    package struct ServerCheck: Equatable, Sendable {
        /// `.tcp` or `.http`, at the server's address, or at another port of it.
        package let probe: Probe
        package let schedule: Schedule
    }
}
