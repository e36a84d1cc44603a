import Election
import VirtualIP

/// The clock of everything that the daemon decides by: `CLOCK_BOOTTIME`, in whole microseconds, as the journal keeps
/// them. The microsecond that it may be behind counts into the lag that leases are shortened by (epsilon, 1 ms at least).
enum BootInstant {
    static func now() -> Instant { Instant(nanoseconds: BootClock.now() / 1000 * 1000) }
}
