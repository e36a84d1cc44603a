import Glibc

/// Wall-clock time for log lines, without a system call a line: one look at the clock a tick, and arithmetic.
struct LogClock {
    /// What added to microseconds of the monotonic clock gives microseconds since 1970.
    private var offset: Int64 = 0
    /// Of local time to UTC, in seconds, and the quarter of an hour for which it was looked up: that is how often a zone
    /// may change.
    private var zone: Int = 0
    private var zoneQuarter: Int = -1

    /// - Parameter monotonic: now, in microseconds.
    mutating func set(monotonic: UInt64) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        offset = Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000 &- Int64(bitPattern: monotonic)
        let quarter = time.tv_sec / 900
        if quarter == zoneQuarter { return }
        zoneQuarter = quarter
        var local = tm()
        var seconds = time.tv_sec
        if localtime_r(&seconds, &local) != nil { zone = local.tm_gmtoff }
    }

    /// Milliseconds since 1970.
    @inline(__always)
    func wall(_ monotonic: UInt64) -> UInt64 {
        UInt64(max(0, Int64(bitPattern: monotonic) &+ offset)) / 1_000
    }

    /// `22/Nov/2026:15:53:17.123` in local time.
    @inline(__always)
    func putHAProxy(_ monotonic: UInt64, into output: inout HeadOutput) {
        let milliseconds = wall(monotonic)
        let date = CivilDate(secondsSince1970: Int(milliseconds / 1_000) &+ zone)
        date.putDay(into: &output)
        output.put(byte: 0x2f)
        date.putMonthName(into: &output)
        output.put(byte: 0x2f)
        output.put(digits: date.year, 4)
        output.put(byte: 0x3a)
        date.putTime(into: &output)
        output.put(byte: 0x2e)
        output.put(digits: Int(milliseconds % 1_000), 3)
    }

    /// `2026-11-22T15:53:17.123Z` (RFC 3339).
    @inline(__always)
    static func putUTC(wall milliseconds: UInt64, into output: inout HeadOutput) {
        let date = CivilDate(secondsSince1970: Int(milliseconds / 1_000))
        output.put(digits: date.year, 4)
        output.put(byte: 0x2d)
        output.put(digits: date.month, 2)
        output.put(byte: 0x2d)
        output.put(digits: date.day, 2)
        output.put(byte: 0x54)
        date.putTime(into: &output)
        output.put(byte: 0x2e)
        output.put(digits: Int(milliseconds % 1_000), 3)
        output.put(byte: 0x5a)
    }

    /// `Nov 22 15:53:17` in local time (RFC 3164 section 4.1.2).
    func putBSD(wall milliseconds: UInt64, into output: inout HeadOutput) {
        let date = CivilDate(secondsSince1970: Int(milliseconds / 1_000) &+ zone)
        date.putMonthName(into: &output)
        output.put(byte: 0x20)
        if date.day < 10 {
            output.put(byte: 0x20)
            output.put(digits: date.day, 1)
        } else {
            output.put(digits: date.day, 2)
        }
        output.put(byte: 0x20)
        date.putTime(into: &output)
    }
}

/// A date of the proleptic Gregorian calendar, by Howard Hinnant's days_from_civil turned round: eras of 400 years that
/// begin in March.
struct CivilDate {
    let year: Int
    let month: Int
    let day: Int
    private let second: Int

    @inline(__always)
    init(secondsSince1970: Int) {
        let seconds = max(0, secondsSince1970)
        second = seconds % 86_400
        let shifted = seconds / 86_400 &+ 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted &- era &* 146_097
        let yearOfEra = (dayOfEra &- dayOfEra / 1_460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let shiftedMonth = (5 &* dayOfYear &+ 2) / 153
        day = dayOfYear &- (153 &* shiftedMonth &+ 2) / 5 &+ 1
        month = shiftedMonth < 10 ? shiftedMonth &+ 3 : shiftedMonth &- 9
        year = yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0)
    }

    @inline(__always)
    func putDay(into output: inout HeadOutput) { output.put(digits: day, 2) }

    @inline(__always)
    func putMonthName(into output: inout HeadOutput) {
        let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        output.put(names.utf8Start + 3 &* (month &- 1), 3)
    }

    @inline(__always)
    func putTime(into output: inout HeadOutput) {
        output.put(digits: second / 3_600, 2)
        output.put(byte: 0x3a)
        output.put(digits: second / 60 % 60, 2)
        output.put(byte: 0x3a)
        output.put(digits: second % 60, 2)
    }
}

extension HeadOutput {
    /// A number that isn't negative in `width` digits.
    @inline(__always)
    mutating func put(digits value: Int, _ width: Int) {
        var divisor = 1
        for _ in 1..<max(1, width) { divisor &*= 10 }
        while divisor > 0 {
            put(byte: 48 &+ UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    /// A number, with a minus before a negative one.
    @inline(__always)
    mutating func put(signed value: Int) {
        if value < 0 { put(byte: 0x2d) }
        put(decimal: abs(value))
    }
}
