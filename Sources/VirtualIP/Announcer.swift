import CLinux
import Glibc

/// When a virtual address is announced after a takeover. A single frame gets lost; neighbours that miss them all send
/// to the dead node until their entry ages (keepalived #542).
package struct AnnounceSchedule: Sendable, Equatable {
    /// Nanoseconds after the takeover, ascending, the first 0.
    package let burst: [UInt64]
    /// Nanoseconds between announcements after the burst; nil for none.
    package let refresh: UInt64?
    /// Nanoseconds between two announcements that a conflict provokes. Bounds what a hostile neighbour makes us send.
    package let reassertInterval: UInt64

    /// 0, 20, 100, 300 ms, 1 s, 3 s, then every 60 s; conflicts are answered at most every 100 ms.
    package static let standard = AnnounceSchedule(
        burstMilliseconds: [0, 20, 100, 300, 1_000, 3_000], refreshSeconds: 60)

    package init(burstMilliseconds: [UInt64], refreshSeconds: UInt64?, reassertMilliseconds: UInt64 = 100) {
        burst = burstMilliseconds.sorted().map { .milliseconds($0) }
        refresh = refreshSeconds.map { .seconds(max(1, $0)) }
        reassertInterval = .milliseconds(reassertMilliseconds)
    }
}

/// Sends gratuitous ARP and unsolicited neighbour advertisements for the addresses that are held here.
final class Announcer {
    /// Most addresses announced per call of `fire`, so that a takeover of hundreds doesn't hold up the election thread;
    /// the rest follows `pace` later.
    static let addressesPerFire = 64
    static let pace: UInt64 = 1_000_000

    private struct Entry {
        let address: VirtualAddress
        var index: Int32
        var hardware: HardwareAddress
        let started: UInt64
        var sent: Int
        /// nil: nothing more to come.
        var due: UInt64?
        var lastReassert: UInt64?
    }

    let schedule: AnnounceSchedule
    private let socket: PacketSocket
    /// Sorted by address.
    private var entries: [Entry] = []
    /// Frames that the kernel didn't take (interface down, queue full); the schedule goes on regardless.
    private(set) var failedFrames: UInt64 = 0

    init(schedule: AnnounceSchedule) throws(VirtualIPError) {
        self.schedule = schedule
        socket = try PacketSocket()
    }

    /// Begins the schedule for addresses that this node has taken over; the first frames leave with the next `fire`.
    func start(_ addresses: [VirtualAddress], on index: Int32, from hardware: HardwareAddress, at now: UInt64) {
        stop(addresses)
        for address in addresses {
            let due = schedule.burst.first.map { now + $0 } ?? schedule.refresh.map { now + $0 }
            let entry = Entry(
                address: address, index: index, hardware: hardware, started: now, sent: 0, due: due, lastReassert: nil)
            let position = entries.firstIndex { $0.address > address } ?? entries.count
            entries.insert(entry, at: position)
        }
    }

    /// Nothing more is sent for these addresses.
    func stop(_ addresses: [VirtualAddress]) {
        entries.removeAll { addresses.contains($0.address) }
    }

    /// When `fire` is to be called; boot nanoseconds.
    var nextDeadline: UInt64? { entries.lazy.compactMap(\.due).min() }

    /// Sends what is due.
    func fire(at now: UInt64) {
        var budget = Self.addressesPerFire
        for position in entries.indices {
            guard let due = entries[position].due, due <= now else { continue }
            if budget == 0 {
                entries[position].due = now + Self.pace
                continue
            }
            budget -= 1
            send(position)
            entries[position].sent += 1
            entries[position].due = next(entries[position], now)
        }
    }

    /// Announces one address at once, out of turn, because a neighbour was told otherwise.
    /// False: too soon after the last time, or the address isn't announced here.
    func reassert(_ address: VirtualAddress, at now: UInt64) -> Bool {
        guard let position = entries.firstIndex(where: { $0.address == address }) else { return false }
        if let last = entries[position].lastReassert, now.remaining(after: last) < schedule.reassertInterval {
            return false
        }
        entries[position].lastReassert = now
        send(position)
        return true
    }

    private func next(_ entry: Entry, _ now: UInt64) -> UInt64? {
        // After a pause (a frozen machine) the missed steps aren't caught up one by one: one of them, and on.
        if let step = schedule.burst.dropFirst(entry.sent).first(where: { entry.started + $0 > now }) {
            return entry.started + step
        }
        return schedule.refresh.map { now + $0 }
    }

    private func send(_ position: Int) {
        let entry = entries[position]
        for frame in AnnouncementFrame.all(for: entry.address, from: entry.hardware)
        where socket.send(frame, on: entry.index) != 0 {
            failedFrames += 1
        }
    }
}
