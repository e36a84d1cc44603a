import Foundation
import Sodium
import Testing

@Suite struct SodiumTests {
    /// RFC 8032 section 7.1, tests 1 to 3.
    @Test(arguments: [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                + "d25bf5f0595bbe24655141438e7a100b"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                + "387b2eaeb4302aeeb00d291612bb0c00"
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                + "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ])
    func ed25519Vectors(seed: String, key: String, message: String, signature: String) throws {
        let signing = try #require(SigningKey(insecureSeed: bytes(seed)))
        #expect(signing.publicKey.bytes == bytes(key))
        let made = signing.sign(bytes(message))
        #expect(made.bytes == bytes(signature))
        #expect(signing.publicKey.verifies(made, over: bytes(message)))
        #expect(!signing.publicKey.verifies(made, over: bytes(message) + [0]))
        var bent = made.bytes
        bent[3] ^= 4
        #expect(!signing.publicKey.verifies(try #require(Signature(bytes: bent)), over: bytes(message)))
    }

    /// RFC 7693 appendix A, and the 256-bit digest of nothing; then the same in pieces with a digest taken between.
    @Test func blake2bVectors() {
        #expect(
            Blake2b.hash(Array("abc".utf8), length: 64)
                == bytes(
                    "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                        + "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"))
        #expect(
            Blake2b.hash([]) == bytes("0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"))
        var pieces = Blake2b()
        let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        pieces.update(Array(message[..<300]))
        #expect(pieces.digest() == Blake2b.hash(Array(message[..<300])))
        pieces.update(Array(message[300...]))
        #expect(pieces.digest() == Blake2b.hash(message))
        #expect(Blake2b.hash(message, key: Array(message[..<32])) != Blake2b.hash(message))
    }

    @Test func theSealOpensOnlyWhatWasSealed() throws {
        let secret = ClusterSecret.generate()
        let header: [UInt8] = [1, 2, 3]
        for message in [[], [UInt8](repeating: 7, count: 500)] as [[UInt8]] {
            var datagram = header
            secret.seal(message, onto: &datagram)
            #expect(datagram.count == header.count + message.count + ClusterSecret.overhead)
            #expect(datagram.withUnsafeBytes { secret.open($0, headerCount: 3) } == message)
            #expect(datagram.withUnsafeBytes { ClusterSecret.generate().open($0, headerCount: 3) } == nil)
            for index in datagram.indices {
                var bent = datagram
                bent[index] ^= 0x40
                #expect(bent.withUnsafeBytes { secret.open($0, headerCount: 3) } == nil, "byte \(index)")
            }
            for count in 0..<datagram.count {
                #expect(datagram[..<count].withUnsafeBytes { secret.open($0, headerCount: 3) } == nil)
            }
        }
    }

    @Test func publicKeysReadBackAsPrinted() throws {
        let key = SigningKey.generate().publicKey
        #expect(key.description.hasPrefix("ed25519:") && key.description.utf8.count == 52)
        #expect(PublicKey(parsing: key.description) == key)
        for wrong in ["", "ed25519:", String(key.description.dropLast()), key.description + "A", "ED25519:AAAA"] {
            #expect(PublicKey(parsing: wrong) == nil, "\(wrong)")
        }
    }

    @Test func secretsDoNotPrint() throws {
        let key = SigningKey.generate()
        let secret = ClusterSecret.generate()
        var text = ""
        dump(key, to: &text)
        dump(secret, to: &text)
        print(key, secret, String(reflecting: key), to: &text)
        #expect(text.contains("<signing key>") && text.contains("<cluster secret>"))
        #expect(!text.contains("seed") && !text.contains("memory"))
    }

    /// The reference implementation's own vector: password "password", salt "somesalt", 64 MiB, 2 passes.
    @Test func argon2id() throws {
        let vector = try #require(
            PasswordHash(
                parsing: "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"))
        #expect(vector.matches(Array("password".utf8)))
        #expect(!vector.matches(Array("Password".utf8)))
        let made = try #require(PasswordHash(hashing: Array("tønder".utf8)))
        #expect(try #require(PasswordHash(parsing: made.description)).matches(Array("tønder".utf8)))
        for wrong in [
            "", "secret", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=65536,t=2000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] { #expect(PasswordHash(parsing: wrong) == nil) }
    }

    @Test func comparison() {
        #expect(Sodium.equalInConstantTime([1, 2, 3], [1, 2, 3]))
        #expect(!Sodium.equalInConstantTime([1, 2, 3], [1, 2, 4]))
        #expect(!Sodium.equalInConstantTime([1, 2, 3], [1, 2]))
        #expect(Sodium.equalInConstantTime([], []))
        #expect(Sodium.randomBytes(32) != Sodium.randomBytes(32))
    }
}

@Suite final class KeyFileTests {
    private let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "electd-keys-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private var path: String { directory + "/node.key" }

    @Test func anIdentityReadsBack() throws {
        let key = SigningKey.generate()
        try key.write(path)
        #expect(try SigningKey.read(path).publicKey == key.publicKey)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasPrefix("electd-identity-v1:") && text.hasSuffix("=\n") && text.utf8.count == 64)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func aSecretReadsBack() throws {
        let secret = ClusterSecret.generate()
        try secret.write(path)
        #expect(try ClusterSecret.read(path).clusterTag == secret.clusterTag)
        #expect(throws: KeyFileError.malformed(path: path, expected: "electd-identity-v1:")) {
            try SigningKey.read(self.path)
        }
    }

    @Test func nothingIsOverwritten() throws {
        let key = SigningKey.generate()
        try key.write(path)
        #expect(throws: KeyFileError.exists(path: path)) { try SigningKey.generate().write(self.path) }
        #expect(try SigningKey.read(path).publicKey == key.publicKey)
    }

    @Test func carelessFilesAreRefused() throws {
        #expect(throws: KeyFileError.missing(path: path)) { try SigningKey.read(self.path) }
        #expect(throws: KeyFileError.notAFile(path: directory)) {
            chmod(self.directory, 0o700)
            _ = try SigningKey.read(self.directory)
        }
        try SigningKey.generate().write(path)
        chmod(path, 0o640)
        #expect(throws: KeyFileError.readableByOthers(path: path, mode: 0o640)) { try SigningKey.read(self.path) }
        chmod(path, 0o600)
        let good = try String(contentsOfFile: path, encoding: .utf8)
        for text in [
            "", "electd-identity-v1:", String(good.dropLast(2)), good + "\n", good + "x", "x" + good,
            good.replacingOccurrences(of: "=", with: "*"),
        ] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            chmod(path, 0o600)
            #expect(throws: KeyFileError.malformed(path: path, expected: "electd-identity-v1:")) {
                try SigningKey.read(self.path)
            }
        }
        try Data(good.dropLast().utf8).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o600)
        _ = try SigningKey.read(path)
    }
}

private func bytes(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.count, by: 2).compactMap {
        UInt8(hex.dropFirst($0).prefix(2), radix: 16)
    }
}
