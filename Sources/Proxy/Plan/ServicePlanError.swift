/// Why a plan can't be taken. Configuration refuses the same things with file and line before they get here.
package enum ServicePlanError: Error, Equatable, CustomStringConvertible {
    /// The bytes aren't a plan of this version.
    case damaged(String)
    /// A value is out of its range.
    case outOfRange(String)
    /// Two things bear one name or one address.
    case duplicate(String)
    /// Bytes that would not survive in an HTTP header.
    case unusableText(String)
    /// A server has a cookie value and its service no rule for one, or the other way round.
    case cookieMismatch(String, hasRule: Bool)

    package var description: String {
        switch self {
        case .damaged(let what):
            "the plan's bytes are damaged (\(what)): run the same electd binary as control and proxy process"
        case .outOfRange(let what): "\(what) is out of range"
        case .duplicate(let what): "\(what) is there twice: give each its own"
        case .cookieMismatch(let server, let hasRule):
            hasRule
                ? "server \(server) has no value for its service's cookie: give it one"
                : "server \(server) has a cookie and its service has no rule for one: remove it"
        case .unusableText(let what): "\(what) has bytes that a header can't carry: use letters, digits, - and _"
        }
    }
}

extension ServicePlan {
    /// Checks every bound and every text that reaches the wire.
    package func validate() throws(ServicePlanError) {
        try Self.require((1...Limit.threads).contains(threads), "threads")
        try Self.require((1...Limit.connections).contains(maxConnections), "max_connections")
        try Self.require((4...1_048_576).contains(bufferMebibytes), "the memory for buffers")
        try Self.require(services.count <= Limit.services, "the number of services")
        var names = Set<String>()
        var endpoints = Set<Endpoint>()
        var servers = 0
        for service in services {
            guard names.insert(service.name).inserted else { throw .duplicate("service \(service.name)") }
            for endpoint in service.listeners where !endpoints.insert(endpoint).inserted {
                throw .duplicate("listener \(endpoint)")
            }
            try service.validate()
            servers += service.servers.count
        }
        try Self.require(servers <= Limit.allServers, "the number of servers")
    }

    static func require(_ holds: Bool, _ what: @autoclosure () -> String) throws(ServicePlanError) {
        guard holds else { throw .outOfRange(what()) }
    }

    static func requireName(_ name: String, _ what: String) throws(ServicePlanError) {
        try require((1...Limit.name).contains(name.utf8.count), "the length of \(what)")
    }
}

extension ServicePlan.Service {
    fileprivate typealias Limit = ServicePlan.Limit

    fileprivate func validate() throws(ServicePlanError) {
        try ServicePlan.requireName(name, "a service's name")
        try ServicePlan.require((1...Limit.listeners).contains(listeners.count), "the number of listeners of \(name)")
        try ServicePlan.require(servers.count <= Limit.servers, "the number of servers of \(name)")
        try ServicePlan.require((0...Limit.retries).contains(retries), "retries of \(name)")
        try ServicePlan.require((1...Limit.connections).contains(maxConnections), "max_connections of \(name)")
        for timeout in [
            timeouts.connect, timeouts.client, timeouts.server, timeouts.request, timeouts.queue, timeouts.attempt,
        ] {
            try ServicePlan.require((10...Limit.timeout).contains(timeout), "a timeout of \(name)")
        }
        try ServicePlan.require((0...Limit.connections).contains(maxQueue), "max_queue of \(name)")
        try ejection.validate(in: name)
        try limits.validate(in: name)
        try cookie?.validate(in: name)
        try accessLog?.sink.validate()
        try validateServers()
        try rules.validate(in: self)
        try ServicePlan.require((1...Limit.pools).contains(pools.count), "the number of pools of \(name)")
        var poolNames = Set<String>()
        for pool in pools {
            guard poolNames.insert(pool.name).inserted else { throw .duplicate("pool \(name)/\(pool.name)") }
            try pool.validate(in: name, serverCount: servers.count)
        }
    }

    private func validateServers() throws(ServicePlanError) {
        var names = Set<String>()
        var values = Set<String>()
        for server in servers {
            guard names.insert(server.name).inserted else { throw .duplicate("server \(name)/\(server.name)") }
            try ServicePlan.requireName(server.name, "a server's name in \(name)")
            try ServicePlan.require((0...Limit.weight).contains(server.weight), "the weight of \(name)/\(server.name)")
            try ServicePlan.require(server.address.port > 0, "the port of \(name)/\(server.name)")
            guard (server.cookie != nil) == (cookie != nil) else {
                throw .cookieMismatch("\(name)/\(server.name)", hasRule: cookie != nil)
            }
            try ServicePlan.require(server.slowStart <= Limit.timeout, "slow_start of \(name)/\(server.name)")
            try ServicePlan.require(
                (0...Limit.connections).contains(server.maxConnections),
                "max_connections of \(name)/\(server.name)")
            guard let value = server.cookie else { continue }
            try ServicePlan.require(
                (1...Limit.cookieValue).contains(value.utf8.count), "the cookie's length of \(name)/\(server.name)")
            guard value.utf8.allSatisfy(CharacterClass.isCookieOctet) else {
                throw .unusableText("the cookie of \(name)/\(server.name)")
            }
            guard values.insert(value).inserted else { throw .duplicate("cookie value \(value) in \(name)") }
        }
    }
}
