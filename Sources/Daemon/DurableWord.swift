import Election

/// What the two slots on disk hold: the newest life, and what its votes were.
struct DurableWord {
    var incarnation: Incarnation
    var memory: Memory

    init(incarnation: Incarnation, memory: Memory) {
        self.incarnation = incarnation
        self.memory = memory
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 256)
        incarnation.encode(to: &writer)
        memory.encode(to: &writer)
        return writer.bytes
    }

    init(bytes: [UInt8]) throws(Malformed) {
        var reader = ByteReader(bytes)
        incarnation = try Incarnation(from: &reader)
        memory = try Memory(from: &reader)
        try reader.finish()
    }
}
