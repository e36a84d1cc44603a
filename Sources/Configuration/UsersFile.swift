import Sodium

/// The people who may look at the statistics, as a file of lines `user:$argon2id$…` has them; `electd password` prints
/// such lines. Empty lines and those that begin with `#` are passed over.
package struct UsersFile: Equatable, Sendable {
    /// Why a file is none; never quotes it, since a password may stand there by mistake.
    package enum Mistake: Error, Equatable, CustomStringConvertible {
        case malformed(line: Int)
        case twice(line: Int)
        case tooMany(max: Int)
        case nobody

        package var description: String {
            switch self {
            case .malformed(let line): "has no `user:$argon2id$…` in line \(line)"
            case .twice(let line): "has the user of line \(line) twice"
            case .tooMany(let max): "has more than \(max) users"
            case .nobody: "has no users, so nobody could look at the statistics"
            }
        }
    }

    static let byteLimit = 64 * 1024
    private static let userLimit = 256
    /// Bytes of a user's name.
    package static let nameLimit = 64

    private struct User: Equatable, Sendable {
        let name: [UInt8]
        let hash: PasswordHash
    }

    private let users: [User]

    package init(parsing bytes: [UInt8]) throws(Mistake) {
        var users: [User] = []
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let blanks = [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")]
            let text = line.reversed().drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }
            if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
            let parts = text.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, Self.isName(Array(parts[0])), !parts[1].contains(UInt8(ascii: ":")),
                let hash = PasswordHash(parsing: String(decoding: parts[1], as: UTF8.self))
            else { throw .malformed(line: index + 1) }
            let name = Array(parts[0])
            guard !users.contains(where: { $0.name == name }) else { throw .twice(line: index + 1) }
            guard users.count < Self.userLimit else { throw .tooMany(max: Self.userLimit) }
            users.append(User(name: name, hash: hash))
        }
        guard !users.isEmpty else { throw .nobody }
        self.users = users
    }

    /// Whether bytes can be a user's name: 1 to 64 of UTF-8, no colon (RFC 7617 section 2), no control character.
    package static func isName(_ bytes: [UInt8]) -> Bool {
        (1...nameLimit).contains(bytes.count) && bytes.first != UInt8(ascii: "#")
            && String(validating: bytes, as: UTF8.self) != nil
            && bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ":") }
    }

    /// Whether `user` is there and has that password. Takes as long for a user who isn't there: nobody learns who is.
    package func matches(user: [UInt8], password: [UInt8]) -> Bool {
        guard let found = users.first(where: { $0.name == user }) else {
            _ = users.first?.hash.matches(password)
            return false
        }
        return found.hash.matches(password)
    }
}
