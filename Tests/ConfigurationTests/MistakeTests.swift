import Configuration
import Testing

/// One mistake in the good file: `old` becomes `new`, in which a caret marks where the problem must be reported.
struct Mistake: CustomTestStringConvertible, Sendable {
    let old: String
    let new: String
    let what: String
    let mend: String

    init(_ old: String, _ new: String, _ what: String, _ mend: String) {
        (self.old, self.new, self.what, self.mend) = (old, new, what, mend)
    }

    var testDescription: String { what }
}

@Suite struct MistakeTests {
    @Test(arguments: keys + values + nodes + groups + services + others + syntax)
    func isReportedWhereItIsWithItsMend(_ mistake: Mistake) throws {
        let (text, caret) = Landlord.replacing(mistake.old, with: mistake.new).takingCaret()
        let found = problems(of: text)
        try #require(found.count == 1, "\(found)")
        #expect(found[0].position == caret)
        #expect(found[0].what.contains(mistake.what), "\(found[0])")
        #expect(found[0].mend.contains(mistake.mend), "\(found[0])")
    }

    // Pieces of the good file between two places that a mistake needs.
    static let toAddresses = "    mode: majority\n    interface: eth1\n    virtual_addresses: ["
    static let toPriority =
        "mode: majority\n    interface: eth1\n    virtual_addresses: [192.0.2.200/32]\n    priority: "
    static let toLucysRole = "\"\(Landlord.lucyKey)\", "
    static let toMode = Landlord.text.between(", witness: true }\n", "majority\n")

    static let keys: [Mistake] = [
        .init(
            "cluster: landlord", "cluster: landlord\n‸clustr: x", "the file has no key \"clustr\"",
            "did you mean `cluster`?"),
        .init("interval: 2s", "‸intervall: 2s", "check \"web\" has no key \"intervall\"", "did you mean `interval`?"),
        .init("heartbeat: 100ms", "‸hertbeat: 100ms", "`timing` has no key \"hertbeat\"", "did you mean `heartbeat`?"),
        .init(
            "weight: 2", "weight: 2\n    ‸colour: red", "has no key \"colour\"",
            "remove it, or use one of: command, tcp,"),
        .init("retries: 3", "‸<<: 3", "has no key \"<<\"", "merge keys aren't read"),
        .init("retries: 3", "retries: 3\n    ‸retries: 4", "\"retries\" is given twice, first in line 39", "keep one"),
        .init("mode: majority\n    interface", "‸interface", "group \"router37\" has no `mode`", "or `mode: pair`"),
        .init("cluster: landlord\nsecret_file", "‸secret_file", "the file has no `cluster`", "add `cluster: NAME`"),
        .init("{ address: \"192.0.2.201:3737\", key", "‸{ key", "node \"fred\" has no `address`", "add `address:"),
        .init(
            toPriority + "{ fred: 101, ethyl: 100 }\n", "‸" + toPriority.dropLast("    priority: ".count),
            "group \"router37\" has no `priority`", "add `priority:"),
        .init(
            "{ http: \"/\" } }\n      ethyl", "‸{ rise: 2 } }\n      ethyl",
            "the check of server \"fred\" doesn't say what to do", "add one of `http` or `tcp`"),
    ]

