/// Which of the last 1,024 numbers have been accepted: a ring of words, one more than the window needs, so that
/// moving on clears whole words (the method of RFC 6479).
struct ReplayWindow {
    static let width: UInt64 = 1024
    private static let wordCount = 17

    enum Standing {
        case new
        case seen
        case tooOld
    }

    private(set) var highest: UInt64 = 0
    private var words = [UInt64](repeating: 0, count: wordCount)

    /// Numbers begin with 1.
    func standing(of number: UInt64) -> Standing {
        if number > highest { return .new }
        if number == 0 || highest - number >= Self.width { return .tooOld }
        return words[Self.word(number)] & Self.bit(number) == 0 ? .new : .seen
    }

    /// Call it for a number that is new only.
    mutating func accept(_ number: UInt64) {
        precondition(standing(of: number) == .new, "a number is accepted once")
        if number > highest {
            let passed = min(number / 64 - highest / 64, UInt64(Self.wordCount))
            for step in 0..<passed { words[Self.word(number - step * 64)] = 0 }
            highest = number
        }
        words[Self.word(number)] |= Self.bit(number)
    }

    private static func word(_ number: UInt64) -> Int { Int(number / 64 % UInt64(wordCount)) }

    private static func bit(_ number: UInt64) -> UInt64 { 1 << (number % 64) }
}
