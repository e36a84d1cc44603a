/// What a server's agent said of it, in the words of HAProxy's agent-check (its configuration manual, section 5.2): one
/// line of words between blanks or commas, as `75%`, `up`, `drain`, or `down # disk full`.
package struct AgentAnswer: Sendable, Equatable {
    package enum Duty: Sendable, Equatable {
        case ready, drain, maintenance
    }

    /// Of the configured weight, 0 to 256.
    package private(set) var weightPercent: Int?
    package private(set) var duty: Duty?
    /// `up`, or one of `down`, `fail`, `stopped`.
    package private(set) var isUp: Bool?
    /// Behind a `#`.
    package private(set) var reason = ""

    /// Bytes of the longest answer that is read.
    static let limit = 512

    /// nil when no word is one of the protocol's: then the answer says nothing.
    init?(_ bytes: [UInt8]) {
        let line = bytes.prefix(Self.limit).prefix { $0 != 0x0a && $0 != 0x0d && $0 != 0 }
        let words = line.prefix { $0 != 0x23 }
        reason = Detail.line(line.dropFirst(words.count + 1))
        var isKnown = false
        for word in words.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x2c }) {
            if take(String(decoding: word, as: UTF8.self).lowercased()) { isKnown = true }
        }
        if !isKnown { return nil }
    }

    private mutating func take(_ word: String) -> Bool {
        switch word {
        case "up": isUp = true
        case "down", "fail", "stopped": isUp = false
        case "ready": duty = .ready
        case "drain": duty = .drain
        case "maint": duty = .maintenance
        default:
            let digits = word.dropLast()
            guard word.hasSuffix("%"), (1...3).contains(digits.count), digits.utf8.allSatisfy({ $0 &- 48 <= 9 }),
                let percent = Int(digits)
            else { return false }
            weightPercent = min(percent, 256)
        }
        return true
    }

    /// Words that an answer doesn't have leave what earlier ones said.
    package func following(_ earlier: AgentAnswer?) -> AgentAnswer {
        var sum = self
        sum.weightPercent = weightPercent ?? earlier?.weightPercent
        sum.duty = duty ?? earlier?.duty
        sum.isUp = isUp ?? earlier?.isUp
        return sum
    }
}
