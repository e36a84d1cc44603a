import Glibc

/// The PROXY protocol's header, in any pieces: what is taken can be written and read again, in both versions.
enum ProxyHeaderTarget {
    static func run(_ data: FuzzInput) {
        let whole = parse(data, data.count)
        for place in data.splits(atMost: 16) where place > 0 { compare(parse(data, place), whole) }
        guard case .complete(let header) = whole else { return }
        require(header.consumed > 0 && header.consumed <= data.count, "a header of \(header.consumed) bytes")
        require(header.consumed <= ProxyHeader.limit, "a header beyond its limit")
        guard header.hasAddresses else { return }
        for version in ServicePlan.ProxyHeader.allCases {
            var output = HeadOutput(OutputRoom.buffer, capacity: OutputRoom.capacity)
            ProxyHeader.put(header.source, header.target, version: version, into: &output)
            guard case .complete(let again) = ProxyHeader.parse(output.base, output.count), again.hasAddresses else {
                violated("what we write isn't read")
            }
            require(again.consumed == output.count, "what we write is more than a header")
            require(text(again.source) == text(header.source), "the source changes")
            require(text(again.target) == text(header.target), "the target changes")
        }
    }

    private static func parse(_ data: FuzzInput, _ count: Int) -> ProxyHeader.Verdict {
        data.withPrefix(count) { ProxyHeader.parse($0, $1) }
    }

    private static func compare(_ part: ProxyHeader.Verdict, _ whole: ProxyHeader.Verdict) {
        switch (part, whole) {
        case (.incomplete, _), (.malformed, .malformed): break
        case (.complete(let short), .complete(let long)):
            require(short.consumed == long.consumed, "more bytes make the header longer")
        default: violated("the first bytes say something else than all")
        }
    }

    private static func text(_ address: ClientAddress) -> [UInt8] {
        let room = Bytes.allocate(capacity: 64)
        defer { room.deallocate() }
        var output = HeadOutput(room, capacity: 64)
        address.put(into: &output)
        output.put(" ")
        output.put(decimal: Int(address.port))
        return Array(UnsafeBufferPointer(start: room, count: output.count))
    }
}

/// The name in a ClientHello. The first byte chooses: the rest is the records, or a name in a good one that is cut into
/// records of that size.
enum ServerNameTarget {
    static func run(_ data: FuzzInput) {
        guard let first = data.first else { return }
        let rest = data.dropping(1)
        if first & 1 == 0 {
            check(rest)
        } else {
            let records = Self.records(rest.prefix(300), of: 1 + Int(first) / 2)
            records.withUnsafeBufferPointer(check)
        }
    }

    private static func check(_ data: FuzzInput) {
        let (verdict, name) = parse(data, data.count)
        for place in data.splits(atMost: 16) {
            let (part, partName) = parse(data, place)
            if part == .incomplete { continue }
            require(part == verdict && partName == name, "the first bytes say something else than all")
        }
        guard case .name = verdict else { return }
        require(!name.isEmpty && name.count <= ServerName.longest, "a name of \(name.count) bytes")
        require(
            name.allSatisfy { ($0 &- 97 < 26) || ($0 &- 48 < 10) || [0x2d, 0x2e, 0x5f].contains($0) },
            "a name that no host has")
    }

    private static func parse(_ data: FuzzInput, _ count: Int) -> (ServerName.Verdict, [UInt8]) {
        data.withPrefix(count) { bytes, count in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ServerName.longest) { room in
                guard let base = room.baseAddress else { return (.none, []) }
                let verdict = ServerName.parse(bytes, count, into: base)
                guard case .name(let length) = verdict else { return (verdict, []) }
                return (verdict, Array(room.prefix(length)))
            }
        }
    }

    /// RFC 8446 section 4.1.2 and 5.1, with nothing but a name (RFC 6066 section 3).
    private static func records(_ name: FuzzInput.SubSequence, of size: Int) -> [UInt8] {
        var hello: [UInt8] = []
        hello.reserveCapacity(name.count + 56)
        func put(_ number: Int) {
            hello.append(UInt8(number >> 8))
            hello.append(UInt8(number & 255))
        }
        // From the inside: the name, the list of names, the extension, all extensions.
        let count = name.count
        hello += [1, 0]
        put(count + 52)
        hello += repeatElement(3, count: 34)
        hello += [0, 0, 2, 0x13, 1, 1, 0]
        put(count + 9)
        put(0)
        put(count + 5)
        put(count + 3)
        hello.append(0)
        put(count)
        hello += name
        var records: [UInt8] = []
        records.reserveCapacity(hello.count * 6)
        for start in stride(from: 0, to: hello.count, by: size) {
            let end = min(start + size, hello.count)
            records += [0x16, 3, 1, UInt8((end - start) >> 8), UInt8((end - start) & 255)]
            records += hello[start..<end]
        }
        return records
    }
}

/// A target's path as routes compare it: no dot segment, no double slash, no NUL is left in it.
enum TargetPathTarget {
    static func run(_ data: FuzzInput) {
        guard data.first == 0x2f else { return }
        let path = data.withPrefix(data.count) { bytes, count -> [UInt8]? in
            let room = Bytes.allocate(capacity: count)
            defer { room.deallocate() }
            let written = RequestTarget.normalise(bytes, count, into: room)
            require(written <= count, "a path grows")
            return written < 0 ? nil : Array(UnsafeBufferPointer(start: room, count: written))
        }
        guard let path else { return }
        require(path.first == 0x2f, "a path without its root")
        require(!path.contains(0), "a NUL is left")
        for segment in path.dropFirst().split(separator: 0x2f, omittingEmptySubsequences: false).dropLast() {
            require(!segment.isEmpty, "two slashes are left")
            require(!segment.elementsEqual([0x2e]) && !segment.elementsEqual([0x2e, 0x2e]), "a dot segment is left")
        }
    }
}
