/// What a configuration file says, checked: everything in range, every reference resolved, every default filled in.
///
/// Lists of named things are sorted by name, so that two files that say the same are equal however they are written.
/// The meaning, range and default of each key stand in `Specs/configuration.md`.
package struct Configuration: Equatable, Sendable {
    /// The cluster's name.
    package let cluster: String
    /// Absolute path of the 32 bytes that seal datagrams; local to the node.
    package internal(set) var secretFile: String
    /// Absolute path of this node's Ed25519 key; local to the node. It tells which of `nodes` this one is.
    package internal(set) var identityFile: String
    /// 1 to `Limit.nodes`, sorted by name.
    package let nodes: [Node]
    package let timing: Timing
    /// Sorted by name; at most `Limit.checks`.
    package let checks: [Check]
    /// Sorted by name; 1 to `Limit.groups`.
    package let groups: [Group]
    /// Sorted by name; at most `Limit.services`.
    package var services: [Service]
    package let statistics: Statistics?
    package let metrics: Metrics?
    package let election: ElectionThread
    package let journal: Journal
    package let proxy: Proxy
    package let log: Log

    /// The node of that name.
    package func node(named name: String) -> Node? { nodes.first { $0.name == name } }

    /// The group of that name.
    package func group(named name: String) -> Group? { groups.first { $0.name == name } }

    /// The check of that name.
    package func check(named name: String) -> Check? { checks.first { $0.name == name } }
}

/// The bounds of everything that a file can make the daemon hold.
package enum Limit {
    /// Bytes of a file: 1 MiB.
    package static let fileBytes = 1 << 20
    package static let nodes = 32
    package static let groups = 256
    package static let checks = 256
    package static let services = 64
    /// Servers of one service.
    package static let servers = 256
    /// Servers of all services together.
    package static let allServers = 4096
    /// Virtual addresses of one group.
    package static let virtualAddresses = 64
    /// Checks that one group refers to.
    package static let groupChecks = 32
    /// What `listen` lists in one service.
    package static let listeners = 16
    /// Sockets that `listen` comes to in one service: its ports on each virtual address.
    package static let endpoints = 64
    /// Bytes of a name.
    package static let name = 63
    /// Words of a command, the program included.
    package static let commandWords = 64
    /// Problems that one reading reports.
    package static let problems = 100
}

extension Configuration {
    /// A member of the cluster.
    package struct Node: Equatable, Sendable {
        package let name: String
        /// Where the node's datagrams come from and go to.
        package let address: Endpoint
        /// 32 bytes: the node's Ed25519 public key.
        package let key: [UInt8]
        /// The key that it had before: counts for nothing but votes in certificates from that time.
        package let formerKey: [UInt8]?
        package let role: NodeRole

        /// Voters and witnesses vote; observers don't.
        package var votes: Bool { role != .observer }
        /// Only a voter may ever hold a group.
        package var mayHold: Bool { role == .voter }
    }

    /// What a node may do in an election.
    package enum NodeRole: String, Equatable, Sendable {
        /// Votes, and holds what it has a priority for.
        case voter
        /// Votes, never holds.
        case witness
        /// Follows; neither votes nor holds.
        case observer
    }

    /// How fast the cluster beats, and how long a promise lasts.
    package struct Timing: Equatable, Sendable {
        /// 10 ms to 10 s.
        package let heartbeat: TimeSpan
        /// D: how long a promise binds its voter; what of it is usable covers two heartbeats, at most 60 s.
        package let lease: TimeSpan
        /// Bound on the drift of one node's clock rate, in parts per million: 1 to 100,000.
        package let rho: Int
        /// Bound on what the kernel and the loop may add: 1 ms to 1 s.
        package let epsilon: TimeSpan

        /// The lease that a promise of `lease` leaves to its holder: (1 - rho) * (D / (1 + rho) - epsilon), rounded
        /// down; negative when nothing is left. Source: the lease arithmetic in `Specs/protocol.md`.
        package var usableLease: TimeSpan {
            let million: Int64 = 1_000_000
            let shrunk = lease.nanoseconds * million / (million + Int64(rho)) - epsilon.nanoseconds
            return TimeSpan(nanoseconds: shrunk * (million - Int64(rho)) / million)
        }
    }

    /// How the election thread runs.
    package struct ElectionThread: Equatable, Sendable {
        /// Ask for real-time scheduling.
        package let realtime: Bool
        /// Ask for locked memory.
        package let lockMemory: Bool
    }

    /// Where the event log goes and how much of it stays.
    package struct Journal: Equatable, Sendable {
        /// Absolute path; nil: below the state directory.
        package let directory: String?
        /// Bytes after which a new file is begun: 1 MiB to 1 GiB.
        package let rotateSize: Int64
        /// Time after which a new file is begun: 1 min to 365 d.
        package let rotateAge: TimeSpan
        /// Files that stay: 2 to 10,000.
        package let retain: Int
        /// The longest time between two signed checkpoints: 1 s to 1 h.
        package let epoch: TimeSpan
    }

    /// The proxy process as a whole.
    package struct Proxy: Equatable, Sendable {
        /// The user it runs as; nil: the daemon's choice.
        package let user: String?
        /// Workers, 1 to 64; nil: the most that a service asks for.
        package let threads: Int?
        /// Clients of all services at once: 1 to 1,000,000.
        package let maxConnections: Int
        /// Bytes of buffers: 4 MiB to 1 TiB.
        package let maxMemory: Int64
    }

    /// What is told on stderr.
    package struct Log: Equatable, Sendable {
        package enum Level: String, CaseIterable, Equatable, Sendable {
            case trace, debug, info, notice, warning, error, critical
        }

        package enum Format: String, CaseIterable, Equatable, Sendable {
            case text, json
        }

        /// Where else changes of roles go, with their reasons.
        package enum Decisions: String, CaseIterable, Equatable, Sendable {
            case none, journald, syslog
        }

        package let level: Level
        package let format: Format
        package let decisions: Decisions
    }

    /// The page with the proxy's figures.
    package struct Statistics: Equatable, Sendable {
        package let listen: Endpoint
        /// Begins with a slash.
        package let path: String
        package let realm: String
        /// Absolute path of lines `user:argon2id hash`; nil only when `listen` is a loopback address.
        package let usersFile: String?
    }
}
