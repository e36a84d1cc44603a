import Glibc

/// Times as people write and read them.
package enum TimeText {
    static let second: Int64 = 1_000_000_000
    /// Later than any journal's clock (Specs/journal.md).
    private static let latest: Int64 = 1 << 62
    private static let longest: Int64 = 1 << 60

    /// A time that is asked for.
    package enum Asked: Hashable, Sendable {
        /// Nanoseconds since 1970, by the nodes' wall clocks.
        case wall(Int64)
        /// Before the end of the evidence.
        case beforeEnd(Int64)
        /// After its start.
        case afterStart(Int64)
    }

    /// RFC 3339, `@SECONDS[.FRACTION]`, `-90s` or `+1.5s` with ms, s, m, h; nil for anything else.
    package static func parse(_ text: String) -> Asked? {
        guard let first = text.utf8.first, text.utf8.count <= 64 else { return nil }
        let rest = String(text.dropFirst())
        switch first {
        case UInt8(ascii: "@"): return decimal(rest, unit: second).flatMap { $0 < latest ? .wall($0) : nil }
        case UInt8(ascii: "-"): return span(rest).flatMap { $0 < longest ? .beforeEnd($0) : nil }
        case UInt8(ascii: "+"): return span(rest).flatMap { $0 < longest ? .afterStart($0) : nil }
        default:
            if text == "end" || text == "now" { return .beforeEnd(0) }
            return date(text).map { .wall($0) }
        }
    }

    /// A span like `500ms`, `1.5s`, `10m`, `2h`, in nanoseconds.
    package static func span(_ text: String) -> Int64? {
        for (suffix, unit) in [
            ("ms", 1_000_000), ("us", 1000), ("s", second), ("m", 60 * second), ("h", 3600 * second),
        ]
        where text.hasSuffix(suffix) {
            return decimal(String(text.dropLast(suffix.utf8.count)), unit: unit)
        }
        return nil
    }

    private static func decimal(_ text: String, unit: Int64) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let head = parts.first, !head.isEmpty, head.utf8.count <= 12, head.utf8.allSatisfy(isDigit),
            let whole = Int64(head)
        else { return nil }
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return scaled }
        guard !parts[1].isEmpty, parts[1].utf8.count <= 9, parts[1].utf8.allSatisfy(isDigit) else { return nil }
        var fraction: Int64 = 0
        var scale = unit
        for digit in parts[1].utf8 {
            scale /= 10
            fraction += Int64(digit - 48) * scale
        }
        let (sum, tooLarge) = scaled.addingReportingOverflow(fraction)
        return tooLarge ? nil : sum
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private static func date(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == 45, bytes[7] == 45, [84, 116, 32].contains(bytes[10]), bytes[13] == 58,
            bytes[16] == 58
        else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            guard bytes[range].allSatisfy(isDigit) else { return nil }
            return Int(String(decoding: bytes[range], as: UTF8.self))
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let seconds = number(17..<19), year >= 1970, (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, seconds <= 60
        else { return nil }
        var place = 19
        var fraction: Int64 = 0
        if bytes[place] == 46 {
            var scale = second
            place += 1
            let begin = place
            while place < bytes.count, isDigit(bytes[place]) {
                scale /= 10
                fraction += Int64(bytes[place] - 48) * scale
                place += 1
            }
            guard place > begin else { return nil }
        }
        guard let zone = zone(bytes[place...]) else { return nil }
        var parts = tm()
        parts.tm_year = Int32(year - 1900)
        parts.tm_mon = Int32(month - 1)
        parts.tm_mday = Int32(day)
        parts.tm_hour = Int32(hour)
        parts.tm_min = Int32(minute)
        parts.tm_sec = Int32(seconds)
        let unix = Int64(timegm(&parts)) - zone
        // timegm makes a day of March of the 30th of February; a leap second is the next minute's first.
        guard seconds == 60 || Int(parts.tm_mday) == day, unix >= 0, unix < latest / second else { return nil }
        return unix * second + fraction
    }

    /// Seconds east of UTC.
    private static func zone(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard let first = bytes.first else { return nil }
        if first == 90 || first == 122 { return bytes.count == 1 ? 0 : nil }
        let digits = Array(bytes.dropFirst())
        guard first == 43 || first == 45, digits.count == 5, digits[2] == 58,
            [0, 1, 3, 4].allSatisfy({ isDigit(digits[$0]) })
        else { return nil }
        let minutes =
            Int64(digits[0] - 48) * 600 + Int64(digits[1] - 48) * 60 + Int64(digits[3] - 48) * 10
            + Int64(digits[4] - 48)
        return (first == 43 ? 1 : -1) * minutes * 60
    }

    /// RFC 3339 in UTC, to the millisecond.
    package static func text(_ nanoseconds: Int64) -> String {
        var seconds = time_t(max(0, nanoseconds) / second)
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return "?" }
        let milliseconds = max(0, nanoseconds) % second / 1_000_000
        return "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(three(milliseconds))Z"
    }

    /// The time of day alone.
    static func clock(_ nanoseconds: Int64) -> String { String(text(nanoseconds).dropFirst(11).dropLast()) }

    private static func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }

    private static func three(_ value: Int64) -> String {
        String(repeating: "0", count: 3 - min(3, String(value).count)) + String(value)
    }

    /// A length of time for people: `502 ms`, `3.2 s`, `4 min 10 s`.
    package static func length(_ nanoseconds: Int64) -> String {
        let value = abs(nanoseconds)
        let sign = nanoseconds < 0 ? "-" : ""
        if value < 1_000_000 { return sign + "0.\(three(value / 1000)) ms" }
        if value < 10_000_000 { return sign + "\(value / 1_000_000).\(value / 100_000 % 10) ms" }
        if value < 2 * second { return sign + "\(value / 1_000_000) ms" }
        if value < 120 * second { return sign + "\(value / second).\(value / (second / 10) % 10) s" }
        if value < 7200 * second { return sign + "\(value / (60 * second)) min \(value / second % 60) s" }
        return sign + "\(value / (3600 * second)) h \(value / (60 * second) % 60) min"
    }
}

