/// The path from one leaf to the root (RFC 6962 section 2.1.1), from leaves that come one by one: of a tree of any size
/// it keeps what a path has, no more.
package struct InclusionPath {
    /// The subtrees beside the way, from the leaf up.
    private var beside: [(leaves: Range<UInt64>, tree: MerkleTree)] = []
    private var taken: UInt64 = 0

    /// - Parameters:
    ///   - index: of the leaf, below `count`.
    ///   - count: leaves of the whole tree.
    package init(to index: UInt64, of count: UInt64) {
        precondition(index < count, "no such leaf")
        var whole = 0..<count
        while whole.count > 1 {
            // The largest power of two below the count goes to the left.
            let middle = whole.lowerBound + 1 << UInt64(63 - (UInt64(whole.count) - 1).leadingZeroBitCount)
            let (left, right) = (whole.lowerBound..<middle, middle..<whole.upperBound)
            let isLeft = index < middle
            beside.append((isLeft ? right : left, MerkleTree()))
            whole = isLeft ? left : right
        }
        beside.reverse()
    }

    /// Takes the next leaf's hash; those beyond the tree are none of it.
    package mutating func add(_ leaf: [UInt8]) {
        if let place = beside.firstIndex(where: { $0.leaves.contains(taken) }) { beside[place].tree.append(leaf: leaf) }
        taken += 1
    }

    package var hashes: [[UInt8]] { beside.map(\.tree.root) }
}
