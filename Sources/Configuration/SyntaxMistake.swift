import Yams

/// A fault in a file's YAML, in words for somebody who didn't write the parser.
struct SyntaxMistake {
    private var what: String
    private var mend: String
    private var position: Position

    func report(to findings: Findings) { findings.report(what, mend, at: position) }

    init(_ error: YamlError, in source: SourceText) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = Position(mark)
            let opened = context.map { Position($0.mark) } ?? place
            self.init(problem, context: context?.text ?? "", at: place, opened: opened, in: source)
        case .reader(let problem, _, _, _):
            // The characters were looked at before, so only the parser's own limits remain.
            self.init(what: "YAML can't be read: \(problem)", mend: "correct the file", position: .start)
        default:
            self.init(what: "YAML can't be read", mend: "make the file smaller or simpler", position: .start)
        }
    }

    private init(what: String, mend: String, position: Position) {
        self.what = what
        self.mend = mend
        self.position = position
    }

    /// Words for libyaml's messages, found in its scanner.c and parser.c.
    private init(_ problem: String, context: String, at place: Position, opened: Position, in source: SourceText) {
        for line in [place.line, opened.line] {
            guard let tab = source.tabInIndentation(ofLine: line) else { continue }
            self.init(
                what: "a tab indents this line", mend: "indent with spaces; YAML allows no tabs there", position: tab)
            return
        }
        switch problem {
        case "found character that cannot start any token":
            let begin = source.character(at: place).map { quoted(String($0)) } ?? "this character"
            self.init(
                what: "a value can't begin with \(begin)", mend: "put the value in double quotes", position: place)
        case "mapping values are not allowed in this context":
            self.init(
                what: "a ':' isn't expected here",
                mend: "align this key with the keys above it, or quote the value that contains ': '", position: place)
        case "could not find expected ':'":
            self.init(
                what: "there is no ':' behind this key", mend: "write `key: value`, with a space behind the colon",
                position: opened)
        case "found unexpected end of stream":
            self.init(what: "the quote that opens here is never closed", mend: "close it", position: opened)
        case "did not find expected ',' or '}'":
            self.init(
                what: "the '{' that opens here isn't closed before line \(place.line), column \(place.column)",
                mend: "put commas between the entries and a '}' behind the last", position: opened)
        case "did not find expected ',' or ']'":
            self.init(
                what: "the '[' that opens here isn't closed before line \(place.line), column \(place.column)",
                mend: "put commas between the entries and a ']' behind the last", position: opened)
        default:
            self.init(laterIn: problem, context: context, at: place)
        }
    }

    private init(laterIn problem: String, context: String, at place: Position) {
        switch problem {
        case "did not find expected key":
            self.init(
                what: "this line belongs to no mapping",
                mend: "align it with the keys that it stands beside, or quote the value before it", position: place)
        case "did not find expected '-' indicator":
            self.init(
                what: "this line belongs to no list", mend: "align it with the '-' of the entries above",
                position: place)
        case "did not find expected <document start>":
            self.init(
                what: "the file's keys have ended before this",
                mend: "align it with the first key of the file, or remove it",
                position: place)
        case "did not find expected node content":
            self.init(
                what: "a value is expected here", mend: "write one, or remove the comma or bracket before it",
                position: place)
        case "found unknown escape character":
            self.init(
                what: "a backslash stands before a character that needs none",
                mend: "write \\\\ for a backslash, or use single quotes", position: place)
        case "found undefined alias":
            self.init(
                what: "YAML anchors and aliases (& and *) aren't read",
                mend: "write the value out, or put it in quotes if the * belongs to it", position: place)
        case "but found another document":
            self.init(
                what: "a second document begins here", mend: "keep one document in the file; remove this `---`",
                position: place)
        case let text where text.hasPrefix("Maximum nesting level"):
            self.init(what: "this is nested too deeply", mend: "no key needs more than a few levels", position: place)
        case "block sequence entries are not allowed in this context":
            self.init(what: "a '-' isn't expected here", mend: "begin the list on a line of its own", position: place)
        default:
            let within = context.isEmpty ? "" : " \(context)"
            self.init(
                what: "this isn't YAML: \(problem)\(within)", mend: "correct it here or just above", position: place)
        }
    }
}
