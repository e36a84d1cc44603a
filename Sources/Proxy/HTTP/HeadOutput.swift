import Glibc

typealias Bytes = UnsafeMutablePointer<UInt8>

/// Appends to a worker-owned buffer. A head never grows by more than the fixed lines we add, so the buffer always has
/// room; that is checked all the same, because the price of being wrong is the heap.
struct HeadOutput {
    let base: Bytes
    let capacity: Int
    private(set) var count = 0

    init(_ base: Bytes, capacity: Int) {
        self.base = base
        self.capacity = capacity
    }

    @inline(__always)
    mutating func put(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        precondition(length >= 0 && length <= capacity &- count, "a rewritten head fits its buffer")
        memcpy(base + count, bytes, length)
        count &+= length
    }

    @inline(__always)
    mutating func put(_ text: StaticString) { put(text.utf8Start, text.utf8CodeUnitCount) }

    @inline(__always)
    mutating func put(byte: UInt8) {
        precondition(count < capacity, "a rewritten head fits its buffer")
        base[count] = byte
        count &+= 1
    }

    mutating func put(decimal value: Int) {
        if value >= 10 { put(decimal: value / 10) }
        put(byte: 48 &+ UInt8(truncatingIfNeeded: value % 10))
    }

    /// Takes back everything after `length`.
    mutating func truncate(to length: Int) {
        precondition(length <= count, "only what was put can be taken back")
        count = length
    }
}
