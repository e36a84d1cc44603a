import Election

/// What this node has sent in this life: enough to know its own frames when they come back, and to notice those that
/// somebody else has signed with its key.
struct SentFrames {
    private static let keptCount = 1024

    private let incarnation: Incarnation
    private var newest = Sequence(0)
    private var digests = [(Sequence, [UInt8])?](repeating: nil, count: keptCount)

    init(incarnation: Incarnation) {
        self.incarnation = incarnation
    }

    mutating func note(_ frame: SignedFrame) {
        precondition(frame.packet.sender.incarnation == incarnation, "frames are sent in the life that signs them")
        newest = max(newest, frame.packet.sequence)
        digests[Self.place(frame.packet.sequence)] = (frame.packet.sequence, frame.digest)
    }

    /// Whether this node may have sent the frame: in an earlier life, too long ago to remember, or exactly this.
    func explains(_ frame: SignedFrame) -> Bool {
        if frame.packet.sender.incarnation != incarnation { return frame.packet.sender.incarnation < incarnation }
        guard frame.packet.sequence <= newest else { return false }
        guard let (sequence, digest) = digests[Self.place(frame.packet.sequence)] else { return false }
        return sequence == frame.packet.sequence ? digest == frame.digest : sequence > frame.packet.sequence
    }

    private static func place(_ sequence: Sequence) -> Int { Int(sequence.rawValue % UInt64(keptCount)) }
}
