import Election

/// Lets the same line through once in ten seconds, and says how many it held back: what a neighbour can provoke must
/// not fill a disk.
struct LogBrake {
    private static let interval = Span.milliseconds(10_000)
    private static let limit = 64

    private struct Held {
        var text: String
        var lastAt: Instant
        var suppressed: Int
    }

    private var lines: [Held] = []

    /// The line to write; nil while the same one was written lately.
    mutating func pass(_ text: String, at now: Instant) -> String? {
        if let known = lines.firstIndex(where: { $0.text == text }) {
            guard now.since(lines[known].lastAt) >= Self.interval else {
                lines[known].suppressed += 1
                return nil
            }
            let suppressed = lines[known].suppressed
            lines[known].lastAt = now
            lines[known].suppressed = 0
            return suppressed == 0 ? text : "\(text) (and \(suppressed) times since it was last said)"
        }
        if lines.count == Self.limit { lines.removeFirst() }
        lines.append(Held(text: text, lastAt: now, suppressed: 0))
        return text
    }
}
