import CSodium

/// The 32 bytes that all nodes of a cluster share. They don't prove who speaks (signatures do); they keep everybody
/// else from making a node work: what isn't sealed with them is dropped at about 1 us.
///
/// Two keys are derived from the file's secret, so that the tag, which is public, tells nothing about the seal:
/// `BLAKE2b-256(key: secret, "electd v1 seal")` and the first 8 bytes of `BLAKE2b-256(key: secret, "electd v1 tag")`.
package final class ClusterSecret: Sendable {
    static let byteCount = 32
    package static let tagCount = 8
    package static let nonceCount = 24
    /// What `seal` adds: nonce and Poly1305 tag.
    package static let overhead = nonceCount + 16

    private let secret: SecretBytes
    private let sealKey: SecretBytes
    /// 8 bytes that name the cluster in front of the seal, so that a neighbour cluster's datagrams cost nothing.
    package let clusterTag: [UInt8]

    private init(_ secret: SecretBytes) {
        self.secret = secret
        sealKey = SecretBytes(count: 32) { Self.derive("electd v1 seal", from: secret, into: $0) }
        var tag = [UInt8](repeating: 0, count: 32)
        tag.withUnsafeMutableBytes { Self.derive("electd v1 tag", from: secret, into: $0) }
        clusterTag = Array(tag.prefix(Self.tagCount))
    }

    private static func derive(_ purpose: String, from secret: SecretBytes, into out: UnsafeMutableRawBufferPointer) {
        let label = [UInt8](purpose.utf8)
        secret.withBytes { key in
            _ = crypto_generichash(
                out.octets, out.count, label, UInt64(label.count), key,
                byteCount)
        }
    }

    package static func generate() -> ClusterSecret {
        ClusterSecret(.random(count: byteCount))
    }

    /// A secret from known bytes: for worked examples and tests. The caller's array is ordinary memory.
    package convenience init?(insecureBytes: [UInt8]) {
        guard insecureBytes.count == Self.byteCount else { return nil }
        self.init(SecretBytes(count: Self.byteCount) { $0.copyBytes(from: insecureBytes) })
    }

    /// Reads the file that `write` made.
    package static func read(_ path: String) throws(KeyFileError) -> ClusterSecret {
        ClusterSecret(try KeyFile.clusterSecret.read(path))
    }

    /// Writes the secret into a new file of mode 0600; never overwrites.
    package func write(_ path: String) throws(KeyFileError) {
        try KeyFile.clusterSecret.write(secret, to: path)
    }

    /// Appends nonce (24), ciphertext and Poly1305 tag (16) of `message` to `datagram`; the bytes that are in
    /// `datagram` already are authenticated with it. XChaCha20-Poly1305-IETF. The nonce is random: at 192 bits it
    /// may be so for the life of the key.
    package func seal(_ message: [UInt8], onto datagram: inout [UInt8]) {
        seal(message, nonce: Sodium.randomBytes(Self.nonceCount), onto: &datagram)
    }

    /// As above with a given nonce: a nonce that is used twice breaks the seal, so this is for worked examples only.
    package func seal(_ message: [UInt8], nonce: [UInt8], onto datagram: inout [UInt8]) {
        precondition(nonce.count == Self.nonceCount, "a nonce has 24 bytes")
        let header = datagram
        let sealed = [UInt8](unsafeUninitializedCapacity: message.count + 16) { buffer, initialized in
            var length: UInt64 = 0
            _ = sealKey.withBytes { key in
                crypto_aead_xchacha20poly1305_ietf_encrypt(
                    buffer.start, &length, message, UInt64(message.count), header, UInt64(header.count), nil,
                    nonce, key)
            }
            initialized = Int(length)
        }
        datagram.append(contentsOf: nonce)
        datagram.append(contentsOf: sealed)
    }

    /// Opens what `seal` appended after the first `headerCount` bytes. nil when a single bit of it differs.
    package func open(_ datagram: UnsafeRawBufferPointer, headerCount: Int) -> [UInt8]? {
        let sealedCount = datagram.count - headerCount - Self.nonceCount
        guard headerCount >= 0, sealedCount >= 16, let raw = datagram.baseAddress else { return nil }
        let base = raw.assumingMemoryBound(to: UInt8.self)
        var isGenuine = false
        // One byte of room at least, so that an empty message has an address, too.
        let message = [UInt8](unsafeUninitializedCapacity: max(sealedCount - 16, 1)) { buffer, initialized in
            var length: UInt64 = 0
            let outcome = sealKey.withBytes { key in
                crypto_aead_xchacha20poly1305_ietf_decrypt(
                    buffer.start, &length, nil, base + headerCount + Self.nonceCount, UInt64(sealedCount), base,
                    UInt64(headerCount), base + headerCount, key)
            }
            isGenuine = outcome == 0
            initialized = isGenuine ? Int(length) : 0
        }
        return isGenuine ? message : nil
    }
}

extension ClusterSecret: CustomStringConvertible, CustomReflectable {
    package var description: String { "<cluster secret>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
