extension Elector {
    /// Why this node may not hold the group now; nil when it may.
    func ineligibility(in group: Group) -> Reason? {
        let groupRules = rules(of: group)
        if !groupRules.mayHold(rules.this) { return .reconfigured }
        if storageHasFailed { return .storageFailed }
        // Giving up never waits for a disk, and holding needs none; taking does.
        if storageIsSlow && !group.isOpen { return .storageSlow }
        if isLeaving { return .leaving }
        if isInMaintenance { return .maintenance }
        if !group.linkIsUp { return .linkDown }
        if groupRules.needsDataPlane && !dataPlaneIsUp { return .dataPlaneDown }
        for check in groupRules.checks where check.weight == 0 && !passes(check.check) { return .checkFailed }
        return nil
    }

    /// The configured priority and the weights of the checks, as keepalived adds them up; 1 to 65,535, or 0 for a
    /// node that may not hold.
    func priority(in group: Group) -> UInt16 {
        let groupRules = rules(of: group)
        let base = groupRules.priority(of: rules.this)
        if base == 0 { return 0 }
        var sum = Int(base)
        for check in groupRules.checks {
            if check.weight > 0 && passes(check.check) { sum += Int(check.weight) }
            if check.weight < 0 && !passes(check.check) { sum += Int(check.weight) }
        }
        return UInt16(truncatingIfNeeded: min(max(sum, 1), 65_535))
    }

    private func passes(_ check: UInt16) -> Bool { Int(check) < checks.count && checks[Int(check)] == true }

    /// Whom this node takes for the group's holder.
    func holder(of group: Group, at now: Instant) -> NodeIndex? {
        if group.holding != nil { return rules.this }
        if rules(of: group).mode == .pair { return pairHolder(of: group, at: now) }
        return hasValidHolder(group, at: now) ? group.certificate?.holder.node : nil
    }

    /// Somebody else holds a certificate, has claimed it within D, and has neither released nor restarted.
    ///
    /// A claim that was passed on counts here: it keeps this node from campaigning, and does nothing else.
    func hasValidHolder(_ group: Group, at now: Instant) -> Bool {
        guard let certificate = group.certificate, let claimedAt = group.claimedAt, group.released == nil else {
            return false
        }
        let node = certificate.holder.node
        if node == rules.this { return false }
        return peers[Int(node.rawValue)].incarnation == certificate.holder.incarnation
            && now.since(claimedAt) < rules.timing.promise
    }
}
