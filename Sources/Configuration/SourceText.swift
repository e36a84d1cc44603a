/// A file's text and where its lines are, counted as YAML counts them.
package struct SourceText {
    let text: String

    package init(_ text: String) { self.text = text }

    /// Why bytes can't be a YAML text.
    struct Unreadable: Error, Equatable {
        enum Reason: Equatable {
            case invalidUTF8(byte: UInt8)
            case control(UInt32)
        }

        let reason: Reason
        let position: Position
        /// The text up to there and beyond it, with replacement characters.
        let source: String
    }

    /// Takes a file's bytes, without their byte order mark; refuses what isn't UTF-8, and characters that YAML forbids.
    init(bytes: [UInt8]) throws(Unreadable) {
        let content = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
        guard let text = String(validating: content, as: UTF8.self) else {
            let repaired = String(decoding: content, as: UTF8.self)
            let bad = Self.firstInvalid(in: content)
            throw Unreadable(
                reason: .invalidUTF8(byte: bad.byte), position: Self.position(after: bad.before), source: repaired)
        }
        self.text = text
        var walker = LineWalker()
        for scalar in text.unicodeScalars {
            guard Self.isAllowed(scalar.value) else {
                throw Unreadable(reason: .control(scalar.value), position: walker.position, source: text)
            }
            walker.pass(scalar)
        }
    }

    /// YAML 1.1 production c-printable; a byte order mark within the text isn't part of it.
    private static func isAllowed(_ value: UInt32) -> Bool {
        switch value {
        case 0x9, 0xa, 0xd, 0x20...0x7e, 0x85, 0xa0...0xd7ff, 0xe000...0xfefe, 0xff00...0xfffd, 0x10000...0x10ffff: true
        default: false
        }
    }

    /// The valid text before the first byte that isn't UTF-8, and that byte.
    private static func firstInvalid(in bytes: ArraySlice<UInt8>) -> (before: String, byte: UInt8) {
        var decoder = UTF8()
        var source = bytes.makeIterator()
        var before = String.UnicodeScalarView()
        var consumed = bytes.startIndex
        while case .scalarValue(let scalar) = decoder.decode(&source) {
            before.append(scalar)
            consumed += UTF8.width(scalar)
        }
        return (String(before), consumed < bytes.endIndex ? bytes[consumed] : 0)
    }

    private static func position(after text: String) -> Position {
        var walker = LineWalker()
        for scalar in text.unicodeScalars { walker.pass(scalar) }
        return walker.position
    }

    /// A line without its break; nil beyond the end.
    func line(_ number: Int) -> String? {
        var walker = LineWalker()
        var found = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if walker.position.line > number { break }
            if walker.position.line == number, !LineWalker.isBreak(scalar) { found.append(scalar) }
            walker.pass(scalar)
        }
        return walker.position.line >= number && number > 0 ? String(found) : nil
    }

    /// The place of the first tab in a line's indentation.
    func tabInIndentation(ofLine number: Int) -> Position? {
        guard let line = line(number) else { return nil }
        let indentation = line.unicodeScalars.prefix { $0 == " " || $0 == "\t" }
        guard let tab = indentation.firstIndex(of: "\t") else { return nil }
        let column = indentation.distance(from: indentation.startIndex, to: tab) + 1
        return Position(line: number, column: column)
    }

    /// The source line of a position, cut to a terminal's width around it, and a caret below; nil without such a line.
    package func excerpt(at position: Position) -> String? {
        guard !text.isEmpty, let line = line(position.line) else { return nil }
        let width = 100
        let scalars = Array(
            line.unicodeScalars.map { $0 == "\t" || $0.properties.isDefaultIgnorableCodePoint ? " " : $0 })
        let column = min(max(position.column - 1, 0), scalars.count)
        let start = column > width - 20 ? column - width / 2 : 0
        var shown = String.UnicodeScalarView()
        shown.append(contentsOf: scalars[start..<min(scalars.count, start + width)])
        let gutter = "\(position.line)"
        let margin = String(repeating: " ", count: gutter.utf8.count)
        return " \(gutter) | \(String(shown))\n \(margin) | \(String(repeating: " ", count: column - start))^"
    }
}

/// Counts lines and columns as libyaml does: CR LF is one break, and NEL, LS and PS are breaks.
package struct LineWalker {
    package private(set) var position = Position.start
    private var previous: Unicode.Scalar = " "

    static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xa, 0xd, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    package init() {}

    package mutating func pass(_ scalar: Unicode.Scalar) {
        if scalar == "\n", previous == "\r" {
            previous = scalar
            return
        }
        previous = scalar
        position =
            Self.isBreak(scalar)
            ? Position(line: position.line + 1, column: 1)
            : Position(line: position.line, column: position.column + 1)
    }
}

extension SourceText {
    /// The character at a position; nil at the end of a line and beyond.
    func character(at position: Position) -> Unicode.Scalar? {
        guard let line = line(position.line), position.column > 0 else { return nil }
        return line.unicodeScalars.dropFirst(position.column - 1).first
    }
}
