import Election

/// Takes runs apart, and remembers between them what the next steps differ from; `RunEncoder`'s other half.
struct RunDecoder {
    private var streams: [Stream] = []
    private var lastInstant: UInt64 = 0

    fileprivate struct Stream {
        var state: StreamState
        let key: UInt32
        var node: NodeIndex?

        init(_ bytes: [UInt8], _ event: Event, _ key: UInt32, at instant: UInt64) {
            self.key = key
            state = StreamState(at: instant)
            state.begin(with: bytes)
            if case .received(let reception) = event { node = reception.packet.sender.node }
        }
    }

    /// A checkpoint, or a segment's opening.
    mutating func reset(at instant: Instant) {
        streams.removeAll(keepingCapacity: true)
        lastInstant = instant.nanoseconds
    }

    /// A whole record's instant.
    mutating func pass(_ instant: Instant) { lastInstant = instant.nanoseconds }

    /// The next record of the run that `reader` stands in: a step, and at the end the sum.
    mutating func next(_ reader: inout ByteReader) throws(Malformed) -> JournalRecord {
        guard reader.remaining > EffectsSum.count else {
            let recorded = EffectsSum(rawValue: UInt16(truncatingIfNeeded: try reader.word(EffectsSum.count)))
            try reader.finish()
            return .effects(recorded)
        }
        var tag = try reader.byte()
        let isFine = tag == ItemTag.isFine
        if isFine { tag = try reader.byte() }
        let slot = try self.slot(tag, &reader)
        let isNew = slot == streams.count
        let distance = try Distance.decode(try reader.varint(), isFine: isFine)
        let instant = try self.instant(distance, isRegular: tag & ItemTag.isRegular != 0, slot)
        let effects: RecordedEffects = tag & ItemTag.hasDigest != 0 ? .short(try reader.byte()) : .none
        var mark = isNew ? StreamState.MarkState() : streams[slot].state.mark
        if tag & ItemTag.hasMark != 0 { try read(&mark, &reader) }
        let event: Event
        if isNew {
            guard tag & ItemTag.hasBody != 0 else { throw .outOfRange }
            event = try define(&reader, at: instant)
        } else {
            event = try streams[slot].goOn(to: instant, hasBody: tag & ItemTag.hasBody != 0, &reader)
        }
        lastInstant = instant
        var peerMark: PeerMark?
        if tag & ItemTag.hasMark != 0 {
            guard let node = streams[slot].node else { throw .outOfRange }
            streams[slot].state.mark = mark
            peerMark = PeerMark(node: node, segment: mark.segment, size: mark.size, head: mark.head)
        }
        return .step(
            Step(
                instant: Instant(nanoseconds: instant), effects: effects, event: event, mark: peerMark, isQuiet: true))
    }

    /// One that is known, or the next.
    private func slot(_ tag: UInt8, _ reader: inout ByteReader) throws(Malformed) -> Int {
        switch tag & ItemTag.slotMask {
        case ItemTag.slotFollows:
            let slot = UInt64(ItemTag.slots) &+ (try reader.varint())
            guard slot <= UInt64(streams.count), slot < UInt64(QuietStream.limit) else { throw .outOfRange }
            return Int(slot)
        case ItemTag.isFine: throw .outOfRange
        case let slot:
            guard Int(slot) <= streams.count else { throw .outOfRange }
            return Int(slot)
        }
    }

    private func instant(_ distance: Int64, isRegular: Bool, _ slot: Int) throws(Malformed) -> UInt64 {
        var base = lastInstant
        if isRegular {
            guard slot < streams.count, let expected = streams[slot].state.expectedInstant else { throw .outOfRange }
            base = expected
        }
        let instant = base &+ UInt64(bitPattern: distance)
        guard instant >= lastInstant, instant < Instant.journalLimit else { throw .outOfRange }
        return instant
    }

    private func read(_ mark: inout StreamState.MarkState, _ reader: inout ByteReader) throws(Malformed) {
        let grown = try reader.varint()
        if grown == 0 {
            mark.segment = try reader.varint()
            mark.size = try reader.varint()
        } else {
            let (size, overflow) = mark.size.addingReportingOverflow(grown)
            guard !overflow else { throw .outOfRange }
            mark.size = size
        }
        mark.head = try reader.word(8)
    }

    /// A stream's first event, which is whole.
    private mutating func define(_ reader: inout ByteReader, at instant: UInt64) throws(Malformed) -> Event {
        guard try reader.byte() == Patch.whole else { throw .outOfRange }
        let bytes = try reader.raw(count: try reader.count())
        let event = try Event(bytes[...])
        guard let key = QuietStream.key(of: event) else { throw .outOfRange }
        streams.append(Stream(bytes, event, key, at: instant))
        return event
    }
}

extension RunDecoder.Stream {
    /// The stream's next event. One method for all that changes, since the way to a stream has its price.
    fileprivate mutating func goOn(
        to instant: UInt64, hasBody: Bool, _ reader: inout ByteReader
    ) throws(Malformed) -> Event {
        state.pass(to: instant)
        if hasBody {
            let head = try reader.byte()
            if head == Patch.whole {
                let bytes = try reader.raw(count: try reader.count())
                guard bytes.count == state.bytes.count else {
                    state.begin(with: bytes)
                    return try event()
                }
                state.correct(to: bytes)
            } else {
                try state.patch(head, &reader)
            }
        }
        state.take()
        return try event()
    }

    /// The one that `state` has the bytes of.
    private func event() throws(Malformed) -> Event {
        let event = try Event(state.bytes)
        // A patch could make another sender's of it, or one that decides.
        guard QuietStream.key(of: event) == key else { throw .outOfRange }
        return event
    }
}

extension Event {
    fileprivate init(_ bytes: ArraySlice<UInt8>) throws(Malformed) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}

extension StreamState {
    /// All patches to the guess; `first` is the head of the first.
    fileprivate mutating func patch(_ first: UInt8, _ reader: inout ByteReader) throws(Malformed) {
        var head = first
        var place = 0
        while true {
            let gap = Int(head & ~Patch.isLast) >> 2
            place += gap
            if gap == Patch.longGap {
                guard head == Patch.head(gap: gap, count: 1), place < bytes.count else { throw .outOfRange }
            } else {
                for _ in 0...(head & 3) {
                    guard correct(place, to: try reader.byte()) else { throw .outOfRange }
                    place += 1
                }
                if head & Patch.isLast != 0 { return }
            }
            head = try reader.byte()
        }
    }
}
