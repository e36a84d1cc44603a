import Synchronization

/// How many client connections a service has, counted by all workers together.
struct ConnectionGauge: @unchecked Sendable {
    private let count: UnsafeMutablePointer<Atomic<Int>>

    init() {
        count = .allocate(capacity: 1)
        count.initialize(to: Atomic(0))
    }

    /// Counts one more, unless `limit` is reached.
    @inline(__always)
    func enter(limit: Int) -> Bool {
        if count.pointee.add(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    @inline(__always)
    func leave() { count.pointee.subtract(1, ordering: .relaxed) }

    fileprivate func free() {
        count.deinitialize(count: 1)
        count.deallocate()
    }

    @inline(__always)
    var now: Int { count.pointee.load(ordering: .relaxed) }

    func isBelow(_ limit: Int) -> Bool { count.pointee.load(ordering: .relaxed) < limit }
}

/// How many exchanges of a service or a server are going on, a cell for each worker: it costs its worker a store, and
/// whoever wants to know adds them up.
struct ExchangeTally: @unchecked Sendable {
    private let cells: UnsafeMutablePointer<Atomic<Int32>>

    init() {
        cells = .allocate(capacity: ServicePlan.Limit.threads)
        for worker in 0..<ServicePlan.Limit.threads { (cells + worker).initialize(to: Atomic(0)) }
    }

    @inline(__always)
    func add(_ change: Int32, of worker: UInt8) {
        let cell = cells + Int(worker)
        cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ change, ordering: .relaxed)
    }

    /// Of all workers.
    var total: Int {
        (0..<ServicePlan.Limit.threads).reduce(0) { $0 &+ Int(cells[$1].load(ordering: .relaxed)) }
    }

    func free() {
        cells.deinitialize(count: ServicePlan.Limit.threads)
        cells.deallocate()
    }
}

/// What the workers of a process share, by the names of the plan; every worker holds on to all of it.
package final class ConnectionGauges: Sendable {
    private let shared = Mutex(Shared())
    /// Grows whenever a server is ejected or taken back: a worker that has seen another number looks at the boards.
    let ejections = Atomic<UInt32>(0)

    private struct Shared {
        var gauges: [String: ConnectionGauge] = [:]
        var tallies: [String: ExchangeTally] = [:]
        var boards: [String: [String: ServerBoard]] = [:]
        var bells: [UInt8: Int32] = [:]
        var sources: [String: SourceTable] = [:]
    }

    package init() {}

    deinit {
        shared.withLock { shared in
            for gauge in shared.gauges.values { gauge.free() }
            for tally in shared.tallies.values { tally.free() }
            for table in shared.sources.values { table.free() }
            for board in shared.boards.values.flatMap(\.values) { board.free() }
        }
    }

    func gauge(of service: String) -> ConnectionGauge {
        shared.withLock { shared in
            if let gauge = shared.gauges[service] { return gauge }
            let gauge = ConnectionGauge()
            shared.gauges[service] = gauge
            return gauge
        }
    }

    func tally(of service: String) -> ExchangeTally {
        shared.withLock { shared in
            if let tally = shared.tallies[service] { return tally }
            let tally = ExchangeTally()
            shared.tallies[service] = tally
            return tally
        }
    }

    /// Of all services together.
    var all: ConnectionGauge { gauge(of: "") }

    func board(of server: String, in service: String) -> ServerBoard {
        shared.withLock { shared in
            if let board = shared.boards[service]?[server] { return board }
            let board = ServerBoard()
            shared.boards[service, default: [:]][server] = board
            return board
        }
    }

    /// nil: there is no memory for one.
    func sources(of service: String) -> SourceTable? {
        shared.withLock { shared in
            if let table = shared.sources[service] { return table }
            guard let table = SourceTable() else { return nil }
            shared.sources[service] = table
            return table
        }
    }

    /// - Parameter bell: an eventfd that wakes the worker.
    func register(_ worker: UInt8, bell: Int32) { shared.withLock { $0.bells[worker] = bell } }

    func bells() -> [UInt8: Int32] { shared.withLock { $0.bells } }
}
