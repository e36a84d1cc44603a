/// Any bytes in a log line, as both forms write them: printable ASCII only, nothing that ends the text they stand in, and
/// the bytes can be had back.
enum LogTextTarget {
    static func run(_ data: FuzzInput) {
        let input = UnsafeBufferPointer(rebasing: data.prefix(1_000))
        let haproxy = written(input, LogEscape.putHAProxy)
        require(
            haproxy.allSatisfy { (0x20...0x7e).contains($0) && $0 != 0x22 }, "a byte that ends the line or its text")
        require(unescaped(haproxy, mark: [0x23]) == Array(input), "HAProxy's form says something else")
        let json = written(input, LogEscape.putJSON)
        require(json.allSatisfy { (0x20...0x7e).contains($0) }, "a byte that ends the line")
        require(unescaped(json, mark: Array("\\u00".utf8)) == Array(input), "the JSON form says something else")
    }

    private static func written(
        _ input: FuzzInput, _ put: (UnsafePointer<UInt8>, Int, inout HeadOutput) -> Void
    ) -> [UInt8] {
        input.withPrefix(input.count) { bytes, count in
            var output = HeadOutput(OutputRoom.buffer, capacity: OutputRoom.capacity)
            put(bytes, count, &output)
            return Array(UnsafeBufferPointer(start: output.base, count: output.count))
        }
    }

    /// Undoes the escapes: `mark` and two digits, and in JSON a backslash before a quote or a backslash.
    private static func unescaped(_ text: [UInt8], mark: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let first = rest.first {
            if rest.starts(with: mark) {
                let digits = rest.dropFirst(mark.count).prefix(2)
                guard let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                    violated("an escape that isn't one")
                }
                bytes.append(byte)
                rest = rest.dropFirst(mark.count + 2)
            } else if first == 0x5c, mark.count > 1 {
                guard let next = rest.dropFirst().first, next == 0x22 || next == 0x5c else {
                    violated("an escape that isn't one")
                }
                bytes.append(next)
                rest = rest.dropFirst(2)
            } else {
                require(first != 0x22 || mark.count == 1, "a quote ends the text")
                bytes.append(first)
                rest = rest.dropFirst()
            }
        }
        return bytes
    }
}
