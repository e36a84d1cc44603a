/// A mapping with a fixed set of keys, as `timing:` is. Unknown keys are reported when it is opened.
struct Section {
    /// How messages call it: `group "router37"`.
    let title: String
    let position: Position
    let findings: Findings
    private let entries: [String: Tree.Entry]

    /// nil, and reported, if the tree isn't a mapping.
    init?(_ tree: Tree, _ title: String, keys: [String], findings: Findings) {
        guard case .mapping(let entries) = tree.content else {
            if !tree.isUnreadable {
                findings.report(
                    "\(title) must be a mapping, not \(tree.kind)",
                    "write `key: value` lines; keys: \(alternatives(keys))",
                    at: tree.position)
            }
            return nil
        }
        self.title = title
        self.findings = findings
        position = tree.position
        self.entries = Dictionary(entries.map { ($0.key, $0) }) { first, _ in first }
        for entry in entries where !keys.contains(entry.key) {
            let what = "\(title) has no key \(quoted(entry.key))"
            findings.report(what, Self.mend(entry.key, among: keys), at: entry.position)
            if findings.isFull { break }
        }
    }

    private static func mend(_ key: String, among known: [String]) -> String {
        if key == "<<" { return "merge keys aren't read; write the entries out" }
        return nearest(to: key, among: known).map { "did you mean `\($0)`?" }
            ?? "remove it, or use one of: \(known.joined(separator: ", "))"
    }

    /// Where the key stands; nil if it doesn't.
    func place(of key: String) -> Position? { entries[key]?.position }

    /// The key's value; nil if the key is absent, and, reported, if nothing stands behind it.
    func optional(_ key: String) -> Field? {
        guard let entry = entries[key], !entry.value.isUnreadable else { return nil }
        guard !entry.value.isEmpty else {
            findings.report("`\(key)` has no value", "write one, or remove the key", at: entry.position)
            return nil
        }
        return Field(key: key, place: entry.position, tree: entry.value, findings: findings)
    }

    /// The key's value; nil, and reported with the mend, if it isn't there.
    func required(_ key: String, _ mend: String) -> Field? {
        if entries[key] == nil { findings.report("\(title) has no `\(key)`", mend, at: position) }
        return optional(key)
    }
}

extension Section {
    func integer(_ key: String, _ range: ClosedRange<Int>, default absent: Int) -> Int {
        optional(key)?.integer(range) ?? absent
    }

    func bool(_ key: String, default absent: Bool) -> Bool { optional(key)?.bool() ?? absent }

    func duration(_ key: String, _ range: ClosedRange<TimeSpan>, default absent: TimeSpan) -> TimeSpan {
        optional(key)?.duration(range) ?? absent
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, default absent: Value) -> Value
    where Value.RawValue == String {
        optional(key)?.choice() ?? absent
    }
}

/// The value of one key, to be read as what the key wants. Every method returns nil after reporting why it can't.
struct Field {
    /// How messages call it: `interval`.
    let key: String
    /// Where the key stands.
    let place: Position
    let tree: Tree
    let findings: Findings

    /// Where the value stands.
    var position: Position { tree.position }

    /// Notes that the value won't do.
    func refuse(_ what: String, _ mend: String) { findings.report(what, mend, at: position) }

    /// Any scalar, plain or quoted.
    func text(_ wanted: String = "a text") -> String? {
        guard case .text(let text, let isQuoted) = tree.content, isQuoted || !tree.isEmpty else {
            if !tree.isUnreadable {
                refuse(
                    "`\(key)` must be \(wanted), not \(tree.kind)", "write one value; quote it if it begins with [ or {"
                )
            }
            return nil
        }
        return text
    }

    /// A name: letters, digits, `_`, `.`, `-`.
    func name(_ wanted: String = "a name") -> String? {
        guard let text = text(wanted) else { return nil }
        guard isName(text) else {
            refuse("\(quoted(text)) isn't a name", nameRule)
            return nil
        }
        return text
    }

