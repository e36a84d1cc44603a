import Proxy
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The PROXY protocol's headers.
struct ProxyHeaderTests {
    @Test(
        "version 1: exactly one space, exact addresses and ports",
        arguments: [
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\nGET", "192.0.2.1 1 192.0.2.2 65535", 40),
            ("PROXY TCP6 2001:db8::1 ::2 0 80\r\n", "2001:db8::1 0 ::2 80", 33),
            ("PROXY UNKNOWN\r\n", nil, 15), ("PROXY UNKNOWN a b c\r\nx", nil, 21),
        ])
    func good(_ text: String, _ addresses: String?, _ consumed: Int) {
        #expect(StreamTrial.proxyHeader(bytes(text)) == .complete(consumed: consumed, addresses: addresses))
        for count in 0..<consumed {
            #expect(StreamTrial.proxyHeader(Array(bytes(text)[..<count])) == .incomplete, "\(count) bytes")
        }
    }

    @Test(
        "version 1: anything else is refused",
        arguments: [
            "GET / HTTP/1.1\r\n", "proxy TCP4 ", "PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n", "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n",
            "PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n", "PROXY TCP4 ::1 ::1 1 1\r\n", "PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n",
            "PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n", "PROXY UNKNOWNX\r\n", "PROXY \r\n", "PROXY TCP4\r\n",
            "PROXY UNKNOWN \t\r\n", "PROXY UNKNOWN a\rb\r\n", "PROXY UNKNOWN " + String(repeating: "x", count: 100),
        ])
    func refused(_ text: String) {
        #expect(StreamTrial.proxyHeader(bytes(text)) == .malformed, "\(text.debugDescription)")
    }

    static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

    static func v2(_ command: UInt8, _ family: UInt8, _ body: [UInt8]) -> [UInt8] {
        signature + [command, family, UInt8(body.count >> 8), UInt8(body.count & 0xff)] + body
    }

