import Glibc

/// What the election thread's event loop feeds in.
extension VirtualInterfaces {
    /// Descriptors to poll for reading, level-triggered. Changes with `start`, `reconfigure` and link events: ask again
    /// after each of these.
    package var descriptors: [Int32] {
        var result = [linkWatch.descriptor]
        if let gateWatch { result.append(gateWatch.descriptor) }
        for name in interfaces.keys.sorted() { result += interfaces[name]?.conflictWatch?.descriptors ?? [] }
        return result
    }

    /// When `fire` is to be called at the latest; nil: not at all.
    package var nextDeadline: UInt64? {
        let reinstalls = interfaces.values.lazy.compactMap(\.reinstallDue).min()
        return [announcer.nextDeadline, nextProbe, reinstalls].compactMap { $0 }.min()
    }

    /// Sends the announcements that are due, looks after the gates.
    package func fire(at now: UInt64) -> [InterfaceEvent] {
        announcer.fire(at: now)
        var events: [InterfaceEvent] = []
        for name in interfaces.keys.sorted() {
            guard let interface = interfaces[name], let due = interface.reinstallDue, due <= now else { continue }
            events += restoreGate(interface, reason: "changed by another program", at: now)
        }
        if let probe = nextProbe, probe <= now {
            nextProbe = now + Self.probeInterval
            events += probeGates(at: now)
        }
        return events
    }

    /// Reads a descriptor of `descriptors` that is readable. Unknown ones (of an interface that went) yield nothing.
    package func readable(_ descriptor: Int32, at now: UInt64) -> [InterfaceEvent] {
        if descriptor == linkWatch.descriptor { return readLinks(at: now) }
        if let gateWatch, descriptor == gateWatch.descriptor { return readGates(gateWatch, at: now) }
        return readConflicts(descriptor, at: now)
    }

    // MARK: Links and addresses

    private func readLinks(at now: UInt64) -> [InterfaceEvent] {
        var events: [InterfaceEvent] = []
        for finding in linkWatch.drain() {
            switch finding {
            case .link(let name, let state): events += noteLink(name, state, at: now)
            case .vanished(let name): events += noteVanished(name)
            case .addressRemoved(let address, let index): events += noteRemoved(address, index: index, at: now)
            case .lost: events += readAllLinks(at: now)
            }
        }
        return events
    }

    private func noteLink(_ name: String, _ state: LinkState, at now: UInt64) -> [InterfaceEvent] {
        guard let interface = interfaces[name], interface.link != state else { return [] }
        guard let previous = interface.link, previous.index == state.index else {
            // Another interface of this name: nothing of the old one is left on it.
            forgetAdded(on: name)
            var events: [InterfaceEvent] = []
            do {
                let found = try interface.prepare(state)
                if !found.leftovers.isEmpty { events.append(.leftoversRemoved(interface: name, found.leftovers)) }
            } catch {
                events.append(.gateBroken(interface: name, error))
            }
            return events + [.linkChanged(interface: name, state)]
        }
        interface.update(state)
        if previous.hardwareAddress != state.hardwareAddress {
            for group in places.keys.sorted() where places[group]?.isAnnounced == true {
                if places[group]?.placement.interface == name { announce(group, at: now) }
            }
        }
        return [.linkChanged(interface: name, state)]
    }

    private func noteVanished(_ name: String) -> [InterfaceEvent] {
        guard let interface = interfaces[name], interface.link != nil else { return [] }
        interface.vanish()
        forgetAdded(on: name)
        return [.linkVanished(interface: name)]
    }

    /// The kernel removed the addresses with their interface. A renamed interface keeps them until their lifetime
    /// ends; it is told by its index, so they are taken off it here.
    private func forgetAdded(on name: String) {
        for group in places.keys.sorted() {
            guard let place = places[group], place.placement.interface == name else { continue }
            announcer.stop(place.placement.addresses)
            if let index = place.addedOn { try? addressTable.remove(place.placement.addresses, from: index) }
            places[group]?.deadline = nil
            places[group]?.isAnnounced = false
        }
    }

    private func noteRemoved(_ address: VirtualAddress, index: Int32, at now: UInt64) -> [InterfaceEvent] {
        for group in places.keys.sorted() {
            guard let place = places[group], place.addedOn == index, place.placement.addresses.contains(address) else {
                continue
            }
            // The kernel doesn't say who removed an IPv6 address: it may have been ourselves, before adding it again.
            if let present = try? addressTable.list(on: index), present.contains(where: { $0.address == address }) {
                return []
            }
            return [.addressRemoved(address, group: group, restored: restore(address, group, place, at: now))]
        }
        return []
    }

