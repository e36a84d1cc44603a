import Configuration
import Testing

/// Routes, pools, header rules, error pages and PROXY in a file.
struct TrafficTests {
    /// The landlord's file with more lines in its service, before `servers`.
    private func service(_ lines: String, of file: String = Landlord.text) throws -> Configuration.Service {
        let indented = lines.split(separator: "\n").map { "    \($0)\n" }.joined()
        let text = file.replacing("    servers:\n", with: indented + "    servers:\n")
        return try #require(try ConfigurationFile.parse(text: text, file: "f").configuration.services.first)
    }

    private func problems(_ lines: String) -> [String] {
        do {
            _ = try service(lines)
            return []
        } catch let errors as ConfigurationErrors {
            return errors.problems.map { "\($0.what); \($0.mend)" }
        } catch {
            return ["\(error)"]
        }
    }

    @Test("every key is read")
    func good() throws {
        let traffic = try service(
            """
            forwarded: true
            forwarded_proto: https
            forwarded_port: true
            headers:
              request: { set: { X-Real-IP: "%[src]" }, add: { X-A: [b, c] }, remove: [X-B] }
              response: { set: { Strict-Transport-Security: "max-age=1" }, remove: [Server] }
            pools:
              one: { servers: [fred] }
              two: { servers: [ethyl, fred], balance: leastconn }
            default_pool: two
            routes:
              - { host: "*.example.com", path_prefix: /api, pool: one }
              - { path: /health, deny: 404 }
              - { host: old.org, redirect: { scheme: https, host: new.org, prefix: /p, status: 301 } }
            errors: { 503: /etc/electd/503.html, 504: /etc/electd/504.json }
            accept_proxy: [10.0.0.0/8, "2001:db8::/32", 192.0.2.9]
            """
        ).traffic
        #expect(traffic.forwarding.forwarded && traffic.forwarding.scheme == .https && traffic.forwarding.port)
        #expect(traffic.request.set.map(\.value) == ["%[src]"] && traffic.request.add.map(\.value) == ["b", "c"])
        #expect(traffic.request.remove == ["X-B"] && traffic.response.remove == ["Server"])
        #expect(traffic.pools.map(\.name) == ["two", "one"] && traffic.pools[0].balance == .leastconn)
        #expect(traffic.routes.count == 3 && traffic.routes[0].action == .pool("one"))
        #expect(traffic.routes[1].action == .deny(404) && traffic.routes[0].path == .prefix("/api"))
        #expect(traffic.errorPages.map(\.status) == [503, 504])
        #expect(traffic.errorPages[1].contentType == "application/json")
        #expect(traffic.acceptProxy.map(\.description) == ["10.0.0.0/8", "2001:db8::/32", "192.0.2.9/32"])
    }

    @Test("forwarded_for as a mapping")
    func forwardedFor() throws {
        let file = Landlord.text.replacing(
            "forwarded_for: true", with: "forwarded_for: { header: X-Client, existing: replace, except: [127.0.0.0/8] }"
        )
        let service = try service("", of: file)
        #expect(service.forwardedFor && service.traffic.forwarding.header == "X-Client")
        #expect(service.traffic.forwarding.existing == .replace && service.traffic.forwarding.except.count == 1)
    }

    @Test("the servers that are in no pool are the default")
    func defaultPool() throws {
        let traffic = try service("pools: { a: { servers: [fred] } }").traffic
        #expect(traffic.pools.map(\.name) == ["default", "a"] && traffic.pools[0].servers == ["ethyl"])
    }

    @Test(
        "mistakes are told with their mend",
        arguments: [
            ("headers: { request: { set: { Content-Length: \"1\" } } }", "can't be changed"),
            ("headers: { request: { remove: [Host] } }", "can't be changed"),
            ("headers: { response: { add: { A: \"%[nope]\" } } }", "no variable %[nope]"),
            ("headers: { request: { set: { X-Forwarded-For: a } } }", "what `forwarded_for` sets"),
            ("headers: { responses: { remove: [A] } }", "did you mean `response`?"),
            ("pools: { a: { servers: [fred, ethyl] } }", "add `default_pool: NAME`"),
            ("pools: { a: { servers: [ferd] } }", "did you mean fred?"),
            ("pools: { a: { servers: [fred, fred] } }", "twice"), ("default_pool: a", "needs `pools`"),
            ("routes: [{ host: a.org }]", "nowhere to go"), ("routes: [{ pool: x }]", "no pool \"x\""),
            ("routes: [{ host: \"a.org:80\", deny: 403 }]", "without port"),
            ("routes: [{ path: /a/../b, deny: 403 }]", "as routes compare it"),
            ("routes: [{ path: /a, path_prefix: /b, deny: 403 }]", "keep one of them"),
            ("routes: [{ deny: 403, redirect: { path: / } }]", "keep one of them"),
            ("routes: [{ deny: 200 }]", "out of range"), ("routes: [{ redirect: { status: 301 } }]", "add `scheme`"),
            ("routes: [{ redirect: { path: /, status: 305 } }]", "isn't a redirect"),
            ("routes: [{ sni: a.org, deny: 403 }]", "no key \"sni\""), ("errors: { 200: /x }", "status of an error"),
            ("errors: { 503: x }", "absolute path"), ("accept_proxy: [10.0.0.0/33]", "isn't a network"),
            ("forwarded_proto: ftp", "can't be \"ftp\""),
        ])
    func mistakes(_ lines: String, _ wanted: String) {
        let found = problems(lines)
        #expect(found.contains { $0.contains(wanted) }, "\(found)")
    }
}
