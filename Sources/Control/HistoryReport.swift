/// The replicated logs as far as this node still has their entries: what `electd history --json` prints.
package struct HistoryReport: Codable, Sendable, Equatable {
    package struct Group: Codable, Sendable, Equatable {
        package var name: String
        package var committed: UInt64
        /// Oldest first; earlier ones are folded into the state.
        package var entries: [Entry]

        package init(name: String, committed: UInt64, entries: [Entry]) {
            self.name = name
            self.committed = committed
            self.entries = entries
        }
    }

    package struct Entry: Codable, Sendable, Equatable {
        package var index: UInt64
        package var term: UInt64
        package var committed: Bool
        /// The first eight bytes of the chain's hash, hexadecimal.
        package var hash: String
        package var text: String

        package init(index: UInt64, term: UInt64, committed: Bool, hash: String, text: String) {
            self.index = index
            self.term = term
            self.committed = committed
            self.hash = hash
            self.text = text
        }
    }

    package var schema = 1
    package var groups: [Group]

    package init(groups: [Group]) { self.groups = groups }

    package static func decode(_ bytes: [UInt8]) throws -> HistoryReport {
        try ControlJSON.decode(HistoryReport.self, from: bytes)
    }

    /// One line per entry, as `router37  12  term 4  drain web/fred, asked of ethyl`.
    package var lines: [String] {
        groups.flatMap { group in
            group.entries.map { entry in
                let state = entry.committed ? "" : "  (not committed)"
                return "\(group.name)  \(entry.index)  term \(entry.term)  \(entry.text)\(state)"
            }
        }
    }
}
