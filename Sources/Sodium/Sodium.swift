import CSodium

/// libsodium, initialised once for the process. Every entry point of this module passes through `start()`.
package enum Sodium {
    /// `sodium_init` fails only when the kernel gives no randomness; nothing in electd may go on without.
    private static let started: Bool = sodium_init() >= 0

    static func start() {
        precondition(started, "libsodium could not be initialised: the kernel gives no randomness")
    }

    /// `count` bytes from the kernel's generator.
    package static func randomBytes(_ count: Int) -> [UInt8] {
        start()
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress { randombytes_buf(base, count) }
            initialized = count
        }
    }

    /// Compares without telling by its duration where the first difference is. Different lengths are unequal
    /// at once: lengths are public here.
    package static func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        start()
        return left.withUnsafeBytes { leftBytes in
            right.withUnsafeBytes { rightBytes in
                guard let leftBase = leftBytes.baseAddress, let rightBase = rightBytes.baseAddress else { return true }
                return sodium_memcmp(leftBase, rightBase, leftBytes.count) == 0
            }
        }
    }

    /// Standard Base64 with padding (RFC 4648 section 4). For public values only: the result is an ordinary string.
    package static func base64(_ bytes: [UInt8]) -> String {
        start()
        let capacity = sodium_base64_encoded_len(bytes.count, sodium_base64_VARIANT_ORIGINAL)
        var text = [CChar](repeating: 0, count: capacity)
        _ = sodium_bin2base64(&text, capacity, bytes, bytes.count, sodium_base64_VARIANT_ORIGINAL)
        return String(decoding: text.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Exactly `count` bytes, or nil: no whitespace, no missing or surplus padding.
    package static func bytes(fromBase64 text: String, count: Int) -> [UInt8]? {
        start()
        let characters = text.utf8.map { CChar(bitPattern: $0) }
        var bytes = [UInt8](repeating: 0, count: count)
        var decoded = 0
        let outcome = sodium_base642bin(
            &bytes, count, characters, characters.count, nil, &decoded, nil, sodium_base64_VARIANT_ORIGINAL)
        return outcome == 0 && decoded == count ? bytes : nil
    }
}
