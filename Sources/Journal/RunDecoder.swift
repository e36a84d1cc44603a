import Election

/// Takes runs apart, and remembers between them what the next steps differ from; `RunEncoder`'s other half.
struct RunDecoder {
    private var streams: [Stream] = []
    private var lastInstant: UInt64 = 0

    fileprivate struct Stream {
        var state: StreamState
        var node: NodeIndex?

        init(_ bytes: [UInt8], _ event: Event, at instant: UInt64) {
            state = StreamState(bytes, at: instant)
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
        guard reader.remaining > 4 else {
            let recorded = EffectsSum(rawValue: UInt32(truncatingIfNeeded: try reader.word(4)))
            try reader.finish()
            return .effects(recorded)
        }
        let tag = try reader.byte()
        var slot = Int(tag & ItemTag.slotMask)
        if slot == Int(ItemTag.slotFollows) {
            let beyond = try reader.varint()
            guard beyond < UInt64(QuietStream.limit) else { throw .outOfRange }
            slot += Int(beyond)
        }
        guard slot <= streams.count, slot < QuietStream.limit else { throw .outOfRange }
        let isNew = slot == streams.count
        let instant = try self.instant(tag, isNew ? nil : slot, &reader)
        let effects: RecordedEffects = tag & ItemTag.hasDigest != 0 ? .short(try reader.byte()) : .none
        var mark = isNew ? StreamState.MarkState() : streams[slot].state.mark
        if tag & ItemTag.hasMark != 0 { try read(&mark, &reader) }
        let event: Event
        if isNew {
            guard tag & ItemTag.hasBody != 0 else { throw .outOfRange }
            event = try define(&reader, at: instant)
        } else {
            try streams[slot].goOn(to: instant, hasBody: tag & ItemTag.hasBody != 0, &reader)
            event = try Event(streams[slot].state.bytes)
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

    private func instant(_ tag: UInt8, _ slot: Int?, _ reader: inout ByteReader) throws(Malformed) -> UInt64 {
        let distance = UInt64(bitPattern: try Distance.decode(try reader.varint()))
        var base = lastInstant
        if tag & ItemTag.isRegular != 0 {
            guard let slot, let expected = streams[slot].state.expectedInstant else { throw .outOfRange }
            base = expected
        }
        let instant = base &+ distance
        guard instant >= lastInstant, instant < Instant.journalLimit else { throw .outOfRange }
        return instant
    }

    private func read(_ mark: inout StreamState.MarkState, _ reader: inout ByteReader) throws(Malformed) {
        let told = try reader.varint()
        if told & 1 == 0 {
            mark.size = mark.size &+ UInt64(bitPattern: ZigZag.decode(told >> 1))
        } else {
            guard told == 1 else { throw .outOfRange }
            mark.segment = try reader.varint()
            mark.size = try reader.varint()
        }
        mark.head = try reader.word(8)
    }

    /// A stream's first event, which is whole.
    private mutating func define(_ reader: inout ByteReader, at instant: UInt64) throws(Malformed) -> Event {
        let head = try reader.count()
        guard head & 1 == 1 else { throw .outOfRange }
        let bytes = try reader.raw(count: head >> 1)
        let event = try Event(bytes)
        guard QuietStream.key(of: event) != nil else { throw .outOfRange }
        streams.append(Stream(bytes, event, at: instant))
        return event
    }
}

extension RunDecoder.Stream {
    /// One method for all that changes, since the way to a stream has its price.
    fileprivate mutating func goOn(
        to instant: UInt64, hasBody: Bool, _ reader: inout ByteReader
    ) throws(Malformed) {
        state.pass(to: instant)
        if !hasBody {
            state.guess()
        } else {
            let head = try reader.count()
            if head & 1 == 1 {
                let bytes = try reader.raw(count: head >> 1)
                if bytes.count == state.bytes.count { state.guess() } else { state.before = [] }
                state.bytes = bytes
            } else {
                state.guess()
                try state.patch(count: head >> 1, &reader)
            }
        }
    }
}

extension Event {
    fileprivate init(_ bytes: [UInt8]) throws(Malformed) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}

extension StreamState {
    /// So many patches to the guess.
    fileprivate mutating func patch(count: Int, _ reader: inout ByteReader) throws(Malformed) {
        guard count <= reader.remaining else { throw .truncated }
        var place = 0
        for _ in 0..<count {
            let head = try reader.byte()
            let gap = Int(head >> 2)
            place += gap
            if gap == 63 { continue }
            for _ in 0...(head & 3) {
                guard place < bytes.count else { throw .outOfRange }
                bytes[place] = try reader.byte()
                place += 1
            }
        }
    }
}
