/// Turns a row of results into passing or failing, with the rise and fall that keepalived and HAProxy share.
///
/// Both count in one number from 0 to rise + fall - 1, and the check passes from `rise` upwards. A success below
/// `rise` counts one up, and the one that reaches it jumps to the top; a failure above `rise` counts one down, and
/// the one that leaves it drops to 0. So a single opposite result starts the row anew.
/// (keepalived `vrrp_script_child_thread`, HAProxy `check_notify_success` and `check_notify_failure`)
package struct Verdict: Sendable, Equatable {
    private let rise: Int
    private let fall: Int
    private var level: Int
    /// Whether a result has been recorded, or taken over from an earlier plan.
    package private(set) var isDecided: Bool
    private var firstDecides: Bool

    package init(rise: Int, fall: Int, initially: CheckPlan.Assumption) {
        precondition(rise >= 1 && fall >= 1, "rise and fall count from 1")
        self.rise = rise
        self.fall = fall
        isDecided = false
        firstDecides = initially == .undecided
        // At `rise` a check passes, and one failure is enough to fail it.
        level = initially == .passing ? rise : 0
    }

    /// The verdict of an earlier plan of the same name, on trial: one opposite result is enough to change it.
    package init(rise: Int, fall: Int, takingOver earlier: Verdict) {
        self.init(rise: rise, fall: fall, initially: .failing)
        isDecided = earlier.isDecided
        firstDecides = earlier.firstDecides
        level = earlier.passing ? rise : rise - 1
    }

    package var passing: Bool { level >= rise }

    /// Where it stands between its two ends.
    package enum Mood: Sendable, Equatable {
        /// Passing or failing, with the last result agreeing and enough of them.
        case passing, failing
        /// The last result spoke against it.
        case wavering
    }

    package var mood: Mood {
        if level == 0 { return .failing }
        return level == rise + fall - 1 ? .passing : .wavering
    }

    /// Records one result; true when the verdict is the first one or differs from the one before.
    package mutating func record(success: Bool) -> Bool {
        let before = passing
        let isFirst = !isDecided
        if firstDecides {
            level = success ? rise + fall - 1 : 0
        } else if success {
            level = level >= rise - 1 ? rise + fall - 1 : level + 1
        } else {
            level = level > rise ? level - 1 : 0
        }
        isDecided = true
        firstDecides = false
        return isFirst || passing != before
    }
}
