import Election

/// Clients beside the cluster, and which machine's hardware each takes for a group's addresses.
///
/// They learn it as Linux neighbours do: by announcements, some of which get lost, and by asking anew once nobody has
/// answered for some seconds. Their chance is their own: no node's life depends on it.
struct Neighbours {
    static let clients = 3
    /// As `AnnounceSchedule.standard`.
    private static let burst: [UInt64] = [0, 20, 100, 300, 1_000, 3_000].map { $0 * 1_000_000 }
    private static let refresh: UInt64 = 60_000_000_000
    private static let reassertInterval: UInt64 = 100_000_000
    /// An entry that isn't confirmed any more is probed three times, a second apart, after five seconds (`man 7 arp`).
    private static let patience: UInt64 = 8_000_000_000
    /// By when the last announcement of a burst has come.
    static let settled: UInt64 = 3_500_000_000
    /// By when clients that were told wrong have asked.
    static let contested: UInt64 = 12_000_000_000

    private var randomness: Randomness
    private(set) var lostPermille: UInt16 = 0
    /// When announcements last got lost.
    private(set) var lostAt: UInt64 = 0
    /// By group and client: the place of the machine that it sends to, and since when nobody has answered there.
    private(set) var caches: [[Int?]]
    private var silentSince: [[UInt64?]]
    /// By machine and group.
    private var schedules: [[Schedule]]

    private struct Schedule {
        var started: UInt64 = 0
        var due = UInt64.max
        var reassertedAt: UInt64?
    }

    init(machines: Int, groups: Int, seed: UInt64) {
        randomness = Randomness(seed: seed ^ 0x4152_5000)
        caches = Array(repeating: Array(repeating: nil, count: Self.clients), count: groups)
        silentSince = Array(repeating: Array(repeating: nil, count: Self.clients), count: groups)
        schedules = Array(repeating: Array(repeating: Schedule(), count: groups), count: machines)
    }

    mutating func lose(_ permille: UInt16, at now: UInt64) {
        if lostPermille > 0 { lostAt = now }
        lostPermille = permille
    }

    func losesNothing(since: UInt64) -> Bool { lostPermille == 0 && lostAt < since }

    /// - Returns: when the first announcement is due.
    mutating func begin(_ group: Int, on machine: Int, at now: UInt64) -> UInt64 {
        schedules[machine][group] = Schedule(started: now, due: now)
        return now
    }

    mutating func stop(_ group: Int, on machine: Int) { schedules[machine][group].due = .max }

    func isDue(_ group: Int, on machine: Int, at now: UInt64) -> Bool { schedules[machine][group].due == now }

    /// The daemon stands still: its announcement leaves when it runs on.
    mutating func postpone(_ group: Int, on machine: Int, until: UInt64) { schedules[machine][group].due = until }

    /// - Returns: when the next one is due.
    mutating func announce(_ group: Int, from machine: Int, at now: UInt64) -> UInt64 {
        for client in 0..<Self.clients where !randomness.happens(UInt64(lostPermille)) {
            caches[group][client] = machine
            silentSince[group][client] = nil
        }
        let started = schedules[machine][group].started
        let due = Self.burst.first { started + $0 > now }.map { started + $0 } ?? now + Self.refresh
        schedules[machine][group].due = due
        return due
    }

    /// Another machine has announced what this one holds.
    ///
    /// - Returns: when it announces itself again out of turn; nil where it did so just now.
    mutating func contradict(_ group: Int, on machine: Int, at now: UInt64) -> UInt64? {
        let last = schedules[machine][group].reassertedAt
        guard schedules[machine][group].due != .max, last.map({ now - $0 >= Self.reassertInterval }) ?? true else {
            return nil
        }
        schedules[machine][group].reassertedAt = now
        schedules[machine][group].due = now + 1_000_000
        return schedules[machine][group].due
    }

    /// Clients that nobody has answered for long ask everybody; whoever holds answers.
    mutating func ask(_ group: Int, holders: [Int], at now: UInt64) {
        for client in 0..<Self.clients {
            if let cached = caches[group][client], holders.contains(cached) {
                silentSince[group][client] = nil
                continue
            }
            guard let since = silentSince[group][client] else {
                silentSince[group][client] = now
                continue
            }
            guard now - since >= Self.patience, let holder = holders.first,
                !randomness.happens(UInt64(lostPermille))
            else { continue }
            caches[group][client] = holder
            silentSince[group][client] = nil
        }
    }
}

