/// A service's traffic rules as the data path reads them. What the parser needs lies in `RequestRules`.
struct TrafficEntry {
    var responseEdits = HeadEdits()
    /// Proxies whose forwarding fields are left as they are.
    var trusted = NetworkTable()
    var routes = RouteTable()
    var pages = PageTable()
    /// Whose connections begin with a PROXY header.
    var proxyHeaderFrom = NetworkTable()

    init() {}

    init(_ rules: ServicePlan.TrafficRules) {
        responseEdits = HeadEdits(rules.response)
        trusted = NetworkTable(rules.forwarding.except)
        routes = RouteTable(rules.routes)
        pages = PageTable(rules.errorPages)
        proxyHeaderFrom = NetworkTable(rules.proxyHeaderFrom)
    }

    mutating func deallocate() {
        responseEdits.deallocate()
        trusted.deallocate()
        routes.deallocate()
        pages.deallocate()
        proxyHeaderFrom.deallocate()
    }
}

extension RequestRules {
    /// Frees what the rules point to; the cookie's name is the service's.
    mutating func deallocate() {
        forwarding.header.deallocate()
        edits.deallocate()
    }

    /// The same for a request of a proxy that has said already who its client is.
    var withoutForwarding: RequestRules {
        var rules = self
        rules.forwarding = ForwardingRules()
        rules.watchedLengths = edits.lengths
        return rules
    }
}

extension ServiceEntry {
    /// Takes a plan's rules instead of those that were.
    mutating func configureTraffic(_ service: ServicePlan.Service) {
        traffic.deallocate()
        traffic = TrafficEntry(service.rules)
        rules.deallocate()
        rules.forwarding = ForwardingRules(service.rules.forwarding, forwardedFor: service.forwardedFor)
        rules.edits = HeadEdits(service.rules.request)
        rules.watchedLengths = rules.forwarding.lengths | rules.edits.lengths
    }
}
