import Glibc

/// A configuration file that was read without a problem.
package struct ConfigurationFile: Sendable {
    package let path: String
    package let configuration: Configuration
    /// Where the keys of key files stand.
    let places: Places
    /// The whole text.
    package let source: String

    /// Reads a file of at most `Limit.fileBytes`.
    ///
    /// Throws all problems of the file at once. One that can't be read at all has its problem in line 1, column 1.
    package static func load(path: String) throws(ConfigurationErrors) -> ConfigurationFile {
        let bytes: [UInt8]
        do throws(FileTrouble) {
            bytes = try OpenFile(path: path).contents(max: Limit.fileBytes)
        } catch {
            let problem = Problem(
                file: path, position: .start, what: "the file \(error.what)", mend: error.mend(path))
            throw ConfigurationErrors(problems: [problem], source: "")
        }
        return try parse(bytes: bytes, file: path)
    }

    /// Reads a text as if it stood in `file`.
    package static func parse(text: String, file: String) throws(ConfigurationErrors) -> ConfigurationFile {
        try parse(bytes: Array(text.utf8), file: file)
    }

    /// Reads bytes as if they stood in `file`.
    package static func parse(bytes: [UInt8], file: String) throws(ConfigurationErrors) -> ConfigurationFile {
        let findings = Findings(file: file)
        let source = Self.source(of: bytes, findings: findings)
        var reading = Reading(findings: findings)
        let configuration = source.flatMap { Composition.tree(of: $0, findings: findings) }
            .flatMap { reading.configuration(of: $0) }
        try findings.throwIfAny(source: source?.text ?? String(decoding: bytes, as: UTF8.self))
        guard let configuration else {
            preconditionFailure("a reading without a result must have reported why")
        }
        return ConfigurationFile(
            path: file, configuration: configuration, places: reading.places, source: source?.text ?? "")
    }

    /// The same with the key files that a node has: where they lie is each node's own matter, and a configuration that
    /// comes from another one can't know it.
    package func withKeyFiles(of other: Configuration) -> ConfigurationFile {
        var own = configuration
        own.secretFile = other.secretFile
        own.identityFile = other.identityFile
        return ConfigurationFile(path: path, configuration: own, places: places, source: source)
    }

    private static func source(of bytes: [UInt8], findings: Findings) -> SourceText? {
        guard bytes.count <= Limit.fileBytes else {
            findings.report("the file is longer than 1 MiB", "make it smaller", at: .start)
            return nil
        }
        do throws(SourceText.Unreadable) {
            return try SourceText(bytes: bytes)
        } catch {
            switch error.reason {
            case .invalidUTF8(let byte):
                findings.report(
                    "the byte 0x\(String(byte, radix: 16)) isn't UTF-8 here", "save the file as UTF-8",
                    at: error.position)
            case .control(let value):
                findings.report(
                    "the character U+\(String(value, radix: 16, uppercase: true)) isn't allowed in YAML", "remove it",
                    at: error.position)
            }
            return nil
        }
    }
}
