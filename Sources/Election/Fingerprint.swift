/// 64 bits that stand for words in their order. For comparing where nobody lies: SHA-256 takes a hundred times as long.
package struct Fingerprint: Hashable, Sendable {
    /// Of all that was added.
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    package init() {}

    package mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0x9FB2_1C65_1E98_DF25
        value ^= value >> 29
    }

    package mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

    package mutating func add(_ text: String) {
        if text.utf8.withContiguousStorageIfAvailable({ add(UnsafeRawBufferPointer($0)) }) == nil {
            add(Array(text.utf8))
        }
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let whole = bytes.count & ~7
        for place in stride(from: 0, to: whole, by: 8) {
            add(UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
        }
        add(bytes[whole...].reduce(0) { ($0 << 8) | UInt64($1) })
        add(UInt64(bytes.count))
    }
}
