import Election
import Journal
import Sodium

/// The datagrams by which nodes show each other their checkpoints and cosign them: sealed like all others, under a magic
/// of their own, and never seen by the election. Specs/wire.md, "Witnesses".
enum WitnessDatagram {
    static let magic = [UInt8]("elcw".utf8)
    private static let version: UInt8 = 1
    private static let headerCount = 4 + 1 + ClusterSecret.tagCount
    /// Bytes; both messages are far below.
    static let limit = 1_232
    static let least = headerCount + ClusterSecret.overhead + 2

    enum Message {
        case claim(CheckpointClaim)
        case cosignature(Cosignature)
    }

    static func isOne(_ datagram: [UInt8]) -> Bool {
        (least...limit).contains(datagram.count) && datagram.starts(with: magic)
    }

    static func seal(_ message: Message, from sender: NodeIndex, with secret: ClusterSecret) -> [UInt8] {
        var writer = ByteWriter(reserving: 400)
        sender.encode(to: &writer)
        switch message {
        case .claim(let claim):
            writer.byte(1)
            claim.encode(to: &writer)
        case .cosignature(let cosignature):
            writer.byte(2)
            cosignature.encode(to: &writer)
        }
        var datagram = magic + [version] + secret.clusterTag
        secret.seal(writer.bytes, onto: &datagram)
        return datagram
    }

    /// nil for what isn't from somebody with this cluster's secret. Who it says it is from is not proven by that.
    static func open(_ datagram: [UInt8], with secret: ClusterSecret) -> (sender: NodeIndex, message: Message)? {
        guard isOne(datagram), datagram[4] == version, datagram[5..<headerCount].elementsEqual(secret.clusterTag),
            let plain = datagram.withUnsafeBytes({ secret.open($0, headerCount: headerCount) })
        else { return nil }
        var reader = ByteReader(plain)
        do throws(Malformed) {
            let sender = try NodeIndex(from: &reader)
            let kind = try reader.byte()
            let message: Message
            switch kind {
            case 1: message = .claim(try CheckpointClaim(from: &reader))
            case 2: message = .cosignature(try Cosignature(from: &reader))
            default: return nil
            }
            try reader.finish()
            return (sender, message)
        } catch {
            return nil
        }
    }
}

/// What the store's thread does as a witness, and with its witnesses. It never waits: an answer that doesn't come is
/// asked for again a few times, and a checkpoint without cosignatures is still a checkpoint.
struct WitnessDesk {
    /// Claims that are looked at in a second, of all peers together: each costs two signature checks.
    private static let claimsPerSecond = 16
    private static let repeats = 3
    private static let repeatInterval = Span.milliseconds(1_000)

    struct Parts: Sendable {
        var this: NodeIndex
        var key: SigningKey
        var secret: ClusterSecret
        var nodes: [(name: String, key: PublicKey)]
        var sender: PeerSender
        /// Told of a contradiction.
        var alarm: @Sendable (String) -> Void
    }

    private var parts: Parts
    private var book: WitnessBook
    /// The own checkpoint that is shown, and who hasn't answered.
    private var shown: (claim: CheckpointClaim, text: [UInt8], missing: Set<UInt8>, left: Int, next: Instant)?
    private var answers: [(claim: CheckpointClaim, node: NodeIndex)] = []
    private var budget = (left: claimsPerSecond, from: Instant.zero)

    init(_ parts: Parts, witnessed: [Witnessed]) {
        self.parts = parts
        book = WitnessBook(clusterTag: parts.secret.clusterTag, nodes: parts.nodes, witnessed: witnessed)
    }

    /// Puts other keys of the same nodes in force.
    mutating func change(to nodes: [(name: String, key: PublicKey)]) {
        parts.nodes = nodes
        book.change(to: nodes)
    }

    /// Shows a new checkpoint to everybody, and again to who hasn't answered.
    mutating func show(_ newest: CheckpointClaim?, at now: Instant) {
        if let newest, newest.checkpoint.epoch != shown?.claim.checkpoint.epoch {
            let others = parts.nodes.indices.map { UInt8($0) }.filter { $0 != parts.this.rawValue }
            shown = (newest, book.text(of: newest, by: parts.this), Set(others), Self.repeats, now)
        }
        guard var current = shown, current.left > 0, !current.missing.isEmpty, now >= current.next else { return }
        let datagram = WitnessDatagram.seal(.claim(current.claim), from: parts.this, with: parts.secret)
        for node in current.missing.sorted() { parts.sender.send(datagram, to: NodeIndex(node)) }
        current.left -= 1
        current.next = now + Self.repeatInterval
        shown = current
    }

    /// - Returns: what has to be recorded.
    mutating func take(_ datagram: [UInt8], at now: Instant) -> Record? {
        if now.since(budget.from) >= .milliseconds(1_000) { budget = (Self.claimsPerSecond, now) }
        guard budget.left > 0 else { return nil }
        budget.left -= 1
        guard let (sender, message) = WitnessDatagram.open(datagram, with: parts.secret),
            Int(sender.rawValue) < parts.nodes.count, sender != parts.this
        else { return nil }
        switch message {
        case .claim(let claim):
            switch book.consider(claim, of: sender) {
            case .cosign(let witnessed):
                answers.append((claim, sender))
                return .witnessed(witnessed)
            case .again: answers.append((claim, sender))
            case .refuse: break
            case .contradiction(let what): parts.alarm(what)
            }
            return nil
        case .cosignature(let cosignature): return received(cosignature, from: sender)
        }
    }

    enum Record {
        case witnessed(Witnessed)
        case cosignature(Cosignature)
    }

    private mutating func received(_ cosignature: Cosignature, from sender: NodeIndex) -> Record? {
        let peer = parts.nodes[Int(sender.rawValue)]
        guard let shown, shown.missing.contains(sender.rawValue), cosignature.node == peer.name,
            cosignature.key == peer.key, cosignature.segment == shown.claim.segment,
            cosignature.isGenuine(under: shown.claim.checkpoint, text: shown.text)
        else { return nil }
        self.shown?.missing.remove(sender.rawValue)
        return .cosignature(cosignature)
    }

    /// Everything that was recorded is on disk: the answers may leave.
    mutating func answer() {
        let name = parts.nodes[Int(parts.this.rawValue)].name
        for (claim, node) in answers {
            let cosignature = Cosignature(
                of: claim, text: book.text(of: claim, by: node), by: name, at: .now(), with: parts.key)
            parts.sender.send(
                WitnessDatagram.seal(.cosignature(cosignature), from: parts.this, with: parts.secret), to: node)
        }
        answers.removeAll()
    }

    var owesAnswers: Bool { !answers.isEmpty }
}

/// How many witnesses' datagrams pass the election thread in a second, from whomever.
struct LetterBudget {
    private static let perSecond = 50

    private var left = perSecond
    private var from = Instant.zero

    mutating func take(at now: Instant) -> Bool {
        if now.since(from) >= .milliseconds(1_000) { (left, from) = (Self.perSecond, now) }
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}

extension ElectionLoop {
    func witnessParts() -> WitnessDesk.Parts {
        WitnessDesk.Parts(
            this: elector.rules.this, key: key, secret: secret,
            nodes: witnesses,
            sender: socket.sender(),
            alarm: { [mailbox] what in mailbox.post(.contradiction(what)) })
    }
}
