import Election
import Glibc
import Sodium

/// What earlier lives left of the journal, once it has been put right.
struct Past {
    /// For the new segment.
    var nextSegment: UInt64 = 1
    var previous: Opening.Previous?
    var recovery: Recovery?
    /// The epoch of the newest checkpoint that can be read, and the key that it names.
    var lastSealed: (epoch: UInt64, next: PublicKey)?
    /// What was cosigned of peers' journals; of those that still have the key which they had then.
    var witnessed: [Witnessed] = []
    /// The node's key in the newest segment.
    var key: PublicKey?
    /// The peers' keys when it ended.
    private var peers: [NodeRules] = []
    /// Nothing after that checkpoint is damaged.
    var isWhole = true

    /// Reads the newest segment through: a torn tail is cut, a damaged segment is renamed and kept. Older segments
    /// stay unread; the start doesn't wait for what `electd log verify` does.
    ///
    /// - Parameter genesis: of the segment that is about to begin.
    static func survey(_ directory: SegmentDirectory, before genesis: [UInt8]) throws(SystemError) -> Past {
        var past = Past()
        guard let newest = try directory.segments().last else { return past }
        if newest.isDamaged {
            past.isWhole = false
        } else {
            try past.putRight(newest, in: directory)
        }
        past.meet(Self.nodes(in: genesis))
        guard let found = try directory.segments().last else { return past }
        let whole = try digest(found.path)
        past.nextSegment = found.number + 1
        past.previous = Opening.Previous(segment: found.number, size: whole.size, head: whole.head)
        return past
    }

    private mutating func putRight(
        _ segment: SegmentDirectory.Segment, in directory: SegmentDirectory
    ) throws(SystemError) {
        var found = Recovery(finding: .damage, segment: segment.number, offset: 0, bytes: segment.size, records: 0)
        do throws(JournalDamage) {
            let reader = try JournalReader(segment.path)
            defer { lastSealed = reader.nextSeal.map { ($0.epoch &- 1, $0.key) } }
            while let entry = try reader.next() {
                take(entry.record)
            }
            guard let torn = reader.tornTail else { return }
            found.finding = .tornTail
            found.offset = torn.offset
            found.bytes = torn.bytes
            found.records = reader.records
        } catch {
            if case .system(let error) = error { throw error }
            if case .damaged(let offset, let record, _) = error {
                found.offset = offset
                found.bytes = segment.size > offset ? segment.size - offset : 0
                found.records = record
            }
            isWhole = false
            recovery = found
            try directory.keepAsDamaged(segment)
            return
        }
        recovery = found
        let file = try OpenFile(segment.path, O_RDWR | O_NOFOLLOW)
        try file.truncate(to: found.offset)
        try file.syncAll()
    }

    private mutating func take(_ record: JournalRecord) {
        switch record {
        case .opening(let opening):
            key = opening.key
            peers = Self.nodes(in: opening.genesis)
        case .step(let step):
            if case .reconfigured(let rules) = step.event { meet(rules.nodes) }
        case .witnessed(let seen): note(seen)
        default: break
        }
    }

    private static func nodes(in genesis: [UInt8]) -> [NodeRules] {
        var reader = ByteReader(genesis)
        return (try? Elector(from: &reader))?.rules.nodes ?? []
    }

    /// Forgets what was witnessed of those whose key changed: they began another journal.
    private mutating func meet(_ nodes: [NodeRules]) {
        for node in nodes where peers.contains(where: { $0.name == node.name && $0.key != node.key }) {
            witnessed.removeAll { $0.node == node.name }
        }
        peers = nodes
    }

    /// The newest of each peer.
    private mutating func note(_ seen: Witnessed) {
        witnessed.removeAll { $0.node == seen.node }
        if witnessed.count < Bound.nodes { witnessed.append(seen) }
    }

    /// BLAKE2b-256 and bytes of a whole segment.
    static func digest(_ path: String) throws(SystemError) -> (size: UInt64, head: [UInt8]) {
        let source = try SegmentSource(path)
        var hash = Blake2b()
        var size: UInt64 = 0
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        while true {
            let count = try source.read(into: &buffer, from: 0)
            if count == 0 { return (size, hash.digest()) }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            size += UInt64(count)
        }
    }
}