/// What the checkers know of clients: since when each group has had its one holder.
struct ClientWatch {
    var holder: [Int?]
    var since: [UInt64]
    var settledFrom: [UInt64]
    var isReported = false

    init(groups: Int) {
        holder = Array(repeating: nil, count: groups)
        since = Array(repeating: 0, count: groups)
        settledFrom = Array(repeating: Neighbours.settled, count: groups)
    }
}

extension Checkers {
    /// C1: clients send to the holder once its announcements have been made, none of which got lost.
    mutating func checkClients(_ neighbours: Neighbours, _ machines: [Machine], at now: UInt64, isEnd: Bool) {
        for place in rules.groups.indices {
            let holders = machines.indices.filter { machines[$0].gates[place].answers(at: now) }
            checkClients(of: place, sendingTo: holders, neighbours, machines, at: now, isEnd: isEnd)
        }
    }

    mutating func checkClients(
        of place: Int, sendingTo holders: [Int], _ neighbours: Neighbours, _ machines: [Machine], at now: UInt64,
        isEnd: Bool
    ) {
        guard holders.count == 1, let holder = holders.first else {
            // Who had the last word while both announced themselves isn't known: clients have to ask.
            clients.settledFrom[place] = now + (holders.isEmpty ? Neighbours.settled : Neighbours.contested)
            clients.since[place] = now
            return
        }
        if clients.holder[place] != holder {
            clients.holder[place] = holder
            clients.since[place] = now
            clients.settledFrom[place] = max(clients.settledFrom[place], now + Neighbours.settled)
        } else if !machines[holder].isRunning(at: now) {
            // What it still has to announce comes later; what got lost before stays lost.
            clients.settledFrom[place] = max(clients.settledFrom[place], now + Neighbours.settled)
        }
        let wrong = neighbours.caches[place].contains { $0 != holder }
        // What got lost longer ago than that doesn't matter any more: they have asked.
        let since = max(clients.since[place], now - min(now, Neighbours.contested))
        let isSettled = now > clients.settledFrom[place] && neighbours.losesNothing(since: since)
        if wrong, isSettled || isEnd, !clients.isReported {
            clients.isReported = true
            let name = rules.name(of: machines[holder].node)
            violate(
                .clientsFollow, at: now, "\(name) holds \(rules.groups[place].name), and clients send elsewhere")
        }
    }
}

extension Gate {
    /// Whether a client that asks for the addresses hears from this machine.
    func answers(at now: UInt64) -> Bool { hasAddresses && isOpen(at: now) }
}

extension World {
    mutating func beginAnnouncing(_ group: Int, on machine: Int) {
        let due = neighbours.begin(group, on: machine, at: now)
        agenda.enter(.announce, at: due, node: UInt8(machine), slot: UInt32(group))
    }

    mutating func announce(_ group: Int, from machine: Int) {
        guard neighbours.isDue(group, on: machine, at: now) else { return }
        let goesOn = machines[machine].gates[group].hasAddresses && options.canary != .unannounced
        guard machines[machine].process != nil, goesOn else { return neighbours.stop(group, on: machine) }
        if now < machines[machine].pausedUntil {
            let later = machines[machine].pausedUntil
            neighbours.postpone(group, on: machine, until: later)
            agenda.enter(.announce, at: later, node: UInt8(machine), slot: UInt32(group))
            return
        }
        checkers.announcements += 1
        let due = neighbours.announce(group, from: machine, at: now)
        agenda.enter(.announce, at: due, node: UInt8(machine), slot: UInt32(group))
        for other in machines.indices where other != machine && machines[other].gates[group].answers(at: now) {
            // Two hold, if only between two looks.
            checkers.clients.settledFrom[group] = max(
                checkers.clients.settledFrom[group], now + Neighbours.contested)
            guard let again = neighbours.contradict(group, on: other, at: now) else { continue }
            agenda.enter(.announce, at: again, node: UInt8(other), slot: UInt32(group))
        }
    }

    mutating func clientsAsk() {
        for group in rules.groups.indices {
            let holders = machines.indices.filter { machines[$0].gates[group].answers(at: now) }
            neighbours.ask(group, holders: holders, at: now)
            checkers.checkClients(of: group, sendingTo: holders, neighbours, machines, at: now, isEnd: false)
        }
    }
}
