/// A check's first verdict, or a changed one.
package struct CheckReport: Sendable, Equatable {
    package let name: String
    package let passing: Bool
    /// Why, in one line of at most ``Detail/limit`` printable characters.
    package let detail: String
    /// How long the probe took that decided it.
    package let durationMS: Int
    /// What the server's agent has said so far, for an agent's check.
    package let agent: AgentAnswer?

    package init(name: String, passing: Bool, detail: String, durationMS: Int, agent: AgentAnswer? = nil) {
        self.agent = agent
        self.name = name
        self.passing = passing
        self.detail = detail
        self.durationMS = durationMS
    }
}

/// How a check stands right now, for `electd status`.
package struct CheckStatus: Sendable, Equatable {
    package let name: String
    /// nil until the first result is in.
    package let passing: Bool?
    /// The last result's detail, also when it did not change the verdict.
    package let detail: String
    package let durationMS: Int
    /// Results so far, and how many of them failed.
    package let runs: UInt64
    package let failures: UInt64
    /// Since the verdict last changed; nil until the first.
    package let sinceMS: Int?
    /// For how long the probe has been under way; nil between probes.
    package let runningMS: Int?
}

/// What one probe found.
package enum ProbeResult: Sendable, Equatable {
    case passed(String)
    case failed(String)
    /// A server's agent answered, and this is what it said.
    case told(AgentAnswer, String)
    /// This node itself stood still while the probe ran (a frozen VM, no CPU time), so that silence proves nothing
    /// about the other side.
    case inconclusive(String)

    package var detail: String {
        switch self {
        case .passed(let text), .failed(let text), .inconclusive(let text), .told(_, let text): text
        }
    }
}

/// The short text that says why a check stands as it does.
package enum Detail {
    /// Longest detail, in characters.
    package static let limit = 160

    /// One printable line of what a program or server said: it ends in logs and on terminals, where control bytes
    /// could forge lines or move the cursor.
    package static func line(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        var length = 0
        var pendingSpace = false
        for scalar in String(decoding: Array(bytes.prefix(limit * 8)), as: UTF8.self).unicodeScalars {
            guard length < limit else { break }
            if scalar.properties.isWhitespace || !isPrintable(scalar) {
                pendingSpace = length > 0
                continue
            }
            if pendingSpace, length + 1 < limit {
                text.unicodeScalars.append(" ")
                length += 1
            }
            pendingSpace = false
            text.unicodeScalars.append(scalar)
            length += 1
        }
        return text
    }

    package static func line(_ text: String) -> String { line(text.utf8) }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
