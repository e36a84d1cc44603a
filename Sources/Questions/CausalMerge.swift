import Election
import Journal

/// Takes several journals forward together: a record that received something comes after the one that sent it, and
/// else the journals keep about level. Constant memory, whatever the journals' length.
final class CausalMerge {
    /// Sends of a node that can still be matched with their receptions.
    private static let ring = 8192

    private final class Stream {
        let replay: NodeReplay
        var item: NodeReplay.Item?
        var incarnation = Incarnation(0)
        var lastSent: UInt64 = 0
        var wallOffset: Int64 = 0
        var instant = Instant.zero
        var clock = 0
        var vector: [UInt32]
        /// By node index of the segment's rules: the stream of that node; nil where it has none, and for itself.
        var peers: [Int?] = []
        var sentSequences: [UInt64]
        var sentLives: [UInt64]
        var sentInstants: [UInt64]
        var sentVectors: [UInt32]

        init(_ replay: NodeReplay, nodes: Int) {
            self.replay = replay
            vector = Array(repeating: 0, count: nodes)
            sentSequences = Array(repeating: 0, count: CausalMerge.ring)
            sentLives = Array(repeating: 0, count: CausalMerge.ring)
            sentInstants = Array(repeating: 0, count: CausalMerge.ring)
            sentVectors = Array(repeating: 0, count: CausalMerge.ring * nodes)
        }

        /// Rough: only the order of reading hangs on it.
        var level: Int64 { Int64(clamping: instant.nanoseconds) &+ wallOffset }
    }

    private let nodes: Int
    private var streams: [Stream] = []
    /// By place of the node; nil where no journal was given.
    private var byNode: [Int?]
    private let archive: JournalArchive
    private(set) var frame = Frame()
    /// Receptions before what they received, by the journals' word: one of them lies, or was cut.
    private(set) var contradictions = 0

    init(_ archive: JournalArchive, segments: (JournalArchive.Journal) -> ArraySlice<JournalArchive.Segment>) {
        self.archive = archive
        nodes = archive.nodes.count
        byNode = Array(repeating: nil, count: nodes)
        for journal in archive.journals {
            // Of two that claim one name only the first is read; the archive says so.
            guard let node = archive.nodes.firstIndex(of: journal.node), byNode[node] == nil else { continue }
            let stream = Stream(NodeReplay(journal, node: node, segments: segments(journal)), nodes: nodes)
            byNode[node] = streams.count
            streams.append(stream)
        }
        for stream in streams { advance(stream) }
    }

    struct Turn {
        var replay: NodeReplay
        var item: NodeReplay.Item
        var clock: Int
        /// After the item.
        var vector: [UInt32]
    }

    func next() -> Turn? {
        guard let stream = choose(), let item = stream.item else { return nil }
        take(item, of: stream)
        let turn = Turn(replay: stream.replay, item: item, clock: stream.clock, vector: stream.vector)
        return turn
    }

    /// Call when the turn has been looked at: the elector then moves on.
    func release(_ turn: Turn) {
        guard let place = byNode[turn.replay.node] else { return }
        advance(streams[place])
    }

    private func advance(_ stream: Stream) {
        stream.item = stream.replay.next()
        switch stream.item {
        case .opened(let opening, _):
            stream.clock = frame.clock(of: stream.replay.node, bootID: opening.bootID)
            meetPeers(stream)
            level(stream, opening.instant, opening.wallClock)
        case .checkpoint(let instant, let wall): level(stream, instant, wall)
        case .step(let taken): stream.instant = taken.instant
        case .closed(let instant, _): stream.instant = instant
        case .ended, nil: break
        }
    }

    private func level(_ stream: Stream, _ instant: Instant, _ wall: WallClock) {
        stream.instant = instant
        stream.wallOffset = Int64(clamping: wall.nanoseconds) &- Int64(clamping: instant.nanoseconds)
        frame.note(stream.clock, instant, wall)
    }

    private func choose() -> Stream? {
        var best: Stream?
        var blocked: Stream?
        for stream in streams where stream.item != nil {
            if isBlocked(stream) {
                if blocked.map({ stream.level < $0.level }) ?? true { blocked = stream }
            } else if best.map({ stream.level < $0.level }) ?? true {
                best = stream
            }
        }
        if best == nil && blocked != nil { contradictions += 1 }
        return best ?? blocked
    }

    /// What it received next hasn't been sent yet, and may still come.
    private func isBlocked(_ stream: Stream) -> Bool {
        guard let (sender, packet) = received(stream), sender.item != nil, sender !== stream else { return false }
        if sender.incarnation != packet.sender.incarnation { return sender.incarnation < packet.sender.incarnation }
        return sender.lastSent < packet.sequence.rawValue
    }

    private func received(_ stream: Stream) -> (Stream, Packet)? {
        guard case .step(let taken) = stream.item, case .received(let reception) = taken.event else { return nil }
        let index = Int(reception.packet.sender.node.rawValue)
        guard index < stream.peers.count, let place = stream.peers[index] else { return nil }
        return (streams[place], reception.packet)
    }

    /// Looked up once a segment: names are compared, and there is one reception after the other.
    private func meetPeers(_ stream: Stream) {
        guard let rules = stream.replay.elector?.rules else { return }
        stream.peers = rules.indices.map { index in
            guard index != rules.this, let node = archive.nodes.firstIndex(of: rules.name(of: index)) else {
                return nil
            }
            return byNode[node]
        }
    }

    private func take(_ item: NodeReplay.Item, of stream: Stream) {
        switch item {
        case .opened(let opening, let continues):
            stream.incarnation = opening.incarnation
            stream.lastSent = stream.replay.elector?.lastSequence.rawValue ?? 0
            if !continues, let elector = stream.replay.elector {
                // As the lease's arithmetic bounds it.
                let drift = min(Int64(elector.rules.timing.driftPPM), 500_000)
                frame.bounds.driftPPM = max(frame.bounds.driftPPM, drift * 2)
            }
        case .step(let taken):
            stream.vector[stream.replay.node] &+= 1
            join(stream, taken)
            for case .send(let packet, _) in taken.effects { keep(packet, stream, taken.instant) }
        case .checkpoint, .closed, .ended: break
        }
    }

    private func keep(_ packet: Packet, _ stream: Stream, _ instant: Instant) {
        let slot = Int(packet.sequence.rawValue % UInt64(Self.ring))
        stream.lastSent = max(stream.lastSent, packet.sequence.rawValue)
        stream.incarnation = max(stream.incarnation, packet.sender.incarnation)
        stream.sentSequences[slot] = packet.sequence.rawValue
        stream.sentLives[slot] = packet.sender.incarnation.rawValue
        stream.sentInstants[slot] = instant.nanoseconds
        for node in 0..<nodes { stream.sentVectors[slot * nodes + node] = stream.vector[node] }
    }

    /// A message arrived: what its sender knew, and when it sent, bound the receiver.
    private func join(_ stream: Stream, _ taken: NodeReplay.Taken) {
        guard let (sender, packet) = received(stream) else { return }
        let slot = Int(packet.sequence.rawValue % UInt64(Self.ring))
        guard sender.sentSequences[slot] == packet.sequence.rawValue,
            sender.sentLives[slot] == packet.sender.incarnation.rawValue
        else { return }
        for node in 0..<nodes where sender.sentVectors[slot * nodes + node] > stream.vector[node] {
            stream.vector[node] = sender.sentVectors[slot * nodes + node]
        }
        frame.bounds.add(
            from: sender.clock, sent: Instant(nanoseconds: sender.sentInstants[slot]), to: stream.clock,
            received: taken.instant)
    }
}
