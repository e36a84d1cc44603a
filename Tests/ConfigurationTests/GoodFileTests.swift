import Configuration
import Testing

@Suite struct GoodFileTests {
    private func read(_ text: String) throws -> Configuration {
        try ConfigurationFile.parse(text: text, file: "e.yaml").configuration
    }

    @Test func everyValueOfTheSeedsSetUp() throws {
        let landlord = try read(Landlord.text)
        #expect(landlord.cluster == "landlord")
        #expect(landlord.secretFile == "/etc/electd/cluster.secret")
        #expect(landlord.identityFile == "/etc/electd/identity.key")
        #expect(landlord.nodes.map(\.name) == ["ethyl", "fred", "lucy"])
        #expect(
            landlord.nodes.map(\.address.description) == ["192.0.2.202:3737", "192.0.2.201:3737", "192.0.2.203:3737"])
        #expect(landlord.nodes.map(\.role) == [.voter, .voter, .witness])
        #expect(landlord.nodes[1].key == [UInt8](repeating: 1, count: 32))
        #expect(landlord.timing.heartbeat == .milliseconds(100))
        #expect(landlord.timing.lease == .milliseconds(500))
        #expect(landlord.timing.rho == 1000)
        #expect(landlord.timing.epsilon == .milliseconds(6))

        let check = try #require(landlord.checks.first)
        #expect(check.probe == .command(["/usr/bin/pgrep", "-x", "httpd"]))
        #expect(check.schedule.interval == .seconds(2))
        #expect(check.schedule.timeout == .seconds(1))
        #expect(check.schedule.rise == 1)
        #expect(check.schedule.fall == 1)
        #expect(check.weight == 2)

