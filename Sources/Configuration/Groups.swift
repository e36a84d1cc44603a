extension Configuration {
    /// A health check that groups may refer to.
    package struct Check: Equatable, Sendable {
        package let name: String
        package let probe: Probe
        package let schedule: Schedule
        /// keepalived's meaning: 0 makes the node ineligible when it fails; a positive one is added while it passes, a
        /// negative one while it fails. -253 to 253.
        package let weight: Int
    }

    /// What a check does.
    package enum Probe: Equatable, Sendable {
        /// Runs a program; passes when it exits with 0. The first word is an absolute path.
        case command([String])
        /// Passes when a connection opens.
        case tcp(Endpoint)
        case http(HTTPProbe)
    }

    /// A request without a body, and the answers that pass.
    package struct HTTPProbe: Equatable, Sendable {
        package let address: Endpoint
        /// A token, as GET or HEAD.
        package let method: String
        /// Begins with a slash, printable ASCII.
        package let path: String
        /// What the Host field says.
        package let host: String
        /// Status codes that pass: sorted, disjoint, within 100...599.
        package let expect: [ClosedRange<Int>]
        /// What must stand in the first 64 KiB of the answer's body.
        package let body: String?
    }

    /// When a check runs and how many results in a row change its verdict.
    package struct Schedule: Equatable, Sendable {
        /// 50 ms to 1 h.
        package let interval: TimeSpan
        /// While results begin to speak against the verdict, and while it is failed for good.
        package let fastInterval: TimeSpan
        package let downInterval: TimeSpan
        /// 10 ms to `interval`.
        package let timeout: TimeSpan
        /// Passes in a row that make it healthy: 1 to 100.
        package let rise: Int
        /// Failures in a row that make it failed: 1 to 100.
        package let fall: Int
    }

    /// One election with its virtual addresses.
    package struct Group: Equatable, Sendable {
        package enum Mode: String, CaseIterable, Equatable, Sendable {
            /// A holder needs the promises of more than half of the voters: never two holders.
            case majority
            /// Two nodes, VRRP's trade: available, and double in a partition.
            case pair
        }

        package let name: String
        package let mode: Mode
        /// Never nil when there are virtual addresses.
        package let interface: String?
        /// Sorted, at most `Limit.virtualAddresses`; no address in two groups.
        package let virtualAddresses: [VirtualAddress]
        /// Who may hold it, sorted by node; never empty, and exactly two in mode `pair`.
        package let priorities: [Priority]
        /// How long a better node must be better before it gets the group; nil: never.
        package let preemptAfter: TimeSpan?
        /// Whether that grows while the group comes and goes.
        package let isDamped: Bool
        /// Sorted by name.
        package let checks: [GroupCheck]
        /// Absolute path of a program that is told about changes.
        package let onChange: String?
    }

    /// A node's base priority in a group.
    package struct Priority: Equatable, Sendable {
        package let node: String
        /// 1 to 254.
        package let value: Int
    }

    /// A group's use of a check.
    package struct GroupCheck: Equatable, Sendable {
        package let check: String
        /// The group's own weight if it gives one, else the check's.
        package let weight: Int
    }
}
