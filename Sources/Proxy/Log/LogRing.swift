import Glibc
import Synchronization

/// Lines on their way from one worker to the log thread: one writes, one reads, nobody waits. When it is full the line
/// is lost, and counted.
struct LogRing: @unchecked Sendable {
    /// Bytes; a power of two. Touched only as far as it is used.
    static let capacity = 1 << 20
    /// Bytes of the longest line. A request's line and host come to 1,000 bytes, each at most six escaped.
    static let lineLimit = 8_192
    /// Before each line.
    static let headSize = 16

    private struct Positions: ~Copyable {
        /// Bytes ever written and read. Apart, so that the two threads don't fight for a cache line.
        let written = Atomic<UInt64>(0)
        let padding = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        let read = Atomic<UInt64>(0)
    }

    private let memory: UnsafeMutableRawPointer
    private let positions: UnsafeMutablePointer<Positions>

    /// nil: no address space.
    init?() {
        let memory = mmap(
            nil, Self.capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let memory, memory != MAP_FAILED else { return nil }
        self.memory = memory
        positions = .allocate(capacity: 1)
        positions.initialize(to: Positions())
    }

    /// When neither side uses it any more.
    func free() {
        munmap(memory, Self.capacity)
        positions.deinitialize(count: 1)
        positions.deallocate()
    }

    // MARK: the worker's side

    /// Where a line of up to `lineLimit` bytes may be written; nil: full.
    @inline(__always)
    func reserve() -> Bytes? {
        let written = positions.pointee.written.load(ordering: .relaxed)
        let read = positions.pointee.read.load(ordering: .acquiring)
        var place = Int(written & UInt64(Self.capacity - 1))
        let wanted = Self.headSize + Self.lineLimit
        var start = written
        if Self.capacity - place < wanted {
            // A line lies in one piece: the rest of the turn is passed over.
            start += UInt64(Self.capacity - place)
            place = 0
        }
        guard start + UInt64(wanted) - read <= UInt64(Self.capacity) else { return nil }
        return (memory + place + Self.headSize).assumingMemoryBound(to: UInt8.self)
    }

    /// Hands over the line that was written where `reserve` said.
    ///
    /// - Parameters:
    ///   - sink: whose it is, as the log thread numbers them.
    ///   - service: the service's place in the plan.
    ///   - wall: milliseconds since 1970.
    @inline(__always)
    func commit(count: Int, sink: UInt16, service: UInt16, wall: UInt64) {
        precondition(count <= Self.lineLimit, "a line has its limit")
        let written = positions.pointee.written.load(ordering: .relaxed)
        var place = Int(written & UInt64(Self.capacity - 1))
        var end = written
        if Self.capacity - place < Self.headSize + Self.lineLimit {
            if Self.capacity - place >= 4 {
                (memory + place).storeBytes(of: UInt32.max, as: UInt32.self)
            }
            end += UInt64(Self.capacity - place)
            place = 0
        }
        (memory + place).storeBytes(of: UInt32(count), as: UInt32.self)
        (memory + place).storeBytes(of: sink, toByteOffset: 4, as: UInt16.self)
        (memory + place).storeBytes(of: service, toByteOffset: 6, as: UInt16.self)
        (memory + place).storeBytes(of: wall, toByteOffset: 8, as: UInt64.self)
        end += UInt64((Self.headSize + count + 7) & ~7)
        positions.pointee.written.store(end, ordering: .releasing)
    }

    /// Bytes that wait to be read.
    var waiting: UInt64 {
        positions.pointee.written.load(ordering: .relaxed) - positions.pointee.read.load(ordering: .relaxed)
    }

    // MARK: the log thread's side

    struct Line {
        let sink: UInt16
        let service: UInt16
        let wall: UInt64
        let bytes: UnsafePointer<UInt8>
        let count: Int
    }

    /// Gives every line that is there to `visit`, in order; a line's bytes are valid only meanwhile.
    func drain(_ visit: (Line) -> Void) {
        let written = positions.pointee.written.load(ordering: .acquiring)
        var read = positions.pointee.read.load(ordering: .relaxed)
        while read < written {
            let place = Int(read & UInt64(Self.capacity - 1))
            let left = Self.capacity - place
            let count = (memory + place).load(as: UInt32.self)
            if left < Self.headSize + Self.lineLimit, count == UInt32.max {
                read += UInt64(left)
            } else {
                let start = memory + place
                visit(
                    Line(
                        sink: start.load(fromByteOffset: 4, as: UInt16.self),
                        service: start.load(fromByteOffset: 6, as: UInt16.self),
                        wall: start.load(fromByteOffset: 8, as: UInt64.self),
                        bytes: UnsafePointer((start + Self.headSize).assumingMemoryBound(to: UInt8.self)),
                        count: Int(count)))
                read += UInt64((Self.headSize + Int(count) + 7) & ~7)
            }
            positions.pointee.read.store(read, ordering: .releasing)
        }
    }
}
