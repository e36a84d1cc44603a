import Election
import Foundation
import Journal
import Sodium

/// Three nodes that elect, hold and hear each other within one thread, and their journals: real decisions, real marks.
/// Nobody says goodbye: the journals end as after a power failure.
final class SmallCluster {
    static let names = ["ethyl", "fred", "lucy"]

    final class Node {
        let index: NodeIndex
        let scratch: Scratch
        let writer: JournalWriter
        fileprivate(set) var elector: Elector

        fileprivate(set) var marks: [(at: Instant, mark: JournalMark)] = []
        private let keys: KeyRing

        /// Made for the epoch that runs, and for the one after it.
        final class KeyRing {
            var made: [SigningKey] = []
        }

        var currentEpochKey: SigningKey? {
            let seal = writer.seal.key
            return keys.made.last { $0.publicKey == seal }
        }

        init(_ index: Int, rules: Rules, epoch: Span, scratch: Scratch) throws {
            self.index = NodeIndex(UInt8(index))
            self.scratch = scratch
            elector = Elector(rules: rules)
            let ring = KeyRing()
            keys = ring
            writer = try JournalWriter.open(
                in: try scratch.state(),
                identity: JournalIdentity(
                    clusterTag: Array(1...8), node: SmallCluster.names[index], incarnation: Incarnation(1),
                    software: "test"),
                key: scratch.key, genesis: Recorded.encoded(elector), at: .zero,
                limits: JournalLimits(epoch: epoch),
                wallClock: { WallClock(nanoseconds: 1_700_000_000_000_000_000) },
                epochKey: {
                    ring.made.append(.generate())
                    return ring.made[ring.made.count - 1]
                })
        }
    }

    private(set) var nodes: [Node] = []
    private(set) var now = Instant.zero
    private var isStopped = [false, false, false]
    private var inbox: [(due: Instant, node: Int, event: Event)] = []
    /// Packets take a millisecond, and up to so many more.
    private let jitter: UInt64
    private var dice = Dice(state: 0xDA7)

    init(epoch: Span = .milliseconds(5_000), jitter: UInt64 = 0) throws {
        self.jitter = jitter
        let scratches = (0..<3).map { _ in Scratch() }
        for index in 0..<3 {
            var rules = Recorded.rules(key: [])
            rules.this = NodeIndex(UInt8(index))
            for place in 0..<3 { rules.nodes[place].key = scratches[place].key.publicKey.bytes }
            nodes.append(try Node(index, rules: rules, epoch: epoch, scratch: scratches[index]))
        }
        for index in 0..<3 {
            try take(.started(Start(incarnation: Incarnation(1), memory: nil)), index)
            try take(.dataPlane(up: true), index)
            try take(.link(Recorded.group, up: true), index)
        }
    }

    /// Lives for so long; then everything is on disk up to the last commit, two heartbeats ago at most.
    func live(milliseconds count: UInt64) throws {
        let end = now + .milliseconds(count)
        while now < end {
            now = now + .milliseconds(1)
            for index in 0..<3 where !isStopped[index] {
                // Every other heartbeat, a little before it leaves.
                if now.nanoseconds / 1_000_000 % 200 == 190 { try nodes[index].writer.commit() }
                if let deadline = nodes[index].elector.nextDeadline, deadline <= now { try take(.timer, index) }
                try nodes[index].writer.checkpointIfDue(at: now)
            }
            let letters = inbox.filter { $0.due <= now }
            inbox.removeAll { $0.due <= now }
            for letter in letters where !isStopped[letter.node] { try take(letter.event, letter.node) }
        }
    }

    /// Its power is cut; the others go on.
    func stop(_ index: Int) { isStopped[index] = true }

    func rotate() throws {
        for node in nodes { try node.writer.rotate(genesis: Recorded.encoded(node.elector), at: now) }
    }

    private func take(_ event: Event, _ index: Int) throws {
        let node = nodes[index]
        let effects = node.elector.step(event, at: now)
        try node.writer.append(event, outcome: StepOutcome(of: effects), at: now)
        for effect in effects {
            switch effect {
            case .persist(let ticket):
                try node.writer.commit()
                try take(.persisted(ticket), index)
            case .withdraw(let group, let ticket): try take(.withdrawn(group, ticket), index)
            case .send(let packet, let destination): send(packet, from: index, to: destination)
            default: break
            }
        }
    }

    private func send(_ packet: Packet, from index: Int, to destination: Destination) {
        var mark: JournalMark?
        if case .heartbeat = packet.message {
            mark = nodes[index].writer.durableMark
            nodes[index].marks.append((now, nodes[index].writer.durableMark))
        }
        var proof: [UInt8] = []
        if case .grant = packet.message {
            var writer = ByteWriter()
            packet.encode(to: &writer)
            proof = writer.bytes
        }
        for other in 0..<3 {
            if case .node(let only) = destination, Int(only.rawValue) != other { continue }
            if case .everyone = destination, other == index { continue }
            let due = now + .milliseconds(jitter == 0 ? 0 : UInt64.random(in: 0...jitter, using: &dice))
            inbox.append(
                (due, other, .received(Reception(packet: packet, relay: nil, proof: proof, journal: mark))))
        }
    }
}
