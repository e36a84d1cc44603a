import CSodium

/// A node's Ed25519 identity. The private half lives in guarded memory and leaves it only into its own file.
package final class SigningKey: Sendable {
    static let seedCount = 32

    private let seed: SecretBytes
    private let expanded: SecretBytes
    package let publicKey: PublicKey

    private init(seed: SecretBytes) {
        self.seed = seed
        var publicBytes = [UInt8](repeating: 0, count: PublicKey.byteCount)
        expanded = SecretBytes(count: 64) { memory in
            seed.withBytes { seedBytes in
                _ = crypto_sign_seed_keypair(
                    &publicBytes, memory.octets, seedBytes)
            }
        }
        guard let key = PublicKey(bytes: publicBytes) else { preconditionFailure("a public key has 32 bytes") }
        publicKey = key
    }

    /// A new identity from the kernel's randomness.
    package static func generate() -> SigningKey {
        SigningKey(seed: .random(count: seedCount))
    }

    /// An identity from a known seed: for published vectors and for tests. The caller's array is ordinary memory.
    package convenience init?(insecureSeed: [UInt8]) {
        guard insecureSeed.count == Self.seedCount else { return nil }
        self.init(seed: SecretBytes(count: Self.seedCount) { $0.copyBytes(from: insecureSeed) })
    }

    /// An identity from a seed in somebody else's guarded memory.
    convenience init(copying seed: UnsafeRawBufferPointer) {
        precondition(seed.count == Self.seedCount, "a seed has 32 bytes")
        self.init(seed: SecretBytes(count: Self.seedCount) { $0.copyBytes(from: seed) })
    }

    /// Into guarded memory only.
    func copySeed(into memory: UnsafeMutableRawBufferPointer) {
        seed.withBytes { memory.copyBytes(from: UnsafeRawBufferPointer(start: $0, count: Self.seedCount)) }
    }

    /// Reads the file that `write` made.
    package static func read(_ path: String) throws(KeyFileError) -> SigningKey {
        SigningKey(seed: try KeyFile.identity.read(path))
    }

    /// Writes the identity into a new file of mode 0600; never overwrites.
    package func write(_ path: String) throws(KeyFileError) {
        try KeyFile.identity.write(seed, to: path)
    }

    package func sign(_ message: UnsafeRawBufferPointer) -> Signature {
        expanded.withBytes { Signature(signing: message, with: $0) }
    }

    /// About 30 us.
    package func sign(_ message: [UInt8]) -> Signature {
        message.withUnsafeBytes { sign($0) }
    }
}

extension SigningKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "<signing key>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
