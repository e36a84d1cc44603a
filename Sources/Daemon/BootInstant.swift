import Election
import VirtualIP

/// The clock of everything that the daemon decides by: `CLOCK_BOOTTIME`.
enum BootInstant {
    static func now() -> Instant { Instant(nanoseconds: BootClock.now()) }
}
