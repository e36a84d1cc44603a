/// Pair mode: two branches of one log, and how they become one again (Specs/protocol.md, "Log", G10).
///
/// Whoever holds keeps its branch. It copies the other one, puts into its own what the other said later of any matter,
/// then where both ended; only when that is in the holder's log does the other node give its branch up.
extension Elector {
    /// The peer's committed part doesn't end in this holder's log.
    mutating func meetBranch(endingAt end: LogPosition, of node: NodeIndex, in place: Int, at now: Instant) {
        guard end.index > 0, !replication.logs[place].log.isMerged(end) else { return }
        fetch(place, from: node, isWhole: true, at: now)
    }

    mutating func takePairImage(
        _ image: LogImage, of node: NodeIndex, in place: Int, at now: Instant, _ effects: inout [Effect]
    ) {
        guard let state = image.state else { return }
        let own = replication.logs[place].log
        if replication.logs[place].leadingTerm != nil {
            if own.isMerged(image.last) || own.position(at: image.last.index)?.hash == image.last.hash { return }
            effects.append(.forked(groups[place].id, kept: own.image, other: image))
            let items = own.state.lacking(of: state)
            for start in stride(from: 0, to: items.count, by: Bound.adopted) {
                append(.adopted(Array(items[start..<min(start + Bound.adopted, items.count)])), in: place, &effects)
            }
            let kept = replication.logs[place].log.last
            append(.merged(Fork(kept: kept, other: image.last, otherNode: node)), in: place, &effects)
            takeLaterEpoch(of: state, in: place, at: now, &effects)
            return
        }
        guard groups[place].leaseUntil == nil else { return }
        // What a holder had no time to commit was never in force.
        let ends = [own.last, own.committedPosition]
        let isPrefix = own.committed == 0 || ends.contains(where: image.holds)
        // Committed there: until then the state would lack what this branch said last.
        guard isPrefix || state.forks.contains(where: { ends.contains($0.other) }) else { return }
        if !isPrefix { effects.append(.forked(groups[place].id, kept: image, other: own.image)) }
        if image.last == own.last && image.committed <= own.committed { return }
        replace(place, by: image, at: now, &effects)
    }

    /// A configuration that came into force on the other branch later than the one here is proposed again.
    private mutating func takeLaterEpoch(
        of other: LogState, in place: Int, at now: Instant, _ effects: inout [Effect]
    ) {
        guard place == replication.clusterPlace, let theirs = other.epoch else { return }
        if let own = replication.logs[place].log.state.epoch, own.stamp >= theirs.stamp || own.digest == theirs.digest {
            return
        }
        propose(theirs.text, request: 0, at: now, &effects)
    }
}

extension ReplicatedLog {
    /// Whether a branch that ended there was merged into this log.
    func isMerged(_ end: LogPosition) -> Bool {
        if state.forks.contains(where: { $0.other == end }) { return true }
        return entries.contains { entry in
            if case .merged(let fork) = entry.content { return fork.other == end }
            return false
        }
    }
}

extension LogImage {
    fileprivate func holds(_ place: LogPosition) -> Bool {
        if place == base { return true }
        return entries.contains { $0.position == place }
    }
}
