import CLinux
import Glibc

/// Buffers in a few sizes with a bounded free list each: no allocation in the steady state, none kept for ever.
struct BufferPool {
    /// 1, 4, 16, 64, 256 KiB.
    static let classes = 5

    /// Free buffers of a size: now, and the fewest since the last `trim`, which nobody needed.
    private struct Count {
        var now = 0
        var fewest = 0
    }

    private var free: (Bytes?, Bytes?, Bytes?, Bytes?, Bytes?) = (nil, nil, nil, nil, nil)
    private var counts = (Count(), Count(), Count(), Count(), Count())
    /// Bytes in use, and how many may be: whoever could wait waits while there are more.
    private var inUse = 0
    var limit = Int.max
    @inline(__always)
    var isTight: Bool { inUse > limit }
    /// Buffers that went out to the allocator, for the test that counts them.
    private(set) var allocations = 0

    @inline(__always)
    static func size(_ sizeClass: UInt8) -> Int { 1_024 &<< (2 &* Int(sizeClass)) }

    /// The smallest class for `count` bytes, which is at most 256 KiB.
    @inline(__always)
    static func sizeClass(_ count: Int) -> UInt8 {
        var sizeClass: UInt8 = 0
        while size(sizeClass) < count { sizeClass &+= 1 }
        precondition(Int(sizeClass) < classes, "nothing is buffered beyond the largest class")
        return sizeClass
    }

    /// How many free ones are kept: at most 4 MiB of each size.
    private static func keeps(_ sizeClass: UInt8) -> Int { 4_194_304 / size(sizeClass) }

    @inline(__always)
    mutating func take(_ sizeClass: UInt8) -> Bytes {
        inUse &+= Self.size(sizeClass)
        return withList(sizeClass) { list, count, allocations in
            if let buffer = list.pointee {
                list.pointee = UnsafeRawPointer(buffer).load(as: Bytes?.self)
                count.pointee.now &-= 1
                if count.pointee.now < count.pointee.fewest { count.pointee.fewest = count.pointee.now }
                return buffer
            }
            allocations.pointee &+= 1
            return .allocate(capacity: Self.size(sizeClass))
        }
    }

    @inline(__always)
    mutating func give(_ buffer: Bytes, _ sizeClass: UInt8) {
        inUse &-= Self.size(sizeClass)
        let keeps = min(Self.keeps(sizeClass), limit / 8 / Self.size(sizeClass))
        withList(sizeClass) { list, count, _ in
            if count.pointee.now >= keeps {
                buffer.deallocate()
                return
            }
            UnsafeMutableRawPointer(buffer).storeBytes(of: list.pointee, as: Bytes?.self)
            list.pointee = buffer
            count.pointee.now &+= 1
        }
    }

    /// Gives back to the allocator what nobody needed since the last time: a burst isn't kept for ever, and a steady
    /// load never allocates again.
    mutating func trim() {
        for sizeClass in 0..<UInt8(Self.classes) {
            withList(sizeClass) { list, count, _ in
                Self.free(count.pointee.fewest, of: list)
                count.pointee.now -= count.pointee.fewest
                count.pointee.fewest = count.pointee.now
            }
        }
    }

    private static func free(_ number: Int, of list: UnsafeMutablePointer<Bytes?>) {
        for _ in 0..<number {
            guard let buffer = list.pointee else { return }
            list.pointee = UnsafeRawPointer(buffer).load(as: Bytes?.self)
            buffer.deallocate()
        }
    }

    @inline(__always)
    private mutating func withList<Result>(
        _ sizeClass: UInt8,
        _ body: (UnsafeMutablePointer<Bytes?>, UnsafeMutablePointer<Count>, UnsafeMutablePointer<Int>) -> Result
    ) -> Result {
        switch sizeClass {
        case 0: body(&free.0, &counts.0, &allocations)
        case 1: body(&free.1, &counts.1, &allocations)
        case 2: body(&free.2, &counts.2, &allocations)
        case 3: body(&free.3, &counts.3, &allocations)
        default: body(&free.4, &counts.4, &allocations)
        }
    }

    /// Everything that is free; for the worker's end.
    mutating func drain() {
        for sizeClass in 0..<UInt8(Self.classes) {
            withList(sizeClass) { list, count, _ in
                Self.free(count.pointee.now, of: list)
                count.pointee = Count()
            }
        }
    }
}

/// Empty pipes to splice through. Two descriptors and up to 256 KiB of kernel memory each, so few are kept.
struct PipePool {
    /// What a pipe is asked to hold; the kernel may give less to an unprivileged user with many.
    static let capacity = 262_144
    private static let keeps = 64
    private var pipes: [(read: Int32, write: Int32)] = []

    init() { pipes.reserveCapacity(Self.keeps) }

    /// nil: out of descriptors; the caller copies instead.
    mutating func take() -> (read: Int32, write: Int32)? {
        if let pipe = pipes.popLast() { return pipe }
        var ends: (Int32, Int32) = (-1, -1)
        let made = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) { socket_pipe($0) }
        }
        guard made == 0 else { return nil }
        _ = socket_pipe_resize(ends.0, Int32(Self.capacity))
        return (ends.0, ends.1)
    }

    /// - Parameter isEmpty: a pipe with bytes left in it is never used again.
    mutating func give(_ read: Int32, _ write: Int32, isEmpty: Bool) {
        if isEmpty && pipes.count < Self.keeps {
            pipes.append((read, write))
            return
        }
        close(read)
        close(write)
    }

    mutating func drain() {
        for pipe in pipes {
            close(pipe.read)
            close(pipe.write)
        }
        pipes.removeAll()
    }
}
