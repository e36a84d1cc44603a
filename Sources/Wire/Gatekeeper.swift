import Election
import Sodium

/// The receiving side: lets in what a node of this cluster has signed and not sent before, in an order of checks that
/// makes the cheapest attacks the cheapest to refuse. Whatever is refused costs a counter and nothing else.
///
/// Used by one thread.
package struct Gatekeeper {
    /// Contradictions that are kept; the first ones, since one is proof enough.
    package static let evidenceLimit = 16
    /// Grants within certificates whose signatures needn't be checked again.
    private static let verifiedLimit = 256

    private let this: NodeIndex
    private let incarnation: Incarnation
    private let secret: ClusterSecret
    private let cluster: ClusterTag
    private var origins: [Origin]
    private var sentFrames: SentFrames
    private var verifiedGrants: [[UInt8]] = []
    private var nextVerified = 0

    package private(set) var refusals = Refusals()
    package private(set) var evidence: [Equivocation] = []

    /// - Parameters:
    ///   - this: the node that receives, in its life `incarnation`.
    ///   - nodes: the keys of all nodes, by index, its own included.
    package init(this: NodeIndex, incarnation: Incarnation, nodes: [NodeKeys], secret: ClusterSecret) {
        precondition(nodes.count <= Bound.nodes && Int(this.rawValue) < nodes.count, "a key for every node")
        self.this = this
        self.incarnation = incarnation
        self.secret = secret
        cluster = ClusterTag(of: secret)
        origins = nodes.map(Origin.init)
        sentFrames = SentFrames(incarnation: incarnation)
    }

    /// Of all nodes, by index.
    package var keys: [PublicKey] { origins.map(\.keys.key) }

    /// Puts other keys in force; of a node whose key changes, nothing is known any more, and what its old one signed is
    /// refused from now on.
    ///
    /// - Parameter nodes: the keys of the same nodes, by index; a life of this node has one key to its end.
    package mutating func change(to nodes: [NodeKeys]) {
        precondition(nodes.count == origins.count, "a key for every node")
        precondition(nodes[Int(this.rawValue)].key == origins[Int(this.rawValue)].keys.key, "this node's own key stays")
        for (place, keys) in nodes.enumerated() {
            if keys.key == origins[place].keys.key {
                origins[place].keys = keys
            } else {
                origins[place] = Origin(keys)
            }
        }
    }

    /// Something that was let in.
    package enum Arrival: Hashable, Sendable {
        /// Signed by its sender and new; ready for `Event.received`.
        case packet(Reception)
        /// Properly signed by this node's key, and not by this process: the key was copied, or the state directory
        /// went back in time. The node must stop. With the frame as proof.
        case ownSignatureFromElsewhere([UInt8])
        /// A node has signed two contents under one number.
        case equivocation(Equivocation)
    }

    /// Tells that this node has signed and is about to send `frame`, so that it is known when it comes back.
    package mutating func sent(_ frame: SignedFrame) {
        sentFrames.note(frame)
    }

    /// The newest heartbeat of a node, as signed: to pass on.
    package func newestHeartbeat(of node: NodeIndex) -> SignedFrame? {
        Int(node.rawValue) < origins.count ? origins[Int(node.rawValue)].newestHeartbeat : nil
    }

    /// Checks one datagram. The address it came from is not looked at: signatures say who speaks.
    package mutating func receive(_ datagram: [UInt8], at now: Instant) -> [Arrival] {
        open(datagram).compactMap { admit($0, at: now) }
    }

    /// The frames of a datagram that somebody sealed who knows the cluster's secret; no signature is checked.
    package mutating func open(_ datagram: [UInt8]) -> [Backlog.Frame] {
        switch datagram.withUnsafeBytes({ content(of: $0) }) {
        case .failure(let refusal):
            refusals.count(refusal.reason)
            return []
        case .success(let content):
            var frames: [Backlog.Frame] = []
            for bytes in content.frames {
                guard let frame = try? SignedFrame(parsing: bytes) else {
                    refusals.count(.malformed)
                    continue
                }
                frames.append(Backlog.Frame(frame: frame, sender: content.sender))
            }
            return frames
        }
    }

    /// nil: it isn't genuine, or not new.
    package mutating func admit(_ frame: Backlog.Frame, at now: Instant) -> Arrival? {
        admit(frame.frame, from: frame.sender, at: now)
    }

    private struct Refused: Error {
        var reason: Refusal
    }

    /// Everything up to the known sender; no signature is checked.
    private func content(of datagram: UnsafeRawBufferPointer) -> Result<Datagram.Content, Refused> {
        guard datagram.count >= Datagram.least else { return .failure(Refused(reason: .tooShort)) }
        guard datagram.count <= Datagram.limit else { return .failure(Refused(reason: .tooLong)) }
        guard datagram[..<4].elementsEqual(Datagram.magic) else { return .failure(Refused(reason: .foreignProtocol)) }
        guard datagram[4] == Datagram.version else { return .failure(Refused(reason: .unknownVersion)) }
        guard datagram[5..<Datagram.headerCount].elementsEqual(cluster.bytes) else {
            return .failure(Refused(reason: .foreignCluster))
        }
        guard let plain = secret.open(datagram, headerCount: Datagram.headerCount) else {
            return .failure(Refused(reason: .seal))
        }
        guard let content = try? Datagram.Content(parsing: plain) else { return .failure(Refused(reason: .malformed)) }
        guard Int(content.sender.rawValue) < origins.count else { return .failure(Refused(reason: .unknownSender)) }
        return .success(content)
    }

    private mutating func admit(_ frame: SignedFrame, from sender: NodeIndex, at now: Instant) -> Arrival? {
        let node = frame.packet.sender.node
        guard Int(node.rawValue) < origins.count else { return refuse(.unknownSender) }
        guard node != this else { return meetOwn(frame, at: now) }
        // Sent in our name: only what it says in our name is of interest.
        guard sender != this else { return refuse(.own) }
        let isDirect = sender == node
        switch origins[Int(node.rawValue)].standing(of: frame, isDirect: isDirect) {
        case .staleIncarnation: return refuse(.staleIncarnation)
        case .duplicate: return refuse(.duplicate)
        case .replay: return refuse(.replay)
        case .contradiction(let earlier): return contradict(frame, earlier, at: now)
        case .newlyDirect: break
        case .new:
            if let refusal = verify(frame, at: now) { return refuse(refusal) }
            if case .certificate(let certificate) = frame.packet.message {
                guard isGenuine(certificate, at: now) else { return refuse(.certificate) }
            }
        }
        origins[Int(node.rawValue)].accept(frame, isDirect: isDirect)
        return .packet(Reception(of: frame, relay: isDirect ? nil : sender))
    }

    private mutating func refuse(_ refusal: Refusal) -> Arrival? {
        refusals.count(refusal)
        return nil
    }

    /// nil when the signature is the origin's.
    private mutating func verify(_ frame: SignedFrame, at now: Instant) -> Refusal? {
        let index = Int(frame.packet.sender.node.rawValue)
        guard origins[index].budget.take(at: now) else { return .overBudget }
        return frame.isSigned(by: origins[index].keys.key, in: cluster) ? nil : .signature
    }

    /// The signature of a grant is checked once, however many certificates and copies carry it.
    private mutating func isGenuine(_ certificate: Certificate, at now: Instant) -> Bool {
        certificate.isGenuine(nodes: origins.count) { grant in
            let digest = grant.digest
            if verifiedGrants.contains(digest) { return true }
            guard isSigned(grant, at: now) else { return false }
            if verifiedGrants.count < Self.verifiedLimit {
                verifiedGrants.append(digest)
            } else {
                verifiedGrants[nextVerified] = digest
                nextVerified = (nextVerified + 1) % Self.verifiedLimit
            }
            return true
        }
    }

    /// Whether the vote is its voter's, by the key that it has or the one that it had.
    private mutating func isSigned(_ grant: SignedFrame, at now: Instant) -> Bool {
        guard let refusal = verify(grant, at: now) else { return true }
        let index = Int(grant.packet.sender.node.rawValue)
        guard refusal == .signature, let former = origins[index].keys.former, origins[index].budget.take(at: now) else {
            return false
        }
        return grant.isSigned(by: former, in: cluster)
    }

    private mutating func contradict(_ frame: SignedFrame, _ earlier: [UInt8], at now: Instant) -> Arrival? {
        if let refusal = verify(frame, at: now) { return refuse(refusal) }
        refusals.count(.equivocation)
        guard evidence.count < Self.evidenceLimit else { return nil }
        let found = Equivocation(
            by: frame.packet.sender, sequence: frame.packet.sequence, first: earlier, second: frame.bytes)
        guard !evidence.contains(found) else { return nil }
        evidence.append(found)
        return .equivocation(found)
    }

    private mutating func meetOwn(_ frame: SignedFrame, at now: Instant) -> Arrival? {
        guard !sentFrames.explains(frame) else { return refuse(.own) }
        if let refusal = verify(frame, at: now) { return refuse(refusal) }
        return .ownSignatureFromElsewhere(frame.bytes)
    }
}

extension Reception {
    /// - Parameter relay: who passed it on.
    init(of frame: SignedFrame, relay: NodeIndex?) {
        var proof: [UInt8] = []
        if case .grant = frame.packet.message, frame.bytes.count <= Bound.proof { proof = frame.bytes }
        self.init(packet: frame.packet, relay: relay, proof: proof, journal: frame.journal)
    }
}
