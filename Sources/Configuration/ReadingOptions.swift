extension Reading {
    /// Heartbeat and lease, which must fit each other.
    func timing(_ root: Section) -> Configuration.Timing {
        let keys = ["heartbeat", "lease", "rho", "epsilon"]
        let section = root.optional("timing").flatMap { Section($0.tree, "`timing`", keys: keys, findings: findings) }
        let heartbeat =
            section?.duration(
                "heartbeat", .milliseconds(10)...(.seconds(10)), default: .milliseconds(100)) ?? .milliseconds(100)
        let rho = section?.integer("rho", 1...100_000, default: 1000) ?? 1000
        let epsilon =
            section?.duration(
                "epsilon", .milliseconds(1)...(.seconds(1)), default: .milliseconds(6)) ?? .milliseconds(6)
        let fiveBeats = TimeSpan(nanoseconds: 5 * heartbeat.nanoseconds)
        let leaseField = section?.optional("lease")
        let lease = leaseField?.duration(.milliseconds(20)...(.seconds(60)))
        let timing = Configuration.Timing(heartbeat: heartbeat, lease: lease ?? fiveBeats, rho: rho, epsilon: epsilon)
        let needed = TimeSpan(nanoseconds: 2 * heartbeat.nanoseconds)
        if timing.usableLease < needed, leaseField == nil || lease != nil {
            let least = Self.leastLease(for: needed, rho: rho, epsilon: epsilon)
            let place = leaseField?.position ?? section?.place(of: "epsilon") ?? section?.position ?? root.position
            findings.report(
                "a lease of \(timing.lease) is too short for a heartbeat of \(heartbeat): it must cover two of them, and rho and epsilon",
                least <= .seconds(60)
                    ? "make it at least \(least); \(fiveBeats) bears four lost heartbeats"
                    : "make heartbeat or epsilon shorter",
                at: place)
        }
        return timing
    }

    /// The shortest lease, in whole milliseconds, of which `usable` is left.
    private static func leastLease(for usable: TimeSpan, rho: Int, epsilon: TimeSpan) -> TimeSpan {
        let parts = Int64(rho)
        let million: Int64 = 1_000_000
        let promise = usable.nanoseconds * million / (million - parts) + epsilon.nanoseconds
        let lease = promise * (million + parts) / million
        // One more, because each division above rounds down.
        return .milliseconds(lease / million + 1)
    }

    func election(_ root: Section) -> Configuration.ElectionThread {
        let section = root.optional("election").flatMap {
            Section($0.tree, "`election`", keys: ["realtime", "lock_memory"], findings: findings)
        }
        return Configuration.ElectionThread(
            realtime: section?.bool("realtime", default: false) ?? false,
            lockMemory: section?.bool("lock_memory", default: false) ?? false)
    }

    func journal(_ root: Section) -> Configuration.Journal {
        let section = root.optional("journal").flatMap {
            Section(
                $0.tree, "`journal`", keys: ["directory", "rotate_size", "rotate_age", "retain", "epoch"],
                findings: findings)
        }
        return Configuration.Journal(
            directory: section?.optional("directory")?.path(),
            rotateSize: section?.optional("rotate_size")?.size(1 << 20...1 << 30) ?? 64 << 20,
            rotateAge: section?.duration(
                "rotate_age", .seconds(60)...(.seconds(365 * 86_400)), default: .seconds(86_400))
                ?? .seconds(86_400),
            retain: section?.integer("retain", 2...10_000, default: 32) ?? 32,
            epoch: section?.duration("epoch", .seconds(1)...(.seconds(3600)), default: .seconds(60)) ?? .seconds(60))
    }

    func proxy(_ root: Section) -> Configuration.Proxy {
        let section = root.optional("proxy").flatMap {
            Section($0.tree, "`proxy`", keys: ["user", "threads", "max_connections", "max_memory"], findings: findings)
        }
        return Configuration.Proxy(
            user: section?.optional("user").flatMap(userName), threads: section?.optional("threads")?.integer(1...64),
            maxConnections: section?.integer("max_connections", 1...1_000_000, default: 100_000) ?? 100_000,
            maxMemory: section?.optional("max_memory")?.size(4_194_304...1_099_511_627_776) ?? 268_435_456)
    }

    private func userName(_ field: Field) -> String? {
        guard let name = field.name("a user's name") else { return nil }
        guard name != "root", name != "0" else {
            field.refuse("the proxy doesn't run as root", "name a user without privileges, or remove the key")
            return nil
        }
        return name
    }

    func log(_ root: Section) -> Configuration.Log {
        let section = root.optional("log").flatMap {
            Section($0.tree, "`log`", keys: ["level", "format", "decisions"], findings: findings)
        }
        return Configuration.Log(
            level: section?.choice("level", default: .info) ?? .info,
            format: section?.choice("format", default: .text) ?? .text,
            decisions: section?.choice("decisions", default: Configuration.Log.Decisions.none)
                ?? Configuration.Log.Decisions.none)
    }

    /// The page of figures; its socket is compared with those of the services.
    mutating func statistics(_ root: Section) -> Configuration.Statistics? {
        guard let field = root.optional("statistics"),
            let section = Section(
                field.tree, "`statistics`", keys: ["listen", "path", "realm", "users_file"], findings: findings)
        else { return nil }
        let listen = section.required("listen", "add `listen: \"IP:PORT\"`")
        let endpoint = listen?.endpoint()
        let path = section.optional("path")?.httpPath() ?? "/stats"
        let realm =
            section.optional("realm")?.printable("printable ASCII without \" and \\", max: 128, forbidden: "\"\\")
            ?? "electd statistics"
        let users = section.optional("users_file")
        places.usersFile = users?.place ?? .start
        let usersFile = users?.path()
        guard let listen, let endpoint else { return nil }
        claim([endpoint], for: "the statistics", at: listen)
        if section.place(of: "users_file") == nil, !endpoint.address.isLoopback {
            findings.report(
                "everyone who reaches \(endpoint) could read the statistics",
                "add `users_file`, or listen on a loopback address such as \"127.0.0.1:\(endpoint.port)\"",
                at: section.position)
        }
        return Configuration.Statistics(listen: endpoint, path: path, realm: realm, usersFile: usersFile)
    }
}
