import Election

/// To whom each machine's voter has bound itself, from what it said and heard: S1, before anything comes of it.
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

    /// A restart forgets all of them; boot silence stands in for that (S6).
    mutating func forget(_ place: Int) { for group in bonds[place].indices { bonds[place][group] = nil } }

    mutating func free(_ place: Int, _ group: Int, from life: NodeLife, term: Term) {
        if let bond = bonds[place][group], bond.to == life, bond.term == term { bonds[place][group] = nil }
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

    /// What a node hears of releases frees it (S8).
    mutating func noteReleases(_ reception: Reception, on place: Int) {
        guard case .heartbeat(let heartbeat) = reception.packet.message else { return }
        for beat in heartbeat.groups {
            guard let release = beat.release else { continue }
            checkers.bonds.free(place, self.place(of: beat.group), from: reception.packet.sender, term: release.term)
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
