extension ServicePlan {
    /// What is done with requests besides spreading them over servers.
    package struct TrafficRules: Equatable, Sendable {
        package var forwarding = Forwarding()
        package var request = HeaderChanges()
        package var response = HeaderChanges()
        /// The first that fits a request (or, in mode tcp, a TLS ClientHello) decides; at most `limit`. Without one the
        /// first pool takes it.
        package var routes: [Route] = []
        /// At most one for each status.
        package var errorPages: [ErrorPage] = []
        /// Connections from here begin with a PROXY header, and the client is who that says. At most
        /// `Network.limit`.
        package var proxyHeaderFrom: [Network] = []

        package static let routeLimit = 256

        package init() {}
    }

    /// Addresses that begin alike.
    package struct Network: Equatable, Sendable {
        /// 4 or 16 bytes in network order.
        package var address: [UInt8]
        /// 0 to 32 or 128.
        package var prefixLength: UInt8

        package init(address: [UInt8], prefixLength: UInt8) {
            self.address = address
            self.prefixLength = prefixLength
        }

        package static let limit = 64
    }

    /// What servers are told about who asked and how. `Service.forwardedFor` switches X-Forwarded-For on.
    package struct Forwarding: Equatable, Sendable {
        package enum Existing: UInt8, CaseIterable, Sendable {
            /// The client's address goes to the end of what is there.
            case append
            /// What is there is thrown away.
            case replace
            /// Nothing is added where something is there: HAProxy's `if-none`.
            case keep
        }

        package enum Scheme: UInt8, CaseIterable, Sendable {
            case http, https
        }

        /// X-Forwarded-For, or what it is called here.
        package var header = "X-Forwarded-For"
        package var existing = Existing.append
        /// Proxies in front of us: what they say is left as it is, and nothing added.
        package var except: [Network] = []
        /// Forwarded (RFC 7239): for, host and proto, at the end of what is there.
        package var forwarded = false
        /// X-Forwarded-Proto, instead of what is there. Forwarded says `http` without it.
        package var scheme: Scheme?
        /// X-Forwarded-Port, instead of what is there.
        package var port = false

        package init() {}
    }

    /// Header fields to take out and to put in, in this order: remove, set, add.
    package struct HeaderChanges: Equatable, Sendable {
        /// A field with a value, which may contain variables (`HeaderTemplate`).
        package struct Field: Equatable, Sendable {
            package var name: String
            package var value: String

            package init(name: String, value: String) {
                self.name = name
                self.value = value
            }
        }

        package var remove: [String] = []
        /// Instead of fields of that name.
        package var set: [Field] = []
        package var add: [Field] = []

        /// Fields in all three lists.
        package static let limit = 64
        /// Bytes of names and values that are put in.
        package static let bytes = 4_096

        package init() {}
    }

    /// A condition and what happens to requests that meet it. Conditions that are nil hold always.
    package struct Route: Equatable, Sendable {
        package enum Path: Equatable, Sendable {
            case exact(String)
            /// Whole segments: `/a` fits `/a`, `/a/b`, not `/ab`. One that ends in `/` fits everything below.
            case prefix(String)
        }

        package enum Action: Equatable, Sendable {
            /// Place of a pool in the service.
            case pool(Int)
            /// An answer of our own, 400 to 599.
            case deny(Int)
            case redirect(Redirect)
        }

        /// `example.com`, or `*.example.com` for every name below it. In mode tcp the name in the ClientHello.
        package var host: String?
        package var path: Path?
        package var action: Action

        package init(host: String? = nil, path: Path? = nil, action: Action) {
            self.host = host
            self.path = path
            self.action = action
        }
    }

    /// Where a request shall go instead. Parts that are nil stay the request's.
    package struct Redirect: Equatable, Sendable {
        /// 301, 302, 303, 307 or 308.
        package var status = 302
        package var scheme: Forwarding.Scheme?
        /// With a port if it needs one.
        package var host: String?
        /// Instead of path and query.
        package var path: String?
        /// In front of path and query: HAProxy's `redirect prefix`.
        package var prefix: String?

        package init() {}
    }

    /// What we say instead of HAProxy's words when a status is ours.
    package struct ErrorPage: Equatable, Sendable {
        /// 400 to 599.
        package var status: Int
        package var contentType: String
        package var body: [UInt8]

        /// Bytes of one body.
        package static let limit = 32_768
        /// Bytes of all bodies of a plan.
        package static let all = 4_194_304

        package init(status: Int, contentType: String, body: [UInt8]) {
            self.status = status
            self.contentType = contentType
            self.body = body
        }
    }

    /// What a server gets in front of a connection's own bytes.
    package enum ProxyHeader: UInt8, CaseIterable, Sendable {
        case none, v1, v2
    }
}
