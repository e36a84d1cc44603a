extension ServicePlan {
    private static let magic: UInt32 = 0x656c_7370  // "elsp"
    private static let version: UInt8 = 1

    /// The plan in a compact form that only the same electd version reads.
    ///
    /// - Throws: `ServicePlanError` when the plan doesn't hold its own bounds.
    package func encoded() throws(ServicePlanError) -> [UInt8] {
        try validate()
        var writer = PlanWriter()
        writer.put(Self.magic)
        writer.put(Self.version)
        writer.put(UInt8(threads))
        writer.put(UInt32(maxConnections))
        writer.put(UInt32(bufferMebibytes))
        writer.put(UInt16(services.count))
        for service in services { service.encode(into: &writer) }
        return writer.bytes
    }

    /// - Throws: `ServicePlanError.damaged` for bytes that `encoded` didn't write, and whatever `validate` throws.
    package init(decoding bytes: [UInt8]) throws(ServicePlanError) {
        var reader = PlanReader(bytes)
        guard try reader.take(UInt32.self) == Self.magic else { throw .damaged("it doesn't begin as one") }
        guard try reader.take(UInt8.self) == Self.version else { throw .damaged("another version") }
        let threads = Int(try reader.take(UInt8.self))
        let maxConnections = Int(try reader.take(UInt32.self))
        let bufferMebibytes = Int(try reader.take(UInt32.self))
        var services: [Service] = []
        for _ in 0..<(try reader.takeCount()) { services.append(try Service(from: &reader)) }
        guard reader.isAtEnd else { throw .damaged("bytes after its end") }
        self.init(
            threads: threads, services: services, maxConnections: maxConnections, bufferMebibytes: bufferMebibytes)
        try validate()
    }
}

extension ServicePlan.Endpoint {
    func encode(into writer: inout PlanWriter) {
        writer.put(UInt8(address.count))
        writer.put(address)
        writer.put(port)
        writer.put(scope)
    }

    init(from reader: inout PlanReader) throws(ServicePlanError) {
        let address = try reader.takeBytes(Int(reader.take(UInt8.self)))
        let port = try reader.take(UInt16.self)
        let scope = try reader.take(UInt32.self)
        guard let endpoint = ServicePlan.Endpoint(address: address, port: port, scope: scope) else {
            throw .damaged("an address of \(address.count) bytes")
        }
        self = endpoint
    }
}

extension ServicePlan.Server {
    fileprivate func encode(into writer: inout PlanWriter) {
        writer.put(name)
        address.encode(into: &writer)
        writer.put(cookie ?? "")
        writer.put(UInt16(weight))
        writer.put(health.rawValue)
        writer.put(duty.rawValue)
        writer.put(proxyHeader.rawValue)
        writer.put(isBackup)
        writer.put(slowStart)
        writer.put(UInt32(maxConnections))
    }

    fileprivate init(from reader: inout PlanReader) throws(ServicePlanError) {
        let name = try reader.takeText()
        let address = try ServicePlan.Endpoint(from: &reader)
        let cookie = try reader.takeText()
        let weight = Int(try reader.take(UInt16.self))
        self.init(
            name: name, address: address, cookie: cookie.isEmpty ? nil : cookie, weight: weight,
            health: try reader.takeCase(), duty: try reader.takeCase())
        proxyHeader = try reader.takeCase()
        isBackup = try reader.takeFlag()
        slowStart = try reader.take()
        maxConnections = Int(try reader.take(UInt32.self))
    }
}

extension ServicePlan.Timeouts {
    fileprivate func encode(into writer: inout PlanWriter) {
        for timeout in [connect, client, server, request, queue, attempt] { writer.put(timeout) }
    }

    fileprivate init(from reader: inout PlanReader) throws(ServicePlanError) {
        self.init(
            connect: try reader.take(), client: try reader.take(), server: try reader.take(),
            request: try reader.take(), queue: try reader.take(UInt32.self),
            attempt: try reader.take())
    }
}

extension ServicePlan.Service {
    fileprivate func encode(into writer: inout PlanWriter) {
        writer.put(name)
        writer.put(mode.rawValue)
        writer.put(connection.rawValue)
        writer.put(forwardedFor)
        writer.put(cookie != nil)
        cookie?.encode(into: &writer)
        writer.put(UInt8(retries))
        writer.put(redispatch)
        writer.put(UInt32(maxConnections))
        writer.put(UInt32(maxQueue))
        ejection.encode(into: &writer)
        writer.put(closesSessions)
        limits.encode(into: &writer)
        timeouts.encode(into: &writer)
        writer.put(UInt16(listeners.count))
        for listener in listeners { listener.encode(into: &writer) }
        writer.put(UInt16(servers.count))
        for server in servers { server.encode(into: &writer) }
        writer.put(UInt16(pools.count))
        for pool in pools { pool.encode(into: &writer) }
        writer.put(accessLog != nil)
        accessLog?.encode(into: &writer)
        rules.encode(into: &writer)
    }

    fileprivate init(from reader: inout PlanReader) throws(ServicePlanError) {
        let name = try reader.takeText()
        let mode: ServicePlan.Mode = try reader.takeCase()
        let connection: ServicePlan.ConnectionPolicy = try reader.takeCase()
        let forwardedFor = try reader.takeFlag()
        let cookie = try reader.takeFlag() ? try ServicePlan.Cookie(from: &reader) : nil
        let retries = Int(try reader.take(UInt8.self))
        let redispatch = try reader.takeFlag()
        let maxConnections = Int(try reader.take(UInt32.self))
        let maxQueue = Int(try reader.take(UInt32.self))
        let ejection = try ServicePlan.Ejection(from: &reader)
        let closesSessions = try reader.takeFlag()
        let limits = try ServicePlan.ClientLimits(from: &reader)
        let timeouts = try ServicePlan.Timeouts(from: &reader)
        var listeners: [ServicePlan.Endpoint] = []
        for _ in 0..<(try reader.takeCount()) { listeners.append(try ServicePlan.Endpoint(from: &reader)) }
        var servers: [ServicePlan.Server] = []
        for _ in 0..<(try reader.takeCount()) { servers.append(try ServicePlan.Server(from: &reader)) }
        var pools: [ServicePlan.Pool] = []
        for _ in 0..<(try reader.takeCount()) { pools.append(try ServicePlan.Pool(from: &reader)) }
        self.init(
            name: name, listeners: listeners, mode: mode, connection: connection, forwardedFor: forwardedFor,
            cookie: cookie, retries: retries, redispatch: redispatch, maxConnections: maxConnections,
            timeouts: timeouts, servers: servers, pools: pools, maxQueue: maxQueue, ejection: ejection,
            closesSessions: closesSessions, limits: limits)
        if try reader.takeFlag() { accessLog = try ServicePlan.AccessLog(from: &reader) }
        rules = try ServicePlan.TrafficRules(from: &reader)
    }
}
