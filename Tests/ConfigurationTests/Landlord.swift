import Configuration

/// The file of the README, with keys, as each test changes it.
enum Landlord {
    static let fredKey = "ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
    static let ethylKey = "ed25519:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
    /// Nobody's; its bytes are 9.
    static let ninthKey = "ed25519:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="
    static let lucyKey = "ed25519:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="

    static let text = """
        # One file, the same on every node.
        cluster: landlord
        secret_file: /etc/electd/cluster.secret        # 32 bytes, 0600, seals datagrams
        identity_file: /etc/electd/identity.key        # this node's Ed25519 key, 0600
        nodes:
          fred:  { address: "192.0.2.201:3737", key: "\(fredKey)" }
          ethyl: { address: "192.0.2.202:3737", key: "\(ethylKey)" }
          lucy:  { address: "192.0.2.203:3737", key: "\(lucyKey)", witness: true }
        timing: { heartbeat: 100ms, lease: 500ms }

        checks:
          web:
            command: ["/usr/bin/pgrep", "-x", "httpd"]
            interval: 2s
            timeout: 1s
            rise: 1
            fall: 1
            weight: 2

        groups:
          router37:
            mode: majority
            interface: eth1
            virtual_addresses: [192.0.2.200/32]
            priority: { fred: 101, ethyl: 100 }
            preempt_after: 2s
            checks: [web]
            on_change: /etc/electd/notify

        services:
          cluster37:
            group: router37
            listen: ":80"
            mode: http
            balance: roundrobin
            connection: close
            forwarded_for: true
            cookie: { name: SERVERNAME, insert: true, indirect: true, nocache: true }
            retries: 3
            redispatch: true
            max_connections: 2000
            timeouts: { connect: 5s, client: 50s, server: 50s, request: 10s }
            servers:
              fred:  { address: "192.0.2.201:8080", cookie: fred,  check: { http: "/" } }
              ethyl: { address: "192.0.2.202:8080", cookie: ethyl, check: { http: "/" } }

        statistics:
          listen: "192.0.2.200:8989"
          path: /stats
          realm: electd statistics
          users_file: /etc/electd/users

        """

    /// The text with one place replaced, which must be there once.
    static func replacing(_ old: String, with new: String) -> String {
        precondition(text.components(of: old) == 2, "\(old) must stand in the file once")
        return text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}

extension String {
    func components(of separator: String) -> Int { split(separator: separator, omittingEmptySubsequences: false).count }

    /// What stands between the first `start` and the first `end` behind it.
    func between(_ start: String, _ end: String) -> String {
        let rest = split(separator: start, maxSplits: 1, omittingEmptySubsequences: false)
        return rest.count < 2
            ? "" : String(rest[1].split(separator: end, maxSplits: 1, omittingEmptySubsequences: false)[0])
    }

    /// Takes the caret `‸` out, and says where it stood.
    func takingCaret() -> (text: String, caret: Position?) {
        var walker = LineWalker()
        for scalar in unicodeScalars {
            if scalar == "‸" { return (String(unicodeScalars.filter { $0 != "‸" }), walker.position) }
            walker.pass(scalar)
        }
        return (self, nil)
    }
}

/// The problems of a text; none if it is read.
func problems(of text: String) -> [Problem] {
    do throws(ConfigurationErrors) {
        _ = try ConfigurationFile.parse(text: text, file: "e.yaml")
        return []
    } catch {
        return error.problems
    }
}
