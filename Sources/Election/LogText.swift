/// The log's content in words, for people.
extension LogContent {
    package func text(_ rules: Rules) -> String {
        switch self {
        case .held(let life, let reason): "held by \(rules.name(of: life.node)): \(reason.text)"
        case .released(let life, let release):
            "released by \(rules.name(of: life.node)) in term \(release.term.rawValue)"
                + (release.successor.map { " to \(rules.name(of: $0))" } ?? "")
                + (release.ordered ? ", moved by an operator" : "")
        case .command(let id, let command): "\(command.text(rules)), asked of \(rules.name(of: id.origin.node))"
        case .adopted(let items):
            "adopted from the other branch: " + items.map { $0.text(rules) }.joined(separator: ", ")
        case .merged(let fork):
            "merged the branch of \(rules.name(of: fork.otherNode)), which ended at entry \(fork.other.index) of term "
                + "\(fork.other.term.rawValue)"
        }
    }
}

extension Command {
    package func text(_ rules: Rules) -> String {
        switch self {
        case .server(let name, .duty(let duty)): "\(duty) \(name.service)/\(name.server)"
        case .server(let name, .weight(let weight)):
            "weight \(name.service)/\(name.server) \(weight.map { String($0) } ?? "as configured")"
        case .maintenance(let node, let on): "maintenance \(rules.name(of: node)) \(on ? "on" : "off")"
        case .propose(let size, _): "configuration of \(size) bytes proposed"
        case .text(let offset, let part): "its bytes \(offset) to \(Int(offset) + part.count - 1)"
        case .decide(_, let accepted, let why): accepted ? "configuration in force" : "configuration refused: \(why)"
        case .evidence(let evidence):
            "evidence against \(rules.name(of: evidence.against)) in term \(evidence.term.rawValue)"
        }
    }
}

extension Adopted {
    fileprivate func text(_ rules: Rules) -> String {
        switch self {
        case .server(let name, let setting):
            "\(setting.duty ?? .ready) \(name.service)/\(name.server)" + (setting.weight.map { " weight \($0)" } ?? "")
        case .maintenance(let node, let maintenance):
            "maintenance \(rules.name(of: node)) \(maintenance.on ? "on" : "off")"
        case .evidence(let evidence): "evidence against \(rules.name(of: evidence.against))"
        case .watermark(let id): "orders of \(rules.name(of: id.origin.node)) up to \(id.number)"
        }
    }
}

extension CommandOutcome {
    package var text: String {
        switch self {
        case .committed(let index): "committed, entry \(index)"
        case .refused(let why): "refused: \(why)"
        case .noHolder: "nobody held, nothing was done"
        case .unknown: "not confirmed, outcome unknown"
        }
    }
}
