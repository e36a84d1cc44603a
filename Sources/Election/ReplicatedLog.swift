/// A group's log on one node: what was folded into the state, the entries after that, and how far they are committed.
package struct ReplicatedLog: Equatable, Sendable {
    /// The end of what is kept only as state.
    package private(set) var base = LogPosition.start
    /// After `base`. Committed ones are kept for a while: for whoever lacks only few, and for `electd history`.
    package private(set) var entries: [LogEntry] = []
    package private(set) var committed: UInt64 = 0
    /// What the committed entries come to.
    package private(set) var state = LogState()
    /// Where it ends: after the last of `entries`, or at `base`.
    package private(set) var last = LogPosition.start
    /// The bytes of `entries`, about.
    private var weight = 0
    /// Of `state`, as long as nobody has applied more to it without asking.
    private var known: UInt64?

    private static let emptyHash = LogState().fingerprint

    package init() { known = Self.emptyHash }

    /// Whether it was asked for its state's hash makes no difference.
    package static func == (one: ReplicatedLog, other: ReplicatedLog) -> Bool {
        one.base == other.base && one.committed == other.committed && one.entries == other.entries
            && one.state == other.state
    }

    /// Of the state, for comparing.
    package var stateHash: UInt64 { known ?? state.fingerprint }

    package var committedPosition: LogPosition { position(at: committed) ?? base }

    /// The place after the entry of that index; nil for one that isn't kept or isn't there.
    @inline(__always) package func position(at index: UInt64) -> LogPosition? {
        if index == base.index { return base }
        guard index > base.index, index <= last.index else { return nil }
        return entries[Int(index - base.index) - 1].position
    }

    @inline(__always) func entry(at index: UInt64) -> LogEntry? {
        guard index > base.index, index <= last.index else { return nil }
        return entries[Int(index - base.index) - 1]
    }

    /// Entries after that index, as many as fit the bytes, at least one if there is one.
    ///
    /// It changes nothing, and is called a change all the same: to ask a log in an array is to copy it first.
    mutating func cut(after index: UInt64, atMost bytes: Int) -> [LogEntry] {
        index >= base.index && index < last.index ? entries.run(from: Int(index - base.index), atMost: bytes) : []
    }

    /// Not yet committed, and whether it holds such an order.
    @inline(__always) func isPending(_ id: CommandID) -> Bool {
        committed < last.index && entries.hold(id, from: Int(committed - base.index))
    }

    var uncommittedCount: UInt64 { last.index - committed }

    @discardableResult
    mutating func append(_ content: LogContent, term: Term) -> LogEntry {
        let entry = LogEntry(after: last, term: term, content: content)
        add(entry)
        return entry
    }

    /// Takes entries that follow on a place that this log has; what contradicts them goes.
    ///
    /// - Returns: the index after which something changed; nil when nothing did, also when they contradict what is
    ///   committed, which no majority does.
    mutating func take(_ new: [LogEntry], after place: LogPosition) -> UInt64? {
        guard position(at: place.index)?.hash == place.hash else { return nil }
        guard let first = new.firstIndex(where: { position(at: $0.index)?.hash != $0.hash }) else { return nil }
        let kept = new[first].index - 1
        guard kept >= committed, UInt64(new.count - first) + kept - base.index <= UInt64(Bound.entries) else {
            return nil
        }
        truncate(to: kept)
        for entry in new[first...] { add(entry) }
        return kept
    }

    private mutating func add(_ entry: LogEntry) {
        last = entry.position
        weight += entry.content.size
        entries.append(entry)
    }

    private mutating func truncate(to index: UInt64) {
        while entries.count > 0, last.index > index {
            weight -= entries.removeLast().content.size
            last = entries.last?.position ?? base
        }
    }

    /// Applies what is committed now and wasn't.
    mutating func commit(to index: UInt64) -> [LogNews] {
        let before = committed
        let news = apply(to: index)
        if committed > before { known = state.fingerprint }
        return news
    }

    private mutating func apply(to index: UInt64) -> [LogNews] {
        let end = min(index, last.index)
        guard end > committed else { return [] }
        var news: [LogNews] = []
        while committed < end, let entry = entry(at: committed + 1) {
            committed += 1
            news += state.apply(entry)
        }
        known = nil
        return news
    }

    /// Forgets committed entries when there are many; their state stays.
    ///
    /// - Returns: whether it did.
    mutating func compact(keeping bytes: Int) -> Bool {
        guard weight > bytes || entries.count > 256, committed > base.index else { return false }
        var count = 0
        while count < Int(committed - base.index), weight > bytes / 2 || entries.count - count > 128 {
            weight -= entries[count].content.size
            count += 1
        }
        guard count > 0 else { return false }
        base = entries[count - 1].position
        entries.removeFirst(count)
        return true
    }

    /// The log as somebody takes it who has nothing, or who has all up to `place`.
    func image(after place: LogPosition?) -> LogImage {
        if let place, place.index >= base.index, position(at: place.index)?.hash == place.hash {
            let rest = Array(entries.dropFirst(Int(place.index - base.index)))
            return LogImage(base: place, entries: rest, committed: committed, state: nil)
        }
        return LogImage(base: base, entries: entries, committed: committed, state: state)
    }

    package var image: LogImage { image(after: nil) }

    package init(_ image: LogImage) {
        base = image.base
        entries = image.entries
        committed = max(image.committed, image.base.index)
        state = image.state ?? LogState()
        last = image.last
        known = image.state == nil ? Self.emptyHash : state.fingerprint
        weight = entries.reduce(0) { $0 + $1.content.size }
    }

    /// What a change of the log on disk was, made again: recovery is a loop over this.
    package mutating func apply(_ write: LogWrite) {
        switch write {
        case .image(let image): self = ReplicatedLog(image)
        case .entries(let place, let new):
            guard position(at: place.index)?.hash == place.hash, place.index >= committed else { return }
            truncate(to: place.index)
            for entry in new { add(entry) }
        // Whoever reads a whole log asks for the last state's hash only.
        case .committed(let index): _ = apply(to: index)
        }
    }
}

