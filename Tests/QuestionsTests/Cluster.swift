import Election
import Foundation
import Journal
import Sodium

/// A cluster in one thread: electors, a network and clocks that a test rules over, and a real journal for each node.
final class Cluster {
    static let group = GroupID(37)
    static let start: UInt64 = 1_700_000_000_000_000_000

    let directory = NSTemporaryDirectory() + "electd-questions-\(UUID().uuidString)"
    private(set) var now: UInt64 = 0
    private var nodes: [Member] = []
    private var letters: [(at: UInt64, order: Int, to: Int, from: Int, event: Event)] = []
    private var order = 0
    /// Pairs (from, to) that deliver nothing.
    var cuts: Set<[Int]> = []
    /// How far each node's boot clock and wall clock are ahead.
    private let offsets: [UInt64]

    final class Member {
        let key = SigningKey.generate()
        var elector: Elector
        var writer: JournalWriter?
        var state: StateDirectory?
        var incarnation: UInt64 = 0
        var memory: Memory?
        var frozen = false
        var diskIsStuck = false
        var owed: [Ticket] = []
        var missed: [Event] = []

        init(_ elector: Elector) { self.elector = elector }
    }

    struct Settings {
        var names = ["ethyl", "fred", "lucy"]
        var priorities: [UInt16] = [100, 101, 0]
        var preempt: Span? = nil
        var mode = GroupRules.Mode.majority
        var checks: [String] = ["web"]
        var weight: Int16 = 0
        var offsets: [UInt64] = [0, 5_000_000_000, 77_000_000_000]
        var groupName = "router37"
    }

    init(_ settings: Settings = Settings()) throws {
        offsets = settings.offsets
        let keys = settings.names.map { _ in SigningKey.generate() }
        for index in settings.names.indices {
            let rules = Self.rules(settings, this: index, keys: keys.map(\.publicKey.bytes))
            nodes.append(Member(Elector(rules: rules)))
            nodes[index].writer = nil
        }
        self.keys = keys
        self.settings = settings
        for index in nodes.indices { try boot(index) }
    }

    private let keys: [SigningKey]
    private let settings: Settings

