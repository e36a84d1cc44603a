import CSodium

/// A node's Ed25519 public key (RFC 8032). Its printed form is `ed25519:BASE64`, as in the configuration.
package struct PublicKey: Hashable, Sendable, CustomStringConvertible {
    package static let byteCount = 32
    private static let prefix = "ed25519:"

    package let bytes: [UInt8]

    /// nil unless there are exactly 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Reads `ed25519:BASE64`; nil for anything else.
    package init?(parsing text: String) {
        guard text.hasPrefix(Self.prefix),
            let bytes = Sodium.bytes(fromBase64: String(text.dropFirst(Self.prefix.count)), count: Self.byteCount)
        else { return nil }
        self.bytes = bytes
    }

    package var description: String { Self.prefix + Sodium.base64(bytes) }

    /// Whether `signature` is this key's over `message`. libsodium rejects small-order keys and non-canonical
    /// signatures, so a valid pair can't be altered into another valid one. About 80 us.
    package func verifies(_ signature: Signature, over message: UnsafeRawBufferPointer) -> Bool {
        Sodium.start()
        return crypto_sign_verify_detached(
            signature.bytes, message.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(message.count), bytes)
            == 0
    }

    package func verifies(_ signature: Signature, over message: [UInt8]) -> Bool {
        message.withUnsafeBytes { verifies(signature, over: $0) }
    }
}

/// A detached Ed25519 signature.
package struct Signature: Hashable, Sendable {
    package static let byteCount = 64

    package let bytes: [UInt8]

    /// nil unless there are exactly 64 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    init(signing message: UnsafeRawBufferPointer, with key: UnsafePointer<UInt8>) {
        bytes = [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, initialized in
            _ = crypto_sign_detached(
                buffer.start, nil, message.baseAddress?.assumingMemoryBound(to: UInt8.self),
                UInt64(message.count), key)
            initialized = Self.byteCount
        }
    }
}
