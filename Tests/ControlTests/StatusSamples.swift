import Control

/// Clusters as operators meet them: the set-up of the README, well and not.
enum StatusSamples {
    static var healthy: StatusReport {
        var report = StatusReport(
            version: "0.1.0", node: "fred", cluster: "landlord", uptimeMS: 273_600_000, configHash: "5d1f0a99c3b2e871")
        var group = GroupStatus(
            name: "router37", mode: .majority, role: .holder, term: 12, holder: "fred", leaseMSLeft: 412, priority: 103,
            eligible: true, interface: "eth1", fence: .nftables)
        group.certificate = ["fred", "lucy"]
        group.virtualAddresses = [VirtualAddressStatus(address: "192.0.2.200/32", held: true)]
        group.checks = [
            GroupCheckStatus(name: "web", passing: true, weight: 2, detail: "exit 0", sinceMS: 273_590_000)
        ]
        group.lastChange = "took over from ethyl: better priority"
        group.lastChangeMSAgo = 10_800_000
        report.groups = [group]
        report.nodes = [
            NodeStatus(
                name: "fred", address: "192.0.2.201:3737", heardMSAgo: 0, incarnation: 7, eligible: true,
                configHash: "5d1f0a99c3b2e871"),
            NodeStatus(
                name: "ethyl", address: "192.0.2.202:3737", heardMSAgo: 38, incarnation: 4, eligible: true,
                configHash: "5d1f0a99c3b2e871", hearsUs: true),
            NodeStatus(
                name: "lucy", address: "192.0.2.203:3737", heardMSAgo: 71, incarnation: 2, eligible: nil,
                configHash: "5d1f0a99c3b2e871", witness: true, hearsUs: true),
        ]
        report.services = [service]
        report.journal = JournalStatus(
            size: 41_215_904, records: 48_211, head: "3f9a2c55d0e1b7846c2f9a2c55d0e1b7846c2f9a2c55d0e1b7846c2f9a2c55d0")
        report.datagrams.sent = 1_742_113
        report.datagrams.accepted = 1_741_870
        return report
    }

    private static var service: ServiceStatus {
        var service = ServiceStatus(
            name: "cluster37", group: "router37", mode: .http, listen: ["192.0.2.200:80"], active: true, sessions: 12,
            sessionsTotal: 1_048_211)
        service.responses.success = 1_040_000
        service.responses.redirection = 8_100
        service.responses.clientError = 111
        service.servers = [
            ServerStatus(
                name: "fred", address: "192.0.2.201:8080", state: .up, detail: "HTTP 200 OK", sessions: 6,
                sessionsTotal: 524_106),
            ServerStatus(
                name: "ethyl", address: "192.0.2.202:8080", state: .up, detail: "HTTP 200 OK", sessions: 6,
                sessionsTotal: 524_105),
        ]
        return service
    }

    /// Seen from ethyl: fred's link is cut, a web server refuses, somebody forges, a file was edited on one node only.
    static var broken: StatusReport {
        var report = healthy
        report.node = "ethyl"
        report.uptimeMS = 95_000
        var group = report.groups[0]
        group.role = .fault
        group.holder = nil
        group.leaseMSLeft = nil
        group.term = 13
        group.priority = 100
        group.eligible = false
        group.ineligibleReasons = ["link eth1 is down"]
        group.certificate = []
        group.virtualAddresses[0].held = false
        group.checks = [
            GroupCheckStatus(
                name: "web", passing: false, weight: 2, detail: "timeout after 1000 ms", sinceMS: 4_200),
            GroupCheckStatus(name: "disk", passing: nil, weight: 0, detail: ""),
        ]
        group.addressConflicts = ["192.0.2.200 is at 02:00:00:00:00:66"]
        group.lastChange = "gave up: link eth1 is down"
        group.lastChangeMSAgo = 3_100
        report.groups = [group]
        report.nodes[0].heardMSAgo = 14_200
        report.nodes[0].hearsUs = nil
        report.nodes[1].heardMSAgo = 0
        report.nodes[1].eligible = false
        report.nodes[1].hearsUs = nil
        report.nodes[2].hearsUs = false
        report.nodes[2].configHash = "aa01bb02cc03dd04"
        report.services[0].active = false
        report.services[0].sessions = 0
        report.services[0].responses.serverError = 17
        report.services[0].servers[0].state = .down
        report.services[0].servers[0].detail = "Connection refused"
        report.services[0].servers[0].sessions = 0
        report.services[0].servers[0].connectErrors = 3
        report.services[0].servers[1].state = .drain
        report.datagrams.dropped = [
            .init(reason: "seal", count: 12_004), .init(reason: "replay", count: 2), .init(reason: "length", count: 0),
        ]
        return report
    }

    /// Two groups, one of them in pair mode, without nftables, in maintenance.
    static var two: StatusReport {
        var report = healthy
        var second = report.groups[0]
        second.name = "tenant8"
        second.mode = .pair
        second.role = .standby
        second.holder = "ethyl"
        second.leaseMSLeft = nil
        second.term = 3
        second.certificate = []
        second.fence = .lifetime
        second.interface = "eth2"
        second.virtualAddresses = [
            VirtualAddressStatus(address: "192.0.2.210/32", held: false),
            VirtualAddressStatus(address: "2001:db8::210/128", held: false),
        ]
        second.checks = []
        second.lastChange = nil
        second.lastChangeMSAgo = nil
        report.groups.append(second)
        report.maintenance = true
        return report
    }
}