        let group = try #require(landlord.groups.first)
        #expect(group.mode == .majority)
        #expect(group.interface == "eth1")
        #expect(group.virtualAddresses.map(\.description) == ["192.0.2.200/32"])
        #expect(group.priorities.map(\.node) == ["ethyl", "fred"])
        #expect(group.priorities.map(\.value) == [100, 101])
        #expect(group.preemptAfter == .seconds(2))
        #expect(group.checks.map(\.check) == ["web"])
        #expect(group.checks.map(\.weight) == [2])
        #expect(group.onChange == "/etc/electd/notify")
        #expect(landlord.statistics?.listen.description == "192.0.2.200:8989")
        #expect(landlord.statistics?.usersFile == "/etc/electd/users")
        #expect(landlord.statistics?.realm == "electd statistics")
    }

    @Test func everyValueOfTheSeedsService() throws {
        let service = try #require(try read(Landlord.text).services.first)
        #expect(service.name == "cluster37")
        #expect(service.group == "router37")
        #expect(service.listen.map(\.address) == [nil])
        #expect(service.listen.map(\.port) == [80])
        #expect(service.endpoints.map(\.description) == ["192.0.2.200:80"])
        #expect(service.mode == .http)
        #expect(service.balance == .roundrobin)
        #expect(service.connection == .close)
        #expect(service.forwardedFor)
        let cookie = try #require(service.cookie)
        #expect(cookie.name == "SERVERNAME")
        #expect(cookie.insert && cookie.indirect && cookie.nocache)
        #expect(!cookie.preserve && !cookie.secure && !cookie.httpOnly && cookie.path == "/")
        #expect(service.retries == 3)
        #expect(service.redispatch)
        #expect(service.maxConnections == 2000)
        let timeouts = service.timeouts
        #expect(timeouts.connect == .seconds(5))
        #expect(timeouts.client == .seconds(50))
        #expect(timeouts.server == .seconds(50))
        #expect(timeouts.request == .seconds(10))
        #expect(service.servers.map(\.name) == ["ethyl", "fred"])
        let fred = service.servers[1]
        #expect(fred.cookie == "fred")
        #expect(fred.weight == 1)
        #expect(!fred.drain)
        let address = fred.address
        #expect(address.description == "192.0.2.201:8080")
        let check = try #require(fred.check)
        guard case .http(let probe) = check.probe else {
            Issue.record("it is an HTTP check")
            return
        }
        #expect(probe.address == address)
        #expect(probe.path == "/")
        #expect(probe.host == "192.0.2.201:8080")
        #expect(probe.expect == [200...399])
        #expect(check.schedule.interval == .seconds(2))
        #expect(check.schedule.timeout == .seconds(1))
        #expect(check.schedule.rise == 2)
        #expect(check.schedule.fall == 3)
    }

    @Test func defaultsOfAShortFile() throws {
        let text = """
            cluster: small
            secret_file: /s
            identity_file: /i
            nodes:
              a: { address: "[2001:db8::1]:3737", key: "\(Landlord.fredKey)" }
              b: { address: "[2001:db8::2]:3737", key: "\(Landlord.ethylKey)" }
            groups:
              g: { mode: pair, priority: { a: 2, b: 1 }, preempt_after: never }
            """
        let small = try read(text)
        #expect(
            small.canonicalText == """
                electd safety 2
                cluster small
                node a [2001:db8::1]:3737 voter
                node b [2001:db8::2]:3737 voter
                timing 100ms 500ms 1000 6ms
                group g pair
                candidate a
                candidate b
                electd configuration 2
                key a \(Landlord.fredKey)
                key b \(Landlord.ethylKey)
                group g interface -
                priority a 2
                priority b 1
                preempt_after never
                on_change -
                election realtime=false lock_memory=false
                journal - 67108864 32 86400s 60s
                proxy - -
                log info text none

                """)
        #expect(small.groups[0].interface == nil)
        #expect(small.groups[0].preemptAfter == nil)
        #expect(!small.groups[0].isDamped)
        let damped = try read(text.replacing("after: never", with: "after: 2s, flap_damping: true"))
        #expect(damped.groups[0].isDamped)
        #expect(damped.canonicalText.contains("preempt_after 2s flap_damping\n"))
        #expect(small.services.isEmpty)
        #expect(small.statistics == nil)
    }

    @Test func aByteOrderMarkAndWindowsLineEndsDontMatter() throws {
        let windows = Landlord.text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        let bytes = [0xef, 0xbb, 0xbf] + Array(windows.utf8)
        let file = try ConfigurationFile.parse(bytes: bytes, file: "e.yaml")
        #expect(try file.configuration == read(Landlord.text))
    }

    @Test func theLeaseFollowsTheHeartbeatUnlessGiven() throws {
        let text = Landlord.replacing("{ heartbeat: 100ms, lease: 500ms }", with: "{ heartbeat: 20ms }")
        #expect(try read(text).timing.lease == .milliseconds(100))
    }

    /// The table of the lease arithmetic gives whole milliseconds; D, heartbeat, usable.
    @Test(arguments: [(500, 100, 493), (100, 20, 93), (50, 10, 43), (35, 10, 28)] as [(Int, Int, Int64)])
    func theUsableLeaseIsThatOfTheRules(lease: Int, heartbeat: Int, usable: Int64) throws {
        let new = "{ heartbeat: \(heartbeat)ms, lease: \(lease)ms }"
        let timing = try read(Landlord.replacing("{ heartbeat: 100ms, lease: 500ms }", with: new)).timing
        #expect(timing.usableLease.nanoseconds / 1_000_000 == usable)
    }

    @Test func theShortestLeaseThatAMessageNamesIsTaken() throws {
        for (heartbeat, rho, epsilon) in [(10, 1, 1), (100, 1000, 6), (333, 99_999, 17), (10_000, 1000, 1000)] {
            func text(_ lease: String) -> String {
                Landlord.replacing(
                    "{ heartbeat: 100ms, lease: 500ms }",
                    with: "{ heartbeat: \(heartbeat)ms, lease: \(lease), rho: \(rho), epsilon: \(epsilon)ms }")
            }
            let mend = try #require(problems(of: text("20ms")).first?.mend)
            #expect(mend.hasPrefix("make it at least "))
            let least = try #require(mend.dropFirst("make it at least ".count).split(separator: ";").first)
            #expect(problems(of: text(String(least))).isEmpty)
        }
    }

    @Test func formsOfChecks() throws {
        let text = Landlord.replacing(
            "groups:\n",
            with: """
                  disk: { tcp: "[::1]:9000" }
                  page: { http: "http://127.0.0.1/health?x=1", host: example.org, expect: [204, 200-201, 202], weight: -3 }
                  port: { http: "http://[::1]:8080" }
                groups:

                """)
        let checks = try read(
            text.split(separator: "checks: [web]", omittingEmptySubsequences: false)
                .joined(separator: "checks: [{ name: page, weight: 7 }, web, disk]"))
        #expect(checks.groups[0].checks.map(\.check) == ["disk", "page", "web"])
        #expect(checks.groups[0].checks.map(\.weight) == [0, 7, 2])
        guard case .http(let page) = checks.check(named: "page")?.probe,
            case .http(let port) = checks.check(named: "port")?.probe
        else {
            Issue.record("both are HTTP checks")
            return
        }
        #expect(page.address.description == "127.0.0.1:80")
        #expect(page.path == "/health?x=1")
        #expect(page.host == "example.org")
        #expect(page.expect == [200...202, 204...204])
        #expect(port.address.description == "[::1]:8080")
        #expect(port.path == "/")
        #expect(port.host == "[::1]:8080")
        guard case .tcp(let disk) = checks.check(named: "disk")?.probe else {
            Issue.record("disk is a TCP check")
            return
        }
        #expect(disk.port == 9000)
    }

    @Test func oneTextMayStandForAListOfOne() throws {
        let text = Landlord.replacing("[192.0.2.200/32]", with: "2001:db8::200/64")
            .split(separator: "\":80\"").joined(separator: "[\":80\", \"[2001:db8::200]:81\"]")
        let configuration = try read(text)
        #expect(configuration.groups[0].virtualAddresses.map(\.description) == ["2001:db8::200/64"])
        #expect(configuration.services[0].endpoints.map(\.description) == ["[2001:db8::200]:80", "[2001:db8::200]:81"])
    }

    @Test func onePortMayBeServedForTwoGroups() throws {
        let second = """
            groups:
              other: { mode: majority, interface: eth1, virtual_addresses: [192.0.2.210], priority: { fred: 1 } }

            """
        let service = """
            services:
              more: { group: other, listen: ":80", servers: { a: { address: "192.0.2.201:8080", drain: true } } }

            """
        let text = Landlord.replacing("groups:\n", with: second)
        let both = text.split(separator: "services:\n", omittingEmptySubsequences: false).joined(separator: service)
        let configuration = try read(both)
        #expect(
            configuration.services.map { $0.endpoints.map(\.description) } == [["192.0.2.200:80"], ["192.0.2.210:80"]])
        #expect(configuration.services[1].servers[0].drain)
        #expect(configuration.services[1].servers[0].check == nil)
        #expect(configuration.services[1].connection == .keepAlive)
    }
}
