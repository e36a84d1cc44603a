import Glibc
import Proxy
import Testing

/// Routes, rules and PROXY headers through a worker, between real sockets.
@Suite(.serialized)
struct TrafficProxyTests {
    private func redirect(_ change: (inout ServicePlan.Redirect) -> Void) -> ServicePlan.Route.Action {
        var rule = ServicePlan.Redirect()
        change(&rule)
        return .redirect(rule)
    }

    @Test("hosts and paths choose pools; denials and redirects are answered here")
    func routes() throws {
        let backends = [try Backend.named("a"), try Backend.named("b")]
        var plan = try service(backends.map(\.port), cookie: true)
        plan.pools = [ServicePlan.Pool(servers: [0]), ServicePlan.Pool(name: "b", servers: [1])]
        plan.rules.routes = [
            ServicePlan.Route(path: .prefix("/admin"), action: .deny(403)),
            ServicePlan.Route(host: "*.b.org", action: .pool(1)),
            ServicePlan.Route(
                path: .exact("/old"),
                action: redirect {
                    $0.status = 301
                    $0.path = "/new"
                }),
            ServicePlan.Route(
                host: "plain.org",
                action: redirect {
                    $0.scheme = .https
                    $0.prefix = "/p"
                }),
        ]
        plan.rules.errorPages = [
            ServicePlan.ErrorPage(status: 403, contentType: "text/plain", body: Array("no entry".utf8))
        ]
        let proxy = try ProxyUnderTest(plan)
        let client = try proxy.client()
        func get(_ path: String, host: String, _ lines: String = "") -> Response? {
            client.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n")
            return client.readResponse()
        }
        #expect(get("/x", host: "a.org")?.text == "a /x 0")
        #expect(get("/x", host: "www.B.org:80")?.text == "b /x 0")
        // A cookie that names a server of another pool binds nothing.
        let other = try #require(get("/y", host: "www.b.org", "Cookie: SERVERNAME=s0\r\n"))
        #expect(other.text == "b /y 0" && field("set-cookie", in: other.head)?.hasPrefix("SERVERNAME=s1;") == true)
        let moved = try #require(get("/old?q", host: "a.org"))
        #expect(moved.status == 301 && field("location", in: moved.head) == "/new" && moved.body.isEmpty)
        let secure = try #require(get("/x?q=1", host: "plain.org:8080"))
        #expect(secure.status == 302 && field("location", in: secure.head) == "https://plain.org/p/x?q=1")
        // The connection has stayed open all along.
        #expect(get("/z", host: "a.org")?.text == "a /z 0")
        for path in ["/admin", "/%61dmin/x", "//admin", "/x/../admin"] {
            let denied = try #require(try proxy.client().get(path))
            #expect(denied.status == 403 && denied.text == "no entry", "\(path)")
            #expect(field("content-type", in: denied.head) == "text/plain")
        }
        #expect(try proxy.client().get("/%zz")?.status == 400)
        #expect(!backends.contains { $0.requests.contains { $0.contains("dmin") } })
        proxy.stop()
        for backend in backends { backend.stop() }
    }

    @Test("proxies in front of us are believed, others aren't")
    func except() throws {
        let backend = try Backend.named("a")
        for (network, expected) in [(UInt8(127), "1.1.1.1"), (UInt8(10), "127.0.0.1")] {
            var plan = try service([backend.port])
            plan.rules.forwarding.existing = .replace
            plan.rules.forwarding.except = [ServicePlan.Network(address: [network, 0, 0, 0], prefixLength: 8)]
            plan.rules.request.set = [.init(name: "X-Port", value: "%[dst_port]")]
            let proxy = try ProxyUnderTest(plan)
            #expect(try proxy.client().get("/", "X-Forwarded-For: 1.1.1.1\r\n")?.status == 200)
            let head = try #require(backend.requests.last)
            #expect(field("x-forwarded-for", in: head) == expected)
            #expect(field("x-port", in: head) == "\(proxy.port)")
            proxy.stop()
        }
        backend.stop()
    }

