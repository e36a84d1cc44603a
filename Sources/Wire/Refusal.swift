/// Why something that arrived was dropped; in the order of the checks. Each has a counter, and nothing else happens.
package enum Refusal: Int, Hashable, CaseIterable, Sendable {
    case tooShort
    case tooLong
    case foreignProtocol
    case unknownVersion
    case foreignCluster
    /// The seal doesn't open: not from a holder of the cluster's secret, or altered on the way.
    case seal
    /// Sealed properly, and still no datagram or frame: a defect, or a holder of the secret who tries things.
    case malformed
    /// The sender or the origin is no node of this cluster.
    case unknownSender
    /// Our own frame came back, or a datagram claims to be ours.
    case own
    /// Of a life that its node has left behind.
    case staleIncarnation
    /// A frame of a number that was accepted before, or that is too old to tell.
    case replay
    /// A frame that was passed on and is known already; normal when several nodes pass on the same.
    case duplicate
    /// More signatures to check of one origin than anybody honest sends.
    case overBudget
    case signature
    /// A certificate whose grants don't fit it, or aren't signed by their voters.
    case certificate
    /// Another content than before under the same number, properly signed: kept as evidence.
    case equivocation

    /// The counter's name in status and metrics.
    package var name: String {
        switch self {
        case .tooShort: "too_short"
        case .tooLong: "too_long"
        case .foreignProtocol: "foreign_protocol"
        case .unknownVersion: "unknown_version"
        case .foreignCluster: "foreign_cluster"
        case .seal: "seal"
        case .malformed: "malformed"
        case .unknownSender: "unknown_sender"
        case .own: "own"
        case .staleIncarnation: "stale_incarnation"
        case .replay: "replay"
        case .duplicate: "duplicate"
        case .overBudget: "over_budget"
        case .signature: "signature"
        case .certificate: "certificate"
        case .equivocation: "equivocation"
        }
    }
}

/// How often each check refused something since the start.
package struct Refusals: Hashable, Sendable {
    private var counts = [UInt64](repeating: 0, count: Refusal.allCases.count)

    package init() {}

    package subscript(_ refusal: Refusal) -> UInt64 { counts[refusal.rawValue] }

    package var total: UInt64 { counts.reduce(0, &+) }

    /// What was refused at all, in the order of the checks.
    package var nonzero: [(Refusal, UInt64)] {
        Refusal.allCases.filter { self[$0] > 0 }.map { ($0, self[$0]) }
    }

    mutating func count(_ refusal: Refusal) { counts[refusal.rawValue] &+= 1 }
}
