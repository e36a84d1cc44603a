import Glibc

/// The parsers of TCP mode and of routes without sockets, for tests and fuzzers.
package enum StreamTrial {
    package enum ProxyVerdict: Equatable, Sendable {
        case incomplete, malformed
        /// Bytes it took, and `SOURCE PORT TARGET PORT`; nil: the connection's own addresses hold.
        case complete(consumed: Int, addresses: String?)
    }

    package static func proxyHeader(_ input: [UInt8]) -> ProxyVerdict {
        withBytes(input) { bytes in
            switch ProxyHeader.parse(bytes, input.count) {
            case .incomplete: return .incomplete
            case .malformed: return .malformed
            case .complete(let parsed):
                guard parsed.hasAddresses else { return .complete(consumed: parsed.consumed, addresses: nil) }
                let text = written { output in
                    parsed.source.put(into: &output)
                    output.put(" ")
                    output.put(decimal: Int(parsed.source.port))
                    output.put(" ")
                    parsed.target.put(into: &output)
                    output.put(" ")
                    output.put(decimal: Int(parsed.target.port))
                }
                return .complete(consumed: parsed.consumed, addresses: String(decoding: text, as: UTF8.self))
            }
        }
    }

    /// The header that a server gets for a connection between two endpoints of one family.
    package static func proxyHeader(
        from source: ServicePlan.Endpoint, to target: ServicePlan.Endpoint, version: ServicePlan.ProxyHeader
    ) -> [UInt8] {
        let (source, target) = (
            source.socketName.withPointer { name, _ in ClientAddress(name) },
            target.socketName.withPointer { name, _ in ClientAddress(name) }
        )
        return written { ProxyHeader.put(source, target, version: version, into: &$0) }
    }

    package enum NameVerdict: Equatable, Sendable {
        case incomplete, none
        case name(String)
    }

    /// The name in a TLS ClientHello.
    package static func serverName(_ input: [UInt8]) -> NameVerdict {
        withBytes(input) { bytes in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ServerName.longest) { room in
                guard let start = room.baseAddress else { return .none }
                switch ServerName.parse(bytes, input.count, into: start) {
                case .incomplete: return .incomplete
                case .none: return .none
                case .name(let count): return .name(String(decoding: room[..<count], as: UTF8.self))
                }
            }
        }
    }

    /// The path of a request's target as routes compare it; nil: no route can be sure of it, so it is refused.
    package static func path(_ target: [UInt8]) -> String? {
        withBytes(target) { bytes in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: target.count + 1) { room in
                guard let start = room.baseAddress else { return nil }
                let count = RequestTarget.normalise(bytes, target.count, into: start)
                return count < 0 ? nil : String(decoding: room[..<count], as: UTF8.self)
            }
        }
    }

    /// The name in a Host field.
    package static func host(_ field: [UInt8]) -> String {
        let count = withBytes(field) { RequestTarget.nameCount(ofHost: $0, field.count) }
        return String(decoding: field[..<count], as: UTF8.self)
    }

    /// The place of the first route that fits; nil: none does.
    package static func route(_ routes: [ServicePlan.Route], host: String, path: String) -> Int? {
        var table = RouteTable(routes)
        defer { table.deallocate() }
        return withBytes(Array(host.utf8)) { hostBytes in
            withBytes(Array(path.utf8)) { pathBytes in
                table.first(host: hostBytes, host.utf8.count, path: pathBytes, path.utf8.count).flatMap { found in
                    table.entries.map { found - $0 }
                }
            }
        }
    }

    private static func withBytes<Result>(_ input: [UInt8], _ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        // One more, so that even nothing has an address; a copy of its own, so that a sanitizer sees every overrun.
        let copy = Bytes.allocate(capacity: max(1, input.count))
        defer { copy.deallocate() }
        input.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { copy.update(from: base, count: source.count) }
        }
        return body(copy)
    }

    private static func written(_ body: (inout HeadOutput) -> Void) -> [UInt8] {
        let buffer = Bytes.allocate(capacity: 512)
        defer { buffer.deallocate() }
        var output = HeadOutput(buffer, capacity: 512)
        body(&output)
        return Array(UnsafeBufferPointer(start: output.base, count: output.count))
    }
}
