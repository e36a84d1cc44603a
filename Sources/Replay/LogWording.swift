import Election

/// The groups' logs in words.
extension Wording {
    func text(_ part: LogPart) -> String {
        switch part {
        case .append(let append):
            let end = append.place.index + UInt64(append.entries.count)
            return "\(name(append.group)) log of term \(append.term.rawValue): "
                + (append.entries.isEmpty ? "nothing after" : "entries to \(end) after") + " \(append.place.index), "
                + "\(append.committed) committed" + append.entries.map { "; \($0.content.text(rules))" }.joined()
        case .acknowledge(let word):
            return "\(name(word.group)) log: "
                + (word.durable.map { "\($0) entries on disk" } ?? "the entries don't follow on")
        case .want(let want): return "\(name(want.group)) log: asks for it from byte \(want.offset)"
        case .piece(let piece):
            return "\(name(piece.group)) log: bytes \(piece.offset) to \(Int(piece.offset) + piece.bytes.count) of "
                + "\(piece.size)"
        case .longer(let group, let mark):
            return "\(name(group)) log: \(mark.index) entries, more than the candidate's"
        case .order(let group, _, let command): return "\(name(group)) order: \(command.text(rules))"
        case .refuse(let group, _, let why): return "\(name(group)) order refused: \(why)"
        case .verdict(let group, _, let obstacle):
            return "\(name(group)) configuration: \(obstacle.isEmpty ? "can be taken" : obstacle)"
        }
    }

    func text(_ write: LogWrite) -> String {
        switch write {
        case .entries(let place, let entries):
            "after \(place.index): " + entries.map { $0.content.text(rules) }.joined(separator: "; ")
        case .committed(let index): "\(index) committed"
        case .image(let image): "\(image.last.index) entries, \(image.committed) committed, in place of all before"
        }
    }
}
