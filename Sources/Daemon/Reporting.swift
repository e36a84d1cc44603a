import Configuration
import Control
import Election
import Health
import Proxy
import VirtualIP

/// Puts a status report together from what the parts of the daemon know.
extension RunningDaemon {
    /// - Returns: nil when the election thread doesn't answer.
    func status(_ checks: CheckRunner) async -> StatusReport? {
        guard let view = await look() else { return nil }
        let loaded = current
        let results = Results(await checks.snapshot())
        var report = StatusReport(
            version: options.version, node: loaded.this.name, cluster: loaded.configuration.cluster,
            uptimeMS: BootInstant.now().since(startedAt).wholeMilliseconds,
            configHash: hexadecimal(loaded.rules.configurationDigest))
        report.silentAfterMS = view.rules.timing.promise.wholeMilliseconds
        report.maintenance = view.isInMaintenance
        // Of the whole cluster's log, the first group's of majority mode.
        let sorted = view.groups.indices.sorted { view.groups[$0].id < view.groups[$1].id }
        let cluster = sorted.first { view.groups[$0].mode == .majority } ?? sorted.first
        report.log = cluster.map { LogStatus(view.logs[$0], epoch: view.epoch) }
        report.problems = view.problems
        report.groups = view.groups.indices.map { group($0, in: view, loaded.configuration, results) }
        report.nodes = view.nodes.map { node($0, in: view, loaded.configuration) }
        let snapshot = proxy?.snapshot()
        report.services = services(view, loaded, results, snapshot)
        report.proxy = snapshot.map { snapshot in
            ProxyStatus(
                condition: snapshot.condition.description, running: snapshot.condition == .running,
                pid: snapshot.pid.map { Int($0) }, restarts: snapshot.restarts, logLinesLost: snapshot.linesLost)
        }
        report.journal = JournalStatus(
            size: view.journal.size, records: view.journalRecords,
            head: view.journal.head.map { hexadecimal($0) }.joined())
        report.datagrams.sent = view.sent
        report.datagrams.accepted = view.accepted
        report.datagrams.dropped = view.refusals.map { .init(reason: $0.reason, count: $0.count) }
        report.addFindings()
        return report
    }

    private func group(
        _ place: Int, in view: ElectionView, _ configuration: Configuration, _ results: Results
    ) -> GroupStatus {
        let group = view.groups[place]
        let configured = configuration.group(named: group.name)
        let placement = view.placements[place]
        var status = GroupStatus(
            name: group.name, mode: group.mode == .pair ? .pair : .majority, role: GroupRole(group.role),
            term: group.term.rawValue, holder: group.holder.map { view.rules.name(of: $0) },
            leaseMSLeft: group.leaseLeft.map(\.wholeMilliseconds), priority: Int(group.priority),
            eligible: group.ineligibility == nil && group.priority > 0, interface: configured?.interface ?? "",
            fence: GroupFence(placement?.fence))
        status.certificate = group.certificate.map { view.rules.name(of: $0) }
        status.ineligibleReasons = group.ineligibility.map { [reason($0, group, view)] } ?? []
        status.virtualAddresses = (configured?.virtualAddresses ?? []).map {
            VirtualAddressStatus(address: $0.description, held: placement?.held ?? false)
        }
        status.log = LogStatus(view.logs[place], epoch: view.epoch)
        status.addressConflicts = placement?.conflicts ?? []
        status.checks = (configured?.checks ?? []).compactMap { use in
            guard group.priority > 0 else { return nil }
            let result = results[CheckName.node(use.check)]
            return GroupCheckStatus(
                name: use.check, passing: result?.passing, weight: use.weight, detail: result?.detail ?? "",
                sinceMS: result?.sinceMS)
        }
        if let last = view.lastChanges[place] {
            status.lastChange = "\(GroupRole(last.change.role).rawValue): \(last.change.reason.text)"
            status.lastChangeMSAgo = BootInstant.now().since(last.at).wholeMilliseconds
        }
        return status
    }

    private func reason(_ reason: Reason, _ group: GroupView, _ view: ElectionView) -> String {
        guard reason == .checkFailed else { return reason.text }
        let failing = group.failingChecks.map { view.rules.checks[Int($0)] }
        return failing.count == 1 ? "check \(failing[0]) fails" : "checks \(failing.joined(separator: ", ")) fail"
    }

    private func node(_ node: NodeView, in view: ElectionView, _ configuration: Configuration) -> NodeStatus {
        let configured = configuration.node(named: node.name)
        let isSelf = node.node == view.rules.this
        return NodeStatus(
            name: node.name, address: configured?.address.description ?? "",
            heardMSAgo: node.heardAgo.map(\.wholeMilliseconds), incarnation: node.incarnation?.rawValue,
            eligible: node.incarnation == nil ? nil : node.isEligible,
            configHash: node.configurationDigest.map { hexadecimal($0) }, witness: configured?.role == .witness,
            hearsUs: isSelf || node.heardAgo == nil ? nil : node.hears.contains(view.rules.this))
    }
}

/// The checks' last results, by name.
struct Results {
    private let sorted: [CheckStatus]

    init(_ results: [CheckStatus]) { sorted = results.sorted { $0.name < $1.name } }

    subscript(name: String) -> CheckStatus? { sorted.first { $0.name == name } }
}

extension GroupRole {
    init(_ role: GroupView.Role) {
        switch role {
        case .holder: self = .holder
        case .standby: self = .standby
        case .witness: self = .witness
        case .observer: self = .observer
        case .fault: self = .fault
        }
    }
}

extension LogStatus {
    fileprivate init(_ log: LogSummary, epoch: UInt64) {
        self.init(index: log.index, committed: log.committed, hash: hexadecimal(log.stateHash), epoch: epoch)
    }
}

extension GroupFence {
    init(_ fence: Fence?) {
        switch fence {
        case .leaseGate: self = .nftables
        case .validLifetime: self = .lifetime
        case .some(.none), nil: self = .none
        }
    }
}

extension Span {
    var wholeMilliseconds: Int { Int(nanoseconds / 1_000_000) }
}

func hexadecimal(_ value: some FixedWidthInteger) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, type(of: value).bitWidth / 4 - digits.count)) + digits
}
