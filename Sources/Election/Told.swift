/// What the peers' newest heartbeats say, laid out so that no rule has to search for it. It follows from them, and isn't
/// part of what is written down of an elector.
struct Told: Hashable, Sendable {
    private let nodes: Int
    /// By node, then by the group's place.
    private(set) var beats: [GroupBeat?]
    /// The nodes whose promises mean what ours mean.
    private(set) var agreeing = NodeSet()
    /// By listener, then by speaker: how long before its heartbeat the listener had heard the speaker, in milliseconds.
    private var ages: [UInt32]

    private static let unheard = UInt32.max

    init(nodes: Int, groups: Int) {
        self.nodes = nodes
        beats = Array(repeating: nil, count: nodes * groups)
        ages = Array(repeating: Self.unheard, count: nodes * nodes)
    }

    func age(of speaker: NodeIndex, at listener: NodeIndex) -> Span? {
        let age = ages[Int(listener.rawValue) * nodes + Int(speaker.rawValue)]
        return age == Self.unheard ? nil : .milliseconds(UInt64(age))
    }

    mutating func forget(_ node: NodeIndex) {
        let groups = beats.count / max(1, nodes)
        let index = Int(node.rawValue)
        beats.withUnsafeMutableBufferPointer { beats in
            for place in 0..<groups { beats[index * groups + place] = nil }
        }
        ages.withUnsafeMutableBufferPointer { ages in
            for speaker in 0..<nodes { ages[index * nodes + speaker] = Self.unheard }
        }
        agreeing.remove(node)
    }

    mutating func note(_ heartbeat: Heartbeat, of node: NodeIndex, in groups: [Group], agrees: Bool) {
        forget(node)
        if agrees { agreeing.insert(node) }
        let index = Int(node.rawValue)
        // Of what is said twice, the first counts.
        ages.withUnsafeMutableBufferPointer { ages in
            for heard in heartbeat.heard where Int(heard.node.rawValue) < nodes {
                let cell = index * nodes + Int(heard.node.rawValue)
                if ages[cell] == Self.unheard { ages[cell] = UInt32(heard.ageMilliseconds) }
            }
        }
        beats.withUnsafeMutableBufferPointer { beats in
            for position in heartbeat.groups.indices {
                let id = heartbeat.groups[position].group
                guard let place = groups.firstIndex(of: id, probably: position) else { continue }
                let cell = index * groups.count + place
                if beats[cell] == nil { beats[cell] = heartbeat.groups[position] }
            }
        }
    }
}