    static func rules(_ settings: Settings, this: Int, keys: [[UInt8]], safety: UInt64 = 1) -> Rules {
        Rules(
            safetyDigest: safety, configurationDigest: 2, this: NodeIndex(UInt8(this)),
            nodes: settings.names.indices.map { index in
                NodeRules(
                    name: settings.names[index], part: settings.priorities[index] == 0 ? .witness : .voter,
                    key: keys[index])
            },
            timing: Timing(
                heartbeat: .milliseconds(100), promise: .milliseconds(500), driftPPM: 1000, lag: .milliseconds(6)),
            checks: settings.checks,
            groups: [
                GroupRules(
                    id: group, name: settings.groupName, mode: settings.mode, priorities: settings.priorities,
                    preemptAfter: settings.preempt,
                    checks: settings.checks.indices.map { GroupCheck(check: UInt16($0), weight: settings.weight) },
                    needsDataPlane: true, addresses: ["192.0.2.200/32"])
            ])
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func path(_ name: String) -> String { directory + "/" + name }

    func index(_ name: String) -> Int { settings.names.firstIndex(of: name) ?? 0 }

    var journals: [String] { settings.names.map { path($0) } }

    /// The node's boot clock.
    func instant(_ index: Int) -> Instant { Instant(nanoseconds: now + offsets[index] + 1_000_000_000) }

    private func wall() -> WallClock { WallClock(nanoseconds: Self.start + now) }

    func boot(_ index: Int, safety: UInt64 = 1) throws {
        let node = nodes[index]
        node.incarnation += 1
        node.elector = Elector(
            rules: Self.rules(settings, this: index, keys: keys.map(\.publicKey.bytes), safety: safety))
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        node.state = try StateDirectory.open(path(settings.names[index]))
        var genesis = ByteWriter()
        node.elector.encode(to: &genesis)
        let stamp = { [unowned self] in wall() }
        guard let state = node.state else { return }
        node.writer = try JournalWriter.open(
            in: state,
            identity: JournalIdentity(
                clusterTag: Array(1...8), node: settings.names[index], incarnation: Incarnation(node.incarnation),
                bootID: Array(repeating: UInt8(index + 1), count: 16), software: "test"),
            key: keys[index], genesis: genesis.bytes, at: instant(index), wallClock: stamp)
        let memory = node.memory
        take(.started(Start(incarnation: Incarnation(node.incarnation), memory: memory)), at: index)
        take(.link(Self.group, up: true), at: index)
        take(.dataPlane(up: true), at: index)
        for check in settings.checks.indices { take(.check(UInt16(check), passing: true), at: index) }
    }

    /// The daemon is gone without a word. What was appended is on disk.
    func kill(_ name: String) throws {
        let node = nodes[index(name)]
        try node.writer?.commit()
        node.writer = nil
        node.state = nil
    }

    func restart(_ name: String, safety: UInt64 = 1) throws { try boot(index(name), safety: safety) }

    func freeze(_ name: String) { nodes[index(name)].frozen = true }

    func thaw(_ name: String) {
        let place = index(name)
        nodes[place].frozen = false
        let missed = nodes[place].missed
        nodes[place].missed = []
        // The kernel closed the gate meanwhile.
        if nodes[place].elector.isHolding(Self.group) { take(.gateLost(Self.group), at: place) }
        for event in missed.suffix(3) { take(event, at: place) }
    }

    func stickDisk(_ name: String, _ stuck: Bool) {
        let place = index(name)
        nodes[place].diskIsStuck = stuck
        guard !stuck else { return }
        let owed = nodes[place].owed
        nodes[place].owed = []
        for ticket in owed { post(.persisted(ticket), to: place, from: place, after: 1_000_000) }
    }

    func cut(_ from: String, _ to: String) { cuts.insert([index(from), index(to)]) }

    func isolate(_ name: String) {
        for other in settings.names where other != name {
            cut(name, other)
            cut(other, name)
        }
    }

    func heal() { cuts.removeAll() }

    func give(_ event: Event, to name: String) { take(event, at: index(name)) }

    func elector(_ name: String) -> Elector { nodes[index(name)].elector }

    var holder: String? {
        settings.names.first { name in
            nodes[index(name)].writer != nil && !nodes[index(name)].frozen
                && nodes[index(name)].elector.isHolding(Self.group)
        }
    }

    /// Lets the world go on for so many milliseconds.
    func run(_ milliseconds: UInt64) {
        let end = now + milliseconds * 1_000_000
        while true {
            let deadline = nodes.indices.compactMap { index -> UInt64? in
                guard nodes[index].writer != nil, !nodes[index].frozen,
                    let at = nodes[index].elector.nextDeadline?.nanoseconds
                else { return nil }
                let base = offsets[index] + 1_000_000_000
                return max(now, at > base ? at - base : 0)
            }.min()
            let letter = letters.map(\.at).min()
            let next = min(deadline ?? .max, letter ?? .max)
            guard next <= end else { break }
            now = max(now, next)
            deliver()
            for index in nodes.indices {
                guard nodes[index].writer != nil, !nodes[index].frozen,
                    let at = nodes[index].elector.nextDeadline, at <= instant(index)
                else { continue }
                take(.timer, at: index)
            }
        }
        now = end
    }

    private func deliver() {
        let due = letters.filter { $0.at <= now }.sorted { ($0.at, $0.order) < ($1.at, $1.order) }
        letters.removeAll { $0.at <= now }
        for letter in due {
            if letter.from != letter.to && cuts.contains([letter.from, letter.to]) { continue }
            if nodes[letter.to].frozen {
                nodes[letter.to].missed.append(letter.event)
            } else {
                take(letter.event, at: letter.to)
            }
        }
    }

    private func post(_ event: Event, to: Int, from: Int, after: UInt64) {
        order += 1
        letters.append((now + after, order, to, from, event))
    }

    private func take(_ event: Event, at index: Int) {
        let node = nodes[index]
        guard let writer = node.writer else { return }
        let effects = node.elector.step(event, at: instant(index))
        try? writer.append(event, outcome: StepOutcome(of: effects), at: instant(index))
        try? writer.checkpointIfDue(at: instant(index))
        for effect in effects { carryOut(effect, at: index) }
    }

    private func carryOut(_ effect: Effect, at index: Int) {
        switch effect {
        case .persist(let ticket):
            nodes[index].memory = nodes[index].elector.memory
            if nodes[index].diskIsStuck {
                nodes[index].owed.append(ticket)
            } else {
                post(.persisted(ticket), to: index, from: index, after: 2_000_000)
            }
        case .withdraw(let group, let ticket):
            post(.withdrawn(group, ticket), to: index, from: index, after: 3_000_000)
        case .send(let packet, let destination):
            // Other ways take other times.
            for to in nodes.indices where isFor(to, destination, from: index) {
                var proof: [UInt8] = []
                if case .grant(let grant) = packet.message, !grant.trial {
                    var writer = ByteWriter()
                    packet.encode(to: &writer)
                    proof = writer.bytes + Array(repeating: 7, count: 65)
                }
                let delay: UInt64 = to == index ? 50_000 : 150_000 + UInt64((index * 7 + to * 3) % 5) * 40_000
                post(.received(Reception(packet: packet, relay: nil, proof: proof)), to: to, from: index, after: delay)
            }
        default: break
        }
    }

    private func isFor(_ node: Int, _ destination: Destination, from sender: Int) -> Bool {
        switch destination {
        case .everyone: node != sender
        case .node(let index): Int(index.rawValue) == node
        }
    }

    /// Everything to disk; the daemons go on.
    func commit() throws {
        for node in nodes { try node.writer?.commit() }
    }

    func rotate(_ name: String) throws {
        let node = nodes[index(name)]
        var genesis = ByteWriter()
        node.elector.encode(to: &genesis)
        try node.writer?.rotate(genesis: genesis.bytes, at: instant(index(name)))
    }
}
