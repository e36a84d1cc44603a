/// What a group's log comes to: the same on every node that has applied the same entries.
package struct LogState: Hashable, Sendable {
    /// When something was said: of two words on one matter the later holds, in pair mode across branches too.
    package struct Stamp: Hashable, Comparable, Sendable {
        package var term: Term
        package var index: UInt64
        /// Who held then.
        package var node: NodeIndex

        package static let never = Stamp(term: .none, index: 0, node: NodeIndex(0))

        package static func < (left: Stamp, right: Stamp) -> Bool {
            if left.term != right.term { return left.term < right.term }
            return left.index != right.index ? left.index < right.index : left.node < right.node
        }
    }

    /// What an operator set of a server.
    package struct Setting: Hashable, Sendable {
        /// nil: as configured.
        package var duty: ServerDuty?
        /// nil: as configured.
        package var weight: UInt16?
        package var stamp: Stamp
    }

    package struct NamedSetting: Hashable, Sendable {
        package var name: ServerName
        package var setting: Setting

        fileprivate var fingerprint: UInt64 {
            var fingerprint = Fingerprint()
            fingerprint.add(name.service)
            fingerprint.add(name.server)
            fingerprint.add(UInt64(setting.duty?.rawValue ?? 0) << 32 | (setting.weight.map { UInt64($0) + 1 } ?? 0))
            fingerprint.add(setting.stamp.term.rawValue)
            fingerprint.add(setting.stamp.index)
            fingerprint.add(UInt64(setting.stamp.node.rawValue))
            return fingerprint.value
        }
    }

    package struct Maintenance: Hashable, Sendable {
        package var on: Bool
        package var stamp: Stamp
    }

    /// The configuration that a majority took.
    package struct Epoch: Hashable, Sendable {
        /// From 1.
        package var number: UInt64
        package var digest: Digest
        package var text: [UInt8]
        package var stamp: Stamp
    }

    /// A configuration on its way: its text arrives in parts.
    package struct Proposal: Hashable, Sendable {
        package var id: CommandID
        package var size: UInt32
        package var digest: Digest
        package var text: [UInt8]

        var isComplete: Bool { text.count == Int(size) }
    }

    package struct Decision: Hashable, Sendable {
        package var proposal: CommandID
        package var accepted: Bool
        package var why: String
    }

    /// The newest certificate recorded.
    package internal(set) var holder: NodeLife?
    package internal(set) var term = Term.none
    /// Sorted by name.
    package private(set) var settings: [NamedSetting] = []
    /// The sum of the fingerprints of `settings`, kept along: an order changes one of hundreds.
    private var settingsSum: UInt64 = 0
    /// By node index; nil of a node that nobody ever sent into maintenance.
    package internal(set) var maintenance: [Maintenance?] = []
    package internal(set) var epoch: Epoch?
    package internal(set) var proposal: Proposal?
    package internal(set) var decision: Decision?
    package internal(set) var evidence: [Evidence] = []
    package internal(set) var forks: [Fork] = []
    /// By node index: the last of its orders that was taken.
    var watermarks: [CommandID?] = []

    /// What an operator set of the server; nil when nothing.
    package func setting(of name: ServerName) -> Setting? {
        let (at, isFound) = place(of: name)
        return isFound ? settings[at].setting : nil
    }

    package func isInMaintenance(_ node: NodeIndex) -> Bool { maintenance(of: node)?.on ?? false }

    func maintenance(of node: NodeIndex) -> Maintenance? {
        Int(node.rawValue) < maintenance.count ? maintenance[Int(node.rawValue)] : nil
    }

    @inline(__always) func watermark(of node: NodeIndex) -> CommandID? {
        Int(node.rawValue) < watermarks.count ? watermarks[Int(node.rawValue)] : nil
    }

    /// Whether an order of this number or a later one of its node was taken.
    @inline(__always) func hasPassed(_ id: CommandID) -> Bool {
        watermark(of: id.origin.node).map { id <= $0 } ?? false
    }

    private func place(of name: ServerName) -> (at: Int, isFound: Bool) {
        var low = 0
        var high = settings.count
        while low < high {
            let middle = (low + high) / 2
            if settings[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return (low, low < settings.count && settings[low].name == name)
    }
}

/// What an entry changed that somebody has to hear of.
enum LogNews: Hashable, Sendable {
    /// The order was taken, or passed over because a later one of its node had been.
    case ordered(CommandID)
    case maintenance(NodeIndex, CommandID?)
    /// A proposal's text is whole.
    case proposed(CommandID)
    case decided(LogState.Decision)
    case epoch
    case settings
}

extension LogState {
    /// Every node applies the same entries in the same order; nothing else may look at this state and differ by it.
    mutating func apply(_ entry: LogEntry) -> [LogNews] {
        switch entry.content {
        case .held(let life, _):
            holder = life
            term = entry.term
            return []
        case .released: return []
        case .command(let id, let command):
            guard !hasPassed(id) else { return [] }
            set(watermark: id)
            let stamp = Stamp(term: entry.term, index: entry.index, node: holder?.node ?? NodeIndex(0))
            return [.ordered(id)] + apply(command, id, stamp)
        case .adopted(let items): return items.flatMap { adopt($0) }
        case .merged(let fork):
            forks.append(fork)
            if forks.count > Bound.forks { forks.removeFirst() }
            return []
        }
    }

    private mutating func apply(_ command: Command, _ id: CommandID, _ stamp: Stamp) -> [LogNews] {
        switch command {
        case .server(let name, let change):
            let (at, isFound) = place(of: name)
            var setting = isFound ? settings[at].setting : Setting(duty: nil, weight: nil, stamp: stamp)
            setting.stamp = stamp
            switch change {
            case .duty(let duty): setting.duty = duty
            case .weight(let weight): setting.weight = weight
            }
            return set(name, setting, at: at, isFound: isFound) ? [.settings] : []
        case .maintenance(let node, let on):
            set(node, Maintenance(on: on, stamp: stamp))
            return [.maintenance(node, id)]
        case .propose(let size, let digest):
            guard proposal.map({ !$0.isComplete }) ?? true, size > 0, size <= UInt32(Bound.configurationText) else {
                return decide(Decision(proposal: id, accepted: false, why: "another configuration is being decided"))
            }
            proposal = Proposal(id: id, size: size, digest: digest, text: [])
            return []
        case .text(let offset, let part): return extend(by: part, at: offset, of: id)
        case .decide(let wanted, let accepted, let why):
            guard let proposal, proposal.id == wanted else { return [] }
            self.proposal = nil
            guard accepted, proposal.isComplete else {
                return decide(Decision(proposal: wanted, accepted: false, why: why))
            }
            epoch = Epoch(
                number: (epoch?.number ?? 0) + 1, digest: proposal.digest, text: proposal.text, stamp: stamp)
            return decide(Decision(proposal: wanted, accepted: true, why: why)) + [.epoch]
        case .evidence(let found):
            add(found)
            return []
        }
    }

    private mutating func decide(_ decision: Decision) -> [LogNews] {
        self.decision = decision
        return [.decided(decision)]
    }

    private mutating func extend(by part: [UInt8], at offset: UInt32, of id: CommandID) -> [LogNews] {
        guard var proposal, proposal.id.origin == id.origin, !proposal.isComplete,
            Int(offset) == proposal.text.count, proposal.text.count + part.count <= Int(proposal.size)
        else { return [] }
        proposal.text += part
        guard proposal.isComplete else {
            self.proposal = proposal
            return []
        }
        guard Digest(of: proposal.text) == proposal.digest else {
            self.proposal = nil
            return decide(Decision(proposal: proposal.id, accepted: false, why: "its text did not arrive whole"))
        }
        self.proposal = proposal
        return [.proposed(proposal.id)]
    }

    /// Pair: the later word on each matter holds.
    private mutating func adopt(_ item: Adopted) -> [LogNews] {
        switch item {
        case .server(let name, let other):
            if let own = setting(of: name), own.stamp >= other.stamp { return [] }
            let (at, isFound) = place(of: name)
            return set(name, other, at: at, isFound: isFound) ? [.settings] : []
        case .maintenance(let node, let other):
            if let own = maintenance(of: node), own.stamp >= other.stamp { return [] }
            set(node, other)
            return [.maintenance(node, nil)]
        case .evidence(let found): add(found)
        case .watermark(let id): if !hasPassed(id) { set(watermark: id) }
        }
        return []
    }

    private mutating func add(_ found: Evidence) {
        if evidence.count < Bound.evidence, !evidence.contains(found) { evidence.append(found) }
    }

    /// - Parameters:
    ///   - at: the server's place.
    ///   - isFound: whether it is there already.
    /// - Returns: false when there is no room for one more server.
    private mutating func set(_ name: ServerName, _ setting: Setting, at: Int, isFound: Bool) -> Bool {
        if isFound {
            settingsSum &-= settings[at].fingerprint
            settings[at].setting = setting
            settingsSum &+= settings[at].fingerprint
            return true
        }
        if settings.count >= Bound.settings {
            // What says nothing but "as configured" may be forgotten.
            guard
                let idle = settings.firstIndex(where: {
                    $0.setting.duty ?? .ready == .ready && $0.setting.weight == nil
                })
            else { return false }
            settingsSum &-= settings.remove(at: idle).fingerprint
        }
        let new = NamedSetting(name: name, setting: setting)
        settings.insert(new, at: place(of: name).at)
        settingsSum &+= new.fingerprint
        return true
    }

    private mutating func set(_ node: NodeIndex, _ value: Maintenance) {
        while maintenance.count <= Int(node.rawValue) { maintenance.append(nil) }
        maintenance[Int(node.rawValue)] = value
    }

    private mutating func set(watermark id: CommandID) {
        while watermarks.count <= Int(id.origin.node.rawValue) { watermarks.append(nil) }
        watermarks[Int(id.origin.node.rawValue)] = id
    }
}

extension LogState {
    /// What the other branch of a fork said later than this one.
    func lacking(of other: LogState) -> [Adopted] {
        var items: [Adopted] = []
        for said in other.settings where setting(of: said.name).map({ $0.stamp < said.setting.stamp }) ?? true {
            items.append(.server(said.name, said.setting))
        }
        for (place, theirs) in other.maintenance.enumerated() {
            let node = NodeIndex(UInt8(place))
            guard let theirs, maintenance(of: node).map({ $0.stamp < theirs.stamp }) ?? true else { continue }
            items.append(.maintenance(node, theirs))
        }
        for found in other.evidence where !evidence.contains(found) { items.append(.evidence(found)) }
        for case .some(let id) in other.watermarks where !hasPassed(id) { items.append(.watermark(id)) }
        return items
    }

    /// Of everything; the texts' digests stand for them.
    var fingerprint: UInt64 {
        var writer = ByteWriter(reserving: 512)
        encodeRest(to: &writer, withTexts: false)
        var fingerprint = Fingerprint()
        fingerprint.add(settingsSum)
        fingerprint.add(term.rawValue)
        fingerprint.add(holder.map { $0.incarnation.rawValue } ?? 0)
        fingerprint.add(holder.map { UInt64($0.node.rawValue) + 1 } ?? 0)
        fingerprint.add(writer.bytes)
        return fingerprint.value
    }
}

extension LogState: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.optional(holder)
        term.encode(to: &writer)
        writer.list(settings) { writer, item in
            item.name.encode(to: &writer)
            item.setting.encode(to: &writer)
        }
        encodeRest(to: &writer, withTexts: true)
    }

    /// All but holder, term and settings.
    private func encodeRest(to writer: inout ByteWriter, withTexts: Bool) {
        writer.list(maintenance) { writer, item in writer.optional(item) }
        writer.optional(epoch) { writer, epoch in
            writer.varint(epoch.number)
            epoch.digest.encode(to: &writer)
            if withTexts { writer.blob(epoch.text) }
            epoch.stamp.encode(to: &writer)
        }
        writer.optional(proposal) { writer, proposal in
            proposal.id.encode(to: &writer)
            writer.fixed(proposal.size)
            proposal.digest.encode(to: &writer)
            if withTexts { writer.blob(proposal.text) } else { writer.varint(UInt64(proposal.text.count)) }
        }
        writer.optional(decision) { writer, decision in
            decision.proposal.encode(to: &writer)
            writer.flag(decision.accepted)
            writer.text(decision.why)
        }
        writer.list(evidence)
        writer.list(forks)
        writer.list(watermarks) { writer, id in writer.optional(id) }
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        holder = try reader.optional()
        term = try Term(from: &reader)
        settings = try reader.list(atMost: Bound.settings) { (reader: inout ByteReader) throws(Malformed) in
            NamedSetting(name: try ServerName(from: &reader), setting: try Setting(from: &reader))
        }
        maintenance = try reader.list(atMost: Bound.nodes) { (reader: inout ByteReader) throws(Malformed) in
            try reader.optional()
        }
        epoch = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            Epoch(
                number: try reader.varint(), digest: try Digest(from: &reader),
                text: try reader.blob(atMost: Bound.configurationText), stamp: try Stamp(from: &reader))
        }
        proposal = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            Proposal(
                id: try CommandID(from: &reader), size: try reader.fixed(), digest: try Digest(from: &reader),
                text: try reader.blob(atMost: Bound.configurationText))
        }
        decision = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            Decision(
                proposal: try CommandID(from: &reader), accepted: try reader.flag(),
                why: try reader.text(atMost: Bound.refusal))
        }
        evidence = try reader.list(atMost: Bound.evidence)
        forks = try reader.list(atMost: Bound.forks)
        watermarks = try reader.list(atMost: Bound.nodes) { (reader: inout ByteReader) throws(Malformed) in
            try reader.optional()
        }
        // There is always a next one.
        if let epoch, epoch.number >= .max / 2 { throw .outOfRange }
        for place in settings.indices.dropFirst() where !(settings[place - 1].name < settings[place].name) {
            throw .outOfRange
        }
        for item in settings { settingsSum &+= item.fingerprint }
    }
}

extension LogState.Stamp: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        term.encode(to: &writer)
        writer.varint(index)
        node.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        term = try Term(from: &reader)
        index = try reader.varint()
        node = try NodeIndex(from: &reader)
    }
}

extension LogState.Setting: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.byte(duty?.rawValue ?? 0)
        writer.optional(weight) { $0.fixed($1) }
        stamp.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        let kind = try reader.byte()
        duty = ServerDuty(rawValue: kind)
        if duty == nil && kind != 0 { throw .outOfRange }
        weight = try reader.optional { (reader: inout ByteReader) throws(Malformed) in try reader.fixed() }
        stamp = try LogState.Stamp(from: &reader)
    }
}

extension LogState.Maintenance: Transcribable {
    package func encode(to writer: inout ByteWriter) {
        writer.flag(on)
        stamp.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(Malformed) {
        on = try reader.flag()
        stamp = try LogState.Stamp(from: &reader)
    }
}
