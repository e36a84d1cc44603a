/// Why a question can't be answered. The description names the mend.
package enum QuestionError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(String)
    case noJournal([String])
    /// The journal isn't of the node that was to be trusted.
    case foreignKey(node: String, key: String)
    case unknownNode(String, known: [String])
    case unknownGroup(String, known: [String])
    case unknownRecord(String, why: String)
    case unknownTime(String)
    case badSetting(String, why: String)
    /// The journals speak of more than an answer may hold.
    case tooMuch(what: String)
    case nothingHappened(String)
    /// No proof can be made, or what was given is none.
    case notProven(String)
    case keyMissing(String)

    package var description: String {
        switch self {
        case .unreadable(let what): what
        case .noJournal(let paths):
            "there is no journal in \(paths.joined(separator: ", ")); it is in the state directory, /var/lib/electd"
        case .foreignKey(let node, let key):
            "the journal of \(node) is signed with \(key), which isn't the key given for it; it is somebody else's"
        case .unknownNode(let name, let known): "no node '\(name)'; there are \(known.joined(separator: ", "))"
        case .unknownGroup(let name, let known):
            "no group or address '\(name)'; there are \(known.joined(separator: ", "))"
        case .unknownRecord(let text, let why): "'\(text)' is no record here: \(why); write NODE:SEGMENT:RECORD"
        case .unknownTime(let text):
            "'\(text)' is no time; write 2026-01-31T13:05:07.250Z, @SECONDS, -90s before the end or +90s after the start"
        case .badSetting(let text, let why): "--set \(text): \(why)"
        case .tooMuch(let what): "\(what); narrow it with --from, --to, --group or --node"
        case .nothingHappened(let what), .notProven(let what), .keyMissing(let what): what
        }
    }
}