extension [LogEntry] {
    fileprivate func run(from start: Int, atMost bytes: Int) -> [LogEntry] {
        var room = bytes - self[start].content.size
        var end = start + 1
        while end < count {
            room -= self[end].content.size
            if room < 0 { break }
            end += 1
        }
        return Array(self[start..<end])
    }

    fileprivate func hold(_ id: CommandID, from start: Int) -> Bool {
        self[start...].contains { entry in
            guard case .command(let known, _) = entry.content else { return false }
            return known.origin.node == id.origin.node && id <= known
        }
    }
}

/// A change of a group's log, for the disk.
package enum LogWrite: Hashable, Sendable {
    /// These follow on that place; what stood there before is gone.
    case entries(after: LogPosition, [LogEntry])
    /// Said some time after it was so, and never waited for: what is committed stays it.
    case committed(UInt64)
    /// In place of everything written of the group before.
    case image(LogImage)
}

/// A log as one value: a state, and the entries around it.
package struct LogImage: Hashable, Sendable {
    package var base: LogPosition
    package var entries: [LogEntry]
    package var committed: UInt64
    /// After `committed`; nil in an image for somebody who has all up to `base`.
    package var state: LogState?

    package var last: LogPosition { entries.last?.position ?? base }
}

extension LogContent {
    /// Bytes of the entry, about.
    var size: Int {
        switch self {
        case .held, .released: 24
        case .command(_, .server(let name, _)): 32 + name.service.utf8.count + name.server.utf8.count
        case .command(_, .maintenance): 32
        case .command(_, .propose): 64
        case .command(_, .text(_, let part)): 32 + part.count
        case .command(_, .decide(_, _, let why)): 48 + why.utf8.count
        case .command(_, .evidence(let evidence)): 32 + evidence.proofs.reduce(0) { $0 + $1.count }
        case .adopted(let items): 180 * items.count
        case .merged: 128
        }
    }
}

extension LogImage: Transcribable {
    /// Bytes of an image, at most: a state with two texts, and the entries.
    static let limit = 1 << 20

    package func encode(to writer: inout ByteWriter) {
        base.encode(to: &writer)
        writer.varint(committed)
        writer.optional(state)
        entries.encodeChained(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        base = try LogPosition(from: &reader)
        committed = try reader.varint()
        state = try reader.optional()
        entries = try [LogEntry](chainedAfter: base, from: &reader)
        // An image without a state tells its sender's word on how far is committed; it may be before the base.
        guard committed <= last.index, state == nil || committed >= base.index else { throw .outOfRange }
    }
}

extension LogWrite: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .entries(let place, let new):
            writer.byte(1)
            place.encode(to: &writer)
            new.encodeChained(to: &writer)
        case .committed(let index):
            writer.byte(2)
            writer.varint(index)
        case .image(let image):
            writer.byte(3)
            image.encode(to: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.byte() {
        case 1:
            let place = try LogPosition(from: &reader)
            self = .entries(after: place, try [LogEntry](chainedAfter: place, from: &reader))
        case 2: self = .committed(try reader.varint())
        case 3: self = .image(try LogImage(from: &reader))
        default: throw .outOfRange
        }
    }
}
