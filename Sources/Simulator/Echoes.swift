import Election

/// What was said to and by earlier lives, and comes again in the next (S7): on a wire that lets everything in as often as
/// it comes, and in the moments in which it would help most.
struct Echoes {
    private struct Words {
        private var newest: (life: Incarnation, parcel: Parcel)?
        /// The last word of the life before.
        private(set) var old: Parcel?

        mutating func note(_ parcel: Parcel, life: Incarnation) {
            if let newest, newest.life < life { old = newest.parcel }
            newest = (life, parcel)
        }
    }

    /// By machine: its heartbeats as a holder.
    private var claims: [Words]
    /// By machine and voter: votes for it, and promises to it.
    private var votes: [[Words]]
    private var promises: [[Words]]

    static func sound(_ seed: UInt64) -> Bool { Ambush.lies(seed) && seed % 16 == 0 }

    init(machines: Int) {
        claims = Array(repeating: Words(), count: machines)
        votes = Array(repeating: claims, count: machines)
        promises = votes
    }

    mutating func note(_ packet: Packet, _ parcel: Parcel, from place: Int) {
        switch packet.message {
        case .heartbeat(let heartbeat) where heartbeat.groups.contains(where: \.holding):
            claims[place].note(parcel, life: packet.sender.incarnation)
        case .grant(let grant) where !grant.trial:
            votes[Int(grant.candidate.node.rawValue)][place].note(parcel, life: grant.candidate.incarnation)
        case .promise(let promise):
            promises[Int(promise.holder.node.rawValue)][place].note(parcel, life: promise.holder.incarnation)
        default: break
        }
    }

    /// - Returns: what comes to the sender itself, at once, and what comes to everybody after this packet.
    func echo(of packet: Packet, from place: Int) -> (home: [Parcel], claim: Parcel?) {
        switch packet.message {
        case .heartbeat(let heartbeat):
            let isHolding = heartbeat.groups.contains(where: \.holding)
            return (isHolding ? promises[place].compactMap(\.old) : [], isHolding ? nil : claims[place].old)
        case .voteRequest(let request) where !request.trial: return (votes[place].compactMap(\.old), nil)
        default: return ([], nil)
        }
    }
}

extension World {
    mutating func echo(_ packet: Packet, _ parcel: Parcel, from place: Int) {
        guard let (home, claim) = echoes?.echo(of: packet, from: place) else { return }
        echoes?.note(packet, parcel, from: place)
        for old in home { enter(old, to: place, at: now + 1_000) }
        guard let claim else { return }
        let late = now + links.weather.delayTo.nanoseconds + 1_000
        for peer in machines.indices where peer != place && links.delivers(from: place, to: peer) {
            enter(claim, to: peer, at: late)
        }
    }
}
