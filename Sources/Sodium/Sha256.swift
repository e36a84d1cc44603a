import CNettle

/// SHA-256 (FIPS 180-4), where others' tools expect it: Merkle trees of RFC 6962 and key ids of signed notes.
///
/// By Nettle, which uses the processor's instructions for it: libsodium's is portable C and takes five times as long,
/// which was a seventh of a replay.
package enum Sha256 {
    package static let byteCount = 32

    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
            electd_sha256(buffer.start, bytes, bytes.count)
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