    private func accepting(_ plan: ServicePlan.Service, _ network: UInt8 = 127) -> ServicePlan.Service {
        var plan = plan
        plan.rules.proxyHeaderFrom = [ServicePlan.Network(address: [network, 0, 0, 0], prefixLength: 8)]
        return plan
    }

    @Test("PROXY in, HTTP: the client is who the header says; byte by byte, with and without addresses")
    func proxyIn() throws {
        let backend = try Backend.named("a")
        let proxy = try ProxyUnderTest(accepting(service([backend.port])))
        let v2 = ProxyHeaderTests.v2(0x21, 0x11, [192, 0, 2, 9, 192, 0, 2, 1, 0, 7, 0, 80])
        for (header, address) in [
            (Array("PROXY TCP4 192.0.2.8 192.0.2.1 7 80\r\n".utf8), "192.0.2.8"),
            (Array("PROXY TCP6 2001:db8::1 ::1 7 80\r\n".utf8), "2001:db8::1"), (v2, "192.0.2.9"),
            (Array("PROXY UNKNOWN\r\n".utf8), "127.0.0.1"), (ProxyHeaderTests.v2(0x20, 0, []), "127.0.0.1"),
        ] {
            for isSlow in [false, true] {
                let client = try proxy.client()
                let bytes = header + Array("GET / HTTP/1.1\r\nHost: t\r\n\r\n".utf8)
                if isSlow {
                    for byte in bytes {
                        client.send([byte])
                        usleep(500)
                    }
                } else {
                    client.send(bytes)
                }
                #expect(client.readResponse()?.status == 200)
                #expect(field("x-forwarded-for", in: backend.requests.last ?? "") == address)
                #expect(client.get("/")?.status == 200)
            }
        }
        for bad in ["GET / HTTP/1.1\r\nHost: t\r\n\r\n", "PROXY TCP4 1.1.1.1\r\n"] {
            let client = try proxy.client()
            client.send(bad)
            #expect(client.readAll().isEmpty)
        }
        proxy.stop()
        backend.stop()
    }

    @Test("PROXY in: late ones are closed, and who isn't listed is read as always")
    func proxyInRefused() throws {
        let backend = try Backend.named("a")
        let timeouts = ServicePlan.Timeouts(connect: 5_000, client: 20_000, server: 20_000, request: 300)
        let proxy = try ProxyUnderTest(accepting(service([backend.port], timeouts: timeouts)))
        let late = try proxy.client()
        late.send("PROXY TCP4 1.1.1.1 ")
        #expect(late.isAtEnd)
        proxy.stop()
        let other = try ProxyUnderTest(accepting(service([backend.port]), 10))
        #expect(try other.client().get("/")?.status == 200)
        let liar = try other.client()
        liar.send("PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n")
        #expect(liar.readResponse()?.status == 400)
        other.stop()
        backend.stop()
    }

    @Test("PROXY out, HTTP: each kept connection is one client's", arguments: [ServicePlan.ProxyHeader.v1, .v2])
    func proxyOut(_ version: ServicePlan.ProxyHeader) throws {
        let backend = try Backend { wire, backend in
            let mark = version == .v1 ? "\r\n" : "QUIT\n"
            guard var header = wire.read(through: mark).map({ Array($0.utf8) }) else { return }
            if version == .v2 { header += wire.read(16) ?? [] }
            guard case .complete(_, .some(let addresses)) = StreamTrial.proxyHeader(header) else { return }
            while let head = wire.read(through: "\r\n\r\n") {
                guard wire.readBody(head, untilClose: false) != nil else { return }
                backend.note(addresses)
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: \(addresses.utf8.count)\r\n\r\n\(addresses)")
            }
        }
        var plan = try service([backend.port])
        plan.servers[0].proxyHeader = version
        let proxy = try ProxyUnderTest(plan)
        let clients = [try proxy.client(), try proxy.client()]
        for _ in 0..<3 {
            for client in clients {
                let text = try #require(client.get("/")?.text)
                let words = text.split(separator: " ")
                let port = try localPort(client)
                try #require(words.count > 3)
                #expect(words[0] == "127.0.0.1" && words[1] == "\(port)" && words[3] == "\(proxy.port)")
            }
        }
        #expect(backend.accepted == 2)
        proxy.stop()
        backend.stop()
    }

