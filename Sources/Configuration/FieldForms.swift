/// Forms of text that have a syntax of their own: addresses, paths, keys, sizes.
extension Field {
    /// An absolute path.
    func path() -> String? {
        guard let text = text("an absolute path") else { return nil }
        guard text.utf8.first == UInt8(ascii: "/"), !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            refuse(
                "`\(key)` must be an absolute path, not \(quoted(text))", "write it from the root, as in /etc/electd/…")
            return nil
        }
        guard text.utf8.count <= 4095 else {
            refuse("the path in `\(key)` is too long", "keep it below 4096 bytes")
            return nil
        }
        return text
    }

    /// `ADDRESS:PORT` or `[ADDRESS]:PORT`, an address that one machine can have.
    func endpoint() -> Endpoint? {
        guard let text = text("an address and a port") else { return nil }
        guard let (host, port) = splitPort(text), let number = portNumber(port) else { return nil }
        guard let address = address(host, of: text) else { return nil }
        return Endpoint(address: address, port: number)
    }

    /// `:PORT` for every virtual address of a group, or an endpoint.
    func listener() -> Configuration.Listener? {
        guard let text = text("a place to listen on, such as \":80\"") else { return nil }
        if !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
            refuse(
                "\(quoted(text)) isn't a place to listen on",
                "write \":\(text)\" for that port of the group's addresses")
            return nil
        }
        guard let (host, port) = splitPort(text), let number = portNumber(port) else { return nil }
        if host.isEmpty { return Configuration.Listener(address: nil, port: number) }
        if IPAddress(host)?.isUnspecified == true {
            refuse("a service listens on its group's addresses, not on all", "write \":\(number)\"")
            return nil
        }
        guard let address = address(host, of: text) else { return nil }
        return Configuration.Listener(address: address, port: number)
    }

    /// An address with the length of its prefix, or without one: then it stands alone.
    func virtualAddress() -> VirtualAddress? {
        guard let text = text("an address such as 192.0.2.200/32") else { return nil }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = address(String(parts[0]), of: text) else { return nil }
        let bits = address.bytes.count * 8
        guard parts.count == 2 else { return VirtualAddress(address: address, prefixLength: bits) }
        guard parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let length = Int(parts[1]), (1...bits).contains(length)
        else {
            refuse("\(quoted(text)) has no valid prefix length", "write 1 to \(bits) behind the slash, or no slash")
            return nil
        }
        return VirtualAddress(address: address, prefixLength: length)
    }

    /// Host and port around the last colon, the host without its brackets.
    private func splitPort(_ text: String) -> (host: String, port: String)? {
        guard let colon = text.lastIndex(of: ":") else {
            refuse("\(quoted(text)) has no port", "write ADDRESS:PORT, as in \"192.0.2.201:3737\"")
            return nil
        }
        let host = text[..<colon]
        let port = String(text[text.index(after: colon)...])
        if host.hasPrefix("["), host.hasSuffix("]"), host.count >= 2 {
            let inner = String(host.dropFirst().dropLast())
            guard inner.contains(":") else {
                refuse("only IPv6 addresses stand in brackets", "write \(quoted("\(inner):\(port)"))")
                return nil
            }
            return (inner, port)
        }
        guard !host.contains(":") else {
            let whole = IPAddress(text) != nil ? "\"[\(text)]:PORT\"" : "\"[ADDRESS]:PORT\""
            refuse("\(quoted(text)) isn't an address and a port", "write an IPv6 address in brackets: \(whole)")
            return nil
        }
        return (String(host), port)
    }

    private func portNumber(_ text: String) -> UInt16? {
        if (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let port = UInt16(text), port > 0
        {
            return port
        }
        refuse("\(quoted(text)) isn't a port", "write 1 to 65535 behind the colon")
        return nil
    }

    /// An address that can belong to one machine.
    private func address(_ host: String, of text: String) -> IPAddress? {
        guard let address = IPAddress(host) else {
            let isZoned = host.contains("%")
            refuse(
                "\(quoted(host)) isn't an IP address",
                isZoned
                    ? "use an address that needs no interface behind a %"
                    : "write an IPv4 address such as 192.0.2.201, or an IPv6 address; names aren't looked up")
            return nil
        }
        guard !address.isUnspecified, !address.isMulticastOrBroadcast, !address.isLinkLocalIPv6 else {
            refuse("\(quoted(host)) isn't an address of one machine", "write a unicast address that is routed")
            return nil
        }
        return address
    }

    /// `ed25519:` and the base64 of 32 bytes.
    func publicKey(of node: String) -> [UInt8]? {
        guard let text = text("a public key") else { return nil }
        let prefix = "ed25519:"
        if text.hasPrefix(prefix), let key = strictBase64(Array(text.utf8.dropFirst(prefix.utf8.count))),
            key.count == 32
        {
            return key
        }
        refuse(
            "\(quoted(text)) isn't a public key: that is \"ed25519:\" and 44 characters of base64",
            "run `electd keygen --out FILE` on \(node) and write what it prints")
        return nil
    }

    /// Bytes: a whole number with `KiB`, `MiB` or `GiB`.
    func size(_ range: ClosedRange<Int64>) -> Int64? {
        guard let text = text("a size such as 64MiB") else { return nil }
        let digits = text.utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }
        let unit = String(Substring(text.utf8.dropFirst(digits.count).drop { $0 == 0x20 }))
        let factors: [String: Int64] = ["KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30]
        guard let count = Int64(String(Substring(digits))), let factor = factors[unit] else {
            refuse("`\(key)` must be a size, not \(quoted(text))", "write a number and KiB, MiB or GiB, as in 64MiB")
            return nil
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow, range.contains(bytes) else {
            refuse(
                "`\(key)` is out of range: \(quoted(text))",
                "choose \(range.lowerBound >> 20)MiB to \(range.upperBound >> 20)MiB")
            return nil
        }
        return bytes
    }

    /// Text that goes into an HTTP message or a log: printable ASCII without what `forbidden` names.
    func printable(_ wanted: String, max: Int, forbidden: String) -> String? {
        guard let text = text(wanted) else { return nil }
        let banned = Array(forbidden.utf8)
        guard (1...max).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x20...0x7e).contains($0) && !banned.contains($0) })
        else {
            refuse("`\(key)` can't be \(quoted(text))", "write \(wanted), at most \(max) characters")
            return nil
        }
        return text
    }

    /// The path of an HTTP request.
    func httpPath() -> String? {
        guard let text = text("a path such as /") else { return nil }
        return httpPath(text)
    }

    func httpPath(_ text: String) -> String? {
        guard text.utf8.first == UInt8(ascii: "/"), text.utf8.count <= 1024,
            text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") })
        else {
            refuse(
                "\(quoted(text)) isn't the path of a request",
                "begin it with a slash and percent-encode spaces and what isn't ASCII")
            return nil
        }
        return text
    }

    /// The path under which a browser sends a cookie.
    func cookiePath() -> String? {
        guard let path = printable("a path such as /", max: 128, forbidden: " ;") else { return nil }
        if path.hasPrefix("/") { return path }
        refuse("`\(key)` can't be \(quoted(path))", "begin it with a slash")
        return nil
    }

    /// `200`, `200-399`, or a list of such: sorted and disjoint.
    func statusCodes() -> [ClosedRange<Int>]? {
        guard let items = items(limit: 32, "status codes") else { return nil }
        var ranges: [ClosedRange<Int>] = []
        for item in items {
            guard let text = item.text("a status code") else { return nil }
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map {
                $0.utf8.count == 3 ? Int($0) : nil
            }
            guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low <= high,
                (100...599).contains(low), (100...599).contains(high)
            else {
                item.refuse("\(quoted(text)) isn't a status code", "write 200, 200-399 or a list of such")
                return nil
            }
            ranges.append(low...high)
        }
        guard !ranges.isEmpty else {
            refuse("`\(key)` is empty", "write 200, 200-399 or a list of such")
            return nil
        }
        return ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { merged, range in
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
    }
}
