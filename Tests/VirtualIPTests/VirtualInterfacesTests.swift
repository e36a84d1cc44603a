import Glibc
import Testing
import VirtualIP

/// The façade as the daemon uses it, on a real kernel.
@Suite(.serialized, .enabled(if: TestNamespace.isRoot)) struct VirtualInterfacesTests {
    private let ipv4: VirtualAddress
    private let ipv6: VirtualAddress
    private let group: GroupPlacement

    init() throws {
        ipv4 = try VirtualAddress(parsing: "192.0.2.200")
        ipv6 = try VirtualAddress(parsing: "2001:db8::200")
        group = GroupPlacement(group: "router37", interface: TestNamespace.node, addresses: [ipv4, ipv6])
    }

    private func deadline(_ milliseconds: UInt64) -> UInt64 { BootClock.now() + milliseconds * 1_000_000 }

    private func takeOver(_ kernel: VirtualInterfaces, lease milliseconds: UInt64 = 3_000) throws {
        let until = deadline(milliseconds)
        #expect(try kernel.openGate("router37", until: until) == .armed)
        try kernel.addAddresses("router37", until: until)
        kernel.announce("router37", at: BootClock.now())
    }

    /// Polls like the daemon's loop until `enough` or the time is up.
    private func events(
        _ kernel: VirtualInterfaces, for milliseconds: UInt64 = 1_000, until enough: ([InterfaceEvent]) -> Bool
    ) -> [InterfaceEvent] {
        var events: [InterfaceEvent] = []
        let end = deadline(milliseconds)
        while !enough(events), BootClock.now() < end {
            var entries = kernel.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&entries, nfds_t(entries.count), 5)
            for entry in entries where entry.revents != 0 {
                events += kernel.readable(entry.fd, at: BootClock.now())
            }
            if let due = kernel.nextDeadline, due <= BootClock.now() { events += kernel.fire(at: BootClock.now()) }
        }
        return events
    }

    private func isPresent(_ address: VirtualAddress) throws -> Bool {
        let table = try AddressTable()
        let link = try table.links().first { $0.name == TestNamespace.node }
        return try table.list(on: link?.state.index ?? 0).contains { $0.address == address }
    }

    @Test func takesOverHoldsAndGivesUp() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            let report = try kernel.start()
            #expect(report.interfaces.map(\.fence) == [.leaseGate])
            #expect(report.interfaces.flatMap(\.warnings).isEmpty)
            #expect(kernel.isUsable("router37"))
            let peer = try PeerEnd()
            #expect(try peer.isSilent(about: ipv4))
            try takeOver(kernel, lease: 600)
            for _ in 0..<6 {
                #expect(try peer.isAnswered(ipv4))
                #expect(try peer.isAnswered(ipv6))
                TestNamespace.sleep(milliseconds: 100)
                #expect(try kernel.renewGate("router37", until: deadline(600)) == .armed)
            }
            try kernel.giveUp("router37")
            #expect(try !isPresent(ipv4))
            #expect(try !isPresent(ipv6))
            #expect(try peer.isSilent(about: ipv4))
            #expect(try kernel.renewGate("router37", until: deadline(300)) == .lapsed)
            try kernel.stop()
            #expect(try TestNamespace.shell("nft list ruleset").isEmpty)
        }
    }

    /// I3: a holder that stops renewing goes silent at its deadline, address or not.
    @Test func aStalledHolderFallsSilent() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            _ = try kernel.start()
            let peer = try PeerEnd()
            try takeOver(kernel, lease: 200)
            #expect(try peer.isAnswered(ipv4))
            TestNamespace.sleep(milliseconds: 200)
            #expect(try peer.isSilent(about: ipv4))
            #expect(try peer.isSilent(about: ipv6))
            #expect(try kernel.renewGate("router37", until: deadline(3_000)) == .lapsed)
            #expect(try peer.isSilent(about: ipv4))
        }
    }

    /// After a crash nothing is open a moment longer than the lease, and the next life puts things right.
    @Test func aCrashIsPutRight() throws {
        try TestNamespace.run { () throws in
            let peer = try PeerEnd()
            do {
                let crashed = try VirtualInterfaces([group])
                _ = try crashed.start()
                try takeOver(crashed, lease: 5_000)
                #expect(try peer.isAnswered(ipv4))
            }
            // The sockets are closed, as by SIGKILL; table and addresses are still there.
            #expect(try TestNamespace.shell("nft list ruleset").contains("electd_node0"))
            let next = try VirtualInterfaces([group])
            let report = try next.start()
            #expect(report.interfaces.flatMap(\.leftovers) == [ipv4, ipv6])
            #expect(try !isPresent(ipv4))
            #expect(try peer.isSilent(about: ipv4))
            try takeOver(next)
            #expect(try peer.isAnswered(ipv4))
        }
    }

    @Test func aSecondDaemonIsRefused() throws {
        try TestNamespace.run { () throws in
            let first = try VirtualInterfaces([group])
            _ = try first.start()
            guard try TestNamespace.shell("nft list table netdev electd_node0").contains("owner") else { return }
            let second = try VirtualInterfaces([group])
            let error = #expect(throws: VirtualIPError.self) { try second.start() }
            #expect(error?.kind == .foreignGate)
        }
    }

    @Test(arguments: [true, false])
    func aForeignFlushDoesNotOpenTheGate(protected: Bool) throws {
        try TestNamespace.run { () throws in
            let other = try VirtualAddress(parsing: "192.0.2.210")
            let standby = GroupPlacement(group: "standby", interface: TestNamespace.node, addresses: [other])
            let kernel = try VirtualInterfaces([group, standby], gates: protected ? .protected : .unprotected)
            _ = try kernel.start()
            try takeOver(kernel)
            try TestNamespace.shell("ip address add 192.0.2.210/32 dev \(TestNamespace.node)")
            let peer = try PeerEnd()
            #expect(try peer.isSilent(about: other))
            try TestNamespace.shell("nft flush ruleset")
            let seen = events(kernel, for: protected ? 100 : 1_000) { !$0.isEmpty }
            let restored = InterfaceEvent.gateRestored(
                interface: TestNamespace.node, reason: "changed by another program")
            #expect(seen == (protected ? [] : [restored]))
            #expect(try peer.isSilent(about: other))
            #expect(try peer.isAnswered(ipv4))
            #expect(try kernel.renewGate("router37", until: deadline(1_000)) == .armed)
        }
    }

    /// The loop must not wake for its own doing: ten renewals a second and group.
    @Test func ownRenewalsDoNotWakeTheLoop() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            _ = try kernel.start()
            try takeOver(kernel)
            _ = events(kernel, for: 50) { _ in false }
            for _ in 0..<20 { #expect(try kernel.renewGate("router37", until: deadline(2_000)) == .armed) }
            var entries = kernel.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            #expect(poll(&entries, nfds_t(entries.count), 0) == 0)
            // Giving up may wake it (the kernel attributes IPv6 removals to nobody), but is no event.
            try kernel.giveUp("router37")
            #expect(events(kernel, for: 50) { !$0.isEmpty }.isEmpty)
        }
    }

    @Test func linkLossAndReturnAreNoticed() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            _ = try kernel.start()
            #expect(kernel.isUsable("router37"))
            try TestNamespace.shell("ip link set \(TestNamespace.peer) down")
            let start = BootClock.now()
            let lost = events(kernel) { _ in !kernel.isUsable("router37") }
            print("carrier loss noticed after \((BootClock.now() - start) / 1_000) us")
            #expect(
                lost.contains {
                    if case .linkChanged(TestNamespace.node, let link) = $0 { !link.isUsable } else { false }
                })
            try TestNamespace.shell("ip link set \(TestNamespace.peer) up")
            _ = events(kernel) { _ in kernel.isUsable("router37") }
            #expect(kernel.isUsable("router37"))
            try TestNamespace.shell("ip link set \(TestNamespace.node) down")
            _ = events(kernel) { _ in !kernel.isUsable("router37") }
            #expect(kernel.link(of: "router37")?.isAdminUp == false)
        }
    }

    /// An interface that goes and comes back is another one: gate first, leftovers off, watched again.
    @Test func aReappearingInterfaceIsPreparedAgain() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            _ = try kernel.start()
            try takeOver(kernel)
            try TestNamespace.shell("ip link del \(TestNamespace.node)")
            let gone = events(kernel) { $0.contains(.linkVanished(interface: TestNamespace.node)) }
            #expect(gone.contains(.linkVanished(interface: TestNamespace.node)))
            #expect(kernel.link(of: "router37") == nil)
            #expect(kernel.fence(of: "router37") == .none)
            #expect(try kernel.renewGate("router37", until: deadline(1_000)) == .lapsed)
            try kernel.giveUp("router37")
            #expect(throws: VirtualIPError.self) { try kernel.openGate("router37", until: deadline(1_000)) }
            try TestNamespace.shell("ip link add \(TestNamespace.node) type veth peer name \(TestNamespace.peer)")
            try TestNamespace.shell("ip address add 192.0.2.200/32 dev \(TestNamespace.node)")
            try TestNamespace.shell("ip address add 192.0.2.201/24 dev \(TestNamespace.node)")
            try TestNamespace.shell("ip link set \(TestNamespace.peer) up; ip link set \(TestNamespace.node) up")
            let back = events(kernel) { _ in kernel.isUsable("router37") }
            #expect(!back.contains { if case .gateBroken = $0 { true } else { false } }, "\(back)")
            #expect(kernel.fence(of: "router37") == .leaseGate)
            let peer = try PeerEnd()
            try takeOver(kernel)
            #expect(try peer.isAnswered(ipv4))
            try kernel.closeGate("router37")
            #expect(try peer.isSilent(about: ipv4))
        }
    }

    @Test func anInterfaceThatComesLateIsPrepared() throws {
        try TestNamespace.run { () throws in
            let late = GroupPlacement(group: "late", interface: "node1", addresses: [ipv4])
            let kernel = try VirtualInterfaces([late])
            let report = try kernel.start()
            #expect(report.interfaces.map(\.fence) == [.none])
            #expect(report.interfaces.first?.warnings.count == 1)
            try TestNamespace.shell("ip link add node1 type veth peer name peer1")
            try TestNamespace.shell("ip link set peer1 up; ip link set node1 up")
            _ = events(kernel) { _ in kernel.isUsable("late") }
            #expect(kernel.fence(of: "late") == .leaseGate)
            #expect(try kernel.openGate("late", until: deadline(500)) == .armed)
            try kernel.stop()
        }
    }

    @Test func announcesOnSchedule() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            _ = try kernel.start()
            let peer = try PeerEnd()
            _ = peer.received()
            let start = BootClock.now()
            try takeOver(kernel)
            _ = events(kernel, for: 400) { _ in false }
            let frames = peer.received()
            let requests = frames.filter {
                $0.type == 0x0806 && $0.bytes[21] == 1 && Array($0.bytes[28..<32]) == ipv4.bytes
            }
            let replies = frames.filter {
                $0.type == 0x0806 && $0.bytes[21] == 2 && Array($0.bytes[28..<32]) == ipv4.bytes
            }
            let adverts = frames.filter {
                $0.bytes.count == 86 && $0.bytes[54] == 136 && Array($0.bytes[62..<78]) == ipv6.bytes
            }
            #expect(requests.count == 4)
            #expect(replies.count == 4)
            #expect(adverts.count == 4)
            let due = try #require(kernel.nextDeadline)
            #expect((800...1_100).contains(Int(due - start) / 1_000_000))
            // None before its time comes from a closed gate, none after giving up.
            try kernel.giveUp("router37")
            #expect((kernel.nextDeadline ?? .max) > due)
        }
    }

    /// The peer's kernel believes the announcements: the checksum and both ARP forms are right.
    @Test func aLinuxNeighbourBelievesThem() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            _ = try kernel.start()
            // The peer's end becomes a host that has learnt the wrong MAC; the node's own routes are out of the way.
            try TestNamespace.shell("ip address add 2001:db8::202/64 dev \(TestNamespace.peer) nodad")
            try TestNamespace.shell("ip address add 192.0.2.202/24 dev \(TestNamespace.peer)")
            for address in ["192.0.2.200", "2001:db8::200"] {
                try TestNamespace.shell(
                    "ip neigh replace \(address) lladdr 02:00:00:00:00:99 dev \(TestNamespace.peer) nud stale")
            }
            TestNamespace.sleep(milliseconds: 1_100)
            try takeOver(kernel)
            TestNamespace.sleep(milliseconds: 50)
            let neighbours = try TestNamespace.shell("ip neigh show dev \(TestNamespace.peer)")
            let mac = try #require(kernel.link(of: "router37")?.hardwareAddress).description
            #expect(neighbours.contains("192.0.2.200 lladdr \(mac)"), "\(neighbours)")
            #expect(neighbours.contains("2001:db8::200 lladdr \(mac)"), "\(neighbours)")
        }
    }

    @Test func conflictsAreReportedAndContradictedAtABoundedRate() throws {
        try TestNamespace.run { () throws in try provokeConflicts() }
    }

    private func provokeConflicts() throws {
        let kernel = try VirtualInterfaces([group])
        _ = try kernel.start()
        let peer = try PeerEnd()
        let claim = peer.arpClaim(ipv4, claimant: peer.hardware)
        try peer.send(claim)
        #expect(events(kernel, for: 50) { !$0.isEmpty }.isEmpty, "not held: no conflict of ours")
        try takeOver(kernel)
        let expected = InterfaceEvent.conflict(ipv4, group: "router37", claimant: peer.hardware, reasserted: true)
        try peer.send(claim)
        let first = events(kernel) { !$0.isEmpty }
        #expect(first == [expected])
        _ = events(kernel, for: 120) { _ in false }
        _ = peer.received()
        for _ in 0..<500 { try peer.send(claim) }
        let flooded = events(kernel, for: 60) { _ in false }
        #expect(flooded == [expected])
        #expect(peer.received().count < 12)
        // Other frames, foreign and our own, are none.
        try peer.send(peer.arpClaim(try VirtualAddress(parsing: "192.0.2.99"), claimant: peer.hardware))
        let own = try #require(kernel.link(of: "router37")?.hardwareAddress)
        try peer.send(peer.arpClaim(ipv4, claimant: own))
        #expect(events(kernel, for: 50) { !$0.isEmpty }.isEmpty)
    }

    @Test func anAdvertisementOfOursBySomebodyElseIsAConflict() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            _ = try kernel.start()
            let peer = try PeerEnd()
            try takeOver(kernel)
            let frames = AnnouncementFrame.all(for: ipv6, from: peer.hardware)
            for frame in frames { try peer.send(frame) }
            let expected = InterfaceEvent.conflict(
                ipv6, group: "router37", claimant: peer.hardware, reasserted: true)
            #expect(events(kernel) { !$0.isEmpty } == [expected])
        }
    }

    @Test func aRemovedAddressIsPutBackWhileTheLeaseRuns() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group])
            _ = try kernel.start()
            try takeOver(kernel)
            try TestNamespace.shell("ip address del 192.0.2.200/32 dev \(TestNamespace.node)")
            #expect(events(kernel) { !$0.isEmpty } == [.addressRemoved(ipv4, group: "router37", restored: true)])
            #expect(try isPresent(ipv4))
            try kernel.closeGate("router37")
            let refused = #expect(throws: VirtualIPError.self) {
                try kernel.addAddresses("router37", until: deadline(500))
            }
            #expect(refused?.mend.isEmpty == false)
            try TestNamespace.shell("ip address del 2001:db8::200/128 dev \(TestNamespace.node)")
            #expect(events(kernel) { !$0.isEmpty } == [.addressRemoved(ipv6, group: "router37", restored: false)])
        }
    }

    @Test func reconfiguringKeepsWhatStays() throws {
        try TestNamespace.run { () throws in
            let more = try VirtualAddress(parsing: "192.0.2.210")
            let gone = GroupPlacement(group: "gone", interface: TestNamespace.node, addresses: [more])
            let kernel = try VirtualInterfaces([group, gone])
            _ = try kernel.start()
            let peer = try PeerEnd()
            try takeOver(kernel)
            #expect(try kernel.openGate("gone", until: deadline(3_000)) == .armed)
            try kernel.addAddresses("gone", until: deadline(3_000))
            let next = GroupPlacement(group: "router37", interface: TestNamespace.node, addresses: [ipv4, more])
            // The address moves from one group to the other, another leaves.
            #expect(try kernel.reconfigure([next]).interfaces.isEmpty)
            #expect(try peer.isAnswered(ipv4))
            #expect(try peer.isAnswered(more))
            #expect(try !isPresent(ipv6))
            #expect(try kernel.renewGate("router37", until: deadline(500)) == .armed)
            #expect(throws: VirtualIPError.self) { try kernel.openGate("gone", until: deadline(500)) }
        }
    }

    /// One lapsed lease among many is told apart, and the others live on.
    @Test func renewingTogetherTellsTheLapsedApart() throws {
        try TestNamespace.run { () throws in
            let groups = try (1...8).map { number in
                GroupPlacement(
                    group: "tenant\(number)", interface: TestNamespace.node,
                    addresses: [try VirtualAddress(parsing: "198.51.100.\(number)")])
            }
            let kernel = try VirtualInterfaces(groups)
            _ = try kernel.start()
            for (position, group) in groups.enumerated() {
                let until = deadline(position == 4 ? 60 : 2_000)
                #expect(try kernel.openGate(group.group, until: until) == .armed)
            }
            TestNamespace.sleep(milliseconds: 80)
            var orders = groups.map { ($0.group, deadline(2_000)) }
            orders[6].1 = deadline(3)
            orders.append(("nobody", deadline(2_000)))
            let outcomes = kernel.renewGates(orders)
            #expect(outcomes == [.armed, .armed, .armed, .armed, .lapsed, .armed, .late, .armed, .late])
            try kernel.closeAllGates()
            #expect(kernel.renewGates(orders).allSatisfy { $0 != .armed })
        }
    }

    /// Without nf_tables the addresses' lifetime is all there is, and the report says so.
    @Test func withoutAGateTheLifetimeFences() throws {
        try TestNamespace.run { () throws in
            let kernel = try VirtualInterfaces([group], gates: .absent)
            let report = try kernel.start()
            #expect(report.interfaces.map(\.fence) == [.validLifetime])
            #expect(report.interfaces.flatMap(\.warnings).count == 1)
            let peer = try PeerEnd()
            try takeOver(kernel, lease: 1_200)
            #expect(try peer.isAnswered(ipv4))
            #expect(try kernel.renewGate("router37", until: deadline(1_000)) == .armed)
            TestNamespace.sleep(milliseconds: 2_200)
            #expect(try peer.isSilent(about: ipv4))
            #expect(try kernel.renewGate("router37", until: deadline(1_000)) == .lapsed)
            try kernel.giveUp("router37")
        }
    }

    /// 250 groups at 10 renewals a second must stay a small part of one core.
    @Test func hundredsOfGroupsStayCheap() throws {
        try TestNamespace.run { () throws in
            let groups = try (0..<250).map { number in
                GroupPlacement(
                    group: "tenant\(number)", interface: TestNamespace.node,
                    addresses: [try VirtualAddress(parsing: "198.51.100.\(number + 1)")])
            }
            let kernel = try VirtualInterfaces(groups)
            var start = BootClock.now()
            _ = try kernel.start()
            let started = BootClock.now() - start
            start = BootClock.now()
            let until = deadline(5_000)
            for group in groups {
                #expect(try kernel.openGate(group.group, until: until) == .armed)
                try kernel.addAddresses(group.group, until: until)
                kernel.announce(group.group, at: BootClock.now())
            }
            let opened = BootClock.now() - start
            start = BootClock.now()
            for _ in 0..<4 {
                for group in groups { #expect(try kernel.renewGate(group.group, until: deadline(5_000)) == .armed) }
            }
            let renewed = (BootClock.now() - start) / 1_000
            start = BootClock.now()
            for _ in 0..<4 {
                let outcomes = kernel.renewGates(groups.map { ($0.group, deadline(5_000)) })
                #expect(outcomes == groups.map { _ in .armed })
            }
            let together = (BootClock.now() - start) / 1_000_000
            print("250 groups renewed together: \(together) us each")
            #expect(together < 200)
            print(
                "250 groups: start \(started / 1_000) us, takeover \(opened / 250_000) us each, renewal \(renewed / 1_000) us each"
            )
            #expect(renewed / 1_000 < 500)
            try kernel.stop()
        }
    }
}
