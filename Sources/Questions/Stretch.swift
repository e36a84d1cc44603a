import Election
import Journal

/// One node's records up to a decision, with the state that they start from: what is needed to decide again.
struct Stretch {
    struct Step {
        var name: RecordName
        var instant: Instant
        var event: Event
    }

    /// The state before the first step.
    var start: Elector
    /// Up to and with the record in question.
    var steps: [Step]
    /// The state before that record, and what it decided.
    var before: Elector
    var after: Elector
    var effects: [Effect]
    /// What came after the record, where that was asked for.
    var later: [Step] = []

    var target: Step { steps[steps.count - 1] }

    private static let stepLimit = 60_000
    private static let snapshotEvery = Span(nanoseconds: 500_000_000)

    /// Reads the node's journal up to the record.
    ///
    /// - Parameters:
    ///   - reach: how far back the stretch begins, where the journal has it.
    ///   - beyond: how much of what came after the record is kept, too.
    ///   - after: a record that the stretch begins after, however far the reach.
    /// - Returns: nil when there is no such record, or it is no step.
    static func upTo(
        _ record: RecordName, in archive: JournalArchive, reach: Span, beyond: Span = .zero, after: RecordName? = nil
    ) -> Stretch? {
        guard let journal = archive.journal(of: record.node),
            let place = journal.segments.firstIndex(where: { $0.number == record.segment })
        else { return nil }
        // The segment before belongs to it when the life is the same: the reach may lie across the rotation.
        var first = place
        if place > 0, journal.segments[place - 1].incarnation == journal.segments[place].incarnation { first -= 1 }
        let replay = NodeReplay(journal, node: record.node, segments: journal.segments[first...place])
        var reading = Reading(reach: reach)
        var found: Stretch?
        while let item = replay.next() {
            switch item {
            case .opened(_, let continues):
                if !continues || reading.current == nil { reading.restart() }
                reading.current = replay.elector
            case .step(let taken):
                let step = Step(name: taken.name, instant: taken.instant, event: taken.event)
                if let target = found?.target.instant {
                    guard step.instant.since(target) <= beyond, (found?.later.count ?? 0) < stepLimit else {
                        return found
                    }
                    found?.later.append(step)
                } else if taken.name == record {
                    found = reading.finished(step, taken.effects, after: replay.elector)
                    if beyond == .zero { return found }
                } else {
                    reading.add(step, after: replay.elector)
                    if taken.name == after { reading.restart() }
                }
            case .ended, .checkpoint, .closed: break
            }
        }
        return found
    }

    /// The steps within reach, and states to start from.
    private struct Reading {
        let reach: Span
        var current: Elector?
        private var steps: [Step] = []
        private var snapshots: [(before: Int, state: Elector)] = []
        private var lastSnapshot = Instant.zero

        init(reach: Span) { self.reach = reach }

        mutating func restart() {
            steps.removeAll()
            snapshots.removeAll()
        }

        mutating func add(_ step: Step, after: Elector?) {
            if snapshots.isEmpty || step.instant.since(lastSnapshot) >= Stretch.snapshotEvery, let current {
                snapshots.append((steps.count, current))
                lastSnapshot = step.instant
            }
            steps.append(step)
            current = after
            prune(now: step.instant)
        }

        /// Drops what no stretch can begin with any more.
        private mutating func prune(now: Instant) {
            guard snapshots.count > 2 else { return }
            let second = snapshots[1]
            let isBeyond = now.since(steps[second.before].instant) > reach
            guard isBeyond || steps.count > Stretch.stepLimit else { return }
            steps.removeFirst(second.before)
            snapshots.removeFirst()
            for place in snapshots.indices { snapshots[place].before -= second.before }
        }

        mutating func finished(_ step: Step, _ effects: [Effect], after: Elector?) -> Stretch? {
            guard let current, let after else { return nil }
            let start = snapshots.first?.state ?? current
            return Stretch(start: start, steps: steps + [step], before: current, after: after, effects: effects)
        }
    }
}
