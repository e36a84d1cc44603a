import CSodium

/// Bytes in guarded memory: locked out of swap, left out of core dumps, read-only once filled, wiped when freed
/// (`sodium_malloc`). Copies go only into other `SecretBytes`.
final class SecretBytes: @unchecked Sendable {
    // Unchecked is sound: the memory is written by `init` alone and is read-only from then on.
    private let memory: UnsafeMutableRawBufferPointer

    /// `fill` is called once, before anybody else can see the memory.
    init<Failure: Error>(
        count: Int, fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        Sodium.start()
        guard let base = sodium_malloc(count) else { preconditionFailure("no guarded memory for a key") }
        memory = UnsafeMutableRawBufferPointer(start: base, count: count)
        try fill(memory)
        sodium_mprotect_readonly(base)
    }

    deinit {
        sodium_free(memory.baseAddress)
    }

    static func random(count: Int) -> SecretBytes {
        SecretBytes(count: count) { randombytes_buf($0.octets, count) }
    }

    var count: Int { memory.count }

    func withBytes<Result, Failure: Error>(
        _ body: (UnsafePointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let base = memory.baseAddress else { preconditionFailure("guarded memory without an address") }
        return try body(UnsafePointer(base.assumingMemoryBound(to: UInt8.self)))
    }
}

extension SecretBytes: CustomStringConvertible, CustomReflectable {
    var description: String { "<secret>" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
