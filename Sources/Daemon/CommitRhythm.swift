import Election

/// When the journal is made durable though nobody waits for it: shortly before every other heartbeat leaves, so that
/// the heartbeat's mark is of all that is on disk and the peers' journals pin the tail.
struct CommitRhythm {
    /// What a disk usually needs.
    private static let lead = Span.milliseconds(10)
    private static let longest = Span.milliseconds(500)

    private let heartbeat: Span
    private var lastBeat: Instant?
    private var due: Instant

    init(heartbeat: Span, at now: Instant) {
        self.heartbeat = heartbeat
        due = now + Self.longest
    }

    /// The node's own heartbeat left.
    mutating func beat(at instant: Instant) { lastBeat = instant }

    func isDue(at now: Instant) -> Bool { now >= due }

    func patience(at now: Instant) -> Span { due.since(now) }

    mutating func committed(at now: Instant) {
        due = now + Self.longest
        guard let lastBeat, now.since(lastBeat) < heartbeat * 4 else { return }
        // The heartbeat after the next one, less the lead; of a commit in between another one later.
        var next = lastBeat + heartbeat * 2
        while next.since(now) < heartbeat + Self.lead { next = next + heartbeat }
        due = min(due, Instant(nanoseconds: next.nanoseconds - Self.lead.nanoseconds))
    }
}
