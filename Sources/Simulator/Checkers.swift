import Election

/// An invariant of the design, or what a checker saw break of it.
package enum Invariant: String, Hashable, Sendable, CaseIterable {
    case oneCertificate = "I1"
    case oneHolder = "I2"
    case gateNeedsLease = "I3"
    case durableFirst = "I4"
    case votesGoForward = "I5"
    case releaseAfterRemoval = "I6"
    case holderExists = "I7"
    case bestHolds = "I8"
    case replay = "I9"
    case certificateIsDurable = "I10"
    case noDoubleVote = "I11"
    case oneEntry = "I12"
    case nothingLost = "I13"
    case equalStates = "I14"
    /// Pair mode, both directions delivering: at most one holder.
    case pairIsSingle = "P1"
    /// A voter that is bound to one grants another nothing.
    case boundVoter = "S1"
    /// What a holder commits is on a quorum of disks, and its last entry is of the holder's own term.
    case committedByQuorum = "G3"
    /// Nobody is helped whose log ends before the helper's own.
    case completeLog = "G4"
    /// Clients send to the holder.
    case clientsFollow = "C1"
}

package struct Violation: Hashable, Sendable {
    /// True time.
    package var at: Span
    package var invariant: Invariant
    package var what: String
}

/// Sees everything in true time, which no node can, and compares it with the invariants.
struct Checkers {
    struct Ballot: Hashable {
        var node: UInt8
        var group: UInt32
        var term: UInt64
    }

    let rules: Rules
    /// Of the rules, at hand.
    let quorum: Int
    private(set) var violations: [Violation] = []
    private(set) var actions: [String: Int] = [:]
    var announcements = 0
    var replayed: UInt64 = 0
    /// Times that a group was taken.
    private(set) var acquisitions = 0
    private var certificates: [Ballot: Certificate] = [:]
    private var votes: [Ballot: NodeLife] = [:]
    /// By node, by group: the newest term voted in.
    private var newestVote: [[Term]]
    /// By group: when a node last gave it up for a better one.
    private var yieldedAt: [UInt64?]
    var lastDisturbance: UInt64 = 0
    /// By machine, by group: since when its gate has been open though it knows that it mustn't hold.
    var unfitSince: [[UInt64?]]
    /// By group: when the two of a pair last couldn't be sure to hear each other.
    var partedAt: [UInt64]
    /// By group: when it was last held, or last had nobody that could hold it.
    var servedAt: [UInt64]
    var gapReported: [Bool]
    var logs: LogCheckers
    var offences = Offences()
    var clients: ClientWatch
    var bonds: Bonds

    init(rules: Rules, machines: Int) {
        self.rules = rules
        quorum = rules.quorum
        let groups = rules.groups.count
        clients = ClientWatch(groups: groups)
        bonds = Bonds(machines: machines, groups: groups)
        logs = LogCheckers(rules)
        newestVote = Array(repeating: Array(repeating: .none, count: groups), count: rules.nodes.count)
        yieldedAt = Array(repeating: nil, count: groups)
        unfitSince = Array(repeating: Array(repeating: nil, count: groups), count: machines)
        partedAt = Array(repeating: 0, count: groups)
        servedAt = Array(repeating: 0, count: groups)
        gapReported = Array(repeating: false, count: groups)
    }

    mutating func violate(_ invariant: Invariant, at now: UInt64, _ what: String) {
        if violations.count < 64 {
            violations.append(Violation(at: Span(nanoseconds: now), invariant: invariant, what: what))
        }
    }

    mutating func count(_ action: Action, at now: UInt64) {
        actions[action.kind, default: 0] += 1
        if action.disturbs { lastDisturbance = now }
    }

    /// What came of faults.
    mutating func count(_ kind: String) { actions[kind, default: 0] += 1 }

    private func name(_ machine: Machine) -> String { rules.name(of: machine.node) }

    /// A vote leaves its voter: its ballot must be durable (I4, S2), the first in its term and not in an older one (I5).
    mutating func granted(_ grant: Grant, by machine: Machine, at now: UInt64) {
        guard let place = rules.groups.firstIndex(where: { $0.id == grant.group }) else { return }
        let node = Int(machine.node.rawValue)
        let ballot = machine.disk.durable?.groups.first { $0.group == grant.group }?.ballot
        let isDurable = ballot.map { $0.term == grant.term && $0.candidate == grant.candidate } ?? false
        let isOffender = offences.offenders.contains(machine.node)
        if !isDurable, !machine.lies {
            violate(
                .durableFirst, at: now, "\(name(machine)) votes in term \(grant.term.rawValue) before its disk knows")
        }
        if grant.term < newestVote[node][place], !isOffender {
            violate(.votesGoForward, at: now, "\(name(machine)) votes in old term \(grant.term.rawValue)")
        }
        newestVote[node][place] = max(newestVote[node][place], grant.term)
        let key = Ballot(node: machine.node.rawValue, group: grant.group.rawValue, term: grant.term.rawValue)
        if let earlier = votes[key], earlier != grant.candidate {
            if isOffender {
                count("double vote")
            } else {
                violate(.noDoubleVote, at: now, "\(name(machine)) votes twice in term \(grant.term.rawValue)")
            }
        }
        votes[key] = grant.candidate
    }

    /// What a wiped disk no longer knows can't be asked of it.
    mutating func wiped(_ place: Int) {
        for group in newestVote[place].indices { newestVote[place][group] = .none }
    }

