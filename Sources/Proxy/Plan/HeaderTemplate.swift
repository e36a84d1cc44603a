/// A header's value with variables in it, as HAProxy writes them: `%[src]` is the client's address, `%[dst_port]` the port
/// that it connected to.
struct HeaderTemplate: Equatable {
    enum Part: Equatable {
        case text(String)
        case clientAddress
        case localPort
    }

    private(set) var parts: [Part] = []

    /// nil: a variable that isn't known, or that nothing closes.
    init?(_ value: String) {
        var rest = Substring(value)
        while let start = rest.firstRange(of: "%[") {
            if start.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<start.lowerBound]))) }
            guard let end = rest[start.upperBound...].firstIndex(of: "]") else { return nil }
            switch rest[start.upperBound..<end] {
            case "src": parts.append(.clientAddress)
            case "dst_port": parts.append(.localPort)
            default: return nil
            }
            rest = rest[rest.index(after: end)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
    }

    /// Bytes that it can become.
    var mostBytes: Int {
        parts.reduce(0) { sum, part in
            switch part {
            case .text(let text): sum + text.utf8.count
            case .clientAddress: sum + 45
            case .localPort: sum + 5
            }
        }
    }
}
