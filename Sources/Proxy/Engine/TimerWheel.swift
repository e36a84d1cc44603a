/// Deadlines of connections, in ticks of 32 ms, for the price of one store.
///
/// Setting a later deadline only writes it down: the connection stays in the slot it is in, and moves when that slot's
/// turn comes. Only an earlier deadline moves it at once. Ticks wrap; all comparisons are by difference.
package struct TimerWheel {
    package static let tickMilliseconds = 32
    private static let slots = 2_048

    private let heads: UnsafeMutablePointer<Int32>
    /// The next tick to look at.
    private var cursor: UInt32

    package init(now: UInt32) {
        heads = .allocate(capacity: Self.slots)
        heads.initialize(repeating: -1, count: Self.slots)
        cursor = now
    }

    package func deallocate() { heads.deallocate() }

    /// Rounded up, at least 1.
    static func ticks(_ milliseconds: UInt32) -> UInt32 {
        max(1, (milliseconds + UInt32(tickMilliseconds) - 1) / UInt32(tickMilliseconds))
    }

    /// `slot`, the one of `fd`, has to be looked at when tick `deadline` is over.
    @inline(__always)
    package mutating func arm(_ slab: ConnectionSlab, _ fd: Int32, _ slot: ConnectionSlot, at deadline: UInt32) {
        slot.pointee.deadline = deadline == 0 ? 1 : deadline
        if slot.pointee.flags.contains(.inWheel) {
            if Int32(bitPattern: deadline &- slot.pointee.wheelTick) >= 0 { return }
            unlink(slab, slot)
        }
        link(slab, fd, slot)
    }

    private mutating func link(_ slab: ConnectionSlab, _ fd: Int32, _ slot: ConnectionSlot) {
        var tick = slot.pointee.deadline &+ 1
        let distance = Int32(bitPattern: tick &- cursor)
        // What lies beyond the wheel's turn is looked at when the turn is over.
        if distance < 1 {
            tick = cursor &+ 1
        } else if distance >= Self.slots {
            tick = cursor &+ UInt32(Self.slots - 1)
        }
        let head = heads + Int(tick & UInt32(Self.slots - 1))
        slot.pointee.wheelTick = tick
        slot.pointee.wheelPrevious = -1
        slot.pointee.wheelNext = head.pointee
        if head.pointee >= 0 { slab.slot(head.pointee).pointee.wheelPrevious = fd }
        head.pointee = fd
        slot.pointee.flags.insert(.inWheel)
    }

    /// Takes a connection out, before its slot is freed.
    @inline(__always)
    package mutating func disarm(_ slab: ConnectionSlab, _ slot: ConnectionSlot) {
        if slot.pointee.flags.contains(.inWheel) { unlink(slab, slot) }
    }

    private mutating func unlink(_ slab: ConnectionSlab, _ slot: ConnectionSlot) {
        let next = slot.pointee.wheelNext
        let previous = slot.pointee.wheelPrevious
        if next >= 0 { slab.slot(next).pointee.wheelPrevious = previous }
        if previous >= 0 {
            slab.slot(previous).pointee.wheelNext = next
        } else {
            heads[Int(slot.pointee.wheelTick & UInt32(Self.slots - 1))] = next
        }
        slot.pointee.flags.remove(.inWheel)
    }

    /// The next connection whose deadline is over at `now`; -1: none. Each is reported once and then has none.
    package mutating func nextExpired(_ slab: ConnectionSlab, now: UInt32) -> Int32 {
        // After a long pause one turn covers every slot.
        if Int32(bitPattern: now &- cursor) >= Self.slots { cursor = now &- UInt32(Self.slots - 1) }
        while Int32(bitPattern: now &- cursor) >= 0 {
            let fd = heads[Int(cursor & UInt32(Self.slots - 1))]
            guard fd >= 0 else {
                cursor &+= 1
                continue
            }
            let slot = slab.slot(fd)
            unlink(slab, slot)
            let deadline = slot.pointee.deadline
            if deadline == 0 { continue }
            if Int32(bitPattern: now &- deadline) > 0 {
                slot.pointee.deadline = 0
                return fd
            }
            link(slab, fd, slot)
        }
        return -1
    }

    /// Ticks until one of the next `limit` has something to look at; `limit` if none has.
    package func ticksToNext(now: UInt32, limit: UInt32) -> UInt32 {
        for distance in 0..<limit where heads[Int((now &+ distance) & UInt32(Self.slots - 1))] >= 0 { return distance }
        return limit
    }
}
