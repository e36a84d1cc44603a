/// Flap damping (Specs/protocol.md, L6): a group that has come here again and again because a better node failed goes
/// back to that node ever later. What nobody chose isn't slowed down: a holder that fails is replaced at once.
extension Elector {
    /// Takings longer ago than this don't count.
    static let dampingWindow = Span.milliseconds(600_000)

    /// How long a better node has to be better before it gets the group; nil: it doesn't.
    func dwell(in place: Int, at now: Instant) -> Span? {
        guard let dwell = rules.groups[place].preemptAfter, rules.groups[place].isDamped else {
            return rules.groups[place].preemptAfter
        }
        let recent = groups[place].takenAt.count { now.since($0) < Self.dampingWindow }
        return Self.damped(dwell, takings: recent)
    }

    /// The dwell after so many takings: as configured after the first, twice as long after each further one, at most
    /// 32 times.
    static func damped(_ dwell: Span, takings: Int) -> Span {
        dwell * (1 << UInt64(min(max(takings - 1, 0), Bound.takings - 1)))
    }

    /// The longest that a dwell of this length can become.
    package static func longestDamped(_ dwell: Span) -> Span { damped(dwell, takings: Bound.takings) }
}

extension Group {
    /// An operator's move says nothing about how steady anybody is.
    mutating func noteTaking(_ holding: Holding, at now: Instant) {
        if holding.isPinned { return }
        if takenAt.count == Bound.takings { takenAt.removeFirst() }
        takenAt.append(now)
    }
}
