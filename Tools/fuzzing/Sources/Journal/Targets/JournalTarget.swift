import Election

/// The first byte is a record's kind, the rest its payload: what is read is written again byte for byte, since hashes
/// and signatures stand on it.
package enum JournalTarget {
    package static func run(_ data: UnsafeBufferPointer<UInt8>) {
        guard let first = data.first, let kind = JournalRecord.Kind(rawValue: first) else { return }
        let payload = Array(data.dropFirst())
        var reader = ByteReader(payload)
        guard let record = try? JournalRecord(kind: kind, from: &reader) else { return }
        var writer = ByteWriter()
        record.encode(to: &writer)
        precondition(writer.bytes == payload && record.kind == kind, "a record changes on its way")
    }
}
