import Election

/// Collects quiet steps into a run, and remembers between runs what the next ones differ from.
struct RunEncoder {
    /// Steps and bytes after which a run ends.
    static let stepLimit = 4096
    static let byteLimit = 64 * 1024
    /// Nanoseconds: a step that comes later is kept whole, so that no distance is beyond its number.
    static let longestPause: UInt64 = 1 << 60

    private var slots: [UInt32: Int] = [:]
    private var streams: [StreamState] = []
    private var lastInstant: UInt64
    private var payload = ByteWriter(reserving: 1024)
    private var sum = EffectsSum()
    private(set) var steps = 0

    init(from instant: Instant) { lastInstant = instant.nanoseconds }

    var isEmpty: Bool { steps == 0 }
    var isFull: Bool { steps >= Self.stepLimit || payload.bytes.count >= Self.byteLimit }
    /// Bytes that wait.
    var count: Int { payload.bytes.count }

    /// A checkpoint lets readers begin: nothing after it differs from something before it.
    mutating func reset(at instant: Instant) {
        precondition(isEmpty, "a run ends before its streams do")
        slots.removeAll(keepingCapacity: true)
        streams.removeAll(keepingCapacity: true)
        lastInstant = instant.nanoseconds
    }

    /// A whole record's instant.
    mutating func pass(_ instant: Instant) { lastInstant = instant.nanoseconds }

    /// The payload of the run, whose end this is.
    mutating func end() -> [UInt8] {
        payload.fixed(sum.value)
        defer {
            payload.removeAll()
            sum = EffectsSum()
            steps = 0
        }
        return payload.bytes
    }

    /// - Returns: false when the event has to be kept whole.
    mutating func append(_ event: Event, _ outcome: StepOutcome, at instant: Instant) -> Bool {
        guard !outcome.decides, instant.nanoseconds >= lastInstant,
            instant.nanoseconds - lastInstant < Self.longestPause, let key = QuietStream.key(of: event)
        else {
            return false
        }
        let known = slots[key]
        guard known != nil || streams.count < QuietStream.limit else { return false }
        let bytes = event.withoutMark.encoded
        guard bytes.count <= 4096 else { return false }
        let slot = known ?? streams.count
        if known == nil {
            slots[key] = slot
            streams.append(StreamState(at: instant.nanoseconds))
        }
        write(bytes, QuietStream.hasMark(event), outcome, slot, isNew: known == nil, at: instant.nanoseconds)
        sum.add(outcome.digest)
        steps += 1
        lastInstant = instant.nanoseconds
        return true
    }

    private mutating func write(
        _ bytes: [UInt8], _ mark: JournalMark?, _ outcome: StepOutcome, _ slot: Int, isNew: Bool, at instant: UInt64
    ) {
        var tag = slot < ItemTag.slots ? UInt8(slot) : ItemTag.slotFollows
        let body = body(bytes, slot, isNew: isNew)
        if body != nil { tag |= ItemTag.hasBody }
        if !outcome.isEmpty { tag |= ItemTag.hasDigest }
        let newMark = mark.flatMap { changed($0, slot) }
        if newMark != nil { tag |= ItemTag.hasMark }
        var time = Distance(Int64(bitPattern: instant &- lastInstant))
        if let expected = streams[slot].expectedInstant {
            let distance = Distance(Int64(bitPattern: instant &- expected))
            if distance.isShorter(than: time) {
                tag |= ItemTag.isRegular
                time = distance
            }
        }
        if time.isFine { payload.byte(ItemTag.isFine) }
        payload.byte(tag)
        if slot >= ItemTag.slots { payload.varint(UInt64(slot - ItemTag.slots)) }
        payload.varint(time.value)
        if !outcome.isEmpty { payload.byte(UInt8(truncatingIfNeeded: outcome.digest.rawValue)) }
        if let newMark { write(newMark, slot) }
        if let body { payload.raw(body) }
        if isNew { streams[slot].instant = instant } else { streams[slot].pass(to: instant) }
    }

    private func changed(_ mark: JournalMark, _ slot: Int) -> StreamState.MarkState? {
        let new = StreamState.MarkState(segment: mark.segment, size: mark.size, head: PeerMark.word(mark.head))
        return new == streams[slot].mark ? nil : new
    }

    private mutating func write(_ mark: StreamState.MarkState, _ slot: Int) {
        let old = streams[slot].mark
        if mark.segment == old.segment && mark.size > old.size {
            payload.varint(mark.size - old.size)
        } else {
            payload.varint(0)
            payload.varint(mark.segment)
            payload.varint(mark.size)
        }
        payload.fixed(mark.head)
        streams[slot].mark = mark
    }

    /// What differs from the guess; nil when nothing does. Makes `bytes` the stream's last.
    private mutating func body(_ bytes: [UInt8], _ slot: Int, isNew: Bool) -> [UInt8]? {
        if isNew || bytes.count != streams[slot].bytes.count {
            streams[slot].begin(with: bytes)
            return Self.whole(bytes)
        }
        let stretches = Self.differences(of: bytes, from: streams[slot].guess)
        streams[slot].correct(to: bytes)
        streams[slot].take()
        guard !stretches.isEmpty else { return nil }
        let patches = Self.patches(stretches, of: bytes)
        return patches.count < bytes.count ? patches : Self.whole(bytes)
    }

    private static func whole(_ bytes: [UInt8]) -> [UInt8] {
        var body = ByteWriter(reserving: bytes.count + 4)
        body.byte(Patch.whole)
        body.blob(bytes)
        return body.bytes
    }

    private static func patches(_ stretches: [Range<Int>], of bytes: [UInt8]) -> [UInt8] {
        var patches: [UInt8] = []
        var lastHead = 0
        var place = 0
        for stretch in stretches {
            var gap = stretch.lowerBound - place
            while gap >= Patch.longGap {
                patches.append(Patch.head(gap: Patch.longGap, count: 1))
                gap -= Patch.longGap
            }
            lastHead = patches.count
            patches.append(Patch.head(gap: gap, count: stretch.count))
            patches += bytes[stretch]
            place = stretch.upperBound
        }
        patches[lastHead] |= Patch.isLast
        return patches
    }

    /// Where the two differ: stretches of 1 to 4 bytes.
    private static func differences(of bytes: [UInt8], from guess: ArraySlice<UInt8>) -> [Range<Int>] {
        var stretches: [Range<Int>] = []
        for index in bytes.indices where bytes[index] != guess[guess.startIndex + index] {
            if let last = stretches.last, last.upperBound == index, last.count < Patch.most {
                stretches[stretches.count - 1] = last.lowerBound..<(index + 1)
            } else {
                stretches.append(index..<(index + 1))
            }
        }
        return stretches
    }
}

extension Event {
    /// The same without the sender's mark, which has a place of its own in the record.
    var withoutMark: Event {
        guard case .received(var reception) = self, reception.journal != nil else { return self }
        reception.journal = nil
        return .received(reception)
    }

    var encoded: [UInt8] {
        var writer = ByteWriter(reserving: 128)
        encode(to: &writer)
        return writer.bytes
    }
}