    static let values: [Mistake] = [
        .init("lease: 500ms", "lease: ‸500", "the duration \"500\" of `lease` has no unit", "did you mean 500ms?"),
        .init("client: 50s", "client: ‸5 parsecs", "\"parsecs\" isn't a unit", "500ms"),
        .init("client: 50s", "client: ‸soon", "must be a duration, not \"soon\"", "2s"),
        .init("client: 50s", "client: ‸1ms", "`client` is out of range: \"1ms\"", "choose 10ms to 86400s"),
        .init("client: 50s", "client: ‸99999999999999d", "must be a duration", "2s"),
        .init("retries: 3", "retries: ‸11", "`retries` is out of range: \"11\"", "choose 0 to 10"),
        .init("retries: 3", "retries: ‸99999999999999999999", "out of range", "choose 0 to 10"),
        .init("retries: 3", "retries: ‸three", "must be a whole number, not \"three\"", "write 0 to 10"),
        .init("retries: 3", "retries: ‸03", "must be a whole number", "write 0 to 10"),
        .init("retries: 3", "retries: ‸\"3\"", "not a quoted text", "remove the quotes"),
        .init("retries: 3", "retries: ‸[3]", "`retries` must be a whole number, not a list", "write one value"),
        .init("retries: 3", "‸retries:", "`retries` has no value", "write one, or remove"),
        .init("retries: 3", "‸retries: ~", "`retries` has no value", "write one, or remove"),
        .init("redispatch: true", "redispatch: ‸yes", "must be true or false, not \"yes\"", "write true"),
        .init("redispatch: true", "redispatch: ‸Off", "must be true or false", "write false"),
        .init(
            "balance: roundrobin", "balance: ‸roundrobbin", "`balance` can't be \"roundrobbin\"",
            "did you mean roundrobin?"),
        .init(
            "balance: roundrobin", "balance: ‸fair", "can't be \"fair\"",
            "write roundrobin, leastconn, random, source or uri"),
        .init(
            "{ heartbeat: 100ms, lease: 500ms }", "‸fast", "`timing` must be a mapping, not \"fast\"",
            "heartbeat, lease, rho or epsilon"),
        .init("cluster: landlord", "cluster: ‸land lord", "\"land lord\" isn't a name", "A-Z a-z 0-9"),
        .init("secret_file: /etc", "secret_file: ‸etc", "must be an absolute path", "from the root"),
        .init("path: /stats", "path: ‸stats", "isn't the path of a request", "begin it with a slash"),
        .init("realm: electd statistics", "realm: ‸'say \"hi\"'", "`realm` can't be", "printable ASCII"),
        .init("name: SERVERNAME", "name: ‸SERVER NAME", "`name` can't be \"SERVER NAME\"", "a token"),
    ]

    static let nodes: [Mistake] = [
        .init(
            "\"192.0.2.202:3737\"", "‸\"192.0.2.201:3737\"",
            "node \"ethyl\" has the address of node \"fred\", 192.0.2.201:3737", "own address"),
        .init(
            "\"\(Landlord.lucyKey)\"", "‸\"\(Landlord.fredKey)\"", "node \"lucy\" has the key of node \"fred\"",
            "electd keygen"),
        .init(
            "\"\(Landlord.lucyKey)\"", "\"\(Landlord.lucyKey)\", former_key: ‸\"\(Landlord.fredKey)\"",
            "node \"lucy\" has the key of node \"fred\"", "electd keygen"),
        .init(
            "\"\(Landlord.lucyKey)\"", "\"\(Landlord.lucyKey)\", former_key: ‸\"\(Landlord.lucyKey)\"",
            "the former key of node \"lucy\" is the one it has", "leave `former_key` out"),
        .init(
            "\"\(Landlord.lucyKey)\"", "‸\"ed25519:…\"", "isn't a public key", "run `electd keygen --out FILE` on lucy"),
        .init(
            "\"\(Landlord.lucyKey)\"", "‸\"ed25519:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwN=\"",
            "isn\'t a public key", "electd keygen"),
        .init("\"192.0.2.203:3737\"", "‸\"lucy.example.org:3737\"", "isn't an IP address", "names aren't looked up"),
        .init("\"192.0.2.203:3737\"", "‸192.0.2.203", "has no port", "ADDRESS:PORT"),
        .init("\"192.0.2.203:3737\"", "‸192.0.2.203:0", "\"0\" isn't a port", "1 to 65535"),
        .init("\"192.0.2.203:3737\"", "‸192.0.2.203:65536", "isn't a port", "1 to 65535"),
        .init("\"192.0.2.203:3737\"", "‸192.0.2.300:37", "isn't an IP address", "IPv4"),
        .init("\"192.0.2.203:3737\"", "‸2001:db8::1:37", "isn't an address and a port", "in brackets"),
        .init("\"192.0.2.203:3737\"", "‸224.0.0.18:37", "isn't an address of one machine", "unicast"),
        .init(
            "\"192.0.2.203:3737\"", "‸\"[2001:db8::1]:37\"",
            "node \"lucy\" has an IPv6 address and node \"fred\" an IPv4 one", "share a socket"),
        .init("\"192.0.2.203:3737\"", "‸\"[fe80::1%eth0]:37\"", "isn't an IP address", "%"),
        .init("witness: true", "witness: true, ‸observer: true", "both witness and observer", "keep `witness`"),
        .init("  lucy: ", "  ‸lu/cy: ", "\"lu/cy\" isn't a name", "A-Z"),
    ]

