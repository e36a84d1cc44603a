import Glibc

/// Taking over, holding, giving up.
extension VirtualInterfaces {
    /// Lets traffic for the group's addresses through until `deadline`.
    ///
    /// - Throws: when the gate isn't in place or the kernel refused; the group must not be taken over then.
    package func openGate(_ group: String, until deadline: UInt64) throws(VirtualIPError) -> GateOutcome {
        let (place, interface) = try find(group)
        guard interface.link != nil else { throw missing(interface.name) }
        let outcome: GateOutcome
        if let gate = interface.gate {
            guard gate.isInstalled else { throw notInstalled(interface.name) }
            outcome = try gate.open(place.placement.addresses, until: deadline)
        } else {
            outcome = deadline > BootClock.now() ? .armed : .late
        }
        places[group]?.deadline = outcome == .armed ? deadline : nil
        return outcome
    }

    /// Puts the group's addresses on their interface, with a lifetime up to `deadline` as the backstop.
    ///
    /// - Throws: also when the gate isn't open; call `giveUp` then.
    package func addAddresses(_ group: String, until deadline: UInt64) throws(VirtualIPError) {
        let (place, interface) = try find(group)
        guard let link = interface.link else { throw missing(interface.name) }
        guard place.deadline != nil else {
            // The interface may have gone and come back since the opening.
            throw VirtualIPError(
                .refused, what: "can't add the addresses of \(group): its gate on \(interface.name) isn't open",
                mend: "give the group up; it is taken over anew when the interface is back")
        }
        // First, so that a failure half-way is still taken back by removeAddresses.
        places[group]?.addedOn = link.index
        try renewLifetime(group, on: link.index, until: deadline, fence: interface.fence)
    }

    /// Tells the neighbours, beginning at once; again after a pause of the machine.
    package func announce(_ group: String, at now: UInt64) {
        guard let place = places[group], let link = interfaces[place.placement.interface]?.link,
            let hardware = link.hardwareAddress
        else { return }
        places[group]?.isAnnounced = true
        announcer.start(place.placement.addresses, on: link.index, from: hardware, at: now)
        announcer.fire(at: now)
    }

    /// Moves the deadline with an extended lease; also renews the addresses' lifetime when that is due.
    ///
    /// Anything but `.armed`, and any error of the gate: the lease is lost, the gate is closed (or closes at its
    /// earlier deadline); give the group up. A failed lifetime renewal alone is retried with the next call.
    package func renewGate(_ group: String, until deadline: UInt64) throws(VirtualIPError) -> GateOutcome {
        let (place, interface) = try find(group)
        guard let earlier = place.deadline else { return .lapsed }
        var outcome: GateOutcome = .lapsed
        places[group]?.deadline = nil
        if let gate = interface.gate, interface.link != nil {
            guard gate.isInstalled else { throw notInstalled(interface.name) }
            outcome = try gate.renew(place.placement.addresses, until: deadline)
        } else if interface.link != nil {
            // No element that lapses: the clock has to tell.
            outcome = BootClock.now() < earlier ? .armed : .lapsed
        }
        settle(group, outcome, until: deadline)
        return outcome
    }

    /// Notes the outcome of a renewal; renews the addresses' lifetime when that is due.
    private func settle(_ group: String, _ outcome: GateOutcome, until deadline: UInt64) {
        places[group]?.deadline = outcome == .armed ? deadline : nil
        guard outcome == .armed, let place = places[group], let interface = interfaces[place.placement.interface],
            let index = place.addedOn, interface.gate == nil || BootClock.now() >= place.lifetimeDue
        else { return }
        try? renewLifetime(group, on: index, until: deadline, fence: interface.fence)
    }

    /// `renewGate` for many groups at once, in far fewer transactions. The outcomes are in the order of the orders;
    /// a group whose gate met an error counts as `.late` (it is closed, or closes at its earlier deadline).
    package func renewGates(_ orders: [(group: String, deadline: UInt64)]) -> [GateOutcome] {
        var outcomes = [GateOutcome](repeating: .late, count: orders.count)
        var together: [String: [Int]] = [:]
        for (position, order) in orders.enumerated() {
            guard let place = places[order.group], let interface = interfaces[place.placement.interface],
                interface.gate?.isInstalled == true, interface.link != nil, place.deadline != nil
            else {
                outcomes[position] = (try? renewGate(order.group, until: order.deadline)) ?? .late
                continue
            }
            together[interface.name, default: []].append(position)
        }
        for name in together.keys.sorted() {
            guard let gate = interfaces[name]?.gate, let positions = together[name] else { continue }
            let renewals = positions.map { position in
                let addresses = places[orders[position].group]?.placement.addresses ?? []
                return (addresses: addresses, deadline: orders[position].deadline)
            }
            let results = try? gate.renew(all: renewals)
            for (offset, position) in positions.enumerated() {
                outcomes[position] = results?[offset] ?? .late
                settle(orders[position].group, outcomes[position], until: orders[position].deadline)
            }
        }
        return outcomes
    }