    private static let addresses: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 2, 0, 7, 1, 0]

    @Test("version 2: addresses, LOCAL, families that aren't IP, and what follows the addresses")
    func version2() {
        let four = Self.v2(0x21, 0x11, Self.addresses)
        #expect(
            StreamTrial.proxyHeader(four + [1, 2])
                == .complete(consumed: 28, addresses: "192.0.2.1 7 192.0.2.2 256"))
        for count in 0..<28 { #expect(StreamTrial.proxyHeader(Array(four[..<count])) == .incomplete) }
        let six =
            [UInt8](repeating: 0, count: 15) + [1] + [0x20, 1] + [UInt8](repeating: 0, count: 13) + [2, 0, 1, 0, 2]
        #expect(
            StreamTrial.proxyHeader(Self.v2(0x21, 0x21, six)) == .complete(consumed: 52, addresses: "::1 1 2001::2 2"))
        #expect(StreamTrial.proxyHeader(Self.v2(0x20, 0x00, [])) == .complete(consumed: 16, addresses: nil))
        #expect(StreamTrial.proxyHeader(Self.v2(0x20, 0x99, [1, 2, 3])) == .complete(consumed: 19, addresses: nil))
        #expect(StreamTrial.proxyHeader(Self.v2(0x21, 0x00, [])) == .complete(consumed: 16, addresses: nil))
        let unix = [UInt8](repeating: 65, count: 216)
        #expect(StreamTrial.proxyHeader(Self.v2(0x21, 0x31, unix)) == .complete(consumed: 232, addresses: nil))
        for body in [[0x04, 0, 0], [0xe0, 0, 2, 1, 2], [0x04, 0, 1, 9, 0x05, 0, 0]] as [[UInt8]] {
            let header = Self.v2(0x21, 0x11, Self.addresses + body)
            #expect(
                StreamTrial.proxyHeader(header)
                    == .complete(consumed: header.count, addresses: "192.0.2.1 7 192.0.2.2 256"))
        }
    }

    @Test("version 2: bounds, commands and checksums")
    func refusedVersion2() {
        let bad: [[UInt8]] = [
            Self.v2(0x22, 0x11, Self.addresses), Self.v2(0x11, 0x11, Self.addresses),
            Self.v2(0x21, 0x12, Self.addresses),
            Self.v2(0x21, 0x41, Self.addresses), Self.v2(0x21, 0x11, Array(Self.addresses.dropLast())),
            Self.v2(0x21, 0x21, Self.addresses), Self.v2(0x21, 0x31, Self.addresses),
            Self.v2(0x21, 0x11, Self.addresses + [4]), Self.v2(0x21, 0x11, Self.addresses + [4, 0, 1]),
            Self.v2(0x21, 0x11, Self.addresses + [4, 0xff, 0xff, 0]),
            Self.v2(0x21, 0x11, Self.addresses + [3, 0, 4, 0, 0, 0, 0]),
            Self.v2(0x21, 0x11, Self.addresses + [3, 0, 1, 0]),
            Self.signature + [0x21, 0x11, 0xff, 0xff], Array(Self.signature.dropLast()) + [11],
        ]
        for header in bad { #expect(StreamTrial.proxyHeader(header) == .malformed, "\(header)") }
        // CRC32c over the header with its own field as zero.
        var header = Self.v2(0x21, 0x11, Self.addresses + [3, 0, 4, 0, 0, 0, 0])
        var crc = UInt32.max
        for byte in header {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 != 0 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        for i in 0..<4 { header[31 + i] = UInt8(truncatingIfNeeded: ~crc >> UInt32(24 - 8 * i)) }
        #expect(StreamTrial.proxyHeader(header) == .complete(consumed: 35, addresses: "192.0.2.1 7 192.0.2.2 256"))
    }

    @Test("what we write is what we read", arguments: [ServicePlan.ProxyHeader.v1, .v2])
    func written(_ version: ServicePlan.ProxyHeader) throws {
        for (source, target) in [("192.0.2.1:1234", "192.0.2.2:80"), ("[2001:db8::1]:1", "[::2]:65535")] {
            let (from, to) = (try ServicePlanTests.endpoint(source), try ServicePlanTests.endpoint(target))
            let header = StreamTrial.proxyHeader(from: from, to: to, version: version)
            guard case .complete(header.count, .some(let text)) = StreamTrial.proxyHeader(header) else {
                Issue.record("\(header)")
                continue
            }
            let words = text.split(separator: " ").map(String.init)
            func joined(_ host: String, _ port: String) -> String {
                host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            }
            #expect(joined(words[0], words[1]) == source && joined(words[2], words[3]) == target)
        }
    }
}

/// A ClientHello, in one record or many.
enum Hello {
    private static func sized(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
    }

    static func message(_ name: String?, before: [[UInt8]] = [], after: [[UInt8]] = []) -> [UInt8] {
        var extensions = before.flatMap { $0 }
        if let name { extensions += [0, 0] + sized(sized([0] + sized(Array(name.utf8), 2), 2), 2) }
        extensions += after.flatMap { $0 }
        let body: [UInt8] =
            [3, 3] + [UInt8](repeating: 7, count: 32) + sized([UInt8](repeating: 1, count: 32), 1)
            + sized([0x5a, 0x5a, 0x13, 1], 2) + sized([0], 1) + sized(extensions, 2)
        return [1] + sized(body, 3)
    }

    static func records(_ message: [UInt8], of size: Int) -> [UInt8] {
        stride(from: 0, to: message.count, by: size).flatMap { start in
            [22, 3, 1] + sized(Array(message[start..<min(start + size, message.count)]), 2)
        }
    }

    /// An extension that nobody knows, as browsers send them to keep servers tolerant (RFC 8701).
    static let grease: [UInt8] = [0x0a, 0x0a, 0, 1, 0]
}

struct ServerNameTests {
    @Test("the name is found whatever stands around it and however it is cut")
    func found() {
        for name in ["example.com", "EXAMPLE.com.", "a_b.example.com"] {
            let wanted = name == "EXAMPLE.com." ? "example.com" : name
            for message in [
                Hello.message(name), Hello.message(name, before: [Hello.grease, [0, 43, 0, 2, 1, 2]]),
                Hello.message(name, after: [Hello.grease]),
            ] {
                for size in [1, 2, 7, 50, 16_000] {
                    let records = Hello.records(message, of: size)
                    #expect(StreamTrial.serverName(records) == .name(wanted))
                    #expect(StreamTrial.serverName(records + [23, 3, 3, 0, 1, 0]) == .name(wanted))
                }
            }
        }
        let records = Hello.records(Hello.message("example.com"), of: 16_000)
        for count in 0..<records.count { #expect(StreamTrial.serverName(Array(records[..<count])) == .incomplete) }
    }

    @Test("no name, and what isn't TLS")
    func none() {
        #expect(StreamTrial.serverName(Hello.records(Hello.message(nil), of: 99)) == .none)
        #expect(StreamTrial.serverName(Hello.records(Hello.message(nil, before: [Hello.grease]), of: 99)) == .none)
        for name in ["", "a b", "a/b", "é", String(repeating: "a", count: 256), ".", "a\0b"] {
            #expect(StreamTrial.serverName(Hello.records(Hello.message(name), of: 9_999)) == .none, "\(name)")
        }
        for text in ["GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\u{16}\u{2}", "\u{15}"] {
            #expect(StreamTrial.serverName(bytes(text)) == .none)
        }
        #expect(StreamTrial.serverName([22, 3, 1, 0, 0]) == .none)
        #expect(StreamTrial.serverName([22, 3, 1, 0x40, 1]) == .none)
        #expect(StreamTrial.serverName([22, 3, 1, 0, 1, 2]) == .none)
    }

    @Test("lengths that don't fit each other end the search, and never leave the bytes")
    func mutated() {
        let good = Hello.records(Hello.message("example.com", before: [Hello.grease]), of: 40)
        var random: UInt64 = 7
        for _ in 0..<20_000 {
            var input = good
            for _ in 0..<2 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                input[Int(random >> 33) % input.count] = UInt8(truncatingIfNeeded: random >> 20)
            }
            _ = StreamTrial.serverName(input)
        }
        let long = [UInt8](repeating: 0, count: 17_000)
        #expect(StreamTrial.serverName([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff, 3, 3] + long) == .none)
    }
}

/// What routes compare.
struct RequestTargetTests {
    @Test(
        "paths are compared as a server may understand them",
        arguments: [
            ("/", "/"), ("/a/b?c=/../d", "/a/b"), ("/a//b///", "/a/b/"), ("/%61dmin", "/admin"), ("/a/./b", "/a/b"),
            ("/a/../b", "/b"), ("/a/b/..", "/a/"), ("/a/.", "/a/"), ("/a/%2e%2E/b", "/b"), ("/a%2fb", "/a/b"),
            ("/...", "/..."), ("/.a/..b", "/.a/..b"), ("//a", "/a"), ("?q", "/"), ("/%25", "/%"), ("*", "*"),
            ("/a/..", "/"), ("/a/b/../../c", "/c"), ("", ""),
        ])
    func normalised(_ target: String, _ path: String) { #expect(StreamTrial.path(bytes(target)) == path) }

    @Test(
        "paths that nobody can be sure of",
        arguments: ["/%", "/%4", "/%zz", "/%00", "/..", "/../a", "/a/../..", "/%2e%2e", "/a/../../b", "/a\u{0}b"])
    func refused(_ target: String) { #expect(StreamTrial.path(bytes(target)) == nil) }

    @Test(
        "hosts without port and dot",
        arguments: [
            ("a.org", "a.org"), ("a.org:80", "a.org"), ("a.org.", "a.org"), ("a.org.:80", "a.org"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"), ("", ""), (":80", ""), ("a:", "a"), ("192.0.2.1", "192.0.2.1"), ("[::1", "[::1"),
        ])
    func hosts(_ field: String, _ name: String) { #expect(StreamTrial.host(bytes(field)) == name) }

    @Test("the first route that fits decides")
    func order() {
        let routes = [
            ServicePlan.Route(host: "a.org", path: .exact("/x"), action: .deny(404)),
            ServicePlan.Route(host: "*.A.org", action: .pool(1)),
            ServicePlan.Route(path: .prefix("/api"), action: .pool(2)),
            ServicePlan.Route(path: .prefix("/img/"), action: .pool(3)),
            ServicePlan.Route(host: "z", action: .pool(4)),
        ]
        for (host, path, place) in [
            ("A.ORG", "/x", 0), ("a.org", "/X", nil), ("b.a.org", "/x", 1), ("c.b.a.org", "/api", 1),
            ("xa.org", "/", nil),
            (".a.org", "/", nil), ("q", "/api", 2), ("q", "/api/v", 2), ("q", "/apix", nil), ("q", "/img", nil),
            ("q", "/img/", 3), ("q", "/img/a", 3), ("z", "/", 4), ("", "/", nil),
        ] as [(String, String, Int?)] {
            #expect(StreamTrial.route(routes, host: host, path: path) == place, "\(host) \(path)")
        }
    }
}