    static let groups: [Mistake] = [
        .init(
            toLucysRole + "witness: true }\n" + toMode + "majority",
            toLucysRole + "observer: true }\n" + toMode + "‸majority",
            "majority needs three voters, and there are two (ethyl and fred)",
            "with `witness: true`, or choose `mode: pair`"),
        .init("mode: majority", "mode: ‸most", "can't be \"most\"", "write majority or pair"),
        .init("mode: majority", "mode: ‸majorty", "can't be \"majorty\"", "did you mean majority?"),
        .init(
            "priority: { fred: 101, ethyl: 100 }", "priority: { fred: 101, ‸etyl: 100 }", "there is no node \"etyl\"",
            "did you mean ethyl?"),
        .init(
            "priority: { fred: 101, ethyl: 100 }", "priority: { fred: 101, ‸zaphod: 100 }",
            "there is no node \"zaphod\"", "name one of ethyl, fred and lucy"),
        .init(
            "priority: { fred: 101, ethyl: 100 }", "priority: { fred: 101, ‸lucy: 100 }",
            "is a witness and never holds", "remove its priority"),
        .init(
            "priority: { fred: 101, ethyl: 100 }", "priority: { fred: ‸255 }", "`fred` is out of range",
            "choose 1 to 254"),
        .init("priority: { fred: 101, ethyl: 100 }", "priority: ‸{}", "`priority` is empty", "at least one node"),
        .init(
            toPriority + "{ fred: 101, ethyl: 100 }",
            "mode: pair\n    virtual_addresses: 192.0.2.200\n    interface: eth1\n    ‸priority: { fred: 101 }",
            "mode pair needs exactly two nodes with a priority, and group \"router37\" has 1",
            "or choose `mode: majority`"),
        .init("checks: [web]", "checks: [‸webb]", "there is no check \"webb\"", "did you mean web?"),
        .init("checks: [web]", "checks: [web, ‸web]", "listed twice", "keep one"),
        .init("    interface: eth1\n    virtual", "    ‸virtual", "has virtual addresses and no `interface`", "eth1"),
        .init("interface: eth1", "interface: ‸eth1@if7777777777", "isn't an interface's name", "ip link"),
        .init("[192.0.2.200/32]", "[‸192.0.2.200/33]", "has no valid prefix length", "1 to 32"),
        .init(
            "[192.0.2.200/32]", "[192.0.2.200, ‸192.0.2.200/24]", "is listed twice in group \"router37\"", "one place"),
        .init(
            "[192.0.2.200/32]", "[192.0.2.200, ‸192.0.2.201]", "is the own address of node \"fred\"", "no machine has"),
        .init(
            "groups:\n  router37:\n" + toAddresses,
            "groups:\n  aaa: { mode: majority, interface: eth0, virtual_addresses: 192.0.2.200, priority: { fred: 1 } }\n  router37:\n"
                + toAddresses + "‸", "192.0.2.200 of group \"router37\" belongs to group \"aaa\" already", "one place"),
        .init("preempt_after: 2s", "preempt_after: ‸2", "has no unit", "did you mean 2ms?"),
        .init("on_change: /etc", "on_change: ‸etc", "absolute path", "root"),
    ]

