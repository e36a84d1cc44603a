import CSodium

/// The Argon2id hash of a password (RFC 9106), as `$argon2id$v=19$m=…,t=…,p=…$SALT$HASH`; for the users of the
/// statistics page.
package struct PasswordHash: Hashable, Sendable, CustomStringConvertible {
    /// Bytes of a password that are looked at; a longer one never matches.
    package static let passwordLimit = 1024
    private static let byteCount = 128
    /// KiB of memory and passes that a configured hash may ask for: a verification runs on a connection's behalf.
    private static let memoryLimit = 65_536
    private static let passLimit = 8

    private let text: String

    /// nil for anything but an Argon2id hash within 64 MiB and 8 passes.
    package init?(parsing text: String) {
        let fields = text.split(separator: "$", omittingEmptySubsequences: false)
        guard text.utf8.count < Self.byteCount, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            fields.count == 6, fields[0].isEmpty, fields[1] == "argon2id", fields[2] == "v=19"
        else { return nil }
        let costs = fields[3].split(separator: ",", omittingEmptySubsequences: false)
        guard costs.count == 3, costs[0].hasPrefix("m="), costs[1].hasPrefix("t="), costs[2] == "p=1",
            let memory = Int(costs[0].dropFirst(2)), (8...Self.memoryLimit).contains(memory),
            let passes = Int(costs[1].dropFirst(2)), (1...Self.passLimit).contains(passes)
        else { return nil }
        self.text = text
    }

    /// Hashes a new password with libsodium's interactive limits (64 MiB, 2 passes); about 0.1 s. nil when the memory
    /// isn't there or the password is longer than `passwordLimit`.
    package init?(hashing password: [UInt8]) {
        guard password.count <= Self.passwordLimit else { return nil }
        Sodium.start()
        var out = [CChar](repeating: 0, count: Self.byteCount)
        let outcome = Self.withCharacters(password) { characters in
            crypto_pwhash_str(&out, characters, UInt64(password.count), 2, Self.memoryLimit * 1024)
        }
        guard outcome == 0 else { return nil }
        text = String(decoding: out.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether `password` is the one. Takes as long as the hash's costs say: call it where that blocks nobody.
    package func matches(_ password: [UInt8]) -> Bool {
        guard password.count <= Self.passwordLimit else { return false }
        Sodium.start()
        var padded = [CChar](repeating: 0, count: Self.byteCount)
        for (index, byte) in text.utf8.enumerated() { padded[index] = CChar(bitPattern: byte) }
        return Self.withCharacters(password) { characters in
            crypto_pwhash_str_verify(padded, characters, UInt64(password.count))
        } == 0
    }

    /// The password where it lies: a copy would stay in memory.
    private static func withCharacters(_ password: [UInt8], _ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
        password.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return body("") }
            return base.withMemoryRebound(to: CChar.self, capacity: max(bytes.count, 1), body)
        }
    }

    package var description: String { text }
}
