/// 32 bytes that stand for a text: SHA-256, as four words so that a copy costs nothing.
package struct Digest: Hashable, Sendable {
    private var first: UInt64
    private var second: UInt64
    private var third: UInt64
    private var fourth: UInt64

    /// What stands before the first entry of a log.
    package static let zero = Digest(first: 0, second: 0, third: 0, fourth: 0)

    private init(first: UInt64, second: UInt64, third: UInt64, fourth: UInt64) {
        self.first = first
        self.second = second
        self.third = third
        self.fourth = fourth
    }

    package init(of bytes: [UInt8]) {
        let state = SHA256.state(after: bytes)
        func word(_ place: Int) -> UInt64 { UInt64(state[place]) << 32 | UInt64(state[place + 1]) }
        self.init(first: word(0), second: word(2), third: word(4), fourth: word(6))
    }

    /// The first eight bytes, for comparing where nobody lies.
    package var short: UInt64 { first }
}

extension Digest: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.fixed(first.byteSwapped)
        writer.fixed(second.byteSwapped)
        writer.fixed(third.byteSwapped)
        writer.fixed(fourth.byteSwapped)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        first = try reader.fixed(UInt64.self).byteSwapped
        second = try reader.fixed(UInt64.self).byteSwapped
        third = try reader.fixed(UInt64.self).byteSwapped
        fourth = try reader.fixed(UInt64.self).byteSwapped
    }
}

/// FIPS 180-4, section 6.2. Here, because this module imports nothing. Nothing is allocated: a log's entries are hashed
/// on every node, and all of them again by whoever reads a snapshot.
private enum SHA256 {
    typealias State = InlineArray<8, UInt32>
    /// The last 16 words of the message schedule; a new one takes the oldest's place.
    private typealias Words = InlineArray<16, UInt32>

    private static let blockCount = 64

    static func state(after message: [UInt8]) -> State {
        var state: State = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
        ]
        var start = 0
        while message.count - start >= blockCount {
            var words = block(of: message, from: start)
            compress(&words, into: &state)
            start += blockCount
        }
        finish(message, from: start, into: &state)
        return state
    }

    private static func block(of message: [UInt8], from start: Int) -> Words {
        var words = Words(repeating: 0)
        message.withUnsafeBytes { bytes in
            for place in 0..<16 {
                let word = bytes.loadUnaligned(fromByteOffset: start + 4 * place, as: UInt32.self)
                words[place] = UInt32(bigEndian: word)
            }
        }
        return words
    }

    /// What doesn't fill a block, the bit that ends it, and the count of all bits.
    private static func finish(_ message: [UInt8], from start: Int, into state: inout State) {
        var words = Words(repeating: 0)
        for place in start..<message.count { put(message[place], at: place - start, into: &words) }
        put(0x80, at: message.count - start, into: &words)
        if message.count - start >= blockCount - 8 {
            compress(&words, into: &state)
            words = Words(repeating: 0)
        }
        let bits = UInt64(message.count) * 8
        words[14] = UInt32(truncatingIfNeeded: bits >> 32)
        words[15] = UInt32(truncatingIfNeeded: bits)
        compress(&words, into: &state)
    }

    private static func put(_ byte: UInt8, at place: Int, into words: inout Words) {
        words[place >> 2] |= UInt32(byte) << UInt32(24 - 8 * (place & 3))
    }

    /// Eight rounds at a time: then every word of the state is back in its place.
    private static func compress(_ words: inout Words, into state: inout State) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for round in stride(from: 0, to: 64, by: 8) {
            if round & 15 == 0 && round > 0 { extend(&words) }
            turn(a, b, c, &d, e, f, g, &h, words[round & 15], round)
            turn(h, a, b, &c, d, e, f, &g, words[(round + 1) & 15], round + 1)
            turn(g, h, a, &b, c, d, e, &f, words[(round + 2) & 15], round + 2)
            turn(f, g, h, &a, b, c, d, &e, words[(round + 3) & 15], round + 3)
            turn(e, f, g, &h, a, b, c, &d, words[(round + 4) & 15], round + 4)
            turn(d, e, f, &g, h, a, b, &c, words[(round + 5) & 15], round + 5)
            turn(c, d, e, &f, g, h, a, &b, words[(round + 6) & 15], round + 6)
            turn(b, c, d, &e, f, g, h, &a, words[(round + 7) & 15], round + 7)
        }
        let sums: State = [a, b, c, d, e, f, g, h]
        for place in sums.indices { state[place] &+= sums[place] }
    }

    /// The next 16 words of the schedule.
    private static func extend(_ words: inout Words) {
        for place in 0..<16 {
            let (early, late) = (words[(place + 1) & 15], words[(place + 14) & 15])
            let first = rotated(early, 7) ^ rotated(early, 18) ^ (early >> 3)
            let second = rotated(late, 17) ^ rotated(late, 19) ^ (late >> 10)
            words[place] &+= first &+ words[(place + 9) & 15] &+ second
        }
    }

    /// One round; of the eight words, two change.
    @inline(__always)
    private static func turn(
        _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32, _ g: UInt32,
        _ h: inout UInt32, _ word: UInt32, _ round: Int
    ) {
        let mixed = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
        let one = h &+ mixed &+ (g ^ (e & (f ^ g))) &+ constants[round] &+ word
        d &+= one
        h = one &+ (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) &+ ((a & b) | (c & (a | b)))
    }

    private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

    private static let constants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