    private func restore(_ address: VirtualAddress, _ group: String, _ place: Place, at now: UInt64) -> Bool {
        guard let index = place.addedOn, let deadline = place.deadline, deadline > now,
            let interface = interfaces[place.placement.interface]
        else { return false }
        let valid = validSeconds(until: deadline, at: now, fence: interface.fence)
        do { try addressTable.add([address], on: index, validSeconds: valid) } catch { return false }
        // Neighbours may have learnt meanwhile that nobody answers.
        _ = announcer.reassert(address, at: now)
        return true
    }

    /// After lost notifications: what is there now decides.
    private func readAllLinks(at now: UInt64) -> [InterfaceEvent] {
        guard let links = try? addressTable.links() else { return [] }
        linkWatch.reset(links)
        var events: [InterfaceEvent] = []
        for name in interfaces.keys.sorted() {
            if let link = links.first(where: { $0.name == name }) {
                events += noteLink(name, link.state, at: now)
            } else {
                events += noteVanished(name)
            }
        }
        for group in places.keys.sorted() {
            guard let place = places[group], let index = place.addedOn, let present = try? addressTable.list(on: index)
            else { continue }
            for address in place.placement.addresses where !present.contains(where: { $0.address == address }) {
                events += noteRemoved(address, index: index, at: now)
            }
        }
        return events
    }

    // MARK: Gates

    private func readGates(_ watch: GateWatch, at now: UInt64) -> [InterfaceEvent] {
        switch watch.drain() {
        case .lost: return probeGates(at: now)
        case .touched(let tables):
            var events: [InterfaceEvent] = []
            for name in interfaces.keys.sorted() {
                guard let interface = interfaces[name], let gate = interface.gate, tables.contains(gate.table) else {
                    continue
                }
                events += restoreGate(interface, reason: "changed by another program", at: now)
            }
            return events
        }
    }

    private func probeGates(at now: UInt64) -> [InterfaceEvent] {
        var events: [InterfaceEvent] = []
        for name in interfaces.keys.sorted() {
            guard let interface = interfaces[name], interface.link != nil, let gate = interface.gate, !gate.isIntact()
            else { continue }
            events += restoreGate(interface, reason: "found changed", at: now)
        }
        return events
    }

    private func restoreGate(_ interface: FencedInterface, reason: String, at now: UInt64) -> [InterfaceEvent] {
        // The kernel takes the chains of a vanished interface away itself; `prepare` installs them anew.
        guard let gate = interface.gate, interface.link != nil else { return [] }
        let earliest = interface.lastReinstall + Self.reinstallInterval
        guard now >= earliest else {
            interface.reinstallDue = earliest
            return []
        }
        interface.lastReinstall = now
        interface.reinstallDue = nil
        do {
            _ = try gate.reinstall()
            return [.gateRestored(interface: interface.name, reason: reason)]
        } catch {
            return [.gateBroken(interface: interface.name, error)]
        }
    }

    // MARK: Conflicts

    private func readConflicts(_ descriptor: Int32, at now: UInt64) -> [InterfaceEvent] {
        var events: [InterfaceEvent] = []
        for name in interfaces.keys.sorted() {
            guard let watch = interfaces[name]?.conflictWatch, watch.descriptors.contains(descriptor) else { continue }
            for claim in watch.drain(descriptor) {
                if let event = contradict(claim, on: name, at: now) { events.append(event) }
            }
        }
        return events
    }

    /// nil: not held here, or reported a moment ago. A flood of claims yields at most one event per address and
    /// interval of the schedule.
    private func contradict(_ claim: ConflictWatch.Claim, on name: String, at now: UInt64) -> InterfaceEvent? {
        for group in places.keys.sorted() {
            guard let place = places[group], place.placement.interface == name, place.addedOn != nil,
                let position = place.placement.addresses.firstIndex(of: claim.address)
            else { continue }
            if let last = place.reported[position], now.remaining(after: last) < announcer.schedule.reassertInterval {
                return nil
            }
            places[group]?.reported[position] = now
            let reasserted = announcer.reassert(claim.address, at: now)
            return .conflict(claim.address, group: group, claimant: claim.claimant, reasserted: reasserted)
        }
        return nil
    }
}
