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

extension Fingerprint {
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
