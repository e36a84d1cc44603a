import Configuration
import Testing

@Suite struct CanonicalTests {
    private func read(_ text: String) throws -> Configuration {
        try ConfigurationFile.parse(text: text, file: "e.yaml").configuration
    }

    @Test func theSafetyTextIsWhatAnElectionStandsOn() throws {
        #expect(
            try read(Landlord.text).canonicalSafetyText == """
                electd safety 2
                cluster landlord
                node ethyl 192.0.2.202:3737 voter
                node fred 192.0.2.201:3737 voter
                node lucy 192.0.2.203:3737 witness
                timing 100ms 500ms 1000 6ms
                group router37 majority
                address 192.0.2.200/32
                candidate ethyl
                candidate fred

                """)
    }

    @Test func theWholeTextHasEveryKey() throws {
        let lines = try read(Landlord.text).canonicalText.split(separator: "\n").dropFirst(10).joined(separator: "\n")
        #expect(
            lines == """
                electd configuration 2
                key ethyl \(Landlord.ethylKey)
                key fred \(Landlord.fredKey)
                key lucy \(Landlord.lucyKey)
                check web 2 2s 1s 1 1 command "/usr/bin/pgrep" "-x" "httpd"
                group router37 interface "eth1"
                priority ethyl 100
                priority fred 101
                preempt_after 2s
                uses web 2
                on_change "/etc/electd/notify"
                service cluster37 router37 http roundrobin close forwarded_for=true
                attempts 3 redispatch=true 2000
                timeouts 5s 50s 50s 10s
                threads -
                listen 192.0.2.200:80
                cookie SERVERNAME insert=true indirect=true nocache=true
                server ethyl 192.0.2.202:8080 ethyl 1 drain=false check 2s 1s 2 3 http 192.0.2.202:8080 / 192.0.2.202:8080 200-399
                server fred 192.0.2.201:8080 fred 1 drain=false check 2s 1s 2 3 http 192.0.2.201:8080 / 192.0.2.201:8080 200-399
                statistics 192.0.2.200:8989 /stats "electd statistics" "/etc/electd/users"
                election realtime=false lock_memory=false
                journal - 67108864 32 86400s 60s
                proxy - -
                log info text none
                """)
    }

    @Test(arguments: [
        ("{ fred: 101, ethyl: 100 }", "\n      ethyl: 100\n      fred:   101"),
        ("{ heartbeat: 100ms, lease: 500ms }", "{ lease: 0.5s, heartbeat: 100000us, rho: 1000 }"),
        ("[192.0.2.200/32]", "192.0.2.200"), ("cluster: landlord", "\"cluster\": 'landlord'"),
        ("    retries: 3\n    redispatch: true\n", "    redispatch: true   # as ever\n"),
        ("secret_file: /etc/electd/cluster.secret", "secret_file: /run/secret"),
        ("identity_file: /etc/electd/identity.key", "identity_file: /run/identity"),
        ("cluster: landlord\n", "log: {}\ncluster: landlord\n"),
    ])
    func theWayOfWritingDoesntShow(old: String, new: String) throws {
        let original = try read(Landlord.text)
        let other = try read(Landlord.replacing(old, with: new))
        #expect(other.canonicalText == original.canonicalText)
        #expect(other.canonicalSafetyText == original.canonicalSafetyText)
    }

    @Test(arguments: [
        ("rise: 1", "rise: 2", false), ("{ fred: 101, ethyl: 100 }", "{ fred: 101, ethyl: 99 }", false),
        ("interface: eth1", "interface: eth2", false), ("lease: 500ms", "lease: 501ms", true),
        ("{ fred: 101, ethyl: 100 }", "{ fred: 101 }", true), ("192.0.2.203:3737", "192.0.2.204:3737", true),
        ("\"\(Landlord.lucyKey)\"", "\"\(Landlord.ninthKey)\"", false),
        ("\"\(Landlord.lucyKey)\"", "\"\(Landlord.lucyKey)\", former_key: \"\(Landlord.ninthKey)\"", false),
        ("realm: electd statistics", "realm: other", false), ("\"httpd\"", "\"nginx\"", false),
    ])
    func whatIsSaidShows(old: String, new: String, isSafety: Bool) throws {
        let original = try read(Landlord.text)
        let other = try read(Landlord.replacing(old, with: new))
        #expect(other.canonicalText != original.canonicalText)
        #expect((other.canonicalSafetyText != original.canonicalSafetyText) == isSafety)
    }

    @Test func wordsOfACommandCantRunTogether() throws {
        let one = try read(Landlord.replacing("\"-x\", \"httpd\"", with: #""a\" \"b""#))
        let two = try read(Landlord.replacing("\"-x\", \"httpd\"", with: #""a", "b""#))
        #expect(one.canonicalText != two.canonicalText)
    }
}
