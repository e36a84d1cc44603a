extension ServicePlan.TrafficRules {
    /// - Parameter service: whose rules they are.
    func validate(in service: ServicePlan.Service) throws(ServicePlanError) {
        let name = service.name
        try forwarding.validate(in: name)
        try request.validate(in: name, isRequest: true)
        try response.validate(in: name, isRequest: false)
        try ServicePlan.require(routes.count <= Self.routeLimit, "the number of routes of \(name)")
        for route in routes { try route.validate(in: service) }
        try ServicePlan.Network.validate(proxyHeaderFrom, in: name)
        var statuses = Set<Int>()
        for page in errorPages {
            guard statuses.insert(page.status).inserted else {
                throw .duplicate("error page \(page.status) of \(name)")
            }
            try ServicePlan.require((400...599).contains(page.status), "the status of an error page of \(name)")
            try ServicePlan.require(
                page.body.count <= ServicePlan.ErrorPage.limit, "the size of error page \(page.status) of \(name)")
            try RuleText.requireValue(page.contentType, limit: 128, "a content type of \(name)")
        }
    }
}

/// Texts that reach the wire.
enum RuleText {
    static func requireValue(_ text: String, limit: Int, _ what: String) throws(ServicePlanError) {
        try ServicePlan.require((1...limit).contains(text.utf8.count), "the length of \(what)")
        guard text.utf8.allSatisfy({ (0x20...0x7e).contains($0) || $0 == CharacterClass.tab || $0 >= 0x80 }),
            text.utf8.first != CharacterClass.space, text.utf8.last != CharacterClass.space
        else { throw .unusableText(what) }
    }

    static func requireToken(_ text: String, _ what: String) throws(ServicePlanError) {
        try ServicePlan.requireName(text, what)
        guard text.utf8.allSatisfy(CharacterClass.isToken) else { throw .unusableText(what) }
    }

    /// Visible ASCII, as it stands in a URI.
    static func requireVisible(_ text: String, _ what: String) throws(ServicePlanError) {
        try ServicePlan.require((1...255).contains(text.utf8.count), "the length of \(what)")
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw .unusableText(what) }
    }
}

extension ServicePlan.Network {
    static func validate(_ networks: [Self], in service: String) throws(ServicePlanError) {
        try ServicePlan.require(networks.count <= limit, "the number of networks of \(service)")
        for network in networks {
            try ServicePlan.require(
                [4, 16].contains(network.address.count) && Int(network.prefixLength) <= network.address.count * 8,
                "a network of \(service)")
        }
    }
}

extension ServicePlan.Forwarding {
    fileprivate func validate(in service: String) throws(ServicePlanError) {
        try RuleText.requireToken(header, "the forwarded_for header of \(service)")
        try ServicePlan.Network.validate(except, in: service)
        guard !ServicePlan.HeaderChanges.isReserved(header, inRequest: true) else {
            throw .unusableText("the forwarded_for header of \(service)")
        }
    }
}

extension ServicePlan.HeaderChanges {
    /// Fields that frame the message, end at this hop, or are ours to write: a rule can't touch them. In lower case.
    static func isReserved(_ name: String, inRequest: Bool) -> Bool {
        let always = [
            "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
            "content-length", "http2-settings",
        ]
        return always.contains(name.lowercased()) || (inRequest && ["host", "expect"].contains(name.lowercased()))
    }

    fileprivate func validate(in service: String, isRequest: Bool) throws(ServicePlanError) {
        try ServicePlan.require(remove.count + set.count + add.count <= Self.limit, "the header rules of \(service)")
        for name in remove + (set + add).map(\.name) {
            try RuleText.requireToken(name, "a header's name of \(service)")
            guard !Self.isReserved(name, inRequest: isRequest) else { throw .unusableText("header rule \(name)") }
        }
        var bytes = 0
        for field in set + add {
            try RuleText.requireValue(field.value, limit: 1_024, "header \(field.name) of \(service)")
            guard let template = HeaderTemplate(field.value) else { throw .unusableText("header \(field.name)") }
            bytes += field.name.utf8.count + 4 + template.mostBytes
        }
        try ServicePlan.require(bytes <= Self.bytes, "the size of the header rules of \(service)")
    }
}

extension ServicePlan.Route {
    fileprivate func validate(in service: ServicePlan.Service) throws(ServicePlanError) {
        let what = "a route of \(service.name)"
        if let host {
            try RuleText.requireVisible(host, what)
            let rest = host.hasPrefix("*.") ? host.dropFirst(2) : host[...]
            guard !rest.contains("*") else { throw .unusableText(what) }
        }
        switch path {
        case .exact(let path), .prefix(let path):
            try RuleText.requireVisible(path, what)
            guard path.hasPrefix("/") else { throw .unusableText(what) }
        case nil: break
        }
        switch action {
        case .pool(let place): try ServicePlan.require(service.pools.indices.contains(place), what)
        case .deny(let status): try ServicePlan.require((400...599).contains(status), what)
        case .redirect(let redirect):
            try ServicePlan.require([301, 302, 303, 307, 308].contains(redirect.status), what)
            for part in [redirect.host, redirect.path, redirect.prefix] {
                if let part { try RuleText.requireVisible(part, what) }
            }
            let names = [redirect.host, redirect.path, redirect.prefix].compactMap { $0 }
            try ServicePlan.require(!names.isEmpty || redirect.scheme != nil, what)
            try ServicePlan.require(redirect.path == nil || redirect.prefix == nil, what)
        }
        if service.mode == .tcp {
            guard case .pool = action, path == nil else { throw .unusableText(what) }
        }
    }
}
