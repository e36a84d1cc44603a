/// Connections to look at again before the worker waits for events: tokens, so that one which closed meanwhile is
/// passed over. Each connection stands in it at most once, which bounds it by the number of descriptors.
struct ReadyQueue {
    private var tokens: UnsafeMutablePointer<UInt64>
    private var capacity = 256
    private var first = 0
    private(set) var count = 0

    init() { tokens = .allocate(capacity: 256) }

    func deallocate() { tokens.deallocate() }

    @inline(__always)
    mutating func append(_ token: UInt64) {
        if count == capacity { grow() }
        tokens[(first &+ count) & (capacity &- 1)] = token
        count &+= 1
    }

    @inline(__always)
    mutating func popFirst() -> UInt64 {
        precondition(count > 0, "only what is there is taken")
        let token = tokens[first]
        first = (first &+ 1) & (capacity &- 1)
        count &-= 1
        return token
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity * 2)
        for i in 0..<count { larger[i] = tokens[(first + i) & (capacity - 1)] }
        tokens.deallocate()
        tokens = larger
        first = 0
        capacity *= 2
    }
}
