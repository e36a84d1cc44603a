/// Points of servers on a circle of hashes; a request belongs to the first one at or after its own. Consistent hashing
/// as of Karger et al., STOC 1997: when a server is gone, only what was its own moves.
///
/// A server's points depend on its name and weight alone, and every point stays where it is while servers come and go,
/// so a lookup passes over those that aren't usable instead of building anew. Weights change the table, health doesn't.
struct HashRing {
    /// Points of a pool: with their members 112 KiB.
    static let pointLimit = 16_384
    /// Points that a server of weight 1 has where there is room.
    private static let finest = 12

    private let positions: UnsafeMutablePointer<UInt32>
    private let places: UnsafeMutablePointer<UInt16>
    /// A point takes part once its server's ramp has come so far: slow start takes over the circle piece by piece.
    private let thresholds: UnsafeMutablePointer<UInt8>
    let count: Int

    /// - Parameter servers: in the pool's order.
    init(_ servers: [(identity: UInt64, weight: Int)]) {
        var shift = 0
        while servers.reduce(0, { $0 + Self.points($1.weight, shift) }) > Self.pointLimit && shift < 24 { shift += 1 }
        var points: [(position: UInt32, threshold: UInt8, place: UInt16)] = []
        for (place, server) in servers.enumerated() {
            for number in 0..<Self.points(server.weight, shift) {
                let hash = Hash.mixed(server.identity &+ UInt64(number) &* Hash.golden)
                points.append((UInt32(hash >> 32), UInt8(truncatingIfNeeded: hash), UInt16(place)))
            }
        }
        points.sort { ($0.position, $0.place) < ($1.position, $1.place) }
        count = points.count
        positions = .allocate(capacity: max(1, count))
        places = .allocate(capacity: max(1, count))
        thresholds = .allocate(capacity: max(1, count))
        for (index, point) in points.enumerated() {
            positions[index] = point.position
            places[index] = point.place
            thresholds[index] = point.threshold
        }
    }

    /// Twice the total weight halves everyone's points and moves none of those that stay.
    private static func points(_ weight: Int, _ shift: Int) -> Int {
        weight == 0 ? 0 : max(1, (weight << finest) >> shift)
    }

    /// - Returns: a place among `members` that is a candidate; -1: there is none.
    func place(of hash: UInt64, _ members: UnsafePointer<PoolMember>, tried: UInt64) -> Int {
        if count == 0 { return -1 }
        var index = firstPoint(atOrAfter: UInt32(hash >> 32))
        var early = -1
        for _ in 0..<count {
            if index == count { index = 0 }
            let place = Int(places[index])
            if members[place].isCandidate(tried) {
                if thresholds[index] <= members[place].ramp { return place }
                if early < 0 { early = place }
            }
            index &+= 1
        }
        return early
    }

    private func firstPoint(atOrAfter position: UInt32) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low &+ high) >> 1
            if positions[middle] < position { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    func deallocate() {
        positions.deallocate()
        places.deallocate()
        thresholds.deallocate()
    }
}

/// Hashes that are the same on every node and architecture; not for what an attacker must not foresee.
enum Hash {
    static let golden: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// Every bit of the result depends on every bit of the value (the finalizer of MurmurHash3).
    @inline(__always)
    static func mixed(_ value: UInt64) -> UInt64 {
        var hash = value
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ (hash >> 33)
    }

    /// FNV-1a, mixed.
    @inline(__always)
    static func of(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var i = 0
        while i < count {
            hash = (hash ^ UInt64(bytes[i])) &* 0x0000_0100_0000_01b3
            i &+= 1
        }
        return mixed(hash)
    }

    static func of(_ text: String) -> UInt64 {
        let utf8 = Array(text.utf8)
        return utf8.withUnsafeBufferPointer { $0.baseAddress.map { of($0, utf8.count) } ?? 0 }
    }
}
