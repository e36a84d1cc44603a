import Election
import Sodium

/// What the gatekeeper remembers of one node's newest life.
struct Origin {
    /// Frames that are kept whole: to know a copy without checking its signature again, and to prove a contradiction.
    static let keptFrames = 64

    var keys: NodeKeys
    private(set) var incarnation: Incarnation?
    /// What came at all, and what came on the direct way: a direct copy after a relayed one is news.
    private(set) var seen = ReplayWindow()
    private(set) var direct = ReplayWindow()
    var budget = SignatureBudget()
    private(set) var newestHeartbeat: SignedFrame?
    private var kept = [Kept?](repeating: nil, count: keptFrames)

    private struct Kept {
        var sequence: Sequence
        var digest: [UInt8]
        var bytes: [UInt8]
    }

    init(_ keys: NodeKeys) {
        self.keys = keys
    }

    /// What is known of a frame before its signature is checked.
    enum Standing {
        case new
        /// Known, its signature was good; it came on another way before.
        case newlyDirect
        case duplicate
        case replay
        case staleIncarnation
        /// Something else was accepted under this number; its bytes.
        case contradiction([UInt8])
    }

    func standing(of frame: SignedFrame, isDirect: Bool) -> Standing {
        let sequence = frame.packet.sequence
        guard let incarnation, frame.packet.sender.incarnation <= incarnation else { return .new }
        guard frame.packet.sender.incarnation == incarnation else { return .staleIncarnation }
        switch seen.standing(of: sequence.rawValue) {
        case .new: return .new
        case .tooOld: return .replay
        case .seen: break
        }
        guard let known = kept[Self.place(sequence)], known.sequence == sequence else { return .replay }
        guard known.digest == frame.digest else { return .contradiction(known.bytes) }
        guard isDirect else { return .duplicate }
        return direct.standing(of: sequence.rawValue) == .new ? .newlyDirect : .replay
    }

    /// Advances past a frame whose signature is good.
    mutating func accept(_ frame: SignedFrame, isDirect: Bool) {
        let sequence = frame.packet.sequence
        if frame.packet.sender.incarnation != incarnation { begin(frame.packet.sender.incarnation) }
        if seen.standing(of: sequence.rawValue) == .new { seen.accept(sequence.rawValue) }
        if isDirect && direct.standing(of: sequence.rawValue) == .new { direct.accept(sequence.rawValue) }
        if kept[Self.place(sequence)].map({ $0.sequence <= sequence }) ?? true {
            kept[Self.place(sequence)] = Kept(sequence: sequence, digest: frame.digest, bytes: frame.bytes)
        }
        if case .heartbeat = frame.packet.message, sequence > newestHeartbeat?.packet.sequence ?? Sequence(0) {
            newestHeartbeat = frame
        }
    }

    private mutating func begin(_ incarnation: Incarnation) {
        self.incarnation = incarnation
        seen = ReplayWindow()
        direct = ReplayWindow()
        newestHeartbeat = nil
        kept = [Kept?](repeating: nil, count: Self.keptFrames)
    }

    private static func place(_ sequence: Sequence) -> Int { Int(sequence.rawValue % UInt64(keptFrames)) }
}