    func integer(_ range: ClosedRange<Int>) -> Int? {
        guard let text = plainText("a whole number") else { return nil }
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            digits.count == 1 || digits.first != 0x30
        else {
            refuse(
                "`\(key)` must be a whole number, not \(quoted(text))",
                "write \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        guard let value = Int(text), range.contains(value) else {
            refuse("`\(key)` is out of range: \(quoted(text))", "choose \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    func bool() -> Bool? {
        guard let text = plainText("true or false") else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default:
            let word = text.lowercased()
            let meant =
                ["yes", "on", "true", "1"].contains(word)
                ? "true" : ["no", "off", "false", "0"].contains(word) ? "false" : nil
            refuse("`\(key)` must be true or false, not \(quoted(text))", "write \(meant ?? "true or false")")
            return nil
        }
    }

    /// Numbers and truth values stand unquoted, so that a quoted one is seen as the mistake of a template.
    private func plainText(_ wanted: String) -> String? {
        guard let text = text(wanted) else { return nil }
        if case .text(_, quoted: true) = tree.content {
            refuse("`\(key)` must be \(wanted), not a quoted text", "remove the quotes")
            return nil
        }
        return text
    }

    func duration(_ range: ClosedRange<TimeSpan>) -> TimeSpan? {
        guard let text = text("a duration such as 500ms or 2s") else { return nil }
        do throws(TimeSpan.Mistake) {
            let span = try TimeSpan(parsing: text)
            if range.contains(span) { return span }
            refuse("`\(key)` is out of range: \(quoted(text))", "choose \(range.lowerBound) to \(range.upperBound)")
        } catch {
            switch error {
            case .noUnit(let count):
                refuse(
                    "the duration \(quoted(text)) of `\(key)` has no unit",
                    "did you mean \(Self.guess(count, in: range))?")
            case .unknownUnit(let unit):
                refuse("\(quoted(unit)) isn't a unit of time", "use us, ms, s, m, h or d, as in 500ms")
            case .notANumber:
                refuse(
                    "`\(key)` must be a duration, not \(quoted(text))", "write a number and a unit, as in 500ms or 2s")
            }
        }
        return nil
    }

    /// Milliseconds if they are in range, else seconds.
    private static func guess(_ count: Int64, in range: ClosedRange<TimeSpan>) -> String {
        let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: 1_000_000)
        return !overflow && range.contains(TimeSpan(nanoseconds: nanoseconds)) ? "\(count)ms" : "\(count)s"
    }

    func choice<Value: RawRepresentable & CaseIterable>() -> Value? where Value.RawValue == String {
        let known = Value.allCases.map(\.rawValue)
        guard let text = text(alternatives(known)) else { return nil }
        if let value = Value(rawValue: text) { return value }
        let mend = nearest(to: text, among: known).map { "did you mean \($0)?" } ?? "write \(alternatives(known))"
        refuse("`\(key)` can't be \(quoted(text))", mend)
        return nil
    }

    /// The items of a list, or a single scalar as a list of one; each keeps this field's name.
    func items(limit: Int, _ wanted: String) -> [Field]? {
        switch tree.content {
        case .text: return [self]
        case .list(let items):
            guard items.count <= limit else {
                refuse("`\(key)` has \(items.count) entries", "keep at most \(limit)")
                return nil
            }
            return items.map { Field(key: key, place: place, tree: $0, findings: findings) }
        case .mapping, .unreadable:
            if !tree.isUnreadable { refuse("`\(key)` must be \(wanted), not a mapping", "write a list, as in [a, b]") }
            return nil
        }
    }

    /// The entries of a mapping whose keys are names of the user's choice, sorted by name.
    ///
    /// Bad names are reported, and their entries returned all the same so that what stands in them is read too.
    func named(_ one: String, limit: Int) -> [Named]? {
        guard case .mapping(let entries) = tree.content else {
            if !tree.isUnreadable {
                refuse("`\(key)` must be a mapping of names, not \(tree.kind)", "write `NAME: …`, one \(one) each")
            }
            return nil
        }
        guard !entries.isEmpty else {
            refuse("`\(key)` is empty", "name at least one \(one), or remove the key")
            return nil
        }
        guard entries.count <= limit else {
            findings.report("`\(key)` has \(entries.count) entries", "keep at most \(limit)", at: place)
            return nil
        }
        for entry in entries where !isName(entry.key) {
            findings.report("\(quoted(entry.key)) isn't a name", nameRule, at: entry.position)
        }
        return entries.map { Named(name: $0.key, place: $0.position, tree: $0.value) }.sorted { $0.name < $1.name }
    }
}

/// An entry of a mapping of names.
struct Named {
    let name: String
    let place: Position
    let tree: Tree
}

let nameRule = "use 1 to \(Limit.name) of the letters A-Z a-z 0-9 _ . -"

func isName(_ text: String) -> Bool {
    (1...Limit.name).contains(text.utf8.count)
        && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
}
