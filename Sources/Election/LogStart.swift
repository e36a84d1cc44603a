/// Where the logs meet the rest of the elector: a start, a peer's new life, votes and heartbeats.
extension Elector {
    /// What the disk has of a group's log. Of a group that the configuration doesn't have now nothing is done with it.
    mutating func recall(_ image: LogImage, of group: GroupID) {
        guard let place = groups.firstIndex(of: group), image.state != nil else { return }
        replication.logs[place].log = ReplicatedLog(image)
        replication.logs[place].durable = image.last.index
    }

    /// The start of a life: what the logs say is in force at once, before anybody is heard.
    mutating func takeUpLogs(at now: Instant, _ effects: inout [Effect]) {
        for place in groups.indices where replication.logs[place].log.last.index > 0 {
            groups[place].note(term: replication.logs[place].log.last.term)
            let state = replication.logs[place].log.state
            if place == replication.clusterPlace || !state.settings.isEmpty {
                tell(state.news(since: LogState()), of: place, at: now, &effects)
            }
        }
        alignMaintenance(at: now)
    }

    /// A new life of a peer has the log that it says it has, and no other.
    mutating func forgetLogs(of node: NodeIndex) {
        let slot = Int(node.rawValue)
        for place in groups.indices {
            replication.logs[place].marks[slot] = nil
            guard replication.logs[place].leadingTerm != nil else { continue }
            replication.logs[place].leading?.matched[slot] = 0
            replication.logs[place].leading?.dueAt[slot] = .zero
            let end = replication.logs[place].log.last.index
            replication.logs[place].leading?.next[slot] = end + 1
            markBusy(place)
        }
    }

    /// nil while there is nothing to tell of.
    func markToTell(_ place: Int) -> LogMark? {
        replication.logs[place].log.last.index == 0 ? nil : replication.logs[place].mark
    }

    func voteRequest(_ place: Int, term: Term, trial: Bool) -> VoteRequest {
        let last = replication.logs[place].log.last
        return VoteRequest(
            group: groups[place].id, term: term, trial: trial, priority: priority(in: place), logTerm: last.term,
            logIndex: last.index)
    }

    /// G4: nobody gets this voter's vote whose log ends before its own; it is told so, and copies what it lacks.
    mutating func isComplete(_ request: VoteRequest, of candidate: NodeIndex, in place: Int) -> Bool {
        let last = replication.logs[place].log.last
        guard
            LogPosition(index: request.logIndex, term: request.logTerm, hash: .zero).isBehind(
                term: last.term, index: last.index)
        else { return true }
        post(.longer(groups[place].id, replication.logs[place].mark), to: candidate)
        return false
    }

    /// What a group's log comes to on this node.
    package func logState(of group: GroupID) -> LogState? {
        groups.firstIndex(of: group).map { replication.logs[$0].log.state }
    }

    package func log(of group: GroupID) -> ReplicatedLog? {
        groups.firstIndex(of: group).map { replication.logs[$0].log }
    }

    /// The group whose log carries what concerns the whole cluster; nil where there is no group.
    package var clusterGroup: GroupID? { groups.isEmpty ? nil : groups[replication.clusterPlace].id }
}
