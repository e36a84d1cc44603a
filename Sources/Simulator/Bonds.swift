import Election

/// To whom each machine's voter has bound itself, from what it said and heard: S1 and S3, before anything comes of it.
///
/// A restart frees nobody: a machine's clock runs on, and boot silence is there to keep the word of the life before (S6).
struct Bonds {
    private struct Bond {
        var to: NodeLife
        var term: Term
        /// On the voter's own clock.
        var until: Instant
    }

    /// By machine and group.
    private var bonds: [[Bond?]]

    init(machines: Int, groups: Int) {
        bonds = Array(repeating: Array(repeating: nil, count: groups), count: machines)
    }

    mutating func bind(_ place: Int, _ group: Int, to life: NodeLife, term: Term, until: Instant) {
        bonds[place][group] = Bond(to: life, term: term, until: until)
    }

    mutating func free(_ place: Int, _ group: Int, from life: NodeLife, term: Term) {
        if let bond = bonds[place][group], bond.to == life, bond.term == term { bonds[place][group] = nil }
    }

    /// Until when the voter is bound to that life, by its own clock.
    func end(_ place: Int, _ group: Int, to life: NodeLife) -> Instant? {
        guard let bond = bonds[place][group], bond.to == life else { return nil }
        return bond.until
    }

    /// Another node that the voter is bound to at that instant of its clock.
    func rival(_ place: Int, _ group: Int, of candidate: NodeLife, at local: Instant) -> NodeIndex? {
        guard let bond = bonds[place][group], local < bond.until, bond.to.node != candidate.node else { return nil }
        return bond.to.node
    }
}

extension World {
    /// A voter says yes to somebody, as it decided at `local`.
    mutating func checkBonds(_ message: Message, from place: Int, decidedAt local: Instant) {
        let until = local + rules.timing.promise
        switch message {
        case .promise(let promise):
            for bond in promise.bonds {
                let group = self.place(of: bond.group)
                checkers.bonds.bind(place, group, to: promise.holder, term: bond.term, until: until)
            }
        case .grant(let grant) where !grant.trial:
            let group = self.place(of: grant.group)
            let rival = checkers.bonds.rival(place, group, of: grant.candidate, at: local)
            if let rival, rival != machines[place].node {
                checkers.votedThoughBound(machines[place], grant, to: rival, at: now)
            }
            checkers.bonds.bind(place, group, to: grant.candidate, term: grant.term, until: until)
        default: break
        }
    }

    /// I3, by what was said: a quorum is bound to the holder for longer than its gate stays open.
    mutating func checkBacking(_ group: Int, of place: Int, until: Instant) {
        guard rules.groups[group].mode == .majority, !hasTwins, machines[place].gates[group].isOpen(at: now),
            !machines[place].gates[group].isClosing, machines[place].clock.reading(at: now) < until,
            !checkers.mayOverlap(machines[place].node, wakingAt: machines[place].frozenUntil, at: now),
            let life = machines[place].process?.ask({ $0.ownLife })
        else { return }
        let closed = machines[place].clock.trueTime(of: until) + rules.timing.lag.nanoseconds
        var backing = 0
        for other in machines.indices where rules.nodes[other].votes {
            // What an offender promises is worth nothing, and isn't asked.
            if other == place || checkers.offences.offenders.contains(machines[other].node) {
                backing += 1
            } else if let end = checkers.bonds.end(other, group, to: life),
                machines[other].clock.trueTime(of: end) >= closed
            {
                backing += 1
            }
        }
        if backing < checkers.quorum {
            checkers.violate(
                .gateNeedsLease, at: now, "\(name(of: place)) opens its gate for longer than a quorum is bound to it")
        }
    }

    /// What a node hears of releases frees it (S8).
    mutating func noteReleases(_ parcel: Parcel, on place: Int) {
        guard let packet = parcel.packet, case .heartbeat(let heartbeat) = packet.message else { return }
        for beat in heartbeat.groups {
            guard let release = beat.release else { continue }
            checkers.bonds.free(place, self.place(of: beat.group), from: packet.sender, term: release.term)
        }
    }
}

extension Checkers {
    mutating func votedThoughBound(_ machine: Machine, _ grant: Grant, to other: NodeIndex, at now: UInt64) {
        if offences.offenders.contains(machine.node) { return }
        violate(
            .boundVoter, at: now,
            "\(rules.name(of: machine.node)) votes for \(rules.name(of: grant.candidate.node)) in term "
                + "\(grant.term.rawValue), and is bound to \(rules.name(of: other))")
    }
}
