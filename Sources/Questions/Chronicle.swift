import Election
import Journal

/// What happened, from one or many journals: everything that questions are answered from.
package struct Chronicle {
    let archive: JournalArchive
    var frame: Frame
    /// In an order that no message contradicts.
    var happenings: [Happening] = []
    var tenures: [Tenure] = []
    var silences: [Silence] = []
    var stills: [Still] = []
    var lives: [Life] = []
    var claims: [Claim] = []
    var votes = VoteBook()
    /// What is wrong with the journals themselves, in words.
    var troubles: [String] = []
    /// Rules last seen of each node, by place.
    var rules: [Int: Rules] = [:]

    /// Happenings, tenures and the like that an answer may hold in memory.
    static let limit = 1_000_000

    /// Reads everything.
    ///
    /// - Parameter window: segments that end before its start or begin after its end aren't read.
    package static func read(
        _ archive: JournalArchive, window: Window = Window()
    ) throws(QuestionError) -> Chronicle {
        try Chronicler(archive, window: window).run()
    }

    /// The stretch of time that is asked about, by the nodes' wall clocks; nil is open.
    package struct Window: Hashable, Sendable {
        package var from: Int64?
        package var to: Int64?

        package init(from: Int64? = nil, to: Int64? = nil) {
            self.from = from
            self.to = to
        }

        /// What a segment before or after may still have to do with it, and what wall clocks may be off.
        private static let slack: Int64 = 60_000_000_000

        func segments(of journal: JournalArchive.Journal) -> ArraySlice<JournalArchive.Segment> {
            var segments = journal.segments[...]
            // A segment ends at the latest where the next one begins.
            while let from, segments.count > 1,
                Int64(clamping: segments[segments.startIndex + 1].wallClock.nanoseconds) < from &- Self.slack
            {
                segments = segments.dropFirst()
            }
            while let to, segments.count > 1, let last = segments.last,
                Int64(clamping: last.wallClock.nanoseconds) > to &+ Self.slack
            {
                segments = segments.dropLast()
            }
            return segments
        }
    }

    func name(_ node: Int) -> String { node < archive.nodes.count ? harmless(archive.nodes[node]) : "node \(node)" }

    func name(_ record: RecordName) -> String { "\(name(record.node)):\(record.segment):\(record.record)" }

    func moment(_ happening: Happening) -> Moment { frame.moment(happening.clock, happening.instant) }

    /// The whole stretch that any journal covers.
    var extent: Moment? {
        let starts = lives.map { frame.moment($0.clock, $0.from).earliest }
        let ends = lives.map { frame.moment($0.clock, $0.until).latest }
        guard let first = starts.min(), let last = ends.max() else { return nil }
        return Moment(earliest: first, latest: last)
    }
}

/// Who voted for whom: a voter that voted twice in a term shows, whichever journals say it.
struct VoteBook {
    struct Key: Hashable {
        var voter: Int
        var group: GroupID
        var term: Term
    }

    struct Entry {
        var candidate: Int
        var incarnation: Incarnation
        var proof: [UInt8]
        var record: RecordName
    }

    struct Double {
        var key: Key
        var first: Entry
        var second: Entry
    }

    private static let limit = 100_000
    private(set) var entries: [Key: Entry] = [:]
    private(set) var doubles: [Double] = []

    mutating func add(_ entry: Entry, _ key: Key) {
        guard let known = entries[key] else {
            if entries.count < Self.limit { entries[key] = entry }
            return
        }
        if known.candidate != entry.candidate || known.incarnation != entry.incarnation {
            if doubles.count < 1000 && !doubles.contains(where: { $0.key == key }) {
                doubles.append(Double(key: key, first: known, second: entry))
            }
        } else if known.proof.isEmpty && !entry.proof.isEmpty {
            entries[key] = entry
        }
    }
}

extension Chronicle {
    package var groups: [GroupID] { archive.groups.map(\.id) }

    package func place(of node: String) throws(QuestionError) -> Int { try archive.place(of: node) }

    /// Where a time that is asked for lies.
    package func bounds(of asked: TimeText.Asked) throws(QuestionError) -> Moment { try moment(of: asked).moment }

    package func record(named text: String) throws(QuestionError) -> RecordName { try archive.record(named: text) }
}
