import Election

/// One life of one elector as a journal would have it, for stepping it again (I9).
struct Recording {
    struct Step {
        var at: Instant
        var event: [UInt8]
        var effects: UInt64
    }

    var rules: Rules
    var steps: [Step] = []

    /// Steps everything again, events read from bytes; now and then the elector itself goes through bytes too.
    ///
    /// - Returns: what differed, or nil.
    func difference(_ randomness: inout Randomness) -> String? {
        var elector = Elector(rules: rules)
        for (number, step) in steps.enumerated() {
            do {
                var reader = ByteReader(step.event)
                let event = try Event(from: &reader)
                try reader.finish()
                let effects = elector.step(event, at: step.at)
                guard Fingerprint.of(effects) == step.effects else { return "step \(number) gives other effects" }
                if randomness.happens(5) {
                    var writer = ByteWriter()
                    elector.encode(to: &writer)
                    var snapshot = ByteReader(writer.bytes)
                    let read = try Elector(from: &snapshot)
                    try snapshot.finish()
                    guard read == elector else { return "the snapshot after step \(number) reads differently" }
                    elector = read
                }
            } catch {
                return "step \(number) can't be read back: \(error)"
            }
        }
        return nil
    }
}

/// A 64-bit hash in one pass; equal runs have equal fingerprints, nothing rests on it but that.
struct Fingerprint {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0x9FB2_1C65_1E98_DF25
        value ^= value >> 29
    }

    mutating func add(_ bytes: [UInt8]) {
        var word: UInt64 = 0
        var filled = 0
        for byte in bytes {
            word = (word << 8) | UInt64(byte)
            filled += 1
            if filled == 8 {
                add(word)
                word = 0
                filled = 0
            }
        }
        add(word)
        add(UInt64(bytes.count))
    }

    static func of(_ effects: [Effect]) -> UInt64 {
        var fingerprint = Fingerprint()
        if effects.isEmpty { return fingerprint.value }
        var writer = ByteWriter(reserving: 256)
        for effect in effects { effect.encode(to: &writer) }
        fingerprint.add(writer.bytes)
        return fingerprint.value
    }
}
