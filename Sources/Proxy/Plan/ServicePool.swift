extension ServicePlan {
    /// Some of a service's servers, and how requests are spread over them: what is balanced over.
    ///
    /// A service has at least one; requests go to the first unless a rule names another. A pool is the same in two plans
    /// when its name is.
    package struct Pool: Equatable, Sendable {
        /// Unique in its service, 1 to `Limit.name` bytes.
        package var name: String
        package var balance: Balance
        /// Places in the service's list of servers, each at most once.
        package var servers: [Int]
        /// When no ordinary server is usable, all backups take requests instead of the first alone.
        package var allBackups: Bool

        package init(
            name: String = Pool.defaultName, balance: Balance = .roundrobin, servers: [Int], allBackups: Bool = false
        ) {
            self.name = name
            self.balance = balance
            self.servers = servers
            self.allBackups = allBackups
        }

        /// Of the pool that has all servers of a service without others.
        package static var defaultName: String { "default" }
    }
}

extension ServicePlan.Pool {
    func encode(into writer: inout PlanWriter) {
        writer.put(name)
        balance.encode(into: &writer)
        writer.put(allBackups)
        writer.put(UInt16(servers.count))
        for server in servers { writer.put(UInt16(server)) }
    }

    init(from reader: inout PlanReader) throws(ServicePlanError) {
        let name = try reader.takeText()
        let balance = try ServicePlan.Balance(from: &reader)
        let allBackups = try reader.takeFlag()
        var servers: [Int] = []
        for _ in 0..<(try reader.takeCount()) { servers.append(Int(try reader.take(UInt16.self))) }
        self.init(name: name, balance: balance, servers: servers, allBackups: allBackups)
    }

    /// - Parameters:
    ///   - service: its name, for the error.
    ///   - serverCount: of the service's list.
    func validate(in service: String, serverCount: Int) throws(ServicePlanError) {
        try ServicePlan.requireName(name, "a pool's name in \(service)")
        try balance.validate(in: "\(service)/\(name)")
        guard Set(servers).count == servers.count else { throw .duplicate("a server in pool \(service)/\(name)") }
        try ServicePlan.require(
            servers.allSatisfy { (0..<serverCount).contains($0) }, "a server's place in pool \(service)/\(name)")
    }
}
