import Configuration
import Election
import Sodium

/// A configuration with everything it refers to: checked, and known whose it is.
package struct LoadedConfiguration: Sendable {
    package var configuration: Configuration
    package var this: Configuration.Node
    package var rules: Rules
    /// Who may look at the statistics; nil when everybody may, or there are none.
    package var users: UsersFile?
    /// The file's text.
    package var text: [UInt8]

    /// Reads and checks a file and the key files that it names.
    ///
    /// - Throws: every problem found, each with file, line and column.
    package static func load(_ path: String) throws(ConfigurationErrors) -> LoadedConfiguration {
        try load(try ConfigurationFile.load(path: path))
    }

    /// The same of a text that may be another node's, as if it stood in a file of that name.
    ///
    /// - Parameter own: whose key files count in place of those that the text names.
    package static func load(
        text: [UInt8], as name: String, on own: LoadedConfiguration
    ) throws(ConfigurationErrors) -> LoadedConfiguration {
        try load(try ConfigurationFile.parse(bytes: text, file: name), on: own)
    }

    /// The same of a text that was read already.
    static func load(
        _ file: ConfigurationFile, on own: LoadedConfiguration
    ) throws(ConfigurationErrors) -> LoadedConfiguration {
        try load(file.withKeyFiles(of: own.configuration))
    }

    private static func load(_ file: ConfigurationFile) throws(ConfigurationErrors) -> LoadedConfiguration {
        var users: UsersFile?
        var pages: [String: [UInt8]] = [:]
        let this = try file.checkFiles(
            secret: { path in _ = try ClusterSecret.read(path) },
            publicKey: { path in try SigningKey.read(path).publicKey.bytes }, users: { users = $0 },
            pages: { pages = $0 })
        return LoadedConfiguration(
            configuration: file.configuration.with(pages: pages), this: this,
            rules: Rules(file.configuration, this: this), users: users, text: Array(file.source.utf8))
    }

    /// Two groups whose names come to one number on the wire; as good as never, and then a rename away.
    package var groupClash: String? {
        for (place, group) in rules.groups.enumerated() {
            for other in rules.groups.dropFirst(place + 1) where other.id == group.id {
                return "groups \(group.name) and \(other.name) have the same number on the wire; rename one of them"
            }
        }
        return nil
    }

    /// Why a running daemon can't take the other configuration; nil when it can.
    ///
    /// Promises rest on what `canonicalSafetyText` says: nodes that differ in it don't count for each other, so a change
    /// there needs every node to be stopped first, also by way of the log (Specs/protocol.md, G8).
    func obstacle(to other: LoadedConfiguration) -> String? {
        if rules.safetyDigest != other.rules.safetyDigest {
            return "it changes nodes, timing, or a group's mode, addresses or candidates; stop electd on all nodes, "
                + "install the file everywhere, then start them"
        }
        if this.name != other.this.name { return "it makes this node \(other.this.name) instead of \(this.name)" }
        if configuration.placements(on: this) != other.configuration.placements(on: other.this) {
            return "it moves a group to another interface; restart electd on this node"
        }
        if configuration.journal != other.configuration.journal {
            return "it changes the journal's place or limits; restart electd on this node"
        }
        return nil
    }
}
