import Election
import Journal

/// Reads journals together and notes what is worth telling.
final class Chronicler {
    private let archive: JournalArchive
    private let merge: CausalMerge
    private var chronicle: Chronicle
    private var watches: [NodeWatch?]

    init(_ archive: JournalArchive, window: Chronicle.Window) {
        self.archive = archive
        merge = CausalMerge(archive, segments: window.segments)
        chronicle = Chronicle(archive: archive, frame: Frame())
        chronicle.troubles = archive.troubles
        watches = Array(repeating: nil, count: archive.nodes.count)
    }

    func run() throws(QuestionError) -> Chronicle {
        while let turn = merge.next() {
            let node = turn.replay.node
            var watch = watches[node] ?? NodeWatch(node: node, archive: archive)
            // Not kept twice: the watch is large, and copying it at every record would be slow.
            watches[node] = nil
            watch.take(turn, into: &chronicle)
            watches[node] = watch
            merge.release(turn)
            guard chronicle.happenings.count < Chronicle.limit else {
                throw .tooMuch(what: "more than \(Chronicle.limit) things happened in these journals")
            }
        }
        for place in watches.indices { watches[place]?.finish(into: &chronicle) }
        chronicle.frame = merge.frame
        chooseReference()
        settleEndings()
        if merge.contradictions > 0 {
            chronicle.troubles.append(
                "\(merge.contradictions) records received what, by its sender's journal, wasn't sent yet: "
                    + "a journal was altered")
        }
        return chronicle
    }

    /// The clock with the longest record.
    private func chooseReference() {
        var lengths = [UInt64](repeating: 0, count: chronicle.frame.clocks.count)
        for life in chronicle.lives { lengths[life.clock] += life.until.since(life.from).nanoseconds }
        chronicle.frame.reference = lengths.indices.max { lengths[$0] < lengths[$1] } ?? 0
    }

    /// A journal without a closing is a crash when another life follows, or when it ends where the others stopped
    /// hearing its node; else it may be a copy of one that is still being written.
    private func settleEndings() {
        let end = chronicle.extent?.latest ?? 0
        for place in chronicle.lives.indices where chronicle.lives[place].ending == nil {
            let life = chronicle.lives[place]
            let another = chronicle.lives.contains { $0.node == life.node && $0.incarnation > life.incarnation }
            let until = chronicle.frame.moment(life.clock, life.until)
            guard another || until.latest < end - 1_000_000_000 && fellSilent(life.node, at: until) else { continue }
            chronicle.lives[place].ending = .brokeOff
        }
    }

    /// Nobody heard the node any more after its last record. What isn't synced yet, up to a second, is lost in a crash.
    private func fellSilent(_ node: Int, at until: Moment) -> Bool {
        let silences = chronicle.silences.filter { $0.speaker == node && $0.until == nil }
        let listeners = Set(chronicle.lives.map(\.node)).subtracting([node])
        return !listeners.isEmpty && !silences.isEmpty
            && silences.allSatisfy { silence in
                let from = chronicle.frame.moment(silence.clock, silence.from).middle
                return from > until.middle - 400_000_000 && from < until.middle + 1_500_000_000
            }
    }
}