    mutating func certified(_ certificate: Certificate, at now: UInt64) {
        let key = Ballot(node: 0, group: certificate.group.rawValue, term: certificate.term.rawValue)
        if certificates[key] != certificate { checkVotes(of: certificate, at: now) }
        if let other = certificates[key], other.holder != certificate.holder {
            if isExcused(other, certificate) {
                count("two certificates")
            } else {
                violate(.oneCertificate, at: now, "two certificates of term \(certificate.term.rawValue)")
            }
        }
        certificates[key] = certificate
    }

    /// I1, S7: a certificate is the votes of a quorum, each for this life of the holder in this term, as they were signed.
    private mutating func checkVotes(of certificate: Certificate, at now: UInt64) {
        let ballot = Offences.Ballot(group: certificate.group, term: certificate.term)
        var voters = NodeSet()
        for vote in certificate.votes where rules.voters.contains(vote.voter) {
            let candidate = Offences.vote(in: vote.proof, of: vote.voter, ballot)
            if candidate == certificate.holder { voters.insert(vote.voter) }
        }
        if voters.count < quorum {
            let term = certificate.term.rawValue
            violate(.oneCertificate, at: now, "a certificate of term \(term) with the votes of \(voters.count)")
        }
    }

    /// I6: a release says that the gate of its term is closed.
    mutating func told(_ heartbeat: Heartbeat, by index: Int, _ machines: [Machine], at now: UInt64) {
        for (place, beat) in heartbeat.groups.enumerated() {
            guard let release = beat.release, machines[index].gates[place].isOpen(at: now),
                machines[index].gates[place].term <= release.term
            else { continue }
            violate(
                .releaseAfterRemoval, at: now,
                "\(name(machines[index])) releases term \(release.term.rawValue) with its gate open")
        }
    }

    /// A gate opens: no other may be open (I2), it needs a lease (I3) and a durable certificate (I10).
    mutating func opened(_ place: Int, on index: Int, _ machines: [Machine], at now: UInt64) {
        acquisitions += 1
        let machine = machines[index]
        guard rules.groups[place].mode == .majority else { return checkPair(place, index, machines, at: now) }
        // Two machines that hold as one and the same life lie about entries, not votes: no quorum of honest disks helps.
        if machines.indices.contains(where: {
            $0 != index && machines[$0].node == machine.node && machines[$0].process != nil
        }) {
            logs.forgive()
        }
        checkCompleteness(place, of: machine, at: now)
        for (slot, other) in machines.enumerated()
        where other.node != machine.node && other.gates[place].isOpen(at: now) {
            noteConflict(place, index, slot, machines)
            if mayOverlap(machine, other, at: now) { continue }
            let term = other.gates[place].term.rawValue
            violate(
                .oneHolder, at: now,
                "\(name(machine)) opens in term \(machine.gates[place].term.rawValue), \(name(other)) is open in \(term)"
            )
        }
        if machine.disk.durableCertificates[place] < machine.gates[place].term {
            violate(.certificateIsDurable, at: now, "\(name(machine)) opens before its certificate is on disk")
        }
    }

    /// I3, as far as the daemon has carried its decisions out.
    mutating func checkLease(_ place: Int, of index: Int, _ machines: [Machine], at now: UInt64) {
        guard machines[index].gates[place].isOpen(at: now), !machines[index].gates[place].isClosing,
            let process = machines[index].process, machines[index].unfinished.isEmpty,
            now >= machines[index].pausedUntil
        else { return }
        let local = machines[index].clock.reading(at: now)
        let left = process.ask { $0.leaseLeft(inPlace: place, at: local) }
        if left.map({ machines[index].gates[place].deadline > local + $0 }) ?? true {
            violate(.gateNeedsLease, at: now, "\(name(machines[index])) has its gate open beyond its lease")
        }
    }

    /// I3, before anything comes of it: while a gate is open, no quorum is free to help another.
    mutating func checkSupport(_ place: Int, of index: Int, _ machines: [Machine], at now: UInt64) {
        let holder = machines[index].node
        guard machines[index].gates[place].isOpen(at: now),
            !mayOverlap(holder, wakingAt: machines[index].frozenUntil, at: now)
        else { return }
        var free = 0
        for other in machines.indices {
            guard let process = machines[other].process else { continue }
            let local = machines[other].clock.reading(at: now)
            if process.ask({ $0.isFree(from: holder, inPlace: place, at: local) }) { free += 1 }
        }
        if free >= quorum {
            let who = name(machines[index])
            violate(.gateNeedsLease, at: now, "\(who) has its gate open, and a quorum may help others")
        }
    }

    /// I8: at most one voluntary move per dwell.
    mutating func changed(_ change: Change, on machine: Machine, at now: UInt64) {
        guard change.reason == .betterNode, !mayOverlap(machine, at: now),
            let place = rules.groups.firstIndex(where: { $0.id == change.group }),
            let dwell = rules.groups[place].preemptAfter
        else { return }
        let slowest = dwell.nanoseconds - dwell.nanoseconds / 1_000_000 * UInt64(rules.timing.driftPPM)
        if let before = yieldedAt[place], now - before < slowest {
            violate(.bestHolds, at: now, "two voluntary moves of \(rules.groups[place].name) within the dwell")
        }
        yieldedAt[place] = now
    }
}
