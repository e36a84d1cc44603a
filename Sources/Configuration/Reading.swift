/// One reading of a file: takes its tree, key by key, into a `Configuration`, and notes what it needs to compare later
/// parts with earlier ones. Mistakes go to `findings`, and the reading goes on, so that one run tells all of them.
struct Reading {
    let findings: Findings
    var places = Places()

    /// What each node may do, also of nodes with mistakes in them, so that these aren't called unknown elsewhere.
    var roles: [String: Configuration.NodeRole] = [:]
    var nodeAddresses: [IPAddress: String] = [:]
    /// The checks' weights, for the groups that give none of their own.
    var checkWeights: [String: Int] = [:]
    /// Each group's virtual addresses; nil where they can't be read.
    var groupAddresses: [String: [IPAddress]?] = [:]
    /// Who has which virtual address.
    var holders: [IPAddress: (group: String, place: Position)] = [:]
    /// Who listens where.
    var sockets: [Endpoint: (owner: String, place: Position)] = [:]
    /// Of the services read so far.
    var serverCount = 0

    init(findings: Findings) { self.findings = findings }

    private static let keys = [
        "cluster", "secret_file", "identity_file", "nodes", "timing", "election", "journal", "proxy", "log", "checks",
        "groups", "services", "statistics", "metrics",
    ]

    /// nil if something essential is missing; whether anything is wrong, `findings` tells.
    mutating func configuration(of tree: Tree) -> Configuration? {
        guard let root = Section(tree, "the file", keys: Self.keys, findings: findings) else { return nil }
        let cluster = root.required("cluster", "add `cluster: NAME`, the same on every node")?.name()
        let secret = root.required("secret_file", "make one with `electd secret --out FILE` and name it here")
        let identity = root.required("identity_file", "make one with `electd keygen --out FILE` and name it here")
        places.secretFile = secret?.place ?? .start
        places.identityFile = identity?.place ?? .start
        // In this order, because each part refers to earlier ones only.
        let nodes = self.nodes(root)
        let timing = self.timing(root)
        let checks = self.checks(root)
        let groups = self.groups(root)
        let services = self.services(root)
        let statistics = self.statistics(root)
        let metrics = self.metrics(root)
        let election = self.election(root)
        let journal = self.journal(root)
        let proxy = self.proxy(root)
        let log = self.log(root)
        let secretFile = secret?.path()
        let identityFile = identity?.path()
        if let secretFile, secretFile == identityFile {
            identity?.refuse("`identity_file` is the secret's file", "name the file that `electd keygen` wrote")
        }
        guard let cluster, let secretFile, let identityFile else { return nil }
        return Configuration(
            cluster: cluster, secretFile: secretFile, identityFile: identityFile, nodes: nodes, timing: timing,
            checks: checks, groups: groups, services: services, statistics: statistics, metrics: metrics,
            election: election,
            journal: journal, proxy: proxy, log: log)
    }
}

/// Where the keys stand whose files are looked at after the reading.
struct Places: Equatable, Sendable {
    var secretFile = Position.start
    var identityFile = Position.start
    var usersFile = Position.start
    /// By group.
    var onChange: [String: Position] = [:]
    /// By check.
    var command: [String: Position] = [:]
}
