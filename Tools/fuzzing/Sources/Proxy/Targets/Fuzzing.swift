import Glibc

/// What one run is given: exactly these bytes, so that the address sanitizer sees every read beyond them.
package typealias FuzzInput = UnsafeBufferPointer<UInt8>

/// The fuzz targets of this module by name.
package enum ProxyTargets {
    package static let all: [(name: String, run: @Sendable (FuzzInput) -> Void)] = [
        ("request-head", RequestHeadTarget.run), ("response-head", ResponseHeadTarget.run), ("body", BodyTarget.run),
        ("cookie", CookieTarget.run), ("plan", PlanTarget.run), ("channel", ChannelTarget.run),
        ("log-text", LogTextTarget.run),
        ("proxy-header", ProxyHeaderTarget.run), ("server-name", ServerNameTarget.run),
        ("target-path", TargetPathTarget.run),
    ]
}

/// Checking the properties costs ten times the parsing. `ELECTD_FUZZ_SHARE=N` checks them in every Nth run only, for
/// millions of runs; the sanitizer and the sources' own preconditions watch all of them.
enum Share {
    private static let every = getenv("ELECTD_FUZZ_SHARE").flatMap { UInt64(String(cString: $0)) } ?? 1
    nonisolated(unsafe) private static var runs: UInt64 = 0

    static func isDue() -> Bool {
        runs &+= 1
        return every < 2 || runs % every == 0
    }
}

/// A property that doesn't hold: the fuzzer keeps the input and says this.
package func violated(_ what: String) -> Never {
    let line = Array("PROPERTY: \(what)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    abort()
}

func require(_ holds: Bool, _ what: @autoclosure () -> String) {
    if !holds { violated(what()) }
}

extension UnsafeBufferPointer<UInt8> {
    /// A copy of the first `count` bytes that ends where they end.
    func withPrefix<Result>(_ count: Int, _ body: (UnsafeMutablePointer<UInt8>, Int) -> Result) -> Result {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        defer { copy.deallocate() }
        if let baseAddress, count > 0 { copy.update(from: baseAddress, count: count) }
        return body(copy, count)
    }

    func dropping(_ count: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: self[Swift.min(count, self.count)...])
    }

    /// Where to split it: all places of a short input, a few of a long one, different ones for different inputs.
    func splits(atMost most: Int) -> [Int] {
        if count <= most { return Array(0..<count) }
        var state: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in self { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return (0..<most).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(count))
        }
    }
}

/// Room for one rewritten head; kept, because an allocation of this size costs more than the parsing.
enum OutputRoom {
    static let capacity = HeadLimit.bytes + HeadLimit.growth
    nonisolated(unsafe) static let buffer = Bytes.allocate(capacity: capacity)
}

/// Lines of a head that was accepted, read the naive way: to compare with what the parser made of it.
struct NaiveHead {
    var startLine: [UInt8] = []
    var fields: [(name: [UInt8], value: [UInt8])] = []

    /// - Parameter bytes: through the empty line.
    init(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while rest.starts(with: [13, 10]) { rest = rest.dropFirst(2) }
        var lines: [[UInt8]] = []
        while let end = zip(rest.indices, rest.indices.dropFirst()).first(where: { rest[$0] == 13 && rest[$1] == 10 }) {
            let line = Array(rest[rest.startIndex..<end.0])
            rest = rest[(end.1 + 1)...]
            if line.isEmpty { break }
            lines.append(line)
        }
        require(rest.isEmpty, "bytes after the head's empty line: \(rest.count)")
        for line in lines {
            require(line.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 9 }, "a control byte in a head")
        }
        startLine = lines.first ?? []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: 0x3a) else { violated("a field line without a colon") }
            let name = line[..<colon]
            require(!name.isEmpty && name.allSatisfy(CharacterClass.isToken), "a field name that isn't a token")
            fields.append((name.map(HeaderText.lowercased), Self.trimmed(line[(colon + 1)...])))
        }
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let kept = bytes.drop(while: CharacterClass.isBlank)
        return Array(kept[..<((kept.lastIndex { !CharacterClass.isBlank($0) }).map { $0 + 1 } ?? kept.startIndex)])
    }

    /// Values of the fields of that name; `_` counts as `-`, as it does for servers with environment variables.
    func values(_ name: String, aliased: Bool = true) -> [[UInt8]] {
        let wanted = Array(name.utf8)
        return fields.filter { field in
            (aliased ? field.name.map { $0 == 0x5f ? 0x2d : $0 } : field.name) == wanted
        }.map(\.value)
    }

    /// What any next hop must be able to rely on.
    func requireOneFraming() {
        let lengths = values("content-length")
        let codings = values("transfer-encoding")
        require(lengths.count + codings.count <= 1, "two fields frame one message")
        for length in lengths {
            require(!length.isEmpty && length.allSatisfy { $0 &- 48 <= 9 }, "a length that isn't a number")
        }
        for coding in codings {
            require(coding.map(HeaderText.lowercased) == Array("chunked".utf8), "a coding other than chunked")
        }
    }
}
