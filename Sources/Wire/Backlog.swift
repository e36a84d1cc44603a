import Election

/// Frames of datagrams that waited together, in the order in which a late node does best to look at them.
///
/// What keeps leases alive goes first: behind a crowd's vote requests promises would lapse, and there would be more
/// requests. Of a candidate's requests for a group the newest counts; an answer to an earlier one is of no use to anyone,
/// and costs as many signatures. Only a request that was let in displaces others: nobody can forge one away.
package struct Backlog {
    /// A frame whose signature hasn't been looked at.
    package struct Frame {
        let frame: SignedFrame
        let sender: NodeIndex
    }

    private struct Request: Hashable {
        var candidate: NodeLife
        var group: GroupID
        var isTrial: Bool
    }

    private var urgent: [Frame] = []
    private var ordinary: [Frame] = []
    private var requests: [Frame] = []
    private var admitted: Set<Request> = []

    package init(_ frames: [Frame]) {
        for frame in frames {
            switch frame.frame.packet.message {
            case .heartbeat, .promise: urgent.append(frame)
            case .grant, .certificate, .transferRequest, .log: ordinary.append(frame)
            case .voteRequest: requests.append(frame)
            }
        }
        urgent.reverse()
        ordinary.reverse()
    }

    /// The next one to look at; nil when there is none left.
    package mutating func next() -> Frame? {
        if let frame = urgent.popLast() ?? ordinary.popLast() { return frame }
        while let frame = requests.popLast() {
            guard let request = Self.request(frame), admitted.contains(request) else { return frame }
        }
        return nil
    }

    /// `frame` was signed by its sender and is new.
    package mutating func noteAdmitted(_ frame: Frame) {
        if let request = Self.request(frame) { admitted.insert(request) }
    }

    private static func request(_ frame: Frame) -> Request? {
        guard case .voteRequest(let request) = frame.frame.packet.message else { return nil }
        return Request(candidate: frame.frame.packet.sender, group: request.group, isTrial: request.trial)
    }
}
