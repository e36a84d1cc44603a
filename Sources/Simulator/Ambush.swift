import Election

/// Faults that have to come in one order, undisturbed, before anything can come of them: every eighth seed has a time
/// for them, and what else would befall the cluster then waits until it is over.
///
/// From a chance of their own, and in seeds of their own: the others go as they did before there were any.
struct Ambush {
    private var randomness: Randomness
    private let rules: Rules
    private let begin: UInt64
    private let end: UInt64

    static func lies(_ seed: UInt64) -> Bool { seed % 8 == 0 }

    /// - Returns: nil where there isn't time enough.
    init?(seed: UInt64, _ rules: Rules, from: UInt64, until: UInt64) {
        let length = rules.timing.promise.nanoseconds * 24
        guard Self.lies(seed), until > from + length else { return nil }
        randomness = Randomness(seed: seed ^ 0x414D_4253)
        self.rules = rules
        begin = from + randomness.below(until - from - length)
        end = begin + length
    }

    /// - Parameter mending: what makes everything well when the time begins.
    mutating func lay(in plan: inout [PlannedAction], mending: (UInt64) -> [PlannedAction]) {
        for place in plan.indices where (begin...end).contains(plan[place].at.nanoseconds) {
            if case .order = plan[place].action { continue }
            plan[place].at = Span(nanoseconds: end)
        }
        plan += mending(begin) + rules.indices.map { planned(begin, .fullDisk($0, false)) } + lapses()
        let voters = rules.voters.members
        if rules.groups.allSatisfy({ $0.mode == .majority }), voters.count % 2 == 1 { plan += forgetfulVoter(voters) }
        plan.append(planned(end, .mendAll))
    }

    private func planned(_ at: UInt64, _ action: Action) -> PlannedAction {
        PlannedAction(at: Span(nanoseconds: at), action: action)
    }

    /// Kernels close gates before their time, while somebody else could hold: I7 has to hold all the same.
    private mutating func lapses() -> [PlannedAction] {
        let promise = rules.timing.promise.nanoseconds
        return rules.indices.map { planned(begin + 2 * promise + randomness.below(promise), .lapse($0)) }
    }

    /// The voter that decides between two halves elects somebody with the one, in a term that the other never hears
    /// of, and comes to the other without its state directory (S12).
    private mutating func forgetfulVoter(_ voters: [NodeIndex]) -> [PlannedAction] {
        let promise = rules.timing.promise.nanoseconds
        let node = voters[randomness.index(of: voters.count)]
        var others = voters.filter { $0 != node }
        for place in others.indices.dropFirst() { others.swapAt(place, randomness.index(of: place + 1)) }
        let theirs = Array(others[(others.count / 2)...])
        let mine = rules.indices.filter { $0 != node && !theirs.contains($0) }
        let parted = begin + 3 * promise
        let middle = begin + 8 * promise
        // Whoever held without a break would hold in a term that all know.
        let lapse = (mine + [node]).map { planned(parted + promise + randomness.below(promise), .lapse($0)) }
        return cuts(mine + [node], theirs, at: parted) + lapse + cuts([node], mine, at: middle)
            + theirs.map { planned(middle, .mend(node, $0)) } + [
                planned(middle, .crash(node)), planned(middle + 1, .wipe(node)),
                planned(middle + 2 + randomness.below(promise), .start(node)),
            ]
    }

    private func cuts(_ one: [NodeIndex], _ other: [NodeIndex], at: UInt64) -> [PlannedAction] {
        one.flatMap { left in other.map { right in planned(at, .cut(left, right)) } }
    }
}