    static let services: [Mistake] = [
        .init("group: router37", "group: ‸router73", "there is no group \"router73\"", "did you mean router37?"),
        .init("listen: \":80\"", "listen: ‸80", "isn't a place to listen on", "write \":80\""),
        .init("listen: \":80\"", "listen: ‸0.0.0.0:80", "listens on its group's addresses, not on all", "\":80\""),
        .init(
            "listen: \":80\"", "listen: ‸192.0.2.7:80", "isn't a virtual address of group \"router37\"", "192.0.2.200"),
        .init(
            "listen: \":80\"", "listen: [\":80\", ‸\"192.0.2.200:80\"]", "listens on 192.0.2.200:80 twice", "keep one"),
        .init(
            "services:\n  cluster37:\n    group: router37\n    listen: ",
            "services:\n  aaa: { group: router37, listen: \":80\", servers: { a: { address: \"192.0.2.9:1\" } } }\n  cluster37:\n    group: router37\n    listen: ‸",
            "service \"cluster37\" listens on 192.0.2.200:80, as service \"aaa\" does", "another port"),
        .init(
            "listen: \"192.0.2.200:8989\"", "listen: ‸192.0.2.200:80",
            "the statistics listens on 192.0.2.200:80, as service \"cluster37\"", "another port"),
        .init(
            "{ address: \"192.0.2.201:8080\", cookie: fred, ", "‸{ address: \"192.0.2.201:8080\", ",
            "server \"fred\" has no `cookie`", "add `cookie: fred`"),
        .init("cookie: ethyl", "cookie: ‸fred", "server \"ethyl\" has the cookie value of server \"fred\"", "its own"),
        .init("cookie: ethyl", "cookie: ‸\"a b\"", "`cookie` can't be \"a b\"", "a cookie's value"),
        .init("\"192.0.2.202:8080\"", "‸\"192.0.2.200:80\"", "server \"ethyl\" is the service itself", "behind it"),
        .init(
            "      ethyl: { address: \"192.0.2.202:8080\"", "      ‸fred: { address: \"192.0.2.202:8080\"",
            "\"fred\" is given twice, first in line 44", "keep one"),
        .init(
            "{ http: \"/\" } }\n      ethyl", "{ http: /, ‸tcp: true } }\n      ethyl", "has `http` and `tcp`",
            "keep one"),
        .init(
            "{ http: \"/\" } }\n      ethyl", "{ http: /, expect: ‸20 } }\n      ethyl", "isn't a status code",
            "200-399"),
        .init(
            "{ http: \"/\" } }\n      ethyl", "{ http: /, timeout: ‸3s } }\n      ethyl",
            "longer than the interval of 2s", "at most 2s"),
        .init(
            "{ http: \"/\" } }\n      ethyl", "{ tcp: true, ‸host: x } }\n      ethyl", "belongs to `http` checks only",
            "remove it"),
        .init(
            "{ name: SERVERNAME, insert: true, indirect: true, nocache: true }", "‸SERVERNAME",
            "`cookie` must be a mapping", "{ name: \"SERVERNAME\" }"),
        .init("nocache: true }", "nocache: true, ‸same_site: none }", "browsers throw away", "`secure: true`"),
        .init("nocache: true }", "nocache: true, same_site: ‸Lax }", "can't be \"Lax\"", "did you mean lax?"),
        .init("nocache: true }", "nocache: true, max_age: ‸10ms }", "out of range", "choose 1s"),
        .init("nocache: true }", "nocache: true, path: ‸app }", "can't be \"app\"", "slash"),
        .init("nocache: true }", "nocache: true, domain: ‸\"a;b\" }", "can't be \"a;b\"", "example.com"),
        .init("insert: true, ", "insert: false, ‸preserve: true, ", "without `insert`", "remove it"),
        .init("cookie: fred, ", "cookie: fred, weight: ‸257,", "out of range", "0 to 256"),
    ]

