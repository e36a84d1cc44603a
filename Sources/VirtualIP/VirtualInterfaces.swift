import Glibc

/// The virtual addresses of this machine and everything that guards them: what the election thread calls.
///
/// Takeover: `openGate`, `addAddresses`, `announce`. While holding: `renewGate` with every extension of the lease.
/// Giving up: `closeGate`, `removeAddresses`; when both have returned, the kernel has confirmed, no order to it is
/// outstanding, and the release may be signed (I6, S9).
///
/// Not thread-safe: one thread calls. All calls are synchronous and take some 10 to 100 microseconds, except `start`,
/// `reconfigure` and the putting back of a gate (some milliseconds). Times are boot nanoseconds (`BootClock`).
package final class VirtualInterfaces {
    /// How often the gates are looked at unasked, and a broken one is tried again. Nanoseconds.
    static let probeInterval: UInt64 = 10_000_000_000
    /// A gate isn't put back more often than this, should two programs fight over it. Nanoseconds.
    static let reinstallInterval: UInt64 = 20_000_000

    /// A group as placed, and what it holds now.
    struct Place {
        var placement: GroupPlacement
        /// The deadline of the gate's last opening or renewal; nil: closed.
        var deadline: UInt64?
        /// The interface index on which the addresses are; nil: not added.
        var addedOn: Int32?
        /// When the addresses' lifetime is to be renewed next.
        var lifetimeDue: UInt64 = 0
        var isAnnounced = false
        /// When a conflict was last reported, by position of the address.
        var reported: [Int: UInt64] = [:]
    }

    let addressTable: AddressTable
    let linkWatch: LinkWatch
    let nfTables: NfTables?
    let gateWatch: GateWatch?
    let announcer: Announcer
    private let policy: GatePolicy
    var places: [String: Place] = [:]
    var interfaces: [String: FencedInterface] = [:]
    var nextProbe: UInt64?

    /// Opens the sockets; changes nothing in the kernel yet.
    ///
    /// - Parameters:
    ///   - announce: when takeovers are announced.
    ///   - gates: how leases are enforced; less than `.protected` is for kernels that can't, and for tests.
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN and CAP_NET_RAW.
    package init(
        _ placements: [GroupPlacement], announce schedule: AnnounceSchedule = .standard,
        gates policy: GatePolicy = .protected
    ) throws(VirtualIPError) {
        addressTable = try AddressTable()
        linkWatch = try LinkWatch(ignoring: addressTable.port)
        announcer = try Announcer(schedule: schedule)
        self.policy = policy
        (nfTables, gateWatch) = policy == .absent ? (nil, nil) : try Self.openNfTables()
        for placement in placements { places[placement.group] = Place(placement: placement) }
    }

    /// nil where the kernel has no nf_tables.
    private static func openNfTables() throws(VirtualIPError) -> (NfTables?, GateWatch?) {
        do {
            let tables = try NfTables()
            _ = try tables.tableExists("electd_")
            return (tables, try GateWatch(ignoring: tables.port))
        } catch  where error.kind == .unsupported {
            return (nil, nil)
        }
    }

    // MARK: Start, reconfiguration, stop

    /// Closes the gates, then removes what an earlier life left behind. Interfaces that don't exist yet are prepared
    /// when they appear.
    ///
    /// - Throws: when an existing interface can't be made safe. Don't take part in elections then.
    package func start() throws(VirtualIPError) -> StartReport {
        for (name, owned) in ownedByInterface() {
            interfaces[name] = FencedInterface(
                name: name, owned: owned, addressTable: addressTable, nfTables: nfTables,
                mayProtect: policy == .protected)
        }
        nextProbe = BootClock.now() + Self.probeInterval
        return try prepare(Array(interfaces.keys))
    }

    /// Takes a new set of placements over. Groups that stay keep their lease; those that go, or change their
    /// interface, are given up first. New addresses of a held group are opened, added and announced.
    package func reconfigure(_ placements: [GroupPlacement]) throws(VirtualIPError) -> StartReport {
        let wanted = Dictionary(placements.map { ($0.group, $0) }) { _, last in last }
        for group in places.keys.sorted() {
            guard let place = places[group] else { continue }
            guard let next = wanted[group], next.interface == place.placement.interface else {
                try giveUp(group)
                places[group] = nil
                continue
            }
            try dropAddresses(of: group, keeping: next.addresses)
        }
        let fresh = wanted.mapValues { next in next.addresses.filter { !held(next.group).contains($0) } }
        for (group, placement) in wanted { places[group, default: Place(placement: placement)].placement = placement }
        let added = try rearrangeInterfaces()
        for group in fresh.keys.sorted() { try extendHeld(group, by: fresh[group] ?? []) }
        return try prepare(added)
    }

    /// Gives everything up and removes the gates: for a clean exit.
    ///
    /// - Throws: the first failure, after everything has been tried.
    package func stop() throws(VirtualIPError) {
        var failure: VirtualIPError?
        for group in places.keys.sorted() {
            do { try giveUp(group) } catch { failure = failure ?? error }
        }
        // A gate stays where an address may have stayed.
        if failure == nil {
            for name in interfaces.keys.sorted() {
                do { try interfaces[name]?.gate?.remove() } catch { failure = failure ?? error }
            }
        }
        nextProbe = nil
        if let failure { throw failure }
    }

    private func ownedByInterface() -> [(String, [VirtualAddress])] {
        var owned: [String: Set<VirtualAddress>] = [:]
        for place in places.values {
            owned[place.placement.interface, default: []].formUnion(place.placement.addresses)
        }
        return owned.map { ($0.key, $0.value.sorted()) }.sorted { $0.0 < $1.0 }
    }

    /// Reads all links and makes the named interfaces safe.
    private func prepare(_ names: [String]) throws(VirtualIPError) -> StartReport {
        let links = try addressTable.links()
        linkWatch.reset(links)
        var report: [StartReport.Interface] = []
        for name in names.sorted() {
            guard let interface = interfaces[name] else { continue }
            var found = FencedInterface.Preparation()
            if let link = links.first(where: { $0.name == name }) {
                found = try interface.prepare(link.state)
            } else {
                found.warnings = ["\(name) doesn't exist yet: its groups are ineligible here until it appears"]
            }
            report.append(
                StartReport.Interface(
                    name: name, fence: interface.fence, link: interface.link, leftovers: found.leftovers,
                    warnings: found.warnings))
        }
        return StartReport(interfaces: report)
    }

    private func held(_ group: String) -> [VirtualAddress] { places[group]?.placement.addresses ?? [] }

    private func dropAddresses(of group: String, keeping kept: [VirtualAddress]) throws(VirtualIPError) {
        guard var place = places[group] else { return }
        let gone = place.placement.addresses.filter { !kept.contains($0) }
        if gone.isEmpty { return }
        try interfaces[place.placement.interface]?.gate?.close(gone)
        announcer.stop(gone)
        if let index = place.addedOn { try addressTable.remove(gone, from: index) }
        place.placement = GroupPlacement(
            group: group, interface: place.placement.interface,
            addresses: place.placement.addresses.filter(kept.contains))
        places[group] = place
    }

    /// Brings interfaces in line with the placements; returns the names of new ones.
    private func rearrangeInterfaces() throws(VirtualIPError) -> [String] {
        let owned = ownedByInterface()
        for name in interfaces.keys.sorted() where !owned.contains(where: { $0.0 == name }) {
            try interfaces[name]?.gate?.remove()
            interfaces[name] = nil
        }
        var added: [String] = []
        for (name, addresses) in owned {
            if let interface = interfaces[name] {
                try interface.own(addresses)
            } else {
                interfaces[name] = FencedInterface(
                    name: name, owned: addresses, addressTable: addressTable, nfTables: nfTables,
                    mayProtect: policy == .protected
                )
                added.append(name)
            }
        }
        return added
    }

    private func extendHeld(_ group: String, by fresh: [VirtualAddress]) throws(VirtualIPError) {
        guard !fresh.isEmpty, let place = places[group], let deadline = place.deadline, let index = place.addedOn,
            let interface = interfaces[place.placement.interface]
        else { return }
        guard try interface.gate?.open(fresh, until: deadline) ?? .armed == .armed else { return }
        let now = BootClock.now()
        try addressTable.add(
            fresh, on: index, validSeconds: validSeconds(until: deadline, at: now, fence: interface.fence))
        if place.isAnnounced, let hardware = interface.link?.hardwareAddress {
            announcer.start(fresh, on: index, from: hardware, at: now)
            announcer.fire(at: now)
        }
    }
}
