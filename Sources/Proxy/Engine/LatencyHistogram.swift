/// Durations in buckets that grow with them: eight to a doubling, so that a bucket's width is an eighth of its lower
/// end at most. Histograms of several workers, servers or nodes are merged by adding them up.
package struct LatencyHistogram: Equatable, Sendable, BitwiseCopyable {
    /// Microseconds below which a bucket is 8 us wide.
    private static let linearLimit: UInt64 = 64
    /// 64 us to 134 s in 21 doublings, the eight buckets below, and one for everything beyond.
    package static let count = 8 + 21 * 8 + 1

    private typealias Eight = (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)
    private typealias Block = (Eight, Eight, Eight, Eight, Eight, Eight, Eight, Eight)
    private static let zero: Eight = (0, 0, 0, 0, 0, 0, 0, 0)
    private static let zeroBlock: Block = (zero, zero, zero, zero, zero, zero, zero, zero)

    private var first: Block = Self.zeroBlock
    private var second: Block = Self.zeroBlock
    private var third: (Eight, Eight, Eight, Eight, Eight, Eight, UInt32, UInt32) = (
        Self.zero, Self.zero, Self.zero, Self.zero, Self.zero, Self.zero, 0, 0
    )
    /// Of all durations, in microseconds.
    package private(set) var sum: UInt64 = 0

    package init() {}

    /// The bucket of a duration.
    @inline(__always)
    package static func bucket(_ microseconds: UInt64) -> Int {
        if microseconds < linearLimit { return Int(microseconds >> 3) }
        let doubling = 63 &- microseconds.leadingZeroBitCount
        if doubling >= 27 { return count &- 1 }
        return 8 &+ (doubling &- 6) &* 8 &+ Int(microseconds >> UInt64(doubling &- 3)) & 7
    }

    /// The first duration, in microseconds, that is beyond a bucket; nil for the last bucket, which has no end.
    package static func end(of bucket: Int) -> UInt64? {
        if bucket < 8 { return UInt64(bucket + 1) << 3 }
        if bucket >= count - 1 { return nil }
        let doubling = UInt64((bucket - 8) / 8 + 6)
        return (UInt64((bucket - 8) % 8) + 9) << (doubling - 3)
    }

    /// Counts wrap after 2^32 of one bucket, which the differences that monitoring takes survive.
    @inline(__always)
    package mutating func add(_ microseconds: UInt64) {
        let bucket = Self.bucket(microseconds)
        sum &+= microseconds
        withUnsafeMutableBytes(of: &self) { raw in
            let place = bucket &* 4
            let value = raw.load(fromByteOffset: place, as: UInt32.self)
            raw.storeBytes(of: value &+ 1, toByteOffset: place, as: UInt32.self)
        }
    }

    package subscript(_ bucket: Int) -> UInt32 {
        precondition(bucket >= 0 && bucket < Self.count, "a bucket is one of the histogram's")
        return withUnsafeBytes(of: self) { $0.load(fromByteOffset: bucket * 4, as: UInt32.self) }
    }

    /// Of all durations.
    package var total: UInt64 { (0..<Self.count).reduce(0) { $0 + UInt64(self[$1]) } }

    package static func += (total: inout LatencyHistogram, part: LatencyHistogram) {
        total.sum &+= part.sum
        withUnsafeMutableBytes(of: &total) { raw in
            for bucket in 0..<Self.count {
                let value = raw.load(fromByteOffset: bucket * 4, as: UInt32.self)
                raw.storeBytes(of: value &+ part[bucket], toByteOffset: bucket * 4, as: UInt32.self)
            }
        }
    }

    package static func == (a: LatencyHistogram, b: LatencyHistogram) -> Bool {
        a.sum == b.sum && (0..<Self.count).allSatisfy { a[$0] == b[$0] }
    }

    /// The duration, in microseconds, that `thousandths` of all don't exceed: the end of the bucket in which it lies.
    /// nil when nothing was counted.
    package func quantile(_ thousandths: UInt64) -> UInt64? {
        let total = total
        guard total > 0 else { return nil }
        let wanted = max(1, (total * thousandths + 999) / 1_000)
        var seen: UInt64 = 0
        for bucket in 0..<Self.count {
            seen += UInt64(self[bucket])
            if seen >= wanted { return Self.end(of: bucket) ?? 1 << 27 }
        }
        return 1 << 27
    }

    /// How many durations were shorter than `microseconds`, which should be a bucket's end.
    package func count(below microseconds: UInt64) -> UInt64 {
        var count: UInt64 = 0
        for bucket in 0..<Self.count {
            guard let end = Self.end(of: bucket), end <= microseconds else { break }
            count += UInt64(self[bucket])
        }
        return count
    }
}

/// The latencies of a service or a server.
package struct Latencies: Equatable, Sendable, BitwiseCopyable {
    /// From the request (TCP mode: the connection) to the end of its response.
    package var total = LatencyHistogram()
    /// From the request sent to the response's head; TCP mode: the time to connect.
    package var response = LatencyHistogram()

    package init() {}

    package static func += (total: inout Latencies, part: Latencies) {
        total.total += part.total
        total.response += part.response
    }
}
