/// CRC-32C (Castagnoli, RFC 3720 appendix B.4; reflected polynomial 0x82F63B78), eight bytes a turn.
package struct CRC32C: Sendable {
    /// Eight tables of 256: `table[256 * k + b]` is the remainder of byte `b` followed by `k` zero bytes.
    private static let table: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var remainder = UInt32(byte)
            for _ in 0..<8 { remainder = remainder & 1 == 1 ? (remainder >> 1) ^ 0x82F6_3B78 : remainder >> 1 }
            table[byte] = remainder
        }
        for index in 256..<(8 * 256) {
            let shorter = table[index - 256]
            table[index] = (shorter >> 8) ^ table[Int(shorter & 0xFF)]
        }
        return table
    }()

    private var remainder: UInt32 = 0xFFFF_FFFF

    package init() {}

    package var value: UInt32 { ~remainder }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        remainder = Self.table.withUnsafeBufferPointer { table in
            var crc = remainder
            var index = 0
            while index + 8 <= bytes.count {
                let word =
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ UInt64(crc)
                crc =
                    table[Int(7 * 256 + (word & 0xFF))] ^ table[Int(6 * 256 + (word >> 8 & 0xFF))]
                    ^ table[Int(5 * 256 + (word >> 16 & 0xFF))] ^ table[Int(4 * 256 + (word >> 24 & 0xFF))]
                    ^ table[Int(3 * 256 + (word >> 32 & 0xFF))] ^ table[Int(2 * 256 + (word >> 40 & 0xFF))]
                    ^ table[Int(256 + (word >> 48 & 0xFF))] ^ table[Int(word >> 56)]
                index += 8
            }
            while index < bytes.count {
                crc = (crc >> 8) ^ table[Int((crc ^ UInt32(bytes[index])) & 0xFF)]
                index += 1
            }
            return crc
        }
    }

    package static func of(_ bytes: [UInt8]) -> UInt32 {
        var crc = CRC32C()
        bytes.withUnsafeBytes { crc.update($0) }
        return crc.value
    }
}
