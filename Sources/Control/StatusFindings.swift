extension StatusReport {
    /// Reads problems and notes off the other fields and puts them behind those already there. To be called last.
    ///
    /// A problem is something that is wrong now, worst first; a note is something an operator should know though
    /// all is as it was asked for.
    package mutating func addFindings() {
        var findings = groups.flatMap(groupFindings)
        findings += services.flatMap(serviceFindings)
        findings += nodes.flatMap(nodeFindings)
        if maintenance { findings.append(.note("\(node) is in maintenance: it holds nothing")) }
        problems += Severity.problems.flatMap { severity in
            findings.filter { $0.severity == severity }.map(\.text)
        }
        notes += findings.filter { $0.severity == .note }.map(\.text)
    }

    /// Whether this node has nobody to learn from.
    var isCutOff: Bool {
        let peers = nodes.filter { $0.name != node }
        return !peers.isEmpty && peers.allSatisfy { ($0.heardMSAgo ?? .max) > silentAfterMS }
    }

    private func groupFindings(_ group: GroupStatus) -> [Finding] {
        var findings: [Finding] = []
        let addresses = group.virtualAddresses.map(\.address).joined(separator: ", ")
        if group.holder == nil {
            let text =
                isCutOff
                ? "\(node) hears nobody, and can't tell whether somebody holds it"
                : "nobody holds it, \(addresses) answers nowhere"
            findings.append(.init(.outage, "\(group.name): \(text)"))
        }
        for conflict in group.addressConflicts {
            findings.append(.init(.outage, "\(group.name): somebody else answers: \(conflict)"))
        }
        for address in group.virtualAddresses where address.held != (group.role == .holder) {
            let text =
                address.held
                ? "\(address.address) is on \(node), which is not the holder"
                : "\(node) holds it, but \(address.address) is not on \(group.interface)"
            findings.append(.init(.outage, "\(group.name): \(text)"))
        }
        if group.role == .fault {
            let reasons = group.ineligibleReasons.joined(separator: ", ")
            findings.append(.init(.degraded, "\(group.name): \(node) can't hold it: \(reasons)"))
        }
        for check in group.checks where check.passing == false {
            let effect = check.weight == 0 ? ", which can't hold" : ", priority \(check.weight) lower"
            findings.append(
                .init(.degraded, "\(group.name): check \(check.name) fails on \(node)\(effect): \(check.detail)"))
        }
        if group.mode == .pair {
            findings.append(.note("\(group.name) is in pair mode: cut off from each other, both nodes hold it"))
        }
        if group.fence == .lifetime {
            findings.append(.note("\(group.name): no nftables here, a frozen holder falls silent up to 1 s late"))
        }
        return findings
    }

    private func serviceFindings(_ service: ServiceStatus) -> [Finding] {
        var findings: [Finding] = []
        let heldHere = groups.contains { $0.name == service.group && $0.role == .holder }
        if heldHere && !service.active {
            findings.append(
                .init(.outage, "\(service.name): takes no connections, though \(node) holds \(service.group)"))
        }
        let working = service.servers.filter { $0.state == .up || $0.state == .unchecked }
        if working.isEmpty {
            findings.append(.init(heldHere ? .outage : .degraded, "\(service.name): no server can take requests"))
        }
        for server in service.servers {
            switch server.state {
            case .down:
                findings.append(.init(.degraded, "\(service.name): server \(server.name) is down: \(server.detail)"))
            case .drain: findings.append(.note("\(service.name): server \(server.name) is drained"))
            case .maintenance: findings.append(.note("\(service.name): server \(server.name) is in maintenance"))
            case .up, .unchecked: break
            }
        }
        return findings
    }

    private func nodeFindings(_ peer: NodeStatus) -> [Finding] {
        guard peer.name != node else { return [] }
        guard let heard = peer.heardMSAgo else {
            return [.init(.degraded, "\(peer.name) has not been heard since \(node) started")]
        }
        guard heard <= silentAfterMS else {
            return [.init(.degraded, "\(peer.name) has not been heard for \(Words.duration(heard))")]
        }
        var findings: [Finding] = []
        if peer.hearsUs == false {
            findings.append(.init(.degraded, "\(peer.name) does not hear \(node): one direction is cut"))
        }
        if let hash = peer.configHash, hash != configHash {
            findings.append(
                .init(.degraded, "\(peer.name) runs another configuration than \(node): compare the files, then reload")
            )
        }
        return findings
    }
}

private enum Severity {
    /// Users notice.
    case outage
    /// Users would notice the next fault.
    case degraded
    case note

    static let problems: [Severity] = [.outage, .degraded]
}

private struct Finding {
    let severity: Severity
    let text: String

    init(_ severity: Severity, _ text: String) {
        self.severity = severity
        self.text = text
    }

    static func note(_ text: String) -> Finding { Finding(.note, text) }
}
