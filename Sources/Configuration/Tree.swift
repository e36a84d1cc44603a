/// A YAML document as this module reads it: texts, lists and mappings with their places, and nothing else.
///
/// Plain scalars stay text, so `no` is a word and `1.10` keeps its zero; what a key wants to see decides what it is.
struct Tree {
    indirect enum Content {
        case text(String, quoted: Bool)
        case list([Tree])
        /// In the file's order; keys differ.
        case mapping([Entry])
        /// Reported already; whoever wants to read it says nothing more.
        case unreadable
    }

    struct Entry {
        let key: String
        let position: Position
        let value: Tree
    }

    let content: Content
    let position: Position

    /// Nothing written, or YAML's own words for nothing.
    var isEmpty: Bool {
        guard case .text(let text, quoted: false) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    var isUnreadable: Bool {
        if case .unreadable = content { true } else { false }
    }

    /// What it is, for a message.
    var kind: String {
        switch content {
        case .text(let text, _): isEmpty ? "empty" : quoted(text)
        case .list: "a list"
        case .mapping: "a mapping"
        case .unreadable: "unreadable"
        }
    }
}

/// A user's text in a message: one line, bounded, between quotes.
func quoted(_ text: String) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(60) {
        let isPlain = scalar.properties.generalCategory != .control && !LineWalker.isBreak(scalar)
        shown.append(isPlain && !scalar.properties.isDefaultIgnorableCodePoint ? scalar : "?")
    }
    return "\"\(String(shown))\(text.unicodeScalars.count > 60 ? "…" : "")\""
}
