import Sodium

/// The Merkle tree of RFC 6962 section 2.1 over a segment's frames, with SHA-256: what grows at the right end.
package struct MerkleTree: Sendable {
    /// Roots of the whole subtrees, from the largest; one for each bit of `count`.
    private var peaks: [[UInt8]] = []
    package private(set) var count: UInt64 = 0

    package init() {}

    static func leafHash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { Sha256.hash(tag: 0, bytes) }

    static func nodeHash(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] { Sha256.hash(tag: 1, left, right) }

    package mutating func append(_ frame: UnsafeRawBufferPointer) { append(leaf: Self.leafHash(frame)) }

    mutating func append(leaf: [UInt8]) {
        var hash = leaf
        var rest = count
        while rest & 1 == 1, let left = peaks.popLast() {
            hash = Self.nodeHash(left, hash)
            rest >>= 1
        }
        peaks.append(hash)
        count += 1
    }

    package var root: [UInt8] {
        guard var hash = peaks.last else { return Sha256.hash([]) }
        for left in peaks.dropLast().reversed() { hash = Self.nodeHash(left, hash) }
        return hash
    }
}

/// Proofs that a frame is in a tree, and that a tree only grew (RFC 6962 sections 2.1.1 and 2.1.2; checked as RFC 9162
/// sections 2.1.3.2 and 2.1.4.2 say).
package enum MerkleProof {
    /// The path from leaf `index` to the root of all `leaves`.
    package static func inclusion(of index: Int, in leaves: ArraySlice<[UInt8]>) -> [[UInt8]] {
        precondition(leaves.indices.contains(leaves.startIndex + index), "no such leaf")
        guard leaves.count > 1 else { return [] }
        let half = split(leaves.count)
        let middle = leaves.startIndex + half
        if index < half { return inclusion(of: index, in: leaves[..<middle]) + [root(of: leaves[middle...])] }
        return inclusion(of: index - half, in: leaves[middle...]) + [root(of: leaves[..<middle])]
    }

    /// That the tree of all `leaves` goes on from the one of the first `count` of them.
    package static func consistency(from count: Int, in leaves: ArraySlice<[UInt8]>) -> [[UInt8]] {
        precondition(count > 0 && count <= leaves.count, "no such tree")
        return subproof(count, leaves, isWhole: true)
    }

    private static func subproof(_ count: Int, _ leaves: ArraySlice<[UInt8]>, isWhole: Bool) -> [[UInt8]] {
        if count == leaves.count { return isWhole ? [] : [root(of: leaves)] }
        let half = split(leaves.count)
        let middle = leaves.startIndex + half
        if count <= half {
            return subproof(count, leaves[..<middle], isWhole: isWhole) + [root(of: leaves[middle...])]
        }
        return subproof(count - half, leaves[middle...], isWhole: false) + [root(of: leaves[..<middle])]
    }

    package static func root(of leaves: ArraySlice<[UInt8]>) -> [UInt8] {
        var tree = MerkleTree()
        for leaf in leaves { tree.append(leaf: leaf) }
        return tree.root
    }

    /// The largest power of two below `count`.
    private static func split(_ count: Int) -> Int { 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount) }

    /// Whether `path` leads from `leaf`, number `index`, to the root of a tree of `count` leaves.
    package static func isIncluded(
        _ leaf: [UInt8], at index: UInt64, of count: UInt64, by path: [[UInt8]], under root: [UInt8]
    ) -> Bool {
        guard index < count else { return false }
        var place = index
        var last = count - 1
        var hash = leaf
        for sibling in path {
            guard last > 0 else { return false }
            if place & 1 == 1 || place == last {
                hash = MerkleTree.nodeHash(sibling, hash)
                while place & 1 == 0 && place != 0 {
                    place >>= 1
                    last >>= 1
                }
            } else {
                hash = MerkleTree.nodeHash(hash, sibling)
            }
            place >>= 1
            last >>= 1
        }
        return last == 0 && hash == root
    }

    /// Whether the tree of `count` leaves with `root` holds the one of `earlier` leaves with `earlierRoot` unchanged.
    package static func isConsistent(
        from earlier: UInt64, _ earlierRoot: [UInt8], to count: UInt64, _ root: [UInt8], by path: [[UInt8]]
    ) -> Bool {
        guard earlier > 0, earlier <= count else { return false }
        if earlier == count { return path.isEmpty && earlierRoot == root }
        var rest = path[...]
        if earlier & (earlier - 1) == 0 { rest = ([earlierRoot] + path)[...] }
        guard let seed = rest.popFirst() else { return false }
        var place = earlier - 1
        var last = count - 1
        while place & 1 == 1 {
            place >>= 1
            last >>= 1
        }
        var old = seed
        var new = seed
        for sibling in rest {
            guard last > 0 else { return false }
            if place & 1 == 1 || place == last {
                old = MerkleTree.nodeHash(sibling, old)
                new = MerkleTree.nodeHash(sibling, new)
                while place & 1 == 0 && place != 0 {
                    place >>= 1
                    last >>= 1
                }
            } else {
                new = MerkleTree.nodeHash(new, sibling)
            }
            place >>= 1
            last >>= 1
        }
        return last == 0 && old == earlierRoot && new == root
    }
}
