import Election

/// Why nodes didn't hear each other: from what each one's journal shows of that time.
struct Fates {
    let chronicle: Chronicle

    /// Who heard whom in a stretch, as far as journals tell.
    struct Matrix {
        var nodes: [Int]
        /// Of pairs that a journal speaks for: whether anything arrived.
        var delivered: [Pair: Bool]

        struct Pair: Hashable {
            var from: Int
            var to: Int
        }

        func arrived(_ from: Int, _ to: Int) -> Bool? { delivered[Pair(from: from, to: to)] }
    }

    /// - Parameter stretch: from when nothing was heard any more to when that had its effect.
    func matrix(in stretch: Moment, among nodes: [Int]) -> Matrix {
        var delivered: [Matrix.Pair: Bool] = [:]
        for listener in nodes where isRunning(listener, in: stretch) {
            for speaker in nodes where speaker != listener {
                delivered[Matrix.Pair(from: speaker, to: listener)] = !wasSilent(speaker, to: listener, in: stretch)
            }
        }
        return Matrix(nodes: nodes, delivered: delivered)
    }

    /// Whether for a good part of the stretch nothing came.
    private func wasSilent(_ speaker: Int, to listener: Int, in stretch: Moment) -> Bool {
        chronicle.silences.contains { silence in
            guard silence.speaker == speaker, silence.listener == listener else { return false }
            let from = chronicle.frame.moment(silence.clock, silence.from)
            let until = silence.until.map { chronicle.frame.moment(silence.clock, $0).earliest } ?? .max
            let shared = min(until, stretch.latest) - max(from.latest, stretch.earliest)
            return shared > (stretch.latest - stretch.earliest) / 2
        }
    }

    /// Whether the node's journal shows that it ran at the end of the stretch.
    func isRunning(_ node: Int, in stretch: Moment) -> Bool {
        chronicle.lives.contains { life in
            life.node == node && chronicle.frame.moment(life.clock, life.from).earliest <= stretch.earliest
                && chronicle.frame.moment(life.clock, life.until).latest
                    >= stretch.latest - 100_000_000
        }
    }

    /// Why nobody, or not enough others, heard the node: what it, or its network, was doing.
    ///
    /// - Parameters:
    ///   - stretch: from the last thing heard to the effect.
    ///   - listener: who didn't hear it.
    func silence(of node: Int, to listener: Int, in stretch: Moment) -> (text: String, cause: Cause) {
        if let found = end(of: node, in: stretch) ?? still(node, in: stretch) ?? linkDown(node, in: stretch) {
            return found
        }
        let name = chronicle.name(node)
        guard chronicle.archive.journal(of: node) != nil else {
            return made(
                .silent, node, stretch, nil,
                "\(name) fell silent; its own journal isn't here, so whether it died or was cut off isn't known")
        }
        guard isRunning(node, in: stretch) else {
            return made(.silent, node, stretch, nil, "\(name) fell silent, and its journal doesn't cover that time")
        }
        return network(around: node, listener, in: stretch)
    }

    private func network(around node: Int, _ listener: Int, in stretch: Moment) -> (text: String, cause: Cause) {
        let matrix = matrix(in: stretch, among: chronicle.archive.nodes.indices.map { $0 })
        let name = chronicle.name(node)
        let others = matrix.nodes.filter { $0 != node && isRunning($0, in: stretch) }
        let hears = others.filter { matrix.arrived($0, node) == true }
        let heardBy = others.filter { matrix.arrived(node, $0) == true }
        if hears.isEmpty && heardBy.isEmpty {
            return made(
                .isolated, node, stretch, nil,
                "nothing passed between \(name) and the others, in either direction, from "
                    + "\(TimeText.clock(stretch.earliest)) on, though \(name) ran and its interface was up: it was cut off"
            )
        }
        if heardBy.isEmpty {
            return made(
                .mute, node, stretch, nil,
                "nothing that \(name) sent arrived anywhere from \(TimeText.clock(stretch.earliest)) on, while it heard "
                    + "\(names(hears)): its network worked one way only")
        }
        if hears.isEmpty {
            return made(
                .deaf, node, stretch, nil,
                "nothing reached \(name) from \(TimeText.clock(stretch.earliest)) on, while \(names(heardBy)) heard it: "
                    + "its network worked one way only")
        }
        // The other end may be the one that is cut off.
        let around = matrix.nodes.filter { $0 != listener && isRunning($0, in: stretch) }
        if around.count > 1, around.allSatisfy({ matrix.arrived($0, listener) != true }) {
            let isHeard = around.contains { matrix.arrived(listener, $0) == true }
            let who = chronicle.name(listener)
            return made(
                isHeard ? .deaf : .isolated, listener, stretch, nil,
                isHeard
                    ? "nothing reached \(who), while others heard it: its network worked one way only"
                    : "nothing passed between \(who) and the others: it was cut off itself")
        }
        return made(
            .cut, node, stretch, chronicle.name(listener),
            "what \(name) sent didn't reach \(chronicle.name(listener)), while \(names(heardBy)) heard it: the way "
                + "between the two was cut")
    }