    static let others: [Mistake] = [
        .init(
            "lease: 500ms", "lease: ‸150ms", "a lease of 150ms is too short for a heartbeat of 100ms",
            "make it at least 207ms"),
        .init(
            "[\"/usr/bin/pgrep\", \"-x\", \"httpd\"]", "‸killall -0 haproxy", "must be a list of words",
            "write [\"killall\", \"-0\", \"haproxy\"]"),
        .init("\"/usr/bin/pgrep\"", "‸pgrep", "absolute path of a program", "/usr/bin/pgrep"),
        .init(
            "listen: \"192.0.2.200:8989\"\n  path: /stats\n  realm: electd statistics\n  users_file: /etc/electd/users\n",
            "‸listen: \"192.0.2.200:8989\"\n", "everyone who reaches 192.0.2.200:8989", "add `users_file`"),
        .init(
            "cluster: landlord", "proxy: { user: ‸root }\ncluster: landlord", "doesn't run as root",
            "without privileges"),
        .init("cluster: landlord", "journal: { rotate_size: ‸64 }\ncluster: landlord", "must be a size", "64MiB"),
        .init(
            "cluster: landlord", "journal: { rotate_size: ‸2GiB }\ncluster: landlord", "out of range", "1MiB to 1024MiB"
        ),
        .init("cluster: landlord", "log: { level: ‸loud }\ncluster: landlord", "can't be \"loud\"", "trace, debug"),
        .init(
            "cluster: landlord", "election: { ‸real_time: true }\ncluster: landlord", "has no key \"real_time\"",
            "did you mean `realtime`?"),
        .init(
            "cluster: landlord", "proxy: { threads: ‸&n 2 }\ncluster: landlord", "anchors and aliases",
            "write the value out"),
        .init(
            "cluster: landlord", "proxy: { threads: ‸!!int 2 }\ncluster: landlord",
            "YAML tag \"tag:yaml.org,2002:int\"", "remove it"),
        .init("cluster: landlord", "‸[a]: 1\ncluster: landlord", "a key must be a word", "key: value"),
    ]

    static let syntax: [Mistake] = [
        .init(
            "cluster: landlord\nsecret_file", "  cluster: landlord\n‸secret_file", "the file's keys have ended",
            "align it"),
        .init("checks: [web]", "checks: [web, ‸, web]", "a value is expected here", "remove the comma"),
        .init("    mode: http\n", "‸\tmode: http\n", "a tab indents this line", "indent with spaces"),
        .init("realm: electd statistics", "realm: ‸@home", "can't begin with \"@\"", "double quotes"),
        .init("realm: electd statistics", "realm: a‸: b", "a ':' isn't expected here", "quote the value"),
        .init("retries: 3", "‸retries 3", "there is no ':' behind this key", "write `key: value`"),
        .init("realm: electd statistics", "realm: ‸\"electd", "never closed", "close it"),
        .init("checks: [web]", "checks: ‸[web", "the '[' that opens here isn't closed", "']'"),
        .init(
            "{ heartbeat: 100ms, lease: 500ms }", "‸{ heartbeat: 100ms, lease: 500ms",
            "the \'{\' that opens here isn\'t closed", "\'}\'"),
        .init("    retries: 3", "   ‸retries: 3", "this line belongs to no mapping", "align it"),
        .init("realm: electd statistics", "realm: \"a‸\\qb\"", "a backslash", "write \\\\"),
        .init("statistics:\n", "‸---\nstatistics:\n", "a second document", "one document"),
        .init("checks: [web]", "checks: ‸*web", "anchors and aliases", "write the value out"),
    ]
}
