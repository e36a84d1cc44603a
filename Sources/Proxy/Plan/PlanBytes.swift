/// Appends integers in big-endian order, and texts and lists with their length before them.
struct PlanWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ value: UInt8) { bytes.append(value) }

    mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put(_ flag: Bool) { put(UInt8(flag ? 1 : 0)) }

    /// At most 255 bytes, which validation holds for every text in a plan.
    mutating func put(_ text: String) {
        precondition(text.utf8.count <= 255, "a plan's texts are bounded")
        put(UInt8(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func put(_ raw: [UInt8]) { bytes.append(contentsOf: raw) }
}

/// Reads what `PlanWriter` wrote, and takes any other bytes for damage.
struct PlanReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    var remaining: Int { bytes.count - position }

    mutating func take<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(ServicePlanError) -> Value {
        let size = Value.bitWidth / 8
        guard remaining >= size else { throw .damaged("it ends early") }
        var value: Value = 0
        for byte in bytes[position..<position + size] {
            value = size == 1 ? Value(truncatingIfNeeded: byte) : value << 8 | Value(truncatingIfNeeded: byte)
        }
        position += size
        return value
    }

    mutating func takeFlag() throws(ServicePlanError) -> Bool {
        switch try take(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .damaged("a flag is neither 0 nor 1")
        }
    }

    mutating func takeText() throws(ServicePlanError) -> String {
        let raw = try takeBytes(Int(take(UInt8.self)))
        guard let text = String(validating: raw, as: UTF8.self) else { throw .damaged("a text isn't UTF-8") }
        return text
    }

    mutating func takeBytes(_ count: Int) throws(ServicePlanError) -> [UInt8] {
        guard remaining >= count else { throw .damaged("it ends early") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func takeCase<Choice: RawRepresentable<UInt8>>(_: Choice.Type = Choice.self) throws(ServicePlanError)
        -> Choice
    {
        guard let choice = Choice(rawValue: try take(UInt8.self)) else { throw .damaged("an unknown choice") }
        return choice
    }

    /// A list's length, which may not promise more elements than bytes are left.
    mutating func takeCount() throws(ServicePlanError) -> Int {
        let count = Int(try take(UInt16.self))
        guard count <= remaining else { throw .damaged("a list is longer than the rest") }
        return count
    }
}
