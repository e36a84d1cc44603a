import Control
import Election
import Glibc
import Health
import Proxy

/// The control socket's routes: what operators ask and order.
extension RunningDaemon {
    /// How long an order may take to be seen through before its answer says that it is still under way.
    private static let patienceMS = 5_000

    func answer(_ request: ControlRequest, checks: CheckRunner) async -> ControlResponse {
        do throws(MalformedOrder) {
            switch request.route {
            case .status:
                guard let report = await status(checks) else { return Self.silent }
                return ControlResponse(body: report.json())
            case .health: return await health()
            case .metrics:
                guard let report = await status(checks) else { return Self.silent }
                return .text(MetricsText.render(report))
            case .transfer: return await transfer(try request.order(TransferOrder.self))
            case .maintenance: return await maintain(try request.order(MaintenanceOrder.self))
            case .server: return await serve(try request.order(ServerOrder.self))
            case .apply: return await apply(try request.order(ApplyOrder.self))
            case .history: return await history()
            }
        } catch {
            return .refusal(400, error.description)
        }
    }

    private static let silent = ControlResponse.refusal(503, "the election thread does not answer")

    /// The election as it stands; nil when its thread doesn't answer within two seconds.
    func look() async -> ElectionView? {
        let answer = Happening<ElectionView?>()
        mailbox.post(.look { answer.happen($0) })
        let deadline = Task {
            try? await Task.sleep(for: .seconds(2))
            answer.happen(nil)
        }
        defer { deadline.cancel() }
        return await answer.value
    }

    private func health() async -> ControlResponse {
        guard let view = await look() else { return Self.silent }
        let isWell = view.groups.allSatisfy { $0.holder != nil }
        return .text(isWell ? "ok\n" : "a group has no holder\n", status: isWell ? 200 : 503)
    }

    private func transfer(_ order: TransferOrder) async -> ControlResponse {
        guard let view = await look() else { return Self.silent }
        guard let group = view.groups.first(where: { $0.name == order.group }) else {
            return .refusal(404, "there is no group \(order.group); there are \(list(view.groups.map(\.name)))")
        }
        guard let node = view.nodes.first(where: { $0.name == order.node }) else {
            return .refusal(404, "there is no node \(order.node); there are \(list(view.nodes.map(\.name)))")
        }
        guard let holder = group.holder else {
            return .refusal(409, "nobody holds \(group.name), so nobody can hand it over")
        }
        if holder == node.node { return .done("\(group.name) is held by \(node.name) already") }
        let rules = view.rules.groups.first { $0.id == group.id }
        guard
            rules.map({ Int(node.node.rawValue) < $0.priorities.count && $0.priorities[Int(node.node.rawValue)] > 0 })
                == true
        else { return .refusal(409, "\(node.name) has no priority for \(group.name): it may not hold it") }
        let reachable = node.heardAgo.map { $0 < view.rules.timing.promise } ?? false
        guard reachable else { return .refusal(409, "\(node.name) is not heard") }
        guard node.isEligible else { return .refusal(409, "\(node.name) is not eligible now: see electd status there") }
        mailbox.post(.transfer(group.id, to: node.node))
        return await seeThrough("\(group.name) is held by \(node.name) now") { view in
            view.groups.first { $0.id == group.id }?.holder == node.node
        } otherwise: { view in
            let holder = view.groups.first { $0.id == group.id }?.holder.map { view.rules.name(of: $0) } ?? "nobody"
            return "\(group.name) is held by \(holder): \(node.name) did not take it; see electd status on both"
        }
    }

    private func maintain(_ order: MaintenanceOrder) async -> ControlResponse {
        if let node = order.node, node != current.this.name { return await maintain(order, on: node) }
        mailbox.post(.maintenance(order.on))
        let name = current.this.name
        let done = order.on ? "\(name) is in maintenance and holds nothing" : "\(name) is back in service"
        return await seeThrough(done) { view in
            view.isInMaintenance == order.on && (!order.on || view.groups.allSatisfy { $0.role != .holder })
        } otherwise: { _ in
            "the order is taken, but \(name) still holds a group; see electd status"
        }
    }

    private func seeThrough(
        _ done: String, until isDone: (ElectionView) -> Bool, otherwise: (ElectionView) -> String
    ) async -> ControlResponse {
        var last: ElectionView?
        for _ in 0..<(Self.patienceMS / 20) {
            guard let view = await look() else { return Self.silent }
            if isDone(view) { return .done(done) }
            last = view
            try? await Task.sleep(for: .milliseconds(20))
        }
        return .refusal(409, last.map(otherwise) ?? done)
    }
}
