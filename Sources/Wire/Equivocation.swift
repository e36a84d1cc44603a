import Election

/// Two contents that one node signed under one number: proof that it lies, or that its key is used twice.
package struct Equivocation: Hashable, Sendable {
    package var by: NodeLife
    package var sequence: Sequence
    /// The two signed frames.
    package var first: [UInt8]
    package var second: [UInt8]

    package init(by: NodeLife, sequence: Sequence, first: [UInt8], second: [UInt8]) {
        self.by = by
        self.sequence = sequence
        self.first = first
        self.second = second
    }
}
