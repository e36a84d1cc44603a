/// How many groups are about to ask for votes.
struct Crowd: Equatable {
    /// Without a holder that keeps them from asking, whether or not others would come first; counted where there are many.
    var waiting = 0
    /// They ask, and there is no outcome yet.
    var asking = 0
}

/// Whose turn it is to ask for votes, when many groups have lost their holder at once (L5).
///
/// An election costs the cluster some thirty signatures, made or checked. Hundreds at once would keep heartbeats and
/// promises waiting behind them until leases lapse, and then there are more elections: so a few at a time, and as soon
/// as they are decided the next.
extension Elector {
    /// Groups that this node asks for at once. With no more than these nobody ever waits for a turn.
    private static let groupsAtOnce = 16

    private var isCrowded: Bool { groups.count > Self.groupsAtOnce }

    /// Turns that pass until each group that waits has had one; at least 1.
    var turns: UInt64 {
        isCrowded ? UInt64(max(1, (crowd.waiting + Self.groupsAtOnce - 1) / Self.groupsAtOnce)) : 1
    }

    mutating func countCrowd(at now: Instant) {
        crowd = Crowd()
        for place in groups.indices {
            switch groups[place].part.kind {
            case .standby: if isCrowded && mayWait(place, at: now) { crowd.waiting += 1 }
            case .asking, .acquiring: crowd.asking += 1
            case .holding, .withdrawing: break
            }
        }
    }

    var hasTurn: Bool { !isCrowded || crowd.asking < Self.groupsAtOnce }

    /// How long a group asks who would vote: where others wait for its place, not until nobody could.
    func canvassEnd(from now: Instant) -> Instant {
        now + (isCrowded ? min(rules.timing.heartbeat, rules.timing.promise) : rules.timing.promise)
    }

    /// Whoever asked in vain lets all the others have a turn first.
    mutating func stepBehind(_ place: Int, at now: Instant) {
        if isCrowded { groups[place].retreatUntil = now + rules.timing.heartbeat * (turns + 1) }
    }

    /// A standby that nothing of its own keeps from asking.
    private func mayWait(_ place: Int, at now: Instant) -> Bool {
        guard now >= groups[place].retreatUntil else { return false }
        guard let promise = groups[place].promise else { return true }
        return now >= promise.until || promise.to.node == rules.this
    }
}
