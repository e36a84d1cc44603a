import Election

/// The links between nodes: which directions are cut, and the weather on all of them.
struct Links {
    var weather: Weather
    /// Bit `to` of `severed[from]`.
    private var severed: [UInt32]
    /// Old packets that may come again, the newest overwriting the oldest.
    private var kept: [(parcel: Parcel, to: Int)] = []
    private var keptNext = 0

    init(nodes: Int, weather: Weather) {
        self.weather = weather
        severed = Array(repeating: 0, count: nodes)
    }

    func delivers(from: Int, to: Int) -> Bool { severed[from] & (1 << UInt32(to)) == 0 }

    func connects(_ one: Int, _ other: Int) -> Bool { delivers(from: one, to: other) && delivers(from: other, to: one) }

    /// Whether a cluster can be expected to work in this weather.
    func isFair(_ rules: Rules) -> Bool {
        weather.lossPermille <= 50 && weather.delayTo.nanoseconds <= rules.timing.heartbeat.nanoseconds / 4
    }

    mutating func cut(from: Int, to: Int) { severed[from] |= 1 << UInt32(to) }

    mutating func mend(from: Int, to: Int) { severed[from] &= ~(1 << UInt32(to)) }

    mutating func mendAll() { for place in severed.indices { severed[place] = 0 } }

    mutating func keep(_ parcel: Parcel, to: Int) {
        if kept.count < 256 {
            kept.append((parcel, to))
        } else {
            kept[keptNext] = (parcel, to)
            keptNext = (keptNext + 1) % kept.count
        }
    }

    func old(_ randomness: inout Randomness) -> (parcel: Parcel, to: Int)? {
        kept.isEmpty ? nil : kept[randomness.index(of: kept.count)]
    }
}

extension World {
    /// Sends a packet, as its receiver will see it, over one link: lost, once, twice, late, out of order, as the weather
    /// has it.
    mutating func post(_ parcel: Parcel, isRelayed: Bool = false, from: Int, to: Int) {
        packets += 1
        let weather = links.weather
        if weather.replayPermille > 0 {
            if !isRelayed, randomness.happens(20) { links.keep(parcel, to: to) }
            if randomness.happens(UInt64(weather.replayPermille)), let old = links.old(&randomness) {
                deliver(old.parcel, to: old.to, weather)
            }
        }
        guard links.delivers(from: from, to: to), !randomness.happens(UInt64(weather.lossPermille)) else { return }
        deliver(parcel, to: to, weather)
        if randomness.happens(UInt64(weather.duplicatePermille)) { deliver(parcel, to: to, weather) }
    }

    private mutating func deliver(_ parcel: Parcel, to: Int, _ weather: Weather) {
        let delay = randomness.within(weather.delayFrom.nanoseconds...weather.delayTo.nanoseconds)
        enter(parcel, to: to, at: now + delay)
    }
}
