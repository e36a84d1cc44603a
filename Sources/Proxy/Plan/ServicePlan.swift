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

    package init(threads: Int = 1, services: [Service]) {
        self.threads = threads
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

    package enum Balance: UInt8, CaseIterable, Sendable {
        /// In turns by weight, spread smoothly.
        case roundrobin
        /// Fewest connections per weight.
        case leastconn
        /// By a hash of the client's address.
        case source
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
        /// For one attempt to reach a server.
        package var connect: Milliseconds
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
            request: Milliseconds = 10_000, queue: Milliseconds? = nil
        ) {
            self.connect = connect
            self.client = client
            self.server = server
            self.request = request
            self.queue = queue ?? connect
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

        package init(
            name: String, address: Endpoint, cookie: String? = nil, weight: Int = 1, health: Health = .unverified,
            duty: Duty = .ready
        ) {
            self.name = name
            self.address = address
            self.cookie = cookie
            self.weight = weight
            self.health = health
            self.duty = duty
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
            servers: [Server], pools: [Pool]? = nil
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
            self.pools = pools ?? [Pool(balance: balance, servers: Array(servers.indices))]
        }
    }
}
