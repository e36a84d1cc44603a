import Configuration
import Control
import Election
import Proxy

/// Orders that go through the replicated logs: given on any node, answered when a majority has them.
extension RunningDaemon {
    /// Puts an order into the group's log.
    func order(_ command: Command, in group: GroupID) async -> CommandOutcome {
        guard let (request, outcome) = cluster.ask() else { return .refused("too many orders wait for an answer") }
        mailbox.post(.order(request, group, command))
        return await outcome.value
    }

    /// The group whose log has what concerns the whole cluster.
    private var clusterGroup: (id: GroupID, name: String)? {
        let sorted = current.rules.groups.sorted { $0.id < $1.id }
        return (sorted.first { $0.mode == .majority } ?? sorted.first).map { ($0.id, $0.name) }
    }

    /// - Parameter group: whose holder was to take the order.
    private func response(_ outcome: CommandOutcome, _ group: String, done: String) -> ControlResponse {
        switch outcome {
        case .committed(let index): .done("\(done) (entry \(index) of \(group))")
        case .refused(let why): .refusal(409, why)
        case .noHolder: .refusal(409, "nobody holds \(group), so nobody can confirm it: nothing was changed")
        case .unknown:
            .refusal(504, "no majority confirmed it in time: it may still come into force; see electd history")
        }
    }

    func serve(_ order: ServerOrder) async -> ControlResponse {
        let services = current.configuration.services
        guard let service = services.first(where: { $0.name == order.service }) else {
            return .refusal(404, "there is no service \(order.service); there are \(list(services.map(\.name)))")
        }
        guard service.servers.contains(where: { $0.name == order.server }) else {
            return .refusal(
                404, "\(service.name) has no server \(order.server); it has \(list(service.servers.map(\.name)))")
        }
        let group = GroupID(named: service.group)
        let name = ServerName(service: order.service, server: order.server)
        let server = "\(order.service)/\(order.server)"
        if let weight = order.weight {
            guard (0...ServicePlan.Limit.weight).contains(weight) else {
                return .refusal(400, "a weight is 0 to \(ServicePlan.Limit.weight)")
            }
            let outcome = await self.order(.server(name, .weight(UInt16(weight))), in: group)
            guard order.state != nil, case .committed = outcome else {
                return response(outcome, service.group, done: "\(server) has weight \(weight) on every node")
            }
        }
        switch order.state {
        case .drain:
            let outcome = await self.order(.server(name, .duty(.drain)), in: group)
            return response(outcome, service.group, done: "\(server) gets no new clients on any node")
        case .ready:
            let outcome = await self.order(.server(name, .duty(.ready)), in: group)
            return response(outcome, service.group, done: "\(server) is ready on every node")
        case .maintenance:
            let outcome = await self.order(.server(name, .duty(.maintenance)), in: group)
            return response(outcome, service.group, done: "\(server) gets no clients at all on any node")
        case nil: return .refusal(400, "give a state or a weight")
        }
    }

    /// Another node's maintenance goes through the log; its own holds at once, also without a majority.
    func maintain(_ order: MaintenanceOrder, on name: String) async -> ControlResponse {
        guard let node = current.configuration.nodes.firstIndex(where: { $0.name == name }) else {
            return .refusal(
                404, "there is no node \(name); there are \(list(current.configuration.nodes.map(\.name)))")
        }
        guard let group = clusterGroup else { return .refusal(409, "there is no group") }
        let outcome = await self.order(.maintenance(NodeIndex(UInt8(node)), order.on), in: group.id)
        let done = order.on ? "\(name) goes into maintenance" : "\(name) goes back into service"
        return response(outcome, group.name, done: done)
    }

    func apply(_ order: ApplyOrder) async -> ControlResponse {
        guard let group = clusterGroup else { return .refusal(409, "there is no group") }
        let text: [UInt8]
        if order.previous {
            let epoch = cluster.epochInForce
            guard epoch > 0, let before = epochFiles.text(of: epoch - 1) else {
                return .refusal(409, "this node knows no configuration from before the one in force")
            }
            text = before
        } else {
            text = Array(order.text.utf8)
        }
        guard text.count <= Bound.configurationText else {
            return .refusal(413, "the file has more than \(Bound.configurationText) bytes")
        }
        if let obstacle = obstacle(to: text, named: order.name) { return .refusal(409, obstacle) }
        if order.dryRun { return .done("\(order.name) could be taken by \(current.this.name)") }
        if text == current.text && cluster.epochInForce > 0 { return .done("that configuration is in force already") }
        guard let (request, outcome) = cluster.ask() else {
            return .refusal(409, "too many orders wait for an answer")
        }
        mailbox.post(.propose(request, text: text))
        return response(await outcome.value, group.name, done: "the configuration is in force on every node")
    }

    func history() async -> ControlResponse {
        let answer = Happening<[GroupHistory]?>()
        mailbox.post(.history { answer.happen($0) })
        let deadline = _Concurrency.Task {
            try? await _Concurrency.Task.sleep(for: .seconds(2))
            answer.happen(nil)
        }
        defer { deadline.cancel() }
        guard let groups = await answer.value else { return .refusal(503, "the election thread does not answer") }
        return .json(
            HistoryReport(
                groups: groups.map { group in
                    HistoryReport.Group(
                        name: group.group, committed: group.committed,
                        entries: group.entries.map {
                            HistoryReport.Entry(
                                index: $0.index, term: $0.term, committed: $0.index <= group.committed, hash: $0.hash,
                                text: $0.text)
                        })
                }))
    }

    func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
}
