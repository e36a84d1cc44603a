import Foundation

/// The package as it lies on disk, read by the tests that hold it to its own rules.
enum House {
    /// The package's root, found from this file's place in it.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A text file and where it lies.
    struct File {
        /// From the package's root, as in `Sources/Election/Event.swift`.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
        /// The second part of the path: the module in `Sources/MODULE/…`.
        var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    }

    /// The files below `directory` whose name ends in one of `endings`, sorted by path.
    static func files(_ directory: String, _ endings: String...) throws -> [File] {
        let base = root.appendingPathComponent(directory)
        let found = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
        return
            try found.filter { path in endings.contains { path.hasSuffix($0) } && !path.contains(".build/") }
            .sorted()
            .map { File(path: "\(directory)/\($0)", text: try text("\(directory)/\($0)")) }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}

extension House.File {
    /// The modules that the file imports, each with its line.
    var imports: [(line: Int, module: String)] {
        lines.enumerated().compactMap { index, line in
            var words = line.split(separator: " ").map(String.init)
            while let first = words.first,
                first.hasPrefix("@") || ["package", "public", "internal", "private"].contains(first)
            {
                words.removeFirst()
            }
            guard words.first == "import" else { return nil }
            let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let name = words.dropFirst().first { !kinds.contains($0) } ?? ""
            return (index + 1, String(name.prefix { $0 != "." }))
        }
    }

    /// The lines without comments and string literals, so that prose can't break a rule about code.
    var code: [(line: Int, text: String)] {
        var isInComment = false
        return lines.enumerated().map { index, line in
            var kept = ""
            var isInString = false
            var rest = line[...]
            while let character = rest.first {
                if isInComment {
                    if rest.hasPrefix("*/") { isInComment = false }
                } else if isInString {
                    if character == "\\" { rest = rest.dropFirst() }
                    if character == "\"" { isInString = false }
                } else if rest.hasPrefix("//") {
                    break
                } else if rest.hasPrefix("/*") {
                    isInComment = true
                } else if character == "\"" {
                    isInString = true
                } else {
                    kept.append(character)
                }
                rest = rest.dropFirst()
            }
            return (index + 1, kept)
        }
    }
}
