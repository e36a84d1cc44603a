import Election

/// How frames lie in a segment: after the preamble, each one as
///
///     length of the payload  u24 little-endian
///     kind                   u8
///     CRC-32C                u32 little-endian, over the 4 bytes before and the payload
///     payload
enum JournalFrame {
    /// "electdJ", then the version of the format.
    static let preamble: [UInt8] = Array("electdJ".utf8) + [version]
    static let version: UInt8 = 3
    static let headCount = 8
    /// Bytes. Rules of the most groups, nodes and checks fit; a reader needs this much memory and no more.
    static let payloadLimit = 1 << 20

    /// One record in a frame of its own; any but a quiet step.
    static func append(_ record: JournalRecord, to bytes: inout [UInt8]) {
        guard let kind = record.kind else { preconditionFailure("quiet steps go into a run") }
        var writer = ByteWriter(reserving: 128)
        record.encode(to: &writer)
        append(kind, writer.bytes, to: &bytes)
    }

    static func append(_ kind: JournalRecord.Kind, _ payload: [UInt8], to bytes: inout [UInt8]) {
        precondition(payload.count <= payloadLimit, "a record beyond the format's limit")
        var head = ByteWriter(reserving: headCount)
        head.fixed(UInt32(payload.count) | UInt32(kind.rawValue) << 24)
        var crc = CRC32C()
        head.bytes.withUnsafeBytes { crc.update($0) }
        payload.withUnsafeBytes { crc.update($0) }
        head.fixed(crc.value)
        bytes.append(contentsOf: head.bytes)
        bytes.append(contentsOf: payload)
    }

    /// The record in a frame that stands alone; nil for a run, and for what is no whole frame.
    static func record(in frame: [UInt8]) -> JournalRecord? {
        frame.withUnsafeBytes { bytes in
            guard let head = Head(bytes), head.count == frame.count, head.matches(bytes), head.kind != .run else {
                return nil
            }
            var reader = ByteReader(frame[headCount...])
            return try? JournalRecord(kind: head.kind, from: &reader)
        }
    }

    /// What the first 8 bytes announce; nil when no frame can begin with them.
    struct Head {
        var kind: JournalRecord.Kind
        var payloadCount: Int
        var crc: UInt32

        var count: Int { headCount + payloadCount }

        init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count >= headCount else { return nil }
            let word = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
            guard let kind = JournalRecord.Kind(rawValue: UInt8(word >> 24)) else { return nil }
            self.kind = kind
            payloadCount = Int(word & 0xFF_FFFF)
            guard payloadCount <= payloadLimit else { return nil }
            crc = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        }

        /// `frame` holds the whole frame, `count` bytes.
        func matches(_ frame: UnsafeRawBufferPointer) -> Bool {
            var computed = CRC32C()
            computed.update(UnsafeRawBufferPointer(rebasing: frame[..<4]))
            computed.update(UnsafeRawBufferPointer(rebasing: frame[headCount..<count]))
            return computed.value == crc
        }
    }
}
