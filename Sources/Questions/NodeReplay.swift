import Election
import Journal

/// One node's journal, taken record by record, with the election's state derived on the way. Constant memory.
final class NodeReplay {
    struct Taken {
        var name: RecordName
        var instant: Instant
        var event: Event
        var effects: [Effect]
    }

    enum Item {
        /// A segment begins; `continues` when it goes on where the one before ended.
        case opened(Opening, continues: Bool)
        case step(Taken)
        case checkpoint(Instant, WallClock)
        case closed(Instant, Closing.Reason)
        /// The records of a segment end here.
        case ended(End)
    }

    enum End: Hashable {
        case clean
        /// No closing: a crash, or it is still being written.
        case open
        case torn
        case damaged(String)
        /// What is recorded isn't what the rules derive.
        case diverged(RecordName)
        case otherVersion
    }

    let journal: JournalArchive.Journal
    /// Place in the archive's `nodes`.
    let node: Int
    private(set) var elector: Elector?
    private(set) var segment: JournalArchive.Segment?
    private var rest: ArraySlice<JournalArchive.Segment>
    private var reader: JournalReader?
    private var isClosed = false
    private var closing: Closing.Reason?
    /// What the effects of the quiet steps since the last run's end come to.
    private var sum = EffectsSum()
    private var previous: Opening?

    init(_ journal: JournalArchive.Journal, node: Int, segments: ArraySlice<JournalArchive.Segment>? = nil) {
        self.journal = journal
        self.node = node
        rest = segments ?? journal.segments[...]
    }

    /// The node's own clock: changes with each boot.
    var bootID: [UInt8] { segment?.bootID ?? [] }

    func next() -> Item? {
        while true {
            guard let reader else {
                guard let segment = rest.popFirst() else { return nil }
                self.segment = segment
                do throws(JournalDamage) {
                    self.reader = try JournalReader(segment.path)
                } catch {
                    return .ended(.damaged("\(harmless(segment.path)): \(error)"))
                }
                closing = nil
                continue
            }
            do throws(JournalDamage) {
                guard let entry = try reader.next() else { return end(reader.tornTail != nil ? .torn : nil) }
                if let item = take(entry) { return item }
            } catch {
                return end(.damaged("\(harmless(segment?.path ?? "")): \(error)"))
            }
        }
    }

    private func end(_ how: End?) -> Item {
        reader = nil
        return .ended(how ?? (closing == nil ? .open : .clean))
    }

    private func take(_ entry: JournalReader.Entry) -> Item? {
        switch entry.record {
        case .opening(let opening):
            let continues =
                previous?.incarnation == opening.incarnation && previous.map { $0.segment + 1 } == opening.segment
            previous = opening
            sum = EffectsSum()
            var genesis = ByteReader(opening.genesis)
            elector = try? Elector(from: &genesis)
            return elector == nil ? end(.otherVersion) : .opened(opening, continues: continues)
        case .step(let step):
            guard let effects = elector?.step(step.event, at: step.instant) else { return nil }
            let name = RecordName(node: node, segment: segment?.number ?? 0, record: entry.index)
            let outcome = StepOutcome(of: effects)
            if step.isQuiet { sum.add(outcome.digest) }
            guard step.effects.agrees(with: outcome) else { return end(.diverged(name)) }
            return .step(Taken(name: name, instant: step.instant, event: step.event, effects: effects))
        case .checkpoint(let checkpoint): return .checkpoint(checkpoint.instant, checkpoint.wallClock)
        case .closing(let closing):
            self.closing = closing.reason
            return .closed(closing.instant, closing.reason)
        case .effects(let recorded):
            defer { sum = EffectsSum() }
            let name = RecordName(node: node, segment: segment?.number ?? 0, record: entry.index)
            return recorded == sum || elector == nil ? nil : end(.diverged(name))
        case .state, .recovery, .cosignature, .witnessed, .room, .pruned: return nil
        }
    }
}
