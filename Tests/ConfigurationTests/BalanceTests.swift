import Configuration
import Testing

/// How a service spreads its requests, and what it takes, as the file says it.
@Suite struct BalanceTests {
    private func read(_ text: String) throws -> Configuration {
        try ConfigurationFile.parse(text: text, file: "e.yaml").configuration
    }

    @Test(arguments: [
        ("leastconn", Configuration.Balance.leastconn), ("random", .random), ("source", .source),
        ("uri", .consistent(.uri(withQuery: false))), ("{ hash: source }", .consistent(.source)),
        ("{ hash: uri, query: true }", .consistent(.uri(withQuery: true))),
        ("{ hash: header, name: X-Tenant }", .consistent(.header("X-Tenant"))),
    ])
    func balance(_ text: String, _ wanted: Configuration.Balance) throws {
        let service = try #require(
            try read(Landlord.replacing("balance: roundrobin", with: "balance: \(text)")).services.first)
        #expect(service.balance == wanted)
    }

    @Test(arguments: [
        "roundrobbin", "{ hash: url }", "{ hash: header }", "{ hash: source, name: X }", "{ query: true }",
    ])
    func wrongBalance(_ text: String) throws {
        #expect(!problems(of: Landlord.replacing("balance: roundrobin", with: "balance: \(text)")).isEmpty)
    }

    @Test func everythingElse() throws {
        let more = """
            balance: roundrobin
                all_backups: true
                max_queue: 7
                close_sessions: true
                eject: { errors: 2, server_errors: 5, for: 3s, share: 20 }
                limits: { head: 8KiB, fields: 50, body_rate: 1000, per_source: { connections: 4, requests: 9, within: 2s } }
            """
        let service = try #require(
            try read(Landlord.replacing("balance: roundrobin", with: more)).services.first)
        #expect(service.allBackups && service.closesSessions && service.maxQueue == 7)
        #expect(service.ejection.errors == 2 && service.ejection.serverErrors == 5)
        #expect(service.ejection.duration == .seconds(3) && service.ejection.share == 20)
        #expect(service.limits.head == 8_192 && service.limits.fields == 50 && service.limits.bodyRate == 1_000)
        #expect(service.limits.sourceConnections == 4 && service.limits.sourceRequests == 9)
        #expect(service.limits.sourcePeriod == .seconds(2))
    }

    @Test func standard() throws {
        let service = try #require(try read(Landlord.text).services.first)
        #expect(service.ejection.errors == 3 && service.ejection.serverErrors == 0)
        #expect(service.timeouts.attempt == .milliseconds(500) && service.timeouts.queue == service.timeouts.connect)
        #expect(service.limits.head == 16_384 && service.limits.fields == 100)
        #expect(service.servers.allSatisfy { !$0.isBackup && $0.maxConnections == 0 })
    }
}
