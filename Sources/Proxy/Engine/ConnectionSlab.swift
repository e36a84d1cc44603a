import Glibc

/// Slots for every descriptor the process may open, indexed by descriptor and shared by all workers: each touches
/// only the slots of its own descriptors. Pages cost nothing until a descriptor that high is opened.
package struct ConnectionSlab: @unchecked Sendable {
    let slots: ConnectionSlot
    let capacity: Int

    /// - Parameter capacity: one more than the highest descriptor.
    /// nil: the kernel gives no address space.
    package init?(capacity: Int) {
        let size = capacity * MemoryLayout<Connection>.stride
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let memory, memory != MAP_FAILED else { return nil }
        slots = memory.bindMemory(to: Connection.self, capacity: capacity)
        self.capacity = capacity
    }

    @inline(__always)
    package func slot(_ fd: Int32) -> ConnectionSlot {
        precondition(fd >= 0 && Int(fd) < capacity, "a descriptor has a slot")
        return slots + Int(fd)
    }

    /// What comes back with the descriptor's events: an event for an earlier connection of that number doesn't match.
    @inline(__always)
    func token(_ fd: Int32) -> UInt64 { UInt64(slot(fd).pointee.generation) << 32 | UInt64(UInt32(bitPattern: fd)) }

    /// Makes a free slot a new connection's.
    @inline(__always)
    func open(_ fd: Int32, as role: Connection.Role, owner: UInt8) -> ConnectionSlot {
        let slot = slot(fd)
        // The kernel's zero pages are free slots, and so is what `release` leaves, apart from the generation.
        let generation = slot.pointee.generation &+ 1
        slot.initialize(to: Connection())
        slot.pointee.generation = generation
        slot.pointee.role = role
        slot.pointee.owner = owner
        return slot
    }

    /// Frees a slot, before its descriptor is closed: after that it may be another worker's.
    @inline(__always)
    func release(_ slot: ConnectionSlot) {
        slot.pointee.role = .free
        slot.pointee.generation &+= 1
    }

    package func unmap() { munmap(slots, capacity * MemoryLayout<Connection>.stride) }
}
