import ArgumentParser
import Configuration
import Control
import Election
import Questions
import Sodium

/// What every question to journals may be told.
struct QuestionOptions: ParsableArguments {
    @Flag(help: "Print the answer as JSON.")
    var json = false

    @Option(help: "A group, or one of its addresses; every group without it.")
    var group: String?

    @Option(help: "Only what this node did.")
    var node: String?

    @Option(parsing: .unconditional, help: ArgumentHelp(Self.timeHelp, valueName: "T"))
    var from: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Likewise, the end.", valueName: "T"))
    var to: String?

    @Option(help: "A configuration file: journals must be signed with its nodes' keys.")
    var config: String?

    @Option(
        name: .customLong("key"),
        help: ArgumentHelp(
            "A node's public key that its journal must be signed with; may be repeated.", valueName: "NODE=ed25519:…"))
    var keys: [String] = []

    @Argument(help: "Journals of one or several nodes: state directories, journal directories or segments.")
    var journals: [String] = []

    static let timeHelp =
        "2026-01-31T13:05:07.250Z, @SECONDS since 1970, -90s before the end, +90s after the start."

    func archive() throws -> JournalArchive {
        if journals.isEmpty {
            throw ValidationError("which journals? A node's is in its state directory: /var/lib/electd")
        }
        let pins = try pinned()
        return try asked { () throws(QuestionError) in try JournalArchive.open(journals, keys: pins) }
    }

    func chronicle() throws -> Chronicle {
        let archive = try archive()
        let window = try window()
        return try asked { () throws(QuestionError) in try Chronicle.read(archive, window: window) }
    }

    /// Segments outside aren't read; only wall clock times say which those are.
    func window() throws -> Chronicle.Window {
        Chronicle.Window(from: try wall(from), to: try wall(to))
    }

    private func wall(_ text: String?) throws -> Int64? {
        guard let text else { return nil }
        if case .wall(let wall) = try time(text) { return wall }
        return nil
    }

    func time(_ text: String) throws -> TimeText.Asked {
        guard let time = TimeText.parse(text) else { throw ValidationError("\(QuestionError.unknownTime(text))") }
        return time
    }

    /// The stretch that is asked about, once the journals are read.
    func stretch(_ chronicle: Chronicle) throws -> Chronicle.Window {
        var window = Chronicle.Window()
        if let from {
            let time = try time(from)
            window.from = try asked { () throws(QuestionError) in try chronicle.bounds(of: time).earliest }
        }
        if let to {
            let time = try time(to)
            window.to = try asked { () throws(QuestionError) in try chronicle.bounds(of: time).latest }
        }
        return window
    }

    func groups(_ chronicle: Chronicle) throws -> [GroupID] {
        guard let group else { return chronicle.groups }
        return [try asked { () throws(QuestionError) in try chronicle.group(named: group) }]
    }

    /// The node that is asked about; nil for all.
    func node(_ chronicle: Chronicle) throws -> Int? {
        try asked { () throws(QuestionError) in try place(chronicle) }
    }

    func place(_ chronicle: Chronicle) throws(QuestionError) -> Int? {
        guard let node else { return nil }
        return try chronicle.place(of: node)
    }

    func pinned() throws -> [String: PublicKey] {
        var pins: [String: PublicKey] = [:]
        if let config {
            do throws(ConfigurationErrors) {
                for node in try ConfigurationFile.load(path: config).configuration.nodes {
                    pins[node.name] = PublicKey(bytes: node.key)
                }
            } catch {
                Talk.say(error.description)
                throw ExitCode.configuration
            }
        }
        for text in keys {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let key = PublicKey(parsing: parts[1]) else {
                throw ValidationError("'\(text)' is not NODE=ed25519:BASE64, as electd keygen prints it")
            }
            pins[parts[0]] = key
        }
        return pins
    }

    func show(_ answer: Answer) throws {
        if json {
            Talk.print(Array((answer.json.encoded + "\n").utf8))
        } else {
            Talk.print(Array((answer.lines.joined(separator: "\n") + "\n").utf8))
        }
        if !answer.isGood { throw ExitCode.difference }
    }
}

/// Turns a question's refusal into talk and an exit code.
func asked<Result>(_ body: () throws(QuestionError) -> Result) throws -> Result {
    do throws(QuestionError) {
        return try body()
    } catch {
        Talk.say("electd: \(error)")
        switch error {
        case .unreadable, .noJournal, .foreignKey: throw ExitCode.difference
        case .badSetting, .unknownTime, .unknownRecord, .unknownGroup, .unknownNode, .keyMissing:
            throw ExitCode.usage
        case .tooMuch, .nothingHappened, .notProven: throw ExitCode.dataError
        }
    }
}

extension ExitCode {
    /// The command line asks for something that isn't there.
    static let usage = ExitCode(64)
    /// A file that was named can't be read (EX_NOINPUT).
    static let noInput = ExitCode(66)
    /// Another version of this software has to be asked (EX_PROTOCOL).
    static let otherVersion = ExitCode(76)
}
