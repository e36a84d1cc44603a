/// A place in a text, both numbers from 1; columns count Unicode scalars, as YAML's own marks do.
package struct Position: Hashable, Comparable, Sendable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    static let start = Position(line: 1, column: 1)

    package static func < (left: Position, right: Position) -> Bool {
        left.line != right.line ? left.line < right.line : left.column < right.column
    }
}

/// One thing that is wrong with a configuration file, and how to mend it.
package struct Problem: Equatable, Sendable, CustomStringConvertible {
    package let file: String
    package let position: Position
    /// What is wrong, in one line.
    package let what: String
    /// What to do about it, in one line.
    package let mend: String

    package var line: Int { position.line }
    package var column: Int { position.column }

    /// `FILE:LINE:COLUMN: what; mend`, the contract of `electd check`.
    package var description: String { "\(file):\(line):\(column): \(what); \(mend)" }
}

/// Everything that is wrong with a configuration file: never empty, sorted by position.
package struct ConfigurationErrors: Error, Equatable, Sendable, CustomStringConvertible {
    package let problems: [Problem]
    /// The file's text, so that a terminal can be shown the lines; empty when it couldn't be read.
    let source: String

    init(problems: [Problem], source: String) {
        precondition(!problems.isEmpty, "an error needs a problem")
        self.problems = problems
        self.source = source
    }

    /// One line per problem.
    package var description: String { problems.map(\.description).joined(separator: "\n") }

    /// Each problem followed by the source line and a caret below the place; for people, when stderr is a terminal.
    package var illustrated: String {
        let text = SourceText(source)
        return problems.map { problem in
            text.excerpt(at: problem.position).map { "\(problem)\n\($0)" } ?? problem.description
        }.joined(separator: "\n")
    }
}
