/// What a service or a server has counted since the proxy process began, under the names of HAProxy's `show stat`.
package struct ProxyCounters: Equatable, Sendable, BitwiseCopyable {
    /// Service: client connections accepted. Server: requests (TCP mode: connections) assigned to it.
    package var stot: UInt64 = 0
    /// The same, now.
    package var scur: UInt64 = 0
    /// The most at once. With several threads the sum of each one's most, so it may be too high.
    package var smax: UInt64 = 0
    /// Bytes from and to clients.
    package var bin: UInt64 = 0
    package var bout: UInt64 = 0
    /// Requests received.
    package var reqTot: UInt64 = 0
    /// Requests refused, too slow, or broken off before they were whole.
    package var ereq: UInt64 = 0
    /// Attempts to connect that failed.
    package var econ: UInt64 = 0
    /// Responses that were invalid, too slow, or broken off.
    package var eresp: UInt64 = 0
    /// Attempts made again, at the same server.
    package var wretr: UInt64 = 0
    /// And at another one.
    package var wredis: UInt64 = 0
    /// Exchanges broken off by the client, and by the server.
    package var cliAbrt: UInt64 = 0
    package var srvAbrt: UInt64 = 0
    package var hrsp1xx: UInt64 = 0
    package var hrsp2xx: UInt64 = 0
    package var hrsp3xx: UInt64 = 0
    package var hrsp4xx: UInt64 = 0
    package var hrsp5xx: UInt64 = 0
    package var hrspOther: UInt64 = 0
    /// Connections made to servers, and requests sent on one that was there already.
    package var connect: UInt64 = 0
    package var reuse: UInt64 = 0
    /// Requests that wait for a server's turn, now and the most at once (as with `smax`, a sum over the threads).
    package var qcur: UInt64 = 0
    package var qmax: UInt64 = 0
    /// Times that a balancing rule chose the server, as against a cookie or a retry.
    package var lbtot: UInt64 = 0
    /// Requests and responses refused by a rule; connections refused at accept, and before their first request.
    package var dreq: UInt64 = 0
    package var dresp: UInt64 = 0
    package var dcon: UInt64 = 0
    package var dses: UInt64 = 0
    /// Requests that the proxy answered itself, as by a redirect.
    package var intercepted: UInt64 = 0
    /// Ours to blame: no descriptor, no memory.
    package var eint: UInt64 = 0
    /// Times that a server was ejected because it failed too often in a row.
    package var ejected: UInt64 = 0
    /// Lines of the access log that were dropped, because whoever takes them was too slow.
    package var logDropped: UInt64 = 0
    /// Idle connections to servers, now.
    package var idleConnCur: UInt64 = 0
    /// Exchanges with all of the times below, and each time's sum in microseconds: in the queue, to connect, to the
    /// response's first byte, and from the request to the end.
    package var timed: UInt64 = 0
    package var qtimeSum: UInt64 = 0
    package var ctimeSum: UInt64 = 0
    package var rtimeSum: UInt64 = 0
    package var ttimeSum: UInt64 = 0

    package init() {}

    /// Every counter under HAProxy's own name, in the order above.
    package var named: [(name: String, value: UInt64)] {
        [
            ("stot", stot), ("scur", scur), ("smax", smax), ("bin", bin), ("bout", bout), ("req_tot", reqTot),
            ("ereq", ereq), ("econ", econ), ("eresp", eresp), ("wretr", wretr), ("wredis", wredis),
            ("cli_abrt", cliAbrt), ("srv_abrt", srvAbrt), ("hrsp_1xx", hrsp1xx), ("hrsp_2xx", hrsp2xx),
            ("hrsp_3xx", hrsp3xx), ("hrsp_4xx", hrsp4xx), ("hrsp_5xx", hrsp5xx), ("hrsp_other", hrspOther),
            ("connect", connect), ("reuse", reuse), ("qcur", qcur), ("qmax", qmax), ("lbtot", lbtot), ("dreq", dreq),
            ("dresp", dresp), ("dcon", dcon), ("dses", dses), ("intercepted", intercepted), ("eint", eint),
            ("ejected", ejected), ("log_dropped", logDropped), ("idle_conn_cur", idleConnCur),
        ]
    }

    static let count = MemoryLayout<ProxyCounters>.size / MemoryLayout<UInt64>.size

    @inline(__always)
    mutating func began() {
        stot &+= 1
        scur &+= 1
        if scur > smax { smax = scur }
    }

    @inline(__always)
    mutating func ended() { scur &-= 1 }

    /// An exchange's times, in microseconds.
    @inline(__always)
    mutating func took(queue: UInt64, connect: UInt64, response: UInt64, total: UInt64) {
        timed &+= 1
        qtimeSum &+= queue
        ctimeSum &+= connect
        rtimeSum &+= response
        ttimeSum &+= total
    }

    @inline(__always)
    mutating func beganWaiting() {
        qcur &+= 1
        if qcur > qmax { qmax = qcur }
    }

    @inline(__always)
    mutating func endedWaiting() { qcur &-= 1 }

    @inline(__always)
    mutating func answered(_ status: Int) {
        switch status {
        case 200..<300: hrsp2xx &+= 1
        case 300..<400: hrsp3xx &+= 1
        case 400..<500: hrsp4xx &+= 1
        case 500..<600: hrsp5xx &+= 1
        case 100..<200: hrsp1xx &+= 1
        default: hrspOther &+= 1
        }
    }

    /// Without what goes on now: the rest of a process that has ended.
    var withoutGauges: ProxyCounters {
        var rest = self
        (rest.scur, rest.qcur, rest.idleConnCur) = (0, 0, 0)
        return rest
    }

    /// Sum over the workers.
    package static func += (total: inout ProxyCounters, part: ProxyCounters) {
        withUnsafeMutableBytes(of: &total) { total in
            withUnsafeBytes(of: part) { part in
                let sums = total.bindMemory(to: UInt64.self)
                for (index, value) in part.bindMemory(to: UInt64.self).enumerated() { sums[index] &+= value }
            }
        }
    }
}
