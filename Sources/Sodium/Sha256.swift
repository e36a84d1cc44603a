import CSodium

/// SHA-256 (FIPS 180-4), where others' tools expect it: Merkle trees of RFC 6962 and key ids of signed notes.
package enum Sha256 {
    package static let byteCount = 32

    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        Sodium.start()
        return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
            _ = crypto_hash_sha256(buffer.start, bytes, UInt64(bytes.count))
            initialized = byteCount
        }
    }

    /// SHA-256 of `tag` and `bytes`.
    package static func hash(tag: UInt8, _ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
            electd_sha256_tagged(
                buffer.start, tag, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, nil, 0)
            initialized = byteCount
        }
    }

    /// SHA-256 of `tag`, `first` and `second`.
    package static func hash(tag: UInt8, _ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
            electd_sha256_tagged(buffer.start, tag, first, first.count, second, second.count)
            initialized = byteCount
        }
    }
}
