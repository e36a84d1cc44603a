extension ServicePlan.TrafficRules {
    func encode(into writer: inout PlanWriter) {
        forwarding.encode(into: &writer)
        request.encode(into: &writer)
        response.encode(into: &writer)
        writer.put(UInt16(routes.count))
        for route in routes { route.encode(into: &writer) }
        writer.put(UInt16(errorPages.count))
        for page in errorPages {
            writer.put(UInt16(page.status))
            writer.put(page.contentType)
            writer.put(UInt32(page.body.count))
            writer.put(page.body)
        }
        ServicePlan.Network.encode(proxyHeaderFrom, into: &writer)
    }

    init(from reader: inout PlanReader) throws(ServicePlanError) {
        forwarding = try ServicePlan.Forwarding(from: &reader)
        request = try ServicePlan.HeaderChanges(from: &reader)
        response = try ServicePlan.HeaderChanges(from: &reader)
        for _ in 0..<(try reader.takeCount()) { routes.append(try ServicePlan.Route(from: &reader)) }
        for _ in 0..<(try reader.takeCount()) {
            errorPages.append(
                ServicePlan.ErrorPage(
                    status: Int(try reader.take(UInt16.self)), contentType: try reader.takeText(),
                    body: try reader.takeBytes(Int(try reader.take(UInt32.self)))))
        }
        proxyHeaderFrom = try ServicePlan.Network.list(from: &reader)
    }
}

extension ServicePlan.Network {
    static func encode(_ networks: [Self], into writer: inout PlanWriter) {
        writer.put(UInt16(networks.count))
        for network in networks {
            writer.put(UInt8(network.address.count))
            writer.put(network.address)
            writer.put(network.prefixLength)
        }
    }

    static func list(from reader: inout PlanReader) throws(ServicePlanError) -> [Self] {
        var networks: [Self] = []
        for _ in 0..<(try reader.takeCount()) {
            let address = try reader.takeBytes(Int(try reader.take(UInt8.self)))
            networks.append(Self(address: address, prefixLength: try reader.take()))
        }
        return networks
    }
}

extension ServicePlan.Forwarding {
    fileprivate func encode(into writer: inout PlanWriter) {
        writer.put(header)
        writer.put(existing.rawValue)
        ServicePlan.Network.encode(except, into: &writer)
        writer.put(forwarded)
        writer.put(scheme != nil)
        if let scheme { writer.put(scheme.rawValue) }
        writer.put(port)
    }

    fileprivate init(from reader: inout PlanReader) throws(ServicePlanError) {
        header = try reader.takeText()
        existing = try reader.takeCase()
        except = try ServicePlan.Network.list(from: &reader)
        forwarded = try reader.takeFlag()
        scheme = try reader.takeFlag() ? try reader.takeCase() : nil
        port = try reader.takeFlag()
    }
}

extension ServicePlan.HeaderChanges {
    fileprivate func encode(into writer: inout PlanWriter) {
        writer.put(UInt16(remove.count))
        for name in remove { writer.put(name) }
        for list in [set, add] {
            writer.put(UInt16(list.count))
            for field in list {
                writer.put(field.name)
                writer.put(UInt16(field.value.utf8.count))
                writer.put(Array(field.value.utf8))
            }
        }
    }

    fileprivate init(from reader: inout PlanReader) throws(ServicePlanError) {
        for _ in 0..<(try reader.takeCount()) { remove.append(try reader.takeText()) }
        set = try Self.fields(from: &reader)
        add = try Self.fields(from: &reader)
    }

    private static func fields(from reader: inout PlanReader) throws(ServicePlanError) -> [Field] {
        var fields: [Field] = []
        for _ in 0..<(try reader.takeCount()) {
            let name = try reader.takeText()
            let raw = try reader.takeBytes(Int(try reader.take(UInt16.self)))
            guard let value = String(validating: raw, as: UTF8.self) else { throw .damaged("a text isn't UTF-8") }
            fields.append(Field(name: name, value: value))
        }
        return fields
    }
}

extension ServicePlan.Route {
    fileprivate func encode(into writer: inout PlanWriter) {
        writer.put(host ?? "")
        switch path {
        case nil: writer.put(UInt8(0))
        case .exact(let path):
            writer.put(UInt8(1))
            writer.put(path)
        case .prefix(let path):
            writer.put(UInt8(2))
            writer.put(path)
        }
        switch action {
        case .pool(let place):
            writer.put(UInt8(0))
            writer.put(UInt16(place))
        case .deny(let status):
            writer.put(UInt8(1))
            writer.put(UInt16(status))
        case .redirect(let redirect):
            writer.put(UInt8(2))
            redirect.encode(into: &writer)
        }
    }

    fileprivate init(from reader: inout PlanReader) throws(ServicePlanError) {
        let host = try reader.takeText()
        let path: Path?
        switch try reader.take(UInt8.self) {
        case 0: path = nil
        case 1: path = .exact(try reader.takeText())
        case 2: path = .prefix(try reader.takeText())
        default: throw .damaged("an unknown choice")
        }
        let action: Action
        switch try reader.take(UInt8.self) {
        case 0: action = .pool(Int(try reader.take(UInt16.self)))
        case 1: action = .deny(Int(try reader.take(UInt16.self)))
        case 2: action = .redirect(try ServicePlan.Redirect(from: &reader))
        default: throw .damaged("an unknown choice")
        }
        self.init(host: host.isEmpty ? nil : host, path: path, action: action)
    }
}

extension ServicePlan.Redirect {
    fileprivate func encode(into writer: inout PlanWriter) {
        writer.put(UInt16(status))
        writer.put(scheme.map { $0.rawValue + 1 } ?? 0)
        for part in [host, path, prefix] { writer.put(part ?? "") }
    }

    fileprivate init(from reader: inout PlanReader) throws(ServicePlanError) {
        status = Int(try reader.take(UInt16.self))
        let choice = try reader.take(UInt8.self)
        if choice > 0 {
            guard let known = ServicePlan.Forwarding.Scheme(rawValue: choice - 1) else {
                throw .damaged("an unknown choice")
            }
            scheme = known
        }
        var parts: [String?] = []
        for _ in 0..<3 {
            let text = try reader.takeText()
            parts.append(text.isEmpty ? nil : text)
        }
        (host, path, prefix) = (parts[0], parts[1], parts[2])
    }
}