extension Moment {
    /// With its uncertainty where that shows at a millisecond.
    var text: String {
        let spread = uncertainty
        return TimeText.text(middle) + (spread >= 500_000 ? " ±\(TimeText.length(spread))" : "")
    }

    var json: JSONText {
        .fields([
            "time": .text(TimeText.text(middle)), "earliest_ns": .number(earliest), "latest_ns": .number(latest),
        ])
    }
}

extension Chronicle {
    /// The moment that is asked for.
    ///
    /// A wall clock's time is looked up in every node's notes of its wall clock; where they differ, the moment is as
    /// wide. One that is off by more than that is left out and named in `notes`.
    func moment(of asked: TimeText.Asked) throws(QuestionError) -> (moment: Moment, notes: [String]) {
        guard let extent else { throw .nothingHappened("the journals are empty") }
        switch asked {
        case .beforeEnd(let span):
            return (Moment(earliest: extent.latest &- span, latest: extent.latest &- span), [])
        case .afterStart(let span):
            return (Moment(earliest: extent.earliest &+ span, latest: extent.earliest &+ span), [])
        case .wall(let wall): return try moment(wall: wall)
        }
    }

    private static let tolerable: Int64 = 2 * TimeText.second

    private func moment(wall: Int64) throws(QuestionError) -> (moment: Moment, notes: [String]) {
        let found = frame.clocks.indices.compactMap { clock in
            frame.moment(wall: wall, by: clock).map { (clock, $0) }
        }
        guard !found.isEmpty else { throw .nothingHappened("the journals have no notes of a wall clock") }
        let middles = found.map(\.1.middle).sorted()
        let median = middles[middles.count / 2]
        var notes: [String] = []
        var moment: Moment?
        for (clock, one) in found {
            let off = one.middle &- median
            if abs(off) > Self.tolerable {
                // A clock of another boot says nothing of this time.
                let node = name(frame.clocks[clock].node)
                if covers(frame.clocks[clock].node, one) {
                    notes.append("the wall clock of \(node) was off by \(TimeText.length(-off)); it isn't asked")
                }
                continue
            }
            moment = Moment(
                earliest: min(moment?.earliest ?? one.earliest, one.earliest),
                latest: max(moment?.latest ?? one.latest, one.latest))
        }
        return (moment ?? Moment(earliest: median, latest: median), notes)
    }
}
