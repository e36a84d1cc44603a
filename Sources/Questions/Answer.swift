/// An answer for people and for programs.
package struct Answer: Sendable {
    package var lines: [String] = []
    package var json: JSONText
    /// Whether the answer is what one hopes for: no overlap, no evidence of a lie.
    package var isGood = true
}

extension Chronicle {
    /// What every answer says of the journals it rests on.
    func basis() -> JSONText {
        .fields([
            "schema": .number(1 as Int64), "nodes": .list(archive.journals.map { .text($0.node) }),
            "troubles": .list(troubles.map { .text($0) }),
        ])
    }

    func answer(_ lines: [String], _ fields: [JSONText.Field], isGood: Bool = true) -> Answer {
        var all: [JSONText.Field] = []
        if case .object(let basis) = basis() { all = basis }
        return Answer(
            lines: lines + troubles.prefix(20).map { "note: \($0)" }, json: .object(all + fields), isGood: isGood)
    }
}

extension JSONText {
    /// The fields of an object.
    var fields: [Field] {
        if case .object(let fields) = self { fields } else { [] }
    }
}
