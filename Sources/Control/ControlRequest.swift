import FoundationEssentials

/// What the daemon can be asked over its socket.
package enum ControlRoute: String, Sendable, CaseIterable {
    /// ``StatusReport`` as JSON.
    case status = "/v1/status"
    /// 200 and `ok` when nothing is wrong, 503 and the problems as lines otherwise.
    case health = "/v1/health"
    /// Counters in the Prometheus text format.
    case metrics = "/v1/metrics"
    /// ``TransferOrder``: hand a group to a node.
    case transfer = "/v1/transfer"
    /// ``MaintenanceOrder``: hold nothing for a while.
    case maintenance = "/v1/maintenance"
    /// ``ServerOrder``: drain a server, take it out or back, or change its weight.
    case server = "/v1/server"
    /// ``ApplyOrder``: a configuration for every node.
    case apply = "/v1/apply"
    /// ``HistoryReport`` as JSON: the entries of the replicated logs.
    case history = "/v1/history"

    /// The one method the route answers to; anything else is 405.
    package var method: ControlMethod {
        switch self {
        case .status, .health, .metrics, .history: .get
        case .transfer, .maintenance, .server, .apply: .post
        }
    }
}

/// GET looks, POST changes something and needs to be root or the daemon's own user.
package enum ControlMethod: String, Sendable {
    case get = "GET"
    case post = "POST"
}

/// A request that passed the server's checks: known route, its method, an allowed caller, a body within bounds.
package struct ControlRequest: Sendable {
    package let route: ControlRoute
    /// What stands behind `?`, undecoded; empty without.
    package let query: String
    package let body: [UInt8]
    /// Who asks, vouched for by the kernel; for the journal.
    package let caller: PeerCredentials

    package init(route: ControlRoute, query: String = "", body: [UInt8] = [], caller: PeerCredentials) {
        self.route = route
        self.query = query
        self.body = body
        self.caller = caller
    }

    /// The body as one of the orders below.
    package func order<Order: Decodable>(_ type: Order.Type) throws(MalformedOrder) -> Order {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw MalformedOrder(route: route)
        }
    }
}

/// The body is not the JSON object that the route takes.
package struct MalformedOrder: Error, CustomStringConvertible {
    package let route: ControlRoute

    package var description: String {
        let example =
            switch route {
            case .transfer: #"{"group": "router37", "node": "ethyl"}"#
            case .maintenance: #"{"on": true}"#
            case .server: #"{"service": "cluster37", "server": "fred", "state": "drain"}"#
            case .apply: #"{"name": "electd.yaml", "text": "cluster: …", "dry_run": false, "previous": false}"#
            case .status, .health, .metrics, .history: "nothing"
            }
        return "\(route.rawValue) takes a body like \(example)"
    }
}

package struct TransferOrder: Codable, Sendable, Equatable {
    package let group: String
    package let node: String

    package init(group: String, node: String) {
        self.group = group
        self.node = node
    }
}

package struct MaintenanceOrder: Codable, Sendable, Equatable {
    package let on: Bool
    /// Whose; nil: of the node that is asked.
    package let node: String?

    package init(on: Bool, node: String? = nil) {
        self.on = on
        self.node = node
    }
}

/// Puts a configuration in force on every node, or on none.
package struct ApplyOrder: Codable, Sendable, Equatable {
    /// What problems in it are told of as.
    package let name: String
    package let text: String
    /// Only look whether the node that is asked could take it.
    package let dryRun: Bool
    /// The configuration before the one in force, in place of `text`.
    package let previous: Bool

    package init(name: String, text: String, dryRun: Bool, previous: Bool) {
        self.name = name
        self.text = text
        self.dryRun = dryRun
        self.previous = previous
    }

    package enum CodingKeys: String, CodingKey {
        case name, text, previous
        case dryRun = "dry_run"
    }
}

package struct ServerOrder: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable {
        /// Sessions end, no new ones begin.
        case drain
        case ready
        /// Nobody, not even clients that are bound to it.
        case maintenance
    }

    package let service: String
    package let server: String
    /// nil: as it is.
    package let state: State?
    /// Its share of the clients, 0 to 256; nil: as it is.
    package let weight: Int?

    package init(service: String, server: String, state: State? = nil, weight: Int? = nil) {
        self.service = service
        self.server = server
        self.state = state
        self.weight = weight
    }
}

/// What the handler answers.
package struct ControlResponse: Sendable, Equatable {
    package enum Content: String, Sendable {
        case json = "application/json"
        case text = "text/plain; charset=utf-8"
    }

    package let status: Int
    package let content: Content
    package let body: [UInt8]

    package init(status: Int = 200, content: Content = .json, body: [UInt8]) {
        self.status = status
        self.content = content
        self.body = body
    }

    /// A text answer; a line feed is added.
    package static func text(_ text: String, status: Int = 200) -> ControlResponse {
        ControlResponse(status: status, content: .text, body: Array((text + "\n").utf8))
    }

    /// Any value as deterministic JSON; see ``ControlJSON``.
    package static func json(_ value: some Encodable, status: Int = 200) -> ControlResponse {
        ControlResponse(status: status, content: .json, body: ControlJSON.encode(value))
    }

    /// `{"done": what}`: the order was carried out, or accepted.
    package static func done(_ what: String) -> ControlResponse { .json(["done": what]) }

    /// `{"error": why}`: 400 malformed, 403 not allowed, 404 no such thing, 409 not possible now.
    package static func refusal(_ status: Int, _ why: String) -> ControlResponse {
        .json(["error": why], status: status)
    }
}

/// JSON that is the same bytes for the same value: keys in order, no escaped slashes.
package enum ControlJSON {
    package static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            // Only floating-point values that are no numbers can't be encoded, and no type here has any.
            preconditionFailure("a value of integers, booleans and strings did not encode")
        }
        return Array(data) + [UInt8(ascii: "\n")]
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
