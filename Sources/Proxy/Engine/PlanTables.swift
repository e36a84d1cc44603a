/// A worker's services and servers in fixed tables, and the names by which the next plan finds them again.
///
/// Indices stay valid while a connection names them: an entry that left the plan keeps its place until its last
/// connection is gone.
struct PlanTables {
    static let serviceCapacity = ServicePlan.Limit.services * 2
    static let serverCapacity = ServicePlan.Limit.allServers * 2

    let services: UnsafeMutablePointer<ServiceEntry>
    let servers: UnsafeMutablePointer<ServerEntry>
    /// Of the same indices; apart, so that an entry stays small for those who walk over them.
    let serviceLatencies: UnsafeMutablePointer<Latencies>
    let serverLatencies: UnsafeMutablePointer<Latencies>
    /// Entries in use, with those between them that are free again.
    var serviceCount = 0
    var serverCount = 0

    /// Servers that may have a place for somebody who waits, each at most once.
    let freed: UnsafeMutablePointer<UInt16>
    var freedCount = 0
    var ejectedCount = 0

    /// Of the plan that was taken last; 0: none yet.
    var serial: UInt32 = 0
    /// The plan's order -> index in `services`; -1: there was no room.
    var planned: [Int] = []
    var serviceNames: [String: Int] = [:]
    var serverNames: [ServerIdentity: Int] = [:]
    /// While a plan is taken: of each service whose pools moved, former place -> place.
    var poolMoves: [Int: [UInt16]] = [:]
    var freeServices: [Int] = []
    var freeServers: [Int] = []

    /// What makes a server the same one in two plans.
    struct ServerIdentity: Hashable {
        let service: Int
        let name: String
        let address: ServicePlan.Endpoint
    }

    init() {
        // Not initialised here: pages that no plan needs are never touched.
        services = .allocate(capacity: Self.serviceCapacity)
        servers = .allocate(capacity: Self.serverCapacity)
        serviceLatencies = .allocate(capacity: Self.serviceCapacity)
        serverLatencies = .allocate(capacity: Self.serverCapacity)
        freed = .allocate(capacity: Self.serverCapacity)
    }

    func deallocate() {
        for index in 0..<serviceCount {
            services[index].deallocateLists()
            services[index].cookieName.deallocate()
            services[index].label.deallocate()
        }
        for index in 0..<serverCount {
            servers[index].cookie.deallocate()
            servers[index].cookieLine.deallocate()
            servers[index].label.deallocate()
        }
        services.deallocate()
        servers.deallocate()
        serviceLatencies.deallocate()
        serverLatencies.deallocate()
        freed.deallocate()
    }

    /// An entry for a new service; nil when the table is full of services that left the plan and still have clients.
    mutating func addService() -> Int? {
        if let index = freeServices.popLast() { return index }
        guard serviceCount < Self.serviceCapacity else { return nil }
        (services + serviceCount).initialize(to: ServiceEntry())
        (serviceLatencies + serviceCount).initialize(to: Latencies())
        serviceCount += 1
        return serviceCount - 1
    }

    mutating func addServer() -> Int? {
        if let index = freeServers.popLast() { return index }
        guard serverCount < Self.serverCapacity else { return nil }
        (servers + serverCount).initialize(to: ServerEntry())
        (serverLatencies + serverCount).initialize(to: Latencies())
        serverCount += 1
        return serverCount - 1
    }

    /// Frees the entries that are in no plan and that no connection names any more.
    mutating func reclaim() {
        for (identity, index) in serverNames where !servers[index].isPlanned {
            guard servers[index].exchanges == 0, servers[index].idleCount == 0, servers[index].boundCount == 0,
                servers[index].waiters.count == 0, !servers[index].isFreed
            else { continue }
            // A client may still name it by its cookie; the next request of that client looks the name up again.
            serverNames[identity] = nil
            servers[index].cookie.deallocate()
            servers[index].cookieLine.deallocate()
            servers[index].label.deallocate()
            servers[index] = ServerEntry()
            serverLatencies[index] = Latencies()
            freeServers.append(index)
        }
        for (name, index) in serviceNames where !services[index].isPlanned && services[index].clients == 0 {
            if serverNames.keys.contains(where: { $0.service == index }) { continue }
            serviceNames[name] = nil
            services[index].deallocateLists()
            services[index].cookieName.deallocate()
            services[index].label.deallocate()
            services[index] = ServiceEntry()
            serviceLatencies[index] = Latencies()
            freeServices.append(index)
        }
    }
}
