import Journal

/// A JSON value whose keys stay in the order they were given; what every answer with `--json` is made of.
package indirect enum JSONText: Hashable, Sendable {
    case null
    case flag(Bool)
    case number(Int64)
    case text(String)
    case list([JSONText])
    case object([Field])

    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: JSONText
    }

    /// Fields whose value is nil are left out.
    package static func fields(_ fields: KeyValuePairs<String, JSONText?>) -> JSONText {
        .object(fields.compactMap { field in field.value.map { Field(name: field.key, value: $0) } })
    }

    package static func number(_ value: UInt64) -> JSONText { .number(Int64(clamping: value)) }
    package static func number(_ value: Int) -> JSONText { .number(Int64(value)) }
    package static func optional(_ text: String?) -> JSONText? { text.map { .text($0) } }

    /// The value of a field of an object; nil where there is none.
    package subscript(name: String) -> JSONText? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.name == name }?.value
    }

    /// RFC 8259 on one line. Neither `<` nor `&` nor a line separator stands in it as itself, so that it can be
    /// part of a page's script element whatever the journals say.
    package var encoded: String {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .flag(let flag): bytes += (flag ? "true" : "false").utf8
        case .number(let number): bytes += String(number).utf8
        case .text(let text): Self.write(text, to: &bytes)
        case .list(let values):
            bytes.append(UInt8(ascii: "["))
            for (place, value) in values.enumerated() {
                if place > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let fields):
            bytes.append(UInt8(ascii: "{"))
            for (place, field) in fields.enumerated() {
                if place > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(field.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                field.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: bytes += "\\\"".utf8
            case 0x5C: bytes += "\\\\".utf8
            case 0..<0x20, 0x7F...0x9F, 0x26, 0x3C, 0x3E, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069:
                let digits = String(scalar.value, radix: 16)
                bytes += ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8
            default: bytes += String(scalar).utf8
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Text that a journal brought along, fit for a terminal, and bounded.
func harmless(_ text: String, atMost limit: Int = 200) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit))).harmless
}
