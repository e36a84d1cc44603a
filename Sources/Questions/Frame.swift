import Election
import Journal

/// A moment, as well as the evidence knows it: nanoseconds since 1970 by the reference node's wall clock at its first
/// record, counted on by its boot clock. Only differences mean something; the date is for people.
package struct Moment: Hashable, Sendable {
    package var earliest: Int64
    package var latest: Int64

    package var middle: Int64 { earliest + (latest - earliest) / 2 }
    /// Half the width, nanoseconds.
    package var uncertainty: Int64 { (latest - earliest) / 2 }

    func isBefore(_ other: Moment) -> Bool { latest < other.earliest }
}

/// The clocks of all nodes, laid over each other by the messages between them.
struct Frame {
    struct Clock {
        var node: Int
        var bootID: [UInt8]
        /// Wall clock notes: what the node's wall clock showed at an instant.
        var notes: [Note] = []
    }

    struct Note {
        var instant: Int64
        var wall: Int64
    }

    private static let noteLimit = 100_000
    /// No step is later (Specs/journal.md); so sums and differences of moments fit in 63 bits.
    private static let instantLimit: Int64 = 1 << 60

    var clocks: [Clock] = []
    var bounds = ClockBounds()
    /// The clock that others are laid over: the one with the longest record.
    var reference = 0

    mutating func clock(of node: Int, bootID: [UInt8]) -> Int {
        if let known = clocks.firstIndex(where: { $0.node == node && $0.bootID == bootID }) { return known }
        clocks.append(Clock(node: node, bootID: bootID))
        return clocks.count - 1
    }

    mutating func note(_ clock: Int, _ instant: Instant, _ wall: WallClock) {
        if clocks[clock].notes.count >= Self.noteLimit {
            clocks[clock].notes = clocks[clock].notes.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        }
        clocks[clock].notes.append(
            Note(instant: Int64(clamping: instant.nanoseconds), wall: Int64(clamping: wall.nanoseconds)))
    }

    /// Wall clock minus boot clock of the reference at its first note.
    private var epoch: Int64 {
        guard let first = clocks[reference].notes.first else { return 0 }
        return first.wall &- first.instant
    }

    /// Whether messages tie the clock to the reference; else only the wall clocks' notes do.
    func isVouched(_ clock: Int) -> Bool {
        clock == reference
            || bounds.difference(from: clock, to: reference, at: middle(clock), clocks: clocks.count) != nil
    }

    private func middle(_ clock: Int) -> Int64 {
        clocks[clock].notes.isEmpty ? 0 : clocks[clock].notes[clocks[clock].notes.count / 2].instant
    }

    func moment(_ clock: Int, _ instant: Instant) -> Moment {
        // What a state in a journal says may be any number.
        let at = min(Int64(clamping: instant.nanoseconds), Self.instantLimit)
        guard clock != reference else { return Moment(earliest: at &+ epoch, latest: at &+ epoch) }
        if let difference = bounds.difference(from: clock, to: reference, at: at, clocks: clocks.count) {
            return Moment(
                earliest: at &+ difference.low &+ epoch, latest: at &+ difference.high &+ epoch)
        }
        // No message ties the two: the wall clocks' word, and a second for what they may be off.
        let wall = at &+ (offset(clock, at)?.low ?? 0)
        return Moment(earliest: wall &- 1_000_000_000, latest: wall &+ 1_000_000_000)
    }

    /// Also before the clock's boot.
    private func moment(_ clock: Int, _ instant: Int64) -> Moment {
        guard instant < 0 else { return moment(clock, Instant(nanoseconds: UInt64(instant))) }
        let boot = moment(clock, Instant.zero)
        return Moment(earliest: boot.earliest + instant, latest: boot.latest + instant)
    }

    /// Where a moment may lie on a clock.
    func instants(_ moment: Moment, on clock: Int) -> (earliest: Int64, latest: Int64)? {
        let low = moment.earliest &- epoch
        let high = moment.latest &- epoch
        guard clock != reference else { return (low, high) }
        guard
            let one = bounds.difference(from: reference, to: clock, at: low, clocks: clocks.count),
            let other = bounds.difference(from: reference, to: clock, at: high, clocks: clocks.count)
        else { return nil }
        return (low &+ one.low, high &+ other.high)
    }

    /// Wall minus boot clock around an instant: between the notes before and after.
    private func offset(_ clock: Int, _ at: Int64) -> (low: Int64, high: Int64)? {
        let notes = clocks[clock].notes
        guard !notes.isEmpty else { return nil }
        let next = notes.firstIndex { $0.instant >= at } ?? notes.count - 1
        let pair = [notes[max(0, next - 1)], notes[next]].map { $0.wall &- $0.instant }
        return (pair.min() ?? 0, pair.max() ?? 0)
    }

    /// Where a wall clock reading lies by one clock's notes.
    func moment(wall: Int64, by clock: Int) -> Moment? {
        let notes = clocks[clock].notes
        guard !notes.isEmpty else { return nil }
        let next = notes.firstIndex { $0.wall >= wall } ?? notes.count - 1
        let offsets = [notes[max(0, next - 1)], notes[next]].map { $0.wall &- $0.instant }
        let early = moment(clock, wall - (offsets.max() ?? 0))
        let late = moment(clock, wall - (offsets.min() ?? 0))
        return Moment(earliest: min(early.earliest, late.earliest), latest: max(early.latest, late.latest))
    }
}
