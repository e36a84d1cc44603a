import Configuration
import Sodium
import Testing

@Suite struct UsersFileTests {
    /// Of the right form; nobody's password.
    static let hash = "$argon2id$v=19$m=65536,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + String(repeating: "B", count: 43)
    static let line = "admin:\(hash)\n"

    private func mistake(_ text: String) -> UsersFile.Mistake? {
        do throws(UsersFile.Mistake) {
            _ = try UsersFile(parsing: Array(text.utf8))
            return nil
        } catch {
            return error
        }
    }

    @Test func passwordsBelongToTheirUsers() throws {
        let admin = try #require(PasswordHash(hashing: Array("correct horse".utf8)))
        let lucy = try #require(PasswordHash(hashing: Array("a:b".utf8)))
        let users = try UsersFile(parsing: Array("# who looks\n\n  admin:\(admin) \r\nlücy:\(lucy)".utf8))
        func matches(_ user: String, _ password: String) -> Bool {
            users.matches(user: Array(user.utf8), password: Array(password.utf8))
        }
        #expect(matches("admin", "correct horse"))
        #expect(matches("lücy", "a:b"))
        #expect(!matches("admin", "a:b"))
        #expect(!matches("fred", "correct horse"))
        #expect(!matches("admin", ""))
        #expect(!matches("", "correct horse"))
    }

    @Test func whatIsNoUserIsToldByItsLine() {
        let hash = Self.hash
        #expect(mistake(Self.line) == nil)
        #expect(mistake("admin:admin") == .malformed(line: 1))
        #expect(mistake("\n#\nadmin") == .malformed(line: 3))
        #expect(mistake(":\(hash)") == .malformed(line: 1))
        #expect(mistake("a b:\(hash)") == .malformed(line: 1))
        #expect(mistake(String(repeating: "a", count: 65) + ":\(hash)") == .malformed(line: 1))
        #expect(mistake("admin:$1$abc$def") == .malformed(line: 1))
        #expect(mistake("admin:\(hash):") == .malformed(line: 1))
        #expect(mistake(Self.line + Self.line) == .twice(line: 2))
        #expect(mistake("# nobody yet\n") == .nobody)
        #expect(mistake((0...256).map { "u\($0):\(hash)\n" }.joined()) == .tooMany(max: 256))
        #expect(mistake((0..<256).map { "u\($0):\(hash)\n" }.joined()) == nil)
    }

    @Test func aMistakeDoesNotQuoteTheFile() {
        #expect("\(UsersFile.Mistake.malformed(line: 7))" == "has no `user:$argon2id$…` in line 7")
    }
}
