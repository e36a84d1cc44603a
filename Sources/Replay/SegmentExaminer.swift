import Election
import Journal

/// Reads one segment from its first record to its last, and decides everything again on the way.
struct SegmentExaminer {
    /// A record's.
    fileprivate struct Place {
        var offset: UInt64
        var index: UInt64
    }

    /// Whether decisions are derived, or the records only checked.
    let derives: Bool
    private var report: SegmentReport
    private var elector: Elector?
    private var sum = EffectsSum()
    private var scratch = ByteWriter(reserving: 160)
    /// The state at the end, for the next segment's genesis to be compared with; nil when it isn't known.
    private(set) var finalState: [UInt8]?

    static func examine(_ path: String, derives: Bool) -> (SegmentReport, finalState: [UInt8]?) {
        var examiner = SegmentExaminer(path, derives: derives)
        examiner.run()
        return (examiner.report, examiner.finalState)
    }

    private init(_ path: String, derives: Bool) {
        self.derives = derives
        report = SegmentReport(path: path)
    }

    private mutating func run() {
        do throws(JournalDamage) {
            let reader = try JournalReader(report.path)
            defer { note(reader) }
            while let entry = try reader.next() {
                let place = Place(offset: entry.offset, index: entry.index)
                guard let different = take(entry.record, at: place) else { continue }
                report.outcome = .diverged(completed(different))
                return
            }
            report.tornTail = reader.tornTail
            report.head = reader.head
        } catch {
            report.outcome = .damaged(error)
            return
        }
        if let elector { finalState = encoded(elector) }
    }

    /// How far it came.
    private mutating func note(_ reader: JournalReader) {
        report.records = reader.records
        report.checkpoints = reader.checkpoints
        report.size = reader.offset
    }

    /// - Returns: the difference, if there is one.
    private mutating func take(_ record: JournalRecord, at place: Place) -> Divergence? {
        switch record {
        case .opening(let opening):
            report.opening = opening
            return derives ? begin(opening, at: place) : nil
        case .step(let step):
            report.steps += 1
            report.lastInstant = step.instant
            report.closing = nil
            return derives ? repeated(step, at: place) : nil
        case .effects(let recorded): return derives ? compared(recorded, at: place) : nil
        case .state(let recorded):
            guard derives, let elector else { return nil }
            report.states += 1
            let derived = JournalRecord.stateDigest(of: encoded(elector))
            return derived == recorded
                ? nil : Divergence(.state(recorded: recorded, derived: derived), at: place, event: "state")
        case .checkpoint(let checkpoint): report.lastInstant = checkpoint.instant
        case .recovery(let recovery): report.recovery = recovery
        case .closing(let closing):
            report.lastInstant = closing.instant
            report.closing = closing.reason
        case .cosignature, .witnessed, .room, .pruned: break
        }
        return nil
    }

    /// What the effects of a run's steps come to.
    private mutating func compared(_ recorded: EffectsSum, at place: Place) -> Divergence? {
        defer { sum = EffectsSum() }
        guard recorded != sum else { return nil }
        return Divergence(.sum(recorded: recorded.value, derived: sum.value), at: place, event: "end of a run")
    }

    private mutating func begin(_ opening: Opening, at place: Place) -> Divergence? {
        if let version = Elector.version(ofState: opening.genesis), version != Elector.stateVersion, version < 1000 {
            return Divergence(.version(version), at: place, event: "genesis of version \(version)")
        }
        var genesis = ByteReader(opening.genesis)
        guard let elector = try? Elector(from: &genesis), genesis.remaining == 0,
            elector.rules.nodes[Int(elector.rules.this.rawValue)].key == opening.key.bytes
        else { return Divergence(.genesis, at: place, event: "genesis") }
        self.elector = elector
        return nil
    }

    private mutating func repeated(_ step: Step, at place: Place) -> Divergence? {
        guard let effects = elector?.step(step.event, at: step.instant) else { return nil }
        let outcome = StepOutcome(of: effects, in: &scratch)
        if step.isQuiet { sum.add(outcome.digest) }
        guard !step.effects.agrees(with: outcome), let wording = elector.map({ Wording(rules: $0.rules) }) else {
            return nil
        }
        var different = Divergence(
            .effects(recorded: step.effects, derived: outcome.digest), at: place, event: wording.text(step.event))
        different.instant = step.instant
        different.effects = effects.map(wording.text)
        return different
    }

    /// Adds the state before: keeping it at every step would cost a copy of it each time, so the steps up to there
    /// are repeated instead.
    private func completed(_ divergence: Divergence) -> Divergence {
        var completed = divergence
        var state: Elector?
        guard let reader = try? JournalReader(report.path) else { return completed }
        while let entry = try? reader.next(), entry.index < divergence.index {
            if case .opening(let opening) = entry.record {
                var genesis = ByteReader(opening.genesis)
                state = try? Elector(from: &genesis)
            }
            if case .step(let step) = entry.record { _ = state?.step(step.event, at: step.instant) }
        }
        if let state { dump(state, to: &completed.stateBefore) }
        return completed
    }

    private func encoded(_ elector: Elector) -> [UInt8] {
        var writer = ByteWriter(reserving: 4096)
        elector.encode(to: &writer)
        return writer.bytes
    }
}

extension Divergence {
    fileprivate init(_ what: What, at place: SegmentExaminer.Place, event: String) {
        self.init(
            what: what, offset: place.offset, index: place.index, instant: nil, event: event, effects: [],
            stateBefore: "")
    }
}
