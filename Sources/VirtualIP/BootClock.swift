import Glibc

/// The clock all deadlines of this module are in: nanoseconds of CLOCK_BOOTTIME, which also counts suspended time.
package enum BootClock {
    /// Nanoseconds since boot.
    package static func now() -> UInt64 {
        var time = timespec()
        // Can only fail for an unknown clock id, and CLOCK_BOOTTIME has been known since 2.6.39.
        let status = clock_gettime(CLOCK_BOOTTIME, &time)
        precondition(status == 0, "CLOCK_BOOTTIME is unreadable")
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension UInt64 {
    /// `milliseconds` as nanoseconds.
    static func milliseconds(_ milliseconds: UInt64) -> UInt64 { milliseconds * 1_000_000 }
    /// `seconds` as nanoseconds.
    static func seconds(_ seconds: UInt64) -> UInt64 { seconds * 1_000_000_000 }
    /// `self - other`, or 0 where that is negative: what remains until a deadline.
    func remaining(after other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
