import CLinux
import Glibc
import Synchronization

/// What each client address has and has done lately at a service: shared by the workers, of fixed size.
///
/// An address has its place in one small set that a hash with a random key chooses, so that nobody can aim at another's.
/// When a set is full, the address that has least to answer for gives way, and none that has connections: coming from
/// many addresses doesn't wash away what one of them did.
struct SourceTable: @unchecked Sendable {
    private static let sets = 2_048
    private static let ways = 8
    private static let stripes = 64

    private struct Entry {
        /// 0: free.
        var source: UInt64
        var connections: Int64
        /// When its requests so far are paid for, in 1/1024 microseconds: the generic cell rate algorithm's "theoretical
        /// arrival time" (ITU-T I.371).
        var due: UInt64
    }

    /// Entries by sets; the kernel's zero pages are free ones.
    private let entries: UnsafeMutablePointer<Entry>
    private let locks: UnsafeMutablePointer<Mutex<Void>>
    private let key: (UInt64, UInt64)

    enum Admission {
        case counted
        /// Its set is full of others' connections: let in without being counted.
        case uncounted
        case refused
    }

    /// A rate in the table's own unit.
    struct Rate {
        /// From one request to the next.
        let interval: UInt64
        /// How far ahead of its time a request may come.
        let tolerance: UInt64

        /// `requests`, at least 1, in `period` milliseconds; all of them may come at once.
        init(requests: Int, period: UInt32) {
            let span = UInt64(period) * 1_000 << 10
            interval = max(1, span / UInt64(max(1, requests)))
            tolerance = span - interval
        }
    }

    /// nil: the kernel gives no memory.
    init?() {
        let size = Self.sets * Self.ways * MemoryLayout<Entry>.stride
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { return nil }
        entries = memory.bindMemory(to: Entry.self, capacity: Self.sets * Self.ways)
        locks = .allocate(capacity: Self.stripes)
        for stripe in 0..<Self.stripes { (locks + stripe).initialize(to: Mutex(())) }
        var random: (UInt64, UInt64) = (0, 0)
        getentropy(&random, MemoryLayout<(UInt64, UInt64)>.size)
        key = random
    }

    func free() {
        munmap(entries, Self.sets * Self.ways * MemoryLayout<Entry>.stride)
        locks.deinitialize(count: Self.stripes)
        locks.deallocate()
    }

    /// A connection begins.
    func enter(_ source: UInt64, limit: Int, now: UInt64) -> Admission {
        withSet(of: source) { set in
            guard let entry = place(of: source, set, now << 10) else { return .uncounted }
            if entry.pointee.connections >= Int64(limit) { return .refused }
            entry.pointee.connections += 1
            return .counted
        }
    }

    /// One that was counted ends.
    func leave(_ source: UInt64) {
        withSet(of: source) { set in
            for way in 0..<Self.ways where set[way].source == source && set[way].connections > 0 {
                set[way].connections -= 1
            }
        }
    }

    /// A request comes. false: one too many.
    /// - Parameter now: microseconds of the monotonic clock.
    func admit(_ source: UInt64, _ rate: Rate, now: UInt64) -> Bool {
        let now = now << 10
        return withSet(of: source) { set in
            guard let entry = place(of: source, set, now) else { return true }
            let start = max(entry.pointee.due, now)
            if start - now > rate.tolerance {
                // A lower rate has been configured meanwhile: nobody waits longer than it takes to pay for a burst.
                entry.pointee.due = min(entry.pointee.due, now + rate.tolerance + rate.interval)
                return false
            }
            entry.pointee.due = start + rate.interval
            return true
        }
    }

    /// The source's entry, new if need be; nil: all others of its set have connections.
    private func place(
        of source: UInt64, _ set: UnsafeMutablePointer<Entry>, _ now: UInt64
    ) -> UnsafeMutablePointer<Entry>? {
        var least = -1
        var leastDebt = UInt64.max
        for way in 0..<Self.ways {
            if set[way].source == source { return set + way }
            if set[way].connections > 0 { continue }
            let debt = set[way].due > now ? set[way].due - now : 0
            if set[way].source == 0 || debt < leastDebt {
                least = way
                leastDebt = set[way].source == 0 ? 0 : debt
            }
        }
        guard least >= 0 else { return nil }
        set[least] = Entry(source: source, connections: 0, due: 0)
        return set + least
    }

    private func withSet<Result>(of source: UInt64, _ body: (UnsafeMutablePointer<Entry>) -> Result) -> Result {
        let set = Int(truncatingIfNeeded: SipHash.of(source, key)) & (Self.sets - 1)
        return locks[set & (Self.stripes - 1)].withLock { _ in body(entries + set * Self.ways) }
    }
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) of one 64-bit word: what it gives nobody foresees who hasn't the key.
enum SipHash {
    static func of(_ word: UInt64, _ key: (UInt64, UInt64)) -> UInt64 {
        var v: (UInt64, UInt64, UInt64, UInt64) = (
            key.0 ^ 0x736f_6d65_7073_6575, key.1 ^ 0x646f_7261_6e64_6f6d, key.0 ^ 0x6c79_6765_6e65_7261,
            key.1 ^ 0x7465_6462_7974_6573
        )
        // The message, and a last block with its length.
        absorb(word, &v)
        absorb(8 << 56, &v)
        v.2 ^= 0xff
        for _ in 0..<4 { round(&v) }
        return v.0 ^ v.1 ^ v.2 ^ v.3
    }

    @inline(__always)
    private static func absorb(_ block: UInt64, _ v: inout (UInt64, UInt64, UInt64, UInt64)) {
        v.3 ^= block
        round(&v)
        round(&v)
        v.0 ^= block
    }

    @inline(__always)
    private static func round(_ v: inout (UInt64, UInt64, UInt64, UInt64)) {
        v.0 = v.0 &+ v.1
        v.1 = rotate(v.1, 13) ^ v.0
        v.0 = rotate(v.0, 32)
        v.2 = v.2 &+ v.3
        v.3 = rotate(v.3, 16) ^ v.2
        v.0 = v.0 &+ v.3
        v.3 = rotate(v.3, 21) ^ v.0
        v.2 = v.2 &+ v.1
        v.1 = rotate(v.1, 17) ^ v.2
        v.2 = rotate(v.2, 32)
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }
}
