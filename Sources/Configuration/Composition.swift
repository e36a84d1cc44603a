import Yams

/// Makes a `Tree` of a text through Yams, and reports what YAML allows and this module doesn't: anchors, tags, keys that
/// aren't text, keys given twice, depth.
struct Composition {
    private let findings: Findings
    private let source: SourceText
    /// Keys that were given a private first character so that Yams would accept them; see `compose`.
    private var renamed: [Position: Unicode.Scalar] = [:]

    /// Deeper than any key of ours.
    private static let depthMax = 16
    /// Rereadings for keys that are given twice; fewer where the text is long, for Yams takes seconds for a MiB.
    private static let renamedMax = 16
    private static let rereadBytesMax = Limit.fileBytes

    private init(source: SourceText, findings: Findings) {
        self.source = source
        self.findings = findings
    }

    /// The document of a text; nil if there is none that can be read on, with the reason in `findings`.
    static func tree(of source: SourceText, findings: Findings) -> Tree? {
        guard !Unfolding.isPossible(in: source.text, findings) else { return nil }
        var composition = Composition(source: source, findings: findings)
        return composition.compose()
    }

    /// Reads the text, again after each key that is given twice.
    ///
    /// Yams stops at such a key and tells the first place only. Its first character is replaced by one for private use,
    /// which keeps every position, and the reading goes on; `entries` then finds both places and everything else.
    private mutating func compose() -> Tree? {
        var text = source.text
        // Yams keeps a pointer into the text, and a Swift string below 16 bytes has no place in memory that lasts.
        if text.utf8.count < 64 { text += String(repeating: "\n", count: 64) }
        text.makeContiguousUTF8()
        while true {
            do {
                let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
                guard let root = try parser.singleRoot() else {
                    findings.report("the file is empty", "see Specs/configuration.md for its keys", at: .start)
                    return nil
                }
                // Nodes refer to their anchors weakly; the parser owns them.
                let document = withExtendedLifetime(parser) { tree(of: root, depth: 0) }
                return document.isUnreadable ? nil : document
            } catch let YamlError.duplicatedKeysInMapping(names, context) {
                let place = Position(context.mark)
                guard renamed.count < Self.renamedMax, (renamed.count + 2) * text.utf8.count <= Self.rereadBytesMax,
                    let next = rename(keyAt: place, in: text)
                else {
                    let isWord = source.character(at: place).map { !"[{?".unicodeScalars.contains($0) } ?? false
                    let name = isWord ? names.first.map(quoted) ?? "a key" : "a key"
                    findings.report("\(name) is given more than once", "keep one of them", at: place)
                    return nil
                }
                text = next
                text.makeContiguousUTF8()
            } catch let error as YamlError {
                SyntaxMistake(error, in: source).report(to: findings)
                return nil
            } catch {
                findings.report("YAML can't be read: \(error)", "correct the file", at: .start)
                return nil
            }
        }
    }

    /// The text with the first character of the key at `place` replaced; nil if that was done before or can't be.
    private mutating func rename(keyAt place: Position, in text: String) -> String? {
        var walker = LineWalker()
        var scalars = Array(text.unicodeScalars)
        guard
            var index = scalars.firstIndex(where: { scalar in
                if walker.position == place { return true }
                walker.pass(scalar)
                return false
            })
        else { return nil }
        if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
        guard index < scalars.count, renamed[place] == nil, "\"'\\".unicodeScalars.contains(scalars[index]) == false,
            let substitute = Unicode.Scalar(UInt32(0xe000 + renamed.count))
        else { return nil }
        renamed[place] = scalars[index]
        scalars[index] = substitute
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// A key as the file has it.
    private func restored(_ key: String, at place: Position) -> String {
        guard let first = renamed[place] else { return key }
        var view = String.UnicodeScalarView([first])
        view.append(contentsOf: key.unicodeScalars.dropFirst())
        return String(view)
    }

    private func tree(of node: Node, depth: Int) -> Tree {
        let position = node.mark.map(Position.init) ?? .start
        guard accepts(node, depth: depth, at: position) else { return Tree(content: .unreadable, position: position) }
        switch node {
        case .scalar(let scalar):
            let isQuoted = ![.plain, .any].contains(scalar.style)
            return Tree(content: .text(scalar.string, quoted: isQuoted), position: position)
        case .sequence(let sequence):
            return Tree(content: .list(sequence.map { tree(of: $0, depth: depth + 1) }), position: position)
        case .mapping(let mapping):
            return Tree(content: .mapping(entries(of: mapping, depth: depth)), position: position)
        case .alias:
            preconditionFailure("Yams composes no alias nodes, it copies what they name")
        }
    }

    private func accepts(_ node: Node, depth: Int, at position: Position) -> Bool {
        guard depth <= Self.depthMax else {
            findings.report("this is nested too deeply", "no key needs more than \(Self.depthMax) levels", at: position)
            return false
        }
        guard node.anchor == nil else {
            findings.report(Unfolding.anchorsAndAliases.what, Unfolding.anchorsAndAliases.mend, at: position)
            return false
        }
        let tag = node.tag.description
        guard ["", "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"].contains(tag) else {
            findings.report(
                "the YAML tag \(quoted(tag)) isn't read", "remove it; the key decides the type", at: position)
            return false
        }
        return true
    }

    /// A mapping's entries, without those whose key was reported: no text, or given before.
    private func entries(of mapping: Node.Mapping, depth: Int) -> [Tree.Entry] {
        var firsts: [String: Position] = [:]
        var entries: [Tree.Entry] = []
        for (keyNode, valueNode) in mapping {
            let place = keyNode.mark.map(Position.init) ?? .start
            guard accepts(keyNode, depth: depth + 1, at: place) else { continue }
            guard case .scalar(let scalar) = keyNode else {
                findings.report("a key must be a word", "write `key: value`", at: place)
                continue
            }
            let key = restored(scalar.string, at: place)
            if let first = firsts[key] {
                findings.report(
                    "\(quoted(key)) is given twice, first in line \(first.line)", "keep one of them", at: place)
                continue
            }
            firsts[key] = place
            entries.append(Tree.Entry(key: key, position: place, value: tree(of: valueNode, depth: depth + 1)))
        }
        return entries
    }
}

extension Position {
    init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}
