extension Elector {
    /// Why this node may not hold the group now; nil when it may.
    func ineligibility(in place: Int) -> Reason? {
        if !rules.groups[place].mayHold(rules.this) { return .reconfigured }
        if storageHasFailed { return .storageFailed }
        // Giving up never waits for a disk, and holding needs none; taking does.
        if storageIsSlow && !groups[place].isOpen { return .storageSlow }
        if isLeaving { return .leaving }
        if isInMaintenance { return .maintenance }
        if !groups[place].linkIsUp { return .linkDown }
        if rules.groups[place].needsDataPlane && !dataPlaneIsUp { return .dataPlaneDown }
        for check in rules.groups[place].checks where check.weight == 0 && !passes(check.check) { return .checkFailed }
        return nil
    }

    /// The configured priority and the weights of the checks, as keepalived adds them up; 1 to 65,535, or 0 for a
    /// node that may not hold.
    func priority(in place: Int) -> UInt16 {
        let base = rules.groups[place].priority(of: rules.this)
        if base == 0 { return 0 }
        var sum = Int(base)
        for check in rules.groups[place].checks {
            if check.weight > 0 && passes(check.check) { sum += Int(check.weight) }
            if check.weight < 0 && !passes(check.check) { sum += Int(check.weight) }
        }
        return UInt16(truncatingIfNeeded: min(max(sum, 1), 65_535))
    }

    private func passes(_ check: UInt16) -> Bool { Int(check) < checks.count && checks[Int(check)] == true }

    /// Whom this node takes for the group's holder.
    func holder(in place: Int, at now: Instant) -> NodeIndex? {
        if groups[place].leaseUntil != nil { return rules.this }
        if rules.groups[place].mode == .pair { return pairHolder(in: place, at: now) }
        return hasValidHolder(in: place, at: now) ? groups[place].certified?.holder.node : nil
    }

    /// Somebody else holds a certificate, has claimed it within D, and has neither released nor restarted.
    ///
    /// A claim that was passed on counts here: it keeps this node from campaigning, and does nothing else.
    func hasValidHolder(in place: Int, at now: Instant) -> Bool {
        guard let holder = groups[place].certified?.holder, let claimedAt = groups[place].claimedAt,
            groups[place].released == nil
        else { return false }
        if holder.node == rules.this { return false }
        return peers[Int(holder.node.rawValue)].incarnation == holder.incarnation
            && now.since(claimedAt) < rules.timing.promise
    }
}
