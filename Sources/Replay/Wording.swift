import Election

/// Puts events and effects into words, with the names that the rules give.
package struct Wording: Sendable {
    package var rules: Rules

    package init(rules: Rules) { self.rules = rules }

    func name(_ node: NodeIndex) -> String { rules.name(of: node) }

    func name(_ group: GroupID) -> String {
        rules.groups.first { $0.id == group }?.name ?? "group \(String(group.rawValue, radix: 16))"
    }

    /// A node in its life, as in `fred/3`.
    func name(_ life: NodeLife) -> String { "\(name(life.node))/\(life.incarnation.rawValue)" }

    package func text(_ event: Event) -> String {
        switch event {
        case .started(let start): text(start)
        case .received(let reception): text(reception)
        case .timer: "timer"
        case .persisted(let ticket): "on disk: ticket \(ticket.rawValue)"
        case .storageFailed: "the disk refused a write"
        case .withdrawn(let group, let ticket): "\(name(group)): withdrawn, ticket \(ticket.rawValue)"
        case .gateLost(let group): "\(name(group)): the gate had lapsed"
        case .check(let index, let passing): "check \(checkName(index)) \(passing ? "passes" : "fails")"
        case .link(let group, let up): "\(name(group)): link \(up ? "up" : "down")"
        case .dataPlane(let up): "data plane \(up ? "answers" : "doesn't answer")"
        case .maintenance(let on): "maintenance \(on ? "on" : "off")"
        case .transfer(let group, let node): "\(name(group)): operator asks for \(name(node))"
        case .reconfigured: "configuration changed"
        case .leaving: "the daemon is to end"
        case .recalled(let group, let image):
            "\(name(group)): the log on disk, \(image.last.index) entries, \(image.committed) of them committed"
        case .command(_, let group, let command): "\(name(group)): ordered: \(command.text(rules))"
        case .propose(_, let configuration): "a configuration of \(configuration.count) bytes is proposed"
        case .examined(_, _, let obstacle):
            obstacle.isEmpty ? "can take the proposed configuration" : "can't take the proposal: \(obstacle)"
        }
    }

    private func checkName(_ index: UInt16) -> String {
        Int(index) < rules.checks.count ? rules.checks[Int(index)] : "\(index)"
    }

    private func text(_ start: Start) -> String {
        guard let memory = start.memory else { return "started as life \(start.incarnation.rawValue), without memory" }
        let votes = memory.groups.map { kept in
            let vote = kept.ballot.candidate.map { " for \(name($0))" } ?? ""
            return "\(name(kept.group)) term \(kept.ballot.term.rawValue)\(vote)"
        }
        return "started as life \(start.incarnation.rawValue), voted: \(votes.joined(separator: ", "))"
            + (memory.maintenance ? "; in maintenance" : "")
    }

    private func text(_ reception: Reception) -> String {
        let via = reception.relay.map { " via \(name($0))" } ?? ""
        return "from \(text(reception.packet))\(via)"
    }

    private func text(_ packet: Packet) -> String {
        "\(name(packet.sender)) #\(packet.sequence.rawValue) \(text(packet.message))"
    }

    private func text(_ message: Message) -> String {
        switch message {
        case .heartbeat(let heartbeat):
            (["heartbeat"] + heartbeat.groups.map(text)).joined(separator: "; ")
        case .promise(let promise):
            "promise to \(name(promise.holder)) for round \(promise.round.rawValue): "
                + promise.bonds.map { "\(name($0.group)) term \($0.term.rawValue)" }.joined(separator: ", ")
        case .voteRequest(let request):
            "\(request.trial ? "asks who would vote" : "asks for votes"): \(name(request.group)) "
                + "term \(request.term.rawValue), priority \(request.priority)"
        case .grant(let grant):
            "\(grant.trial ? "would vote" : "votes") for \(name(grant.candidate)): \(name(grant.group)) "
                + "term \(grant.term.rawValue), round \(grant.round.rawValue)"
        case .certificate(let certificate):
            "certificate of \(name(certificate.holder)): \(name(certificate.group)) term \(certificate.term.rawValue), "
                + "votes of \(certificate.votes.map { name($0.voter) }.joined(separator: ", "))"
        case .log(let parts): parts.map { text($0) }.joined(separator: "; ")
        case .transferRequest(let request): "asks to move \(name(request.group)) to \(name(request.to))"
        }
    }

    private func text(_ beat: GroupBeat) -> String {
        var words = ["\(name(beat.group)) term \(beat.term.rawValue) priority \(beat.priority)"]
        if !beat.eligible { words.append("not eligible") }
        if beat.holding {
            words.append("holding")
        } else if let holder = beat.holder {
            words.append("holder \(name(holder))")
        }
        if let release = beat.release {
            words.append(
                "released term \(release.term.rawValue)\(release.successor.map { " to \(name($0))" } ?? "")")
        }
        return words.joined(separator: ", ")
    }

    package func text(_ effect: Effect) -> String {
        switch effect {
        case .persist(let ticket): "persist, ticket \(ticket.rawValue)"
        case .send(let packet, let destination): "send to \(text(destination)): \(text(packet))"
        case .relay(let origin, let peer): "pass \(name(origin))'s newest heartbeat on to \(name(peer))"
        case .openGate(let group, let until): "\(name(group)): open the gate until \(text(until))"
        case .takeAddresses(let group, let until): "\(name(group)): take the addresses until \(text(until))"
        case .renewGate(let group, let until): "\(name(group)): renew the gate until \(text(until))"
        case .withdraw(let group, let ticket): "\(name(group)): withdraw, ticket \(ticket.rawValue)"
        case .announce(let group): "\(name(group)): announce again"
        case .changed(let change):
            "\(name(change.group)): \(text(change.role)) in term \(change.term.rawValue), \(change.reason.text)"
        case .accuse(let node, let group, let term, _):
            "\(name(group)): \(name(node)) voted twice in term \(term.rawValue)"
        case .left: "left"
        case .writeLog(let group, let write): "\(name(group)): log on disk: \(text(write))"
        case .derived(let group, let index, let state):
            "\(name(group)): state after entry \(index) is \(String(state, radix: 16))"
        case .examine(let group, _): "\(name(group)): look at the proposed configuration"
        case .answered(let request, let outcome): "order \(request): \(outcome.text)"
        case .forked(let group, let kept, let other):
            "\(name(group)): keep both branches of a fork, \(kept.last.index) and \(other.last.index) entries"
        }
    }

    private func text(_ destination: Destination) -> String {
        switch destination {
        case .everyone: "everyone"
        case .node(let node): name(node)
        }
    }

    private func text(_ role: Change.Role) -> String {
        switch role {
        case .standby: "standby"
        case .holder: "holder"
        case .fault: "fault"
        }
    }

    /// Seconds since the node's boot, to the nanosecond.
    package func text(_ instant: Instant) -> String {
        let fraction = String(instant.nanoseconds % 1_000_000_000)
        return "\(instant.nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 9 - fraction.count) + fraction
    }
}
