import CSodium

/// BLAKE2b (RFC 7693): one-shot and incremental. The incremental state is a value, so the digest of a prefix is
/// taken from a copy while the original goes on; the journal's chain lives on that.
package struct Blake2b: Sendable {
    private var state = electd_blake2b_state()
    private let length: Int

    /// - Parameters:
    ///   - length: of the digest, 16 to 64 bytes.
    ///   - key: empty or 16 to 64 bytes.
    package init(length: Int = 32, key: [UInt8] = []) {
        Sodium.start()
        precondition((16...64).contains(length), "digest length out of range")
        precondition(key.isEmpty || (16...64).contains(key.count), "key length out of range")
        self.length = length
        _ = electd_blake2b_init(&state, key, key.count, length)
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        _ = electd_blake2b_update(&state, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The digest of everything so far; more can be added afterwards.
    package func digest() -> [UInt8] {
        withUnsafePointer(to: state) { state in
            [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
                _ = electd_blake2b_final(state, buffer.baseAddress, length)
                initialized = length
            }
        }
    }

    /// The first 8 bytes, least significant first, of the BLAKE2b-256 of `bytes`; nothing is allocated.
    package static func prefix(of bytes: [UInt8]) -> UInt64 {
        Sodium.start()
        var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &digest) { buffer in
            _ = electd_blake2b_hash(buffer.octets, buffer.count, bytes, bytes.count)
        }
        return UInt64(littleEndian: digest.0)
    }

    /// The digest of `bytes`, keyed when `key` isn't empty; lengths as in `init`.
    package static func hash(_ bytes: [UInt8], length: Int = 32, key: [UInt8] = []) -> [UInt8] {
        if key.isEmpty {
            Sodium.start()
            precondition((16...64).contains(length), "digest length out of range")
            return [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
                _ = electd_blake2b_hash(buffer.baseAddress, length, bytes, bytes.count)
                initialized = length
            }
        }
        var hash = Blake2b(length: length, key: key)
        hash.update(bytes)
        return hash.digest()
    }
}
