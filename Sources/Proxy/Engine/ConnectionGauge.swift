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

/// The gauges of a process, by service name; every worker holds on to all of them.
package final class ConnectionGauges: Sendable {
    private let gauges = Mutex<[String: ConnectionGauge]>([:])

    package init() {}

    deinit { gauges.withLock { for gauge in $0.values { gauge.free() } } }

    func gauge(of service: String) -> ConnectionGauge {
        gauges.withLock { gauges in
            if let gauge = gauges[service] { return gauge }
            let gauge = ConnectionGauge()
            gauges[service] = gauge
            return gauge
        }
    }
}
