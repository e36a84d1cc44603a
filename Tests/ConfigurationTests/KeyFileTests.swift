import Glibc
import Configuration
import Testing

/// The second stage: files on this machine, and which node it is.
@Suite struct KeyFileTests {
    /// A directory of its own, gone with the test.
    private final class Directory {
        let path: String

        init() throws {
            var template = Array("/tmp/electd-configuration-XXXXXX".utf8CString)
            path = try #require(mkdtemp(&template).map { String(cString: $0) })
        }

        deinit {
            for name in ["secret", "identity", "users", "notify", "probe"] { unlink("\(path)/\(name)") }
            rmdir("\(path)/probe")
            rmdir(path)
        }

        func write(_ name: String, _ count: Int = 32, mode: mode_t = 0o600) throws {
            try write(name, [UInt8](repeating: 7, count: count), mode: mode)
        }

        func write(_ name: String, _ bytes: [UInt8], mode: mode_t) throws {
            let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            try #require(descriptor >= 0)
            #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
            #expect(fchmod(descriptor, mode) == 0)
            close(descriptor)
        }

        /// The good file with its paths in here.
        var text: String {
            var text = Landlord.text
            for (old, name) in [
                ("/etc/electd/cluster.secret", "secret"), ("/etc/electd/identity.key", "identity"),
                ("/etc/electd/users", "users"), ("/etc/electd/notify", "notify"), ("/usr/bin/pgrep", "probe"),
            ] {
                text = text.split(separator: old, omittingEmptySubsequences: false).joined(separator: "\(path)/\(name)")
            }
            return text
        }

        func good() throws {
            try write("secret")
            try write("identity", 64)
            try write("users", Array(UsersFileTests.line.utf8), mode: 0o640)
            try write("notify", 1, mode: 0o755)
        }

        func check(_ replacing: (old: String, new: String)? = nil, key: UInt8 = 1) throws -> (
            node: String?, problems: [String]
        ) {
            var text = text
            if let (old, new) = replacing {
                text = text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
            }
            let file = try ConfigurationFile.parse(text: text, file: "e.yaml")
            do throws(ConfigurationErrors) {
                return (
                    try file.checkFiles(secret: { _ in }, publicKey: { _ in [UInt8](repeating: key, count: 32) }).name,
                    []
                )
            } catch {
                let lines = error.problems.map {
                    "\($0)".split(separator: path, omittingEmptySubsequences: false).joined(separator: "D")
                }
                return (nil, lines)
            }
        }
    }

    @Test func goodFilesTellWhichNodeThisIs() throws {
        let directory = try Directory()
        try directory.good()
        #expect(try directory.check(key: 1) == ("fred", []))
        #expect(try directory.check(key: 3) == ("lucy", []))
    }