    /// Closes every gate that is open: the first thing to do after the machine or this process was frozen.
    package func closeAllGates() throws(VirtualIPError) {
        var failure: VirtualIPError?
        for group in places.keys.sorted() where places[group]?.deadline != nil {
            do { try closeGate(group) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Closes the gate for the group; returns with the kernel's confirmation.
    package func closeGate(_ group: String) throws(VirtualIPError) {
        let (place, interface) = try find(group)
        places[group]?.deadline = nil
        announcer.stop(place.placement.addresses)
        places[group]?.isAnnounced = false
        // Also where putting the gate back failed: the table that is there may still be open.
        try interface.gate?.close(place.placement.addresses)
    }

    /// Takes the group's addresses off; returns when the kernel has confirmed that they are gone (I6).
    /// Not there, or no such interface: confirmed.
    package func removeAddresses(_ group: String) throws(VirtualIPError) {
        let (place, interface) = try find(group)
        announcer.stop(place.placement.addresses)
        let indices = Set([place.addedOn, interface.link?.index].compactMap { $0 })
        for index in indices.sorted() { try addressTable.remove(place.placement.addresses, from: index) }
        places[group]?.addedOn = nil
        places[group]?.isAnnounced = false
        places[group]?.reported.removeAll()
    }

    /// `closeGate`, then `removeAddresses`: the removal is tried even if the gate couldn't be closed.
    package func giveUp(_ group: String) throws(VirtualIPError) {
        var failure: VirtualIPError?
        do { try closeGate(group) } catch { failure = error }
        try removeAddresses(group)
        if let failure { throw failure }
    }

    // MARK: Looking

    /// What fences the group's addresses at this moment.
    package func fence(of group: String) -> Fence {
        guard let place = places[group] else { return .none }
        return interfaces[place.placement.interface]?.fence ?? .none
    }

    /// The state of the group's interface; nil: it doesn't exist.
    package func link(of group: String) -> LinkState? {
        guard let place = places[group] else { return nil }
        return interfaces[place.placement.interface]?.link
    }

    /// Whether the group's interface can carry traffic: there, up, with carrier.
    package func isUsable(_ group: String) -> Bool { link(of: group)?.isUsable ?? false }

    /// Whether the group's addresses are on the interface, as far as this process put them there.
    package func isHeld(_ group: String) -> Bool { places[group]?.addedOn != nil }

    // MARK: Within

    func find(_ group: String) throws(VirtualIPError) -> (Place, FencedInterface) {
        guard let place = places[group], let interface = interfaces[place.placement.interface] else {
            throw VirtualIPError(
                .unknownGroup, what: "group \(group) has no place on this machine",
                mend: "call start or reconfigure with it first")
        }
        return (place, interface)
    }

    /// Whole seconds that an address may outlive this moment: behind a gate rounded up, alone rounded down, least 1.
    func validSeconds(until deadline: UInt64, at now: UInt64, fence: Fence) -> UInt32 {
        let left = deadline.remaining(after: now)
        let second: UInt64 = 1_000_000_000
        let seconds = fence == .leaseGate ? (left + second - 1) / second : left / second
        return UInt32(clamping: max(1, seconds))
    }

    func renewLifetime(_ group: String, on index: Int32, until deadline: UInt64, fence: Fence) throws(VirtualIPError) {
        guard let place = places[group] else { return }
        let now = BootClock.now()
        let valid = validSeconds(until: deadline, at: now, fence: fence)
        try addressTable.add(place.placement.addresses, on: index, validSeconds: valid)
        // Three tries within each lifetime.
        places[group]?.lifetimeDue = now + .seconds(UInt64(valid)) / 3
    }

    private func missing(_ interface: String) -> VirtualIPError {
        .kernel("use interface \(interface)", ENODEV)
    }

    private func notInstalled(_ interface: String) -> VirtualIPError {
        VirtualIPError(
            .refused, what: "the lease gate on \(interface) isn't in place", mend: "it is tried again every 10 s")
    }
}
