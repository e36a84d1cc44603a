import Election
import Sodium

/// What reading one segment through gives: all that `Audit` compares with other segments and other journals.
package struct SegmentFacts: Sendable {
    package var path: String
    /// By the file's name; nil for a file that isn't named like a segment.
    package var namedNumber: UInt64?
    package var opening: Opening?
    /// Where the reading stopped; nil when all was good.
    package var damage: JournalDamage?
    package var tornTail: JournalReader.TornTail?
    package var frames: UInt64 = 0
    package var records: UInt64 = 0
    package var steps: UInt64 = 0
    package var checkpoints: UInt64 = 0
    package var cosignatures: UInt64 = 0
    /// Bytes that were read and found good, and the chain up to there.
    package var size: UInt64 = 0
    package var head: [UInt8] = []
    /// The epoch that comes next, and its key.
    package var nextSeal: (epoch: UInt64, key: PublicKey)?
    package var closing: Closing.Reason?
    package var recovery: Recovery?
    package var pruned: Pruned?
    package var lastInstant: Instant?
    /// The first record after which an epoch lasted longer than it may.
    package var overdue: (record: UInt64, epoch: UInt64)?
    /// A cosignature with the key of somebody who isn't a node of the cluster, and its record.
    package var foreignCosigner: (record: UInt64, node: String)?
    /// What this journal says of others'.
    package var sightings = Sightings()

    /// Reads it through. What is wrong is in the facts.
    package static func read(_ path: String) -> SegmentFacts {
        var facts = SegmentFacts(path: path)
        facts.namedNumber = SegmentDirectory.number(of: path)
        do throws(JournalDamage) {
            let reader = try JournalReader(path)
            defer { facts.conclude(reader) }
            var collector = Collector()
            while let entry = try reader.next() { collector.take(entry, into: &facts) }
            facts.tornTail = reader.tornTail
        } catch {
            facts.damage = error
        }
        return facts
    }

    private mutating func conclude(_ reader: JournalReader) {
        frames = reader.frames
        records = reader.records
        checkpoints = reader.checkpoints
        cosignatures = reader.cosignatures
        size = reader.offset
        head = reader.head
        nextSeal = reader.nextSeal
    }

    /// What is remembered while a segment is read.
    private struct Collector {
        /// How much longer than its length an epoch may last.
        private static let slack = Span.milliseconds(15_000)
        /// Steps further apart than this mean that the node stood still.
        private static let pause = Span.milliseconds(5_000)

        var nodes: [NodeRules] = []
        var lastCheckpoint: Instant?
        var lastStep: Instant?

        mutating func take(_ entry: JournalReader.Entry, into facts: inout SegmentFacts) {
            switch entry.record {
            case .opening(let opening):
                facts.opening = opening
                lastCheckpoint = opening.instant
                var genesis = ByteReader(opening.genesis)
                nodes = (try? Elector(from: &genesis))?.rules.nodes ?? []
            case .step(let step): take(step, entry, &facts)
            case .checkpoint(let checkpoint):
                lastCheckpoint = checkpoint.instant
                facts.lastInstant = checkpoint.instant
            case .recovery(let recovery): facts.recovery = recovery
            case .closing(let closing):
                facts.closing = closing.reason
                facts.lastInstant = closing.instant
            case .cosignature(let cosignature):
                let isKnown = nodes.contains { $0.name == cosignature.node && $0.key == cosignature.key.bytes }
                if !isKnown && !nodes.isEmpty && facts.foreignCosigner == nil {
                    facts.foreignCosigner = (entry.index, cosignature.node)
                }
            case .witnessed(let witnessed):
                guard let node = nodes.first(where: { $0.name == witnessed.node }) else { break }
                facts.sightings.add(
                    Sighting(
                        segment: witnessed.segment, size: witnessed.size, head: PeerMark.word(witnessed.head),
                        record: entry.index), of: node.key)
            case .pruned(let pruned): facts.pruned = pruned
            case .effects, .state, .room: break
            }
        }

        private mutating func take(
            _ step: Step, _ entry: JournalReader.Entry, _ facts: inout SegmentFacts
        ) {
            facts.steps += 1
            facts.closing = nil
            facts.lastInstant = step.instant
            if let mark = step.mark, Int(mark.node.rawValue) < nodes.count {
                facts.sightings.add(
                    Sighting(segment: mark.segment, size: mark.size, head: mark.head, record: entry.index),
                    of: nodes[Int(mark.node.rawValue)].key)
            }
            if case .reconfigured(let rules) = step.event { nodes = rules.nodes }
            if facts.overdue == nil, let opening = facts.opening, let lastCheckpoint, let lastStep,
                step.instant.since(lastCheckpoint) > opening.seal.length * 2 + Self.slack,
                step.instant.since(lastStep) < Self.pause, lastStep.since(lastCheckpoint) > opening.seal.length * 2
            {
                facts.overdue = (entry.index, opening.seal.epoch + UInt64(facts.checkpoints))
            }
            lastStep = step.instant
        }
    }
}

/// Where somebody else's journal stood, as this one has it.
package struct Sighting: Hashable, Sendable {
    package var segment: UInt64
    package var size: UInt64
    /// The first 8 bytes of the chain's head.
    package var head: UInt64
    /// The record that says so.
    package var record: UInt64
}

/// Sightings of other journals, by their keys: all of the newest ones and a part of the older, so that memory has a
/// bound. The chain makes every later one speak for everything before it.
package struct Sightings: Sendable {
    private static let denseLimit = 2048
    private static let sparseLimit = 2048

    private struct Track: Sendable {
        var sparse: [Sighting] = []
        var dense: [Sighting] = []
        var stride = 1
        var skipped = 0

        mutating func add(_ sighting: Sighting) {
            dense.append(sighting)
            guard dense.count > 2 * denseLimit else { return }
            for old in dense.prefix(denseLimit) {
                skipped += 1
                guard skipped >= stride else { continue }
                skipped = 0
                sparse.append(old)
            }
            dense.removeFirst(denseLimit)
            guard sparse.count > 2 * sparseLimit else { return }
            sparse = stride(of: sparse)
            stride *= 2
        }

        private func stride(of sightings: [Sighting]) -> [Sighting] {
            sightings.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        }
    }

    /// Nodes that one segment speaks of: those of a cluster, and of some configurations of it.
    private static let trackLimit = 128

    private var tracks: [[UInt8]: Track] = [:]

    package mutating func add(_ sighting: Sighting, of key: [UInt8]) {
        if let last = tracks[key]?.dense.last, last.segment == sighting.segment, last.size == sighting.size,
            last.head == sighting.head
        {
            return
        }
        guard tracks[key] != nil || tracks.count < Self.trackLimit else { return }
        tracks[key, default: Track()].add(sighting)
    }

    /// In the order in which they were recorded.
    package func of(_ key: [UInt8]) -> [Sighting] { tracks[key].map { $0.sparse + $0.dense } ?? [] }
}
