/// Something that has exactly one form as bytes. The journal's hashes and the datagrams' signatures stand on it.
package protocol Transcribable {
    func encode(to writer: inout ByteWriter)

    /// - Throws: `Malformed` when the bytes are no such value; nothing is allocated beyond the bytes at hand.
    init(from reader: inout ByteReader) throws(Malformed)
}

/// Bytes that are not what they were taken for.
package enum Malformed: Error, Hashable, Sendable {
    /// The bytes end before the value does.
    case truncated
    /// A field holds a value that its type doesn't have.
    case outOfRange
    /// A list is longer than its bound.
    case tooLong
    /// Bytes are left over after the value.
    case trailing
}

/// Appends integers in little-endian and variable-length (LEB128) form.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    package mutating func byte(_ value: UInt8) { bytes.append(value) }

    package mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

    package mutating func fixed<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        word(UInt64(truncatingIfNeeded: value), Value.bitWidth / 8)
    }

    /// The lowest `width` bytes of `value`.
    package mutating func word(_ value: UInt64, _ width: Int) {
        withUnsafeBytes(of: value.littleEndian) {
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0.prefix(width)))
        }
    }

    /// LEB128: seven bits a byte, the least significant first.
    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    package mutating func raw(_ content: some Collection<UInt8>) { bytes.append(contentsOf: content) }

    /// A length as varint, then the bytes.
    package mutating func blob(_ content: [UInt8]) {
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    package mutating func text(_ content: String) {
        varint(UInt64(content.utf8.count))
        if content.utf8.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
            bytes.append(contentsOf: content.utf8)
        }
    }

    package mutating func list<Element>(_ items: [Element], _ each: (inout ByteWriter, Element) -> Void) {
        varint(UInt64(items.count))
        for item in items { each(&self, item) }
    }

    package mutating func list<Element: Transcribable>(_ items: [Element]) {
        list(items) { writer, item in item.encode(to: &writer) }
    }

    package mutating func optional<Value>(_ value: Value?, _ some: (inout ByteWriter, Value) -> Void) {
        flag(value != nil)
        if let value { some(&self, value) }
    }

    package mutating func optional<Value: Transcribable>(_ value: Value?) {
        optional(value) { writer, value in value.encode(to: &writer) }
    }
}

/// Reads what `ByteWriter` wrote, and refuses everything else.
package struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    package var remaining: Int { bytes.endIndex - position }

    /// The index of the next byte within the slice that the reader was made of.
    package var index: Int { position }

    package func finish() throws(Malformed) {
        if remaining != 0 { throw .trailing }
    }

    package mutating func byte() throws(Malformed) -> UInt8 {
        guard position < bytes.endIndex else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    package mutating func flag() throws(Malformed) -> Bool {
        switch try byte() {
        case 0: false
        case 1: true
        default: throw .outOfRange
        }
    }

    package mutating func fixed<Value: FixedWidthInteger & UnsignedInteger>(
        _: Value.Type = Value.self
    ) throws(Malformed) -> Value {
        Value(truncatingIfNeeded: try word(Value.bitWidth / 8))
    }

    /// So many bytes, at most 8, as a number. Where another module reads much: generic code isn't specialized there.
    package mutating func word(_ width: Int) throws(Malformed) -> UInt64 {
        guard remaining >= width else { throw .truncated }
        let value = bytes.withUnsafeBytes { raw in
            let start = position - bytes.startIndex
            if width == 8 { return UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt64.self)) }
            var value: UInt64 = 0
            for offset in (0..<width).reversed() { value = value << 8 | UInt64(raw[start + offset]) }
            return value
        }
        position += width
        return value
    }

    /// - Throws: `outOfRange` also for a form longer than needed: one value, one form.
    package mutating func varint() throws(Malformed) -> UInt64 {
        if position < bytes.endIndex, bytes[position] < 0x80 {
            defer { position += 1 }
            return UInt64(bytes[position])
        }
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            if shift == 63 && next > 1 { throw .outOfRange }
            value |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 {
                if next == 0 && shift > 0 { throw .outOfRange }
                return value
            }
            shift += 7
            if shift > 63 { throw .outOfRange }
        }
    }

    package mutating func varint<Value: FixedWidthInteger>(as _: Value.Type) throws(Malformed) -> Value {
        guard let value = Value(exactly: try varint()) else { throw .outOfRange }
        return value
    }

    /// A varint that counts something; likewise.
    package mutating func count() throws(Malformed) -> Int {
        guard let count = Int(exactly: try varint()) else { throw .outOfRange }
        return count
    }

    package mutating func raw(count: Int) throws(Malformed) -> [UInt8] {
        if count == 0 { return [] }
        guard count >= 0, remaining >= count else { throw .truncated }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    package mutating func blob(atMost limit: Int) throws(Malformed) -> [UInt8] {
        let count = try varint(as: Int.self)
        guard count <= limit else { throw .tooLong }
        return try raw(count: count)
    }

    package mutating func text(atMost limit: Int) throws(Malformed) -> String {
        let content = try blob(atMost: limit)
        guard let text = String(validating: content, as: UTF8.self) else { throw .outOfRange }
        return text
    }

    package mutating func list<Element>(
        atMost limit: Int, _ each: (inout ByteReader) throws(Malformed) -> Element
    ) throws(Malformed) -> [Element] {
        let count = try varint(as: Int.self)
        guard count <= limit else { throw .tooLong }
        guard count <= remaining else { throw .truncated }
        var items: [Element] = []
        items.reserveCapacity(count)
        for _ in 0..<count { items.append(try each(&self)) }
        return items
    }

    package mutating func list<Element: Transcribable>(
        of _: Element.Type = Element.self, atMost limit: Int
    ) throws(Malformed) -> [Element] {
        try list(atMost: limit) { (reader: inout ByteReader) throws(Malformed) in try Element(from: &reader) }
    }

    package mutating func optional<Value>(
        _ some: (inout ByteReader) throws(Malformed) -> Value
    ) throws(Malformed) -> Value? {
        try flag() ? try some(&self) : nil
    }

    package mutating func optional<Value: Transcribable>(of _: Value.Type = Value.self) throws(Malformed) -> Value? {
        try flag() ? try Value(from: &self) : nil
    }
}
