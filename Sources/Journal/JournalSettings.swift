import Election
import Glibc

/// Whose journal it is: what every segment's opening says of its writer.
package struct JournalIdentity: Sendable {
    package var clusterTag: [UInt8]
    package var node: String
    package var incarnation: Incarnation
    /// The kernel's `boot_id`, 16 bytes.
    package var bootID: [UInt8]
    package var software: String

    /// - Parameters:
    ///   - clusterTag: 8 bytes.
    ///   - node: 1 to `Bound.name` bytes.
    ///   - software: name and version, up to 63 bytes.
    package init(
        clusterTag: [UInt8], node: String, incarnation: Incarnation, bootID: [UInt8] = Boot.id(), software: String
    ) {
        precondition(clusterTag.count == 8 && bootID.count == 16, "a tag has 8 bytes, a boot id 16")
        self.clusterTag = clusterTag
        self.node = node
        self.incarnation = incarnation
        self.bootID = bootID
        self.software = software
    }
}

/// When a segment is full, how much of the journal is kept, and how often it is signed.
package struct JournalLimits: Sendable {
    private static let day: UInt64 = 86_400 * 1_000_000_000

    /// Bytes after which `isRotationDue` asks for a new segment.
    package var segmentBytes: UInt64
    /// The time after which it does.
    package var segmentAge: Span
    /// Bytes of all segments on disk; whole old ones are deleted beyond.
    package var totalBytes: UInt64
    /// Segments that stay at most.
    package var segments: Int
    package var age: Span
    /// The time from one checkpoint to the next, at most: what a thief of the node's keys can rewrite.
    package var epoch: Span

    package init(
        segmentBytes: UInt64 = 64 << 20, segmentAge: Span = Span(nanoseconds: day), totalBytes: UInt64 = 4 << 30,
        segments: Int = 10_000,
        age: Span = Span(nanoseconds: 90 * day), epoch: Span = .milliseconds(60_000)
    ) {
        self.segmentBytes = segmentBytes
        self.segmentAge = segmentAge
        self.totalBytes = totalBytes
        self.segments = segments
        self.age = age
        self.epoch = epoch
    }
}

extension WallClock {
    package static func now() -> WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallClock(nanoseconds: UInt64(max(time.tv_sec, 0)) * 1_000_000_000 + UInt64(time.tv_nsec))
    }
}

/// The kernel's life, as the journal names it.
package enum Boot {
    /// The kernel's random `boot_id`, 16 bytes; zeros where /proc has none.
    package static func id() -> [UInt8] {
        var text = [UInt8](repeating: 0, count: 36)
        guard let file = try? OpenFile("/proc/sys/kernel/random/boot_id", O_RDONLY),
            let count = try? file.read(into: &text, from: 0), count == text.count
        else { return [UInt8](repeating: 0, count: 16) }
        let digits = text.filter { $0 != UInt8(ascii: "-") }.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 32 else { return [UInt8](repeating: 0, count: 16) }
        return (0..<16).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
    }
}