    private func names(_ nodes: [Int]) -> String { nodes.map { chronicle.name($0) }.joined(separator: " and ") }

    private func made(
        _ kind: Cause.Kind, _ node: Int, _ at: Moment, _ detail: String?, _ text: String, record: RecordName? = nil
    ) -> (text: String, cause: Cause) {
        (text, Cause(kind: kind, node: node, detail: detail, at: at, record: record, text: text))
    }
}

// What a node's own journal shows of its end, its pauses and its interface.
extension Fates {
    /// The daemon ended within the stretch, or shortly before.
    func end(of node: Int, in stretch: Moment) -> (text: String, cause: Cause)? {
        for life in chronicle.lives.reversed() where life.node == node {
            let until = chronicle.frame.moment(life.clock, life.until)
            guard until.earliest >= stretch.earliest - 1_500_000_000, until.earliest <= stretch.latest else { continue }
            let name = chronicle.name(node)
            switch life.ending {
            case .left:
                return made(
                    .stopped, node, until, nil, "\(name)'s daemon was told to end, and left at \(until.text)",
                    record: life.last)
            case .brokeOff:
                return made(
                    .crashed, node, until, nil,
                    "\(name)'s journal breaks off at \(until.text) without a closing: its daemon was killed or crashed, "
                        + "or its machine stopped", record: life.last)
            case .damaged(let what):
                return made(
                    .unknown, node, until, nil, "\(name)'s journal can't be read on: \(what)", record: life.last)
            case nil: break
            }
        }
        return nil
    }

    /// The node stood still for a part of the stretch.
    func still(_ node: Int, in stretch: Moment) -> (text: String, cause: Cause)? {
        let own = chronicle.stills.filter { $0.node == node }
        let within = own.filter { still in
            let from = chronicle.frame.moment(still.clock, still.from)
            let until = chronicle.frame.moment(still.clock, still.until)
            return from.earliest <= stretch.latest && until.latest >= stretch.earliest
        }
        guard let longest = within.max(by: { $0.until.since($0.from) < $1.until.since($1.from) }) else { return nil }
        let name = chronicle.name(node)
        let at = chronicle.frame.moment(longest.clock, longest.from)
        let span = longest.until.since(longest.from)
        // Many pauses close together: not one stop, but too little time on the processor.
        let near = own.filter {
            $0.clock == longest.clock && $0.until.nanoseconds + 5_000_000_000 > longest.from.nanoseconds
                && $0.from.nanoseconds < longest.until.nanoseconds + 5_000_000_000
        }
        if near.count >= 3 {
            let total = near.reduce(UInt64(0)) { $0 + $1.until.since($1.from).nanoseconds }
            return made(
                .starved, node, at, nil,
                "\(name) ran only now and then: it stood still \(near.count) times, "
                    + "\(TimeText.length(Int64(clamping: total))) in all, from \(at.text) on. Its process got too little "
                    + "CPU, or was stopped again and again")
        }
        return made(
            .stoodStill, node, at, nil,
            "\(name) stood still for \(TimeText.length(Int64(clamping: span.nanoseconds))) from \(at.text) on: its "
                + "process or machine was stopped, or got no CPU")
    }

    func linkDown(_ node: Int, in stretch: Moment) -> (text: String, cause: Cause)? {
        let found = chronicle.happenings.last { happening in
            guard happening.node == node, case .link(_, false) = happening.what else { return false }
            let at = chronicle.moment(happening)
            return at.latest >= stretch.earliest - 2_000_000_000 && at.earliest <= stretch.latest
        }
        guard let found else { return nil }
        let at = chronicle.moment(found)
        return made(
            .linkDown, node, at, nil,
            "\(chronicle.name(node))'s interface went down at \(at.text)", record: found.name)
    }
}
