/// A length of time in whole nanoseconds.
package struct TimeSpan: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = TimeSpan(nanoseconds: 0)
    package static func milliseconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count * 1_000_000) }
    package static func seconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count * 1_000_000_000) }
    package static func hours(_ count: Int64) -> TimeSpan { .seconds(count * 3600) }

    package static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.nanoseconds < right.nanoseconds }

    /// A whole number with the largest of `s`, `ms`, `us`, `ns` that leaves nothing over: `500ms`.
    package var description: String {
        for (unit, factor) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000)] as [(String, Int64)]
        where nanoseconds % factor == 0 {
            return "\(nanoseconds / factor)\(unit)"
        }
        return "\(nanoseconds)ns"
    }
}

extension TimeSpan {
    /// Why a text isn't a length of time.
    package enum Mistake: Error, Equatable {
        /// A number with nothing behind it.
        case noUnit(Int64)
        case unknownUnit(String)
        /// Not a number at all, negative, finer than a nanosecond, or more than 2^63 of them.
        case notANumber
    }

    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("min", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]

    /// Reads `500ms`, `2s`, `1.5s`: digits, perhaps a point and more digits, and a unit.
    package init(parsing text: String) throws(Mistake) {
        let digits = text.utf8.prefix { Self.isDigit($0) }
        var rest = text.utf8.dropFirst(digits.count)
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix { Self.isDigit($0) }
            rest = rest.dropFirst(1 + fraction.count)
            guard !fraction.isEmpty else { throw .notANumber }
        }
        guard !digits.isEmpty, let whole = Int64(String(Substring(digits))) else { throw .notANumber }
        let name = String(Substring(rest.drop { $0 == UInt8(ascii: " ") }))
        guard !name.isEmpty else {
            guard fraction.isEmpty else { throw .notANumber }
            throw .noUnit(whole)
        }
        guard let unit = Self.units.first(where: { $0.name == name }) else { throw .unknownUnit(name) }
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
        guard !overflow else { throw .notANumber }
        let part = try Self.nanoseconds(ofFraction: Array(fraction), unit: unit.nanoseconds)
        let (sum, carried) = product.addingReportingOverflow(part)
        guard !carried else { throw .notANumber }
        nanoseconds = sum
    }

    /// The digits behind the point, in nanoseconds; refused where they come to parts of one.
    private static func nanoseconds(ofFraction digits: [UInt8], unit: Int64) throws(Mistake) -> Int64 {
        guard digits.count <= 9 else { throw .notANumber }
        var remaining = unit
        var sum: Int64 = 0
        for digit in digits {
            let value = Int64(digit - UInt8(ascii: "0"))
            guard remaining % 10 == 0 || value == 0 else { throw .notANumber }
            remaining /= 10
            sum += value * remaining
        }
        return sum
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
