import Election

/// One life of one elector as a journal would have it, for stepping it again (I9).
struct Recording {
    struct Step {
        var at: Instant
        var event: Event
        var effects: UInt64
    }

    var rules: Rules
    var steps: [Step] = []

    /// Steps everything again, every eighth event read from bytes; now and then the elector itself goes through bytes
    /// too.
    ///
    /// - Returns: what differed, or nil.
    func difference(_ randomness: inout Randomness) -> String? {
        var elector = Elector(rules: rules)
        var scratch = ByteWriter(reserving: 1024)
        for (number, step) in steps.enumerated() {
            do {
                let event = number & 7 == 0 ? try read(step.event, &scratch) : step.event
                let effects = elector.step(event, at: step.at)
                guard Fingerprint.of(effects, &scratch) == step.effects else {
                    return "step \(number) gives other effects"
                }
                if randomness.happens(1) {
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

extension Recording {
    private func read(_ event: Event, _ writer: inout ByteWriter) throws(Malformed) -> Event {
        writer.removeAll()
        event.encode(to: &writer)
        var reader = ByteReader(writer.bytes)
        let event = try Event(from: &reader)
        try reader.finish()
        return event
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
        bytes.withUnsafeBytes { bytes in
            let whole = bytes.count & ~7
            for place in stride(from: 0, to: whole, by: 8) {
                add(UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
            }
            add(bytes[whole...].reduce(0) { ($0 << 8) | UInt64($1) })
        }
        add(UInt64(bytes.count))
    }

    /// - Parameter writer: for the effects' bytes; what it held is gone.
    static func of(_ effects: [Effect], _ writer: inout ByteWriter) -> UInt64 {
        var fingerprint = Fingerprint()
        if effects.isEmpty { return fingerprint.value }
        writer.removeAll()
        for effect in effects { effect.encode(to: &writer) }
        fingerprint.add(writer.bytes)
        return fingerprint.value
    }
}