    private func localPort(_ wire: Wire) throws -> UInt16 {
        var name = sockaddr_in()
        var length = socklen_t(16)
        let code = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(wire.fd, $0, &length) }
        }
        try #require(code == 0)
        return UInt16(bigEndian: name.sin_port)
    }

    @Test("PROXY out, TCP: the header comes first, once, also when PROXY came in")
    func proxyOutTCP() throws {
        let backend = try Backend { wire, backend in
            guard let line = wire.read(through: "\r\n") else { return }
            backend.note(line)
            wire.send(wire.readAll())
        }
        var plan = try service([backend.port], mode: .tcp)
        plan.servers[0].proxyHeader = .v1
        let proxy = try ProxyUnderTest(accepting(plan))
        let client = try proxy.client()
        client.send("PROXY TCP4 192.0.2.8 192.0.2.1 7 80\r\nhello")
        client.send(" world")
        client.shutOutput()
        #expect(String(decoding: client.readAll(), as: UTF8.self) == "hello world")
        #expect(backend.requests == ["PROXY TCP4 192.0.2.8 192.0.2.1 7 80\r\n"])
        proxy.stop()
        backend.stop()
    }

    @Test("TLS passes through to the pool that its name chooses, untouched")
    func serverNames() throws {
        func echo(_ name: String) throws -> Backend {
            try Backend { wire, _ in
                let bytes = wire.readAll()
                wire.send(Array("\(name) ".utf8) + bytes)
            }
        }
        let backends = [try echo("default"), try echo("mail")]
        var plan = try service(backends.map(\.port), mode: .tcp)
        plan.pools = [ServicePlan.Pool(servers: [0]), ServicePlan.Pool(name: "mail", servers: [1])]
        plan.rules.routes = [
            ServicePlan.Route(host: "mail.org", action: .pool(1)),
            ServicePlan.Route(host: "*.mail.org", action: .pool(1)),
        ]
        let proxy = try ProxyUnderTest(plan)
        let hello = { (name: String?, size: Int) in Hello.records(Hello.message(name, before: [Hello.grease]), of: size)
        }
        for (bytes, expected) in [
            (hello("mail.org", 9_999), "mail "), (hello("IMAP.mail.org", 20), "mail "),
            (hello("x.org", 50), "default "),
            (hello(nil, 9_999), "default "), (Array("SSH-2.0-x\r\n".utf8), "default "),
            (hello("mail.org", 9_999) + [UInt8](repeating: 7, count: 300_000), "mail "),
        ] {
            let client = try proxy.client()
            client.send(Array(bytes[..<3]))
            usleep(5_000)
            client.send(Array(bytes[3...]))
            client.shutOutput()
            #expect(client.readAll() == Array(expected.utf8) + bytes)
        }
        proxy.stop()
        for backend in backends { backend.stop() }
    }

    @Test("a connection that was authenticated stays its client's, for every request")
    func bound() throws {
        let backend = try Backend.named("a")
        let proxy = try ProxyUnderTest(service([backend.port]))
        let clients = [try proxy.client(), try proxy.client()]
        #expect(clients[0].get("/", "Authorization: NTLM x\r\n")?.status == 200)
        for _ in 0..<3 {
            clients[0].send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx")
            #expect(clients[0].readResponse()?.text == "a / 1")
            #expect(clients[1].get("/")?.status == 200)
        }
        #expect(backend.accepted == 2)
        proxy.stop()
        backend.stop()
    }
}
