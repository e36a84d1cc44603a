import Configuration
import Proxy

extension ServicePlan.TrafficRules {
    init(_ rules: Configuration.TrafficRules) {
        self.init()
        forwarding = ServicePlan.Forwarding(rules.forwarding)
        request = ServicePlan.HeaderChanges(rules.request)
        response = ServicePlan.HeaderChanges(rules.response)
        let places = Dictionary(rules.pools.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
        routes = rules.routes.map { ServicePlan.Route($0, pools: places) }
        errorPages = rules.errorPages.map {
            ServicePlan.ErrorPage(status: $0.status, contentType: $0.contentType, body: $0.body)
        }
        proxyHeaderFrom = rules.acceptProxy.map(ServicePlan.Network.init)
    }
}

extension ServicePlan.Network {
    fileprivate init(_ network: Configuration.Network) {
        self.init(address: network.address.bytes, prefixLength: UInt8(network.prefixLength))
    }
}

extension ServicePlan.Forwarding {
    fileprivate init(_ rules: Configuration.Forwarding) {
        self.init()
        header = rules.header
        switch rules.existing {
        case .append: existing = .append
        case .replace: existing = .replace
        case .keep: existing = .keep
        }
        except = rules.except.map(ServicePlan.Network.init)
        forwarded = rules.forwarded
        scheme = rules.scheme.map(Scheme.init)
        port = rules.port
    }
}

extension ServicePlan.Forwarding.Scheme {
    fileprivate init(_ scheme: Configuration.Forwarding.Scheme) { self = scheme == .https ? .https : .http }
}

extension ServicePlan.HeaderChanges {
    fileprivate init(_ changes: Configuration.HeaderChanges) {
        self.init()
        remove = changes.remove
        set = changes.set.map { Field(name: $0.name, value: $0.value) }
        add = changes.add.map { Field(name: $0.name, value: $0.value) }
    }
}

extension ServicePlan.Route {
    fileprivate init(_ route: Configuration.Route, pools: [String: Int]) {
        let path: Path? =
            switch route.path {
            case .exact(let path): .exact(path)
            case .prefix(let path): .prefix(path)
            case nil: nil
            }
        switch route.action {
        case .pool(let name): self.init(host: route.host, path: path, action: .pool(pools[name] ?? 0))
        case .deny(let status): self.init(host: route.host, path: path, action: .deny(status))
        case .redirect(let rule):
            var redirect = ServicePlan.Redirect()
            redirect.status = rule.status
            redirect.scheme = rule.scheme.map(ServicePlan.Forwarding.Scheme.init)
            redirect.host = rule.host
            redirect.path = rule.path
            redirect.prefix = rule.prefix
            self.init(host: route.host, path: path, action: .redirect(redirect))
        }
    }
}
