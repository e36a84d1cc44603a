import Election
import Glibc
import Logging
import VirtualIP
import Wire

extension ElectionLoop {
    /// In the order of the list: it is the order of durability and of safety.
    func carryOut(_ effects: [Effect]) {
        var refused: GroupID?
        var renewals: [(group: GroupID, until: Instant)] = []
        for effect in effects {
            if case .renewGate(let group, let until) = effect {
                renewals.append((group, until))
                continue
            }
            // One batch for what a promise renews, before anything that comes after it in the list.
            renewGates(renewals)
            renewals.removeAll()
            switch effect {
            case .persist(let ticket):
                if !store.take(.persist(ticket, memory: encodedMemory())) {
                    failStorage("the disk took nothing for minutes")
                }
            case .send(let packet, let destination): send(packet, to: destination)
            case .relay(let origin, let peer): relay(origin, to: peer)
            case .openGate(let group, let until):
                if !openGate(group, until: until) { refused = group }
            case .takeAddresses(let group, let until):
                if group != refused { takeAddresses(group, until: until) }
            case .renewGate: break
            case .withdraw(let group, let ticket): withdraw(group, ticket)
            case .announce(let group):
                if let name = placed[group] { interfaces?.announce(name, at: BootClock.now()) }
            case .changed(let change): tell(change)
            case .accuse(let node, let group, let term, _):
                let text =
                    "\(elector.rules.name(of: node)) voted twice in term \(term.rawValue) of \(name(of: group)): "
                    + "the proof is in the journal"
                log.critical("\(text)")
                problems[text] = BootInstant.now()
            case .writeLog(let group, let write):
                if !store.take(.log(group, write)) { failStorage("the disk took nothing for minutes") }
            case .derived(let group, _, _):
                if let state = elector.logState(of: group) { reports.derived(group, state) }
            case .examine(let group, let proposal):
                if let state = elector.logState(of: group), let wanted = state.proposal, wanted.id == proposal {
                    reports.examine(group, proposal, wanted.text)
                }
            case .answered(let request, let outcome): reports.answered(request, outcome)
            case .forked(let group, let kept, let other): reports.forked(group, [kept, other])
            case .left: reports.left(fatalCause)
            }
        }
        renewGates(renewals)
    }

    /// The node's word as the disk has to have it: incarnation, then the election's memory.
    private func encodedMemory() -> [UInt8] {
        DurableWord(incarnation: elector.incarnation, memory: elector.memory).bytes
    }

    private func openGate(_ group: GroupID, until: Instant) -> Bool {
        guard let name = placed[group], let interfaces else { return true }
        do throws(VirtualIPError) {
            if try interfaces.openGate(name, until: until.nanoseconds) == .armed { return true }
            log.warning("\(name): the lease ended before the gate was open")
        } catch {
            log.error("\(name): \(error)")
        }
        events.append(.gateLost(group))
        return false
    }

    private func takeAddresses(_ group: GroupID, until: Instant) {
        guard let name = placed[group], let interfaces else { return }
        do throws(VirtualIPError) {
            try interfaces.addAddresses(name, until: until.nanoseconds)
            interfaces.announce(name, at: BootClock.now())
        } catch {
            log.error("\(name): \(error)")
            events.append(.gateLost(group))
        }
    }

    private func renewGates(_ renewals: [(group: GroupID, until: Instant)]) {
        guard let interfaces, !renewals.isEmpty else { return }
        let named = renewals.compactMap { renewal in
            placed[renewal.group].map { (id: renewal.group, name: $0, deadline: renewal.until.nanoseconds) }
        }
        let outcomes = interfaces.renewGates(named.map { (group: $0.name, deadline: $0.deadline) })
        for (renewal, outcome) in zip(named, outcomes) where outcome != .armed {
            log.warning(
                "\(renewal.name): the gate could not be renewed (\(outcome)): this node was stopped for a while")
            events.append(.gateLost(renewal.id))
        }
    }

    /// S9: reported only when the kernel has confirmed both, else tried again.
    private func withdraw(_ group: GroupID, _ ticket: Ticket) {
        guard let name = placed[group], let interfaces else {
            events.append(.withdrawn(group, ticket))
            return
        }
        do throws(VirtualIPError) {
            try interfaces.giveUp(name)
            events.append(.withdrawn(group, ticket))
        } catch {
            log.error("\(name): \(error)")
            withdrawals.append(PendingWithdrawal(group: group, ticket: ticket))
        }
    }

    func retryWithdrawals() {
        guard !withdrawals.isEmpty else { return }
        var left: [PendingWithdrawal] = []
        for pending in withdrawals {
            if let name = placed[pending.group], let interfaces, (try? interfaces.giveUp(name)) == nil {
                left.append(pending)
            } else {
                step(.withdrawn(pending.group, pending.ticket))
            }
        }
        withdrawals = left
    }

    func name(of group: GroupID) -> String {
        elector.rules.groups.first { $0.id == group }?.name ?? "group \(group.rawValue)"
    }

    /// Tells what the node is to begin with: of each group the last thing that was to be told.
    func tellFirstRoles() {
        let changes = firstChanges ?? []
        firstChanges = nil
        for group in elector.rules.groups {
            if let change = changes.last(where: { $0.group == group.id }) { tell(change) }
        }
    }

    private func tell(_ change: Change) {
        if firstChanges != nil {
            firstChanges?.append(change)
            return
        }
        lastChanges[change.group] = LastChange(change: change, at: BootInstant.now())
        let role =
            switch change.role {
            case .holder: "holder"
            case .standby: "standby"
            case .fault: "fault"
            }
        let pair = elector.rules.groups.first { $0.id == change.group }?.mode == .pair
        log.notice(
            "\(name(of: change.group)): \(role) in term \(change.term.rawValue)\(pair && change.role == .holder ? ", certificate: none" : ""): \(change.reason.text)"
        )
        reports.changed(change, elector.rules)
    }
}