    @Test func aKeyOfNoNodeIsNamed() throws {
        let directory = try Directory()
        try directory.good()
        let key = base64([UInt8](repeating: 9, count: 32))
        #expect(
            try directory.check(key: 9).problems == [
                "e.yaml:4:1: identity_file D/identity holds the key of no node: ed25519:\(key); "
                    + "put that key under `nodes`, or name this node's own identity file"
            ])
    }

    @Test func aFormerKeyIsNamed() throws {
        let directory = try Directory()
        try directory.good()
        let change = (
            old: "\"\(Landlord.lucyKey)\"", new: "\"\(Landlord.ninthKey)\", former_key: \"\(Landlord.lucyKey)\""
        )
        #expect(try directory.check(change, key: 9) == ("lucy", []))
        #expect(
            try directory.check(change, key: 3).problems == [
                "e.yaml:4:1: identity_file D/identity holds the former key of lucy; "
                    + "put the identity there that `key` of lucy belongs to"
            ])
    }

    @Test func missingFilesAreAllReported() throws {
        let directory = try Directory()
        #expect(
            try directory.check().problems == [
                "e.yaml:3:1: secret_file D/secret doesn't exist; run `electd secret --out D/secret` on one node and copy the file to the others",
                "e.yaml:4:1: identity_file D/identity doesn't exist; run `electd keygen --out D/identity` and put what it prints under `nodes`",
                "e.yaml:28:5: on_change D/notify doesn't exist; check the path",
                "e.yaml:51:3: users_file D/users doesn't exist; check the path",
            ])
    }

    @Test func openKeyFilesAreRefused() throws {
        let directory = try Directory()
        try directory.good()
        try directory.write("secret", mode: 0o640)
        try directory.write("identity", mode: 0o604)
        try directory.write("users", Array(UsersFileTests.line.utf8), mode: 0o602)
        try directory.write("notify", mode: 0o775)
        try directory.write("probe", mode: 0o757)
        #expect(
            try directory.check().problems == [
                "e.yaml:3:1: secret_file D/secret can be read by others (mode 0640); run `chmod 600 D/secret`; make a new one if somebody may have read it",
                "e.yaml:4:1: identity_file D/identity can be read by others (mode 0604); run `chmod 600 D/identity`; make a new one if somebody may have read it",
                "e.yaml:13:5: command D/probe runs with the daemon's rights and can be written by others (mode 0757); run `chmod go-w D/probe`",
                "e.yaml:28:5: on_change D/notify runs with the daemon's rights and can be written by others (mode 0775); run `chmod go-w D/notify`",
                "e.yaml:51:3: users_file D/users can be written by others (mode 0602); run `chmod go-w D/users`",
            ])
    }

    @Test func aUsersFileThatIsNoneIsRefused() throws {
        let directory = try Directory()
        try directory.good()
        try directory.write("users", Array("admin:admin\n".utf8), mode: 0o600)
        #expect(
            try directory.check().problems == [
                "e.yaml:51:3: users_file D/users has no `user:$argon2id$…` in line 1; make its lines with `electd password USER`"
            ])
        try directory.write("users", 70_000)
        #expect(
            try directory.check().problems == [
                "e.yaml:51:3: users_file D/users is longer than 65536 bytes; name the right file, or shorten it"
            ])
    }

    @Test func lengthsOwnersAndKindsAreRefused() throws {
        let directory = try Directory()
        try directory.good()
        unlink("\(directory.path)/identity")
        mkfifo("\(directory.path)/identity", 0o600)
        #expect(
            try directory.check().problems == [
                "e.yaml:4:1: identity_file D/identity isn't a regular file; name a regular file"
            ])
        unlink("\(directory.path)/identity")
        try directory.write("identity")
        mkdir("\(directory.path)/probe", 0o755)
        #expect(
            try directory.check().problems == [
                "e.yaml:13:5: command D/probe isn't a program; name an executable file; perhaps `chmod +x` it"
            ])
        rmdir("\(directory.path)/probe")
        guard geteuid() == 0 else { return }
        #expect(chown("\(directory.path)/identity", 4711, 0) == 0)
        #expect(
            try directory.check().problems == [
                "e.yaml:4:1: identity_file D/identity belongs to user 4711; run `chown root D/identity`"
            ])
    }

    @Test func keysThatCantBeReadAreToldWithTheirReasons() throws {
        struct Broken: Error, CustomStringConvertible { let description: String }
        let directory = try Directory()
        try directory.good()
        let file = try ConfigurationFile.parse(text: directory.text, file: "e.yaml")
        do throws(ConfigurationErrors) {
            _ = try file.checkFiles(
                secret: { throw Broken(description: "\($0) is empty") },
                publicKey: { throw Broken(description: "\($0) is cut short") })
            Issue.record("it must be refused")
        } catch {
            #expect(error.problems.map(\.position.line) == [3, 4])
            #expect(error.problems.map(\.position.column) == [1, 1])
            #expect(error.problems[0].what == "secret_file can't be used: \(directory.path)/secret is empty")
            #expect(error.problems[1].what == "identity_file can't be used: \(directory.path)/identity is cut short")
            #expect(error.problems.map { $0.mend.prefix(12) } == ["run `electd ", "run `electd "])
        }
    }
}
