/// Figures as people say them.
enum Words {
    /// `412 ms`, `12 s`, `5 min`, `4 h`, `3 d`: one unit, rounded down.
    static func duration(_ milliseconds: Int) -> String {
        switch milliseconds {
        case ..<2_000: "\(milliseconds) ms"
        case ..<120_000: "\(milliseconds / 1_000) s"
        case ..<7_200_000: "\(milliseconds / 60_000) min"
        case ..<172_800_000: "\(milliseconds / 3_600_000) h"
        default: "\(milliseconds / 86_400_000) d"
        }
    }

    /// `0.4 ms`, `12.3 ms`, `1.5 s`; `-` for none.
    static func latency(_ microseconds: UInt64?) -> String {
        guard let microseconds else { return "-" }
        if microseconds >= 1_000_000 { return "\(microseconds / 1_000_000).\(microseconds / 100_000 % 10) s" }
        return "\(microseconds / 1_000).\(microseconds / 100 % 10) ms"
    }

    /// `48,211`.
    static func count(_ number: UInt64) -> String {
        let digits = Array(String(number))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// `812 B`, `3.4 MiB`.
    static func bytes(_ number: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var unit = 0
        var tenths = number
        while unit < units.count - 1 && (unit == 0 ? tenths >= 1024 : tenths >= 10240) {
            tenths = unit == 0 ? tenths * 10 / 1024 : tenths / 1024
            unit += 1
        }
        return unit == 0 ? "\(number) B" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
