/// Everything the proxy process has to know: its services, their servers, and how many threads work on them.
///
/// A plan is a value. The supervisor encodes it and hands it over with the bound listening sockets; the proxy replaces
/// its whole plan by it. Services are the same across plans when their names are, servers when name and address are:
/// those keep their connections, counters and what is known about their health.
package struct ServicePlan: Equatable, Sendable {
    /// Worker threads: 1 to `Limit.threads`. Each has its own listening sockets, so the first plan that a supervisor
    /// takes decides; later ones keep that number.
    package var threads: Int
    package var services: [Service]
    /// Client connections of all services at once, 1 to `Limit.connections`; further ones wait in the kernel's queue.
    package var maxConnections: Int
    /// MiB of buffers for requests, bodies and responses on their way, of all workers together, 4 to 1,048,576. Beyond it
    /// the proxy reads and accepts nothing more until some are free.
    package var bufferMebibytes: Int

    package init(threads: Int = 1, services: [Service], maxConnections: Int = 100_000, bufferMebibytes: Int = 256) {
        self.threads = threads
        self.maxConnections = maxConnections
        self.bufferMebibytes = bufferMebibytes
        self.services = services
    }

    package enum Limit {
        package static let threads = 64
        package static let services = 256
        package static let listeners = 64
        package static let servers = 1024
        /// Of one service.
        package static let pools = 64
        /// Of all services together.
        package static let allServers = 8192
        /// Bytes of UTF-8 in any name.
        package static let name = 128
        package static let cookieValue = 128
        package static let connections = 1_000_000
        package static let retries = 100
        package static let weight = 256
        /// 24 h.
        package static let timeout: Milliseconds = 86_400_000
    }

    package typealias Milliseconds = UInt32

    package enum Mode: UInt8, CaseIterable, Sendable {
        case http, tcp
    }

    package enum ConnectionPolicy: UInt8, CaseIterable, Sendable {
        case keepAlive
        /// One request a connection on both sides: HAProxy's `option httpclose`.
        case close
    }

    /// What checks say about a server.
    package enum Health: UInt8, CaseIterable, Sendable {
        /// No check has passed yet: it gets nothing.
        case unverified
        case up
        case down
    }

    /// What the operator says about a server; it gets requests only if its health agrees.
    package enum Duty: UInt8, CaseIterable, Sendable {
        case ready
        /// No new clients; those bound to it by cookie are still served.
        case drain
        /// Nobody.
        case maintenance
    }

    /// Each 10 ms to 24 h.
    package struct Timeouts: Equatable, Sendable {
        /// To reach a server, over all attempts for a request.
        package var connect: Milliseconds
        /// For one attempt while another server could be tried; the last one has what `connect` leaves. A lost SYN is
        /// sent again after 1 s (RFC 6298): by then another server has answered.
        package var attempt: Milliseconds
        /// Silence of a client that has to say or take something.
        package var client: Milliseconds
        /// Silence of a server that has to say or take something.
        package var server: Milliseconds
        /// From accept, or the first byte of a later request, to the end of its head, whatever trickles in meanwhile.
        /// A kept connection may idle as long.
        package var request: Milliseconds
        /// A request's patience while no server takes it; HAProxy's `timeout queue`, which defaults to `connect`.
        package var queue: Milliseconds

        package init(
            connect: Milliseconds = 5_000, client: Milliseconds = 50_000, server: Milliseconds = 50_000,
            request: Milliseconds = 10_000, queue: Milliseconds? = nil, attempt: Milliseconds = 500
        ) {
            self.connect = connect
            self.client = client
            self.server = server
            self.request = request
            self.queue = queue ?? connect
            self.attempt = attempt
        }
    }

    package struct Server: Equatable, Sendable {
        package var name: String
        package var address: Endpoint
        /// The persistence cookie's value that stands for it.
        package var cookie: String?
        /// Says who the client is; a connection serves one client only then.
        package var proxyHeader = ProxyHeader.none
        /// 0 to `Limit.weight`; 0: no new clients.
        package var weight: Int
        /// Where it stands until the first `set`; `.up` for a server without a check.
        package var health: Health
        package var duty: Duty
        /// Used only while no ordinary server of its pool is.
        package var isBackup: Bool
        /// Its weight grows for so long after it came up; 0: at once. Up to `Limit.timeout`.
        package var slowStart: Milliseconds
        /// Requests (TCP mode: connections) at once, over all threads; further ones wait. 0: no limit; up to
        /// `Limit.connections`.
        package var maxConnections: Int

        package init(
            name: String, address: Endpoint, cookie: String? = nil, weight: Int = 1, health: Health = .unverified,
            duty: Duty = .ready, isBackup: Bool = false, slowStart: Milliseconds = 0, maxConnections: Int = 0
        ) {
            self.name = name
            self.address = address
            self.cookie = cookie
            self.weight = weight
            self.health = health
            self.duty = duty
            self.isBackup = isBackup
            self.slowStart = slowStart
            self.maxConnections = maxConnections
        }
    }

    package struct Service: Equatable, Sendable {
        package var name: String
        package var listeners: [Endpoint]
        package var mode: Mode
        package var connection: ConnectionPolicy
        /// Says the client's address in X-Forwarded-For.
        package var forwardedFor: Bool
        package var cookie: Cookie?
        /// Further attempts after a failed one: 0 to `Limit.retries`.
        package var retries: Int
        /// They may go to another server.
        package var redispatch: Bool
        /// Client connections served at once, over all threads; further ones wait in the kernel's queue. 1 to
        /// `Limit.connections`.
        package var maxConnections: Int
        /// Requests that wait for a server's turn, in each thread; further ones get 503. 0 to `Limit.connections`.
        package var maxQueue: Int
        package var ejection: Ejection
        /// Connections to a server end when it is marked down or goes into maintenance.
        package var closesSessions: Bool
        package var limits: ClientLimits
        package var timeouts: Timeouts
        package var servers: [Server]
        /// 1 to `Limit.pools`; the first takes what no rule sends elsewhere.
        package var pools: [Pool]
        /// nil: nothing is written.
        package var accessLog: AccessLog? = nil
        package var rules = TrafficRules()

        /// - Parameter pools: nil: one over all servers, with `balance`.
        package init(
            name: String, listeners: [Endpoint], mode: Mode = .http, balance: Balance = .roundrobin,
            connection: ConnectionPolicy = .keepAlive, forwardedFor: Bool = false, cookie: Cookie? = nil,
            retries: Int = 3, redispatch: Bool = true, maxConnections: Int = 2_000, timeouts: Timeouts = Timeouts(),
            servers: [Server], pools: [Pool]? = nil, maxQueue: Int = 1_000, ejection: Ejection = Ejection(),
            closesSessions: Bool = false, limits: ClientLimits = ClientLimits()
        ) {
            self.name = name
            self.listeners = listeners
            self.mode = mode
            self.connection = connection
            self.forwardedFor = forwardedFor
            self.cookie = cookie
            self.retries = retries
            self.redispatch = redispatch
            self.maxConnections = maxConnections
            self.timeouts = timeouts
            self.servers = servers
            self.maxQueue = maxQueue
            self.ejection = ejection
            self.closesSessions = closesSessions
            self.limits = limits
            self.pools = pools ?? [Pool(balance: balance, servers: Array(servers.indices))]
        }
    }
}
