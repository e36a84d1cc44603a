import Election

/// `electd timeline`: what happened on all nodes, merged by what was sent and received.
///
/// Two lines are ordered only when a message, one node's own record, or the clocks' bounds order them.
package struct Timeline {
    let chronicle: Chronicle
    let happenings: [Happening]
    private let moments: [Moment]

    /// - Parameters:
    ///   - groups: nil for all, and what belongs to none.
    ///   - node: nil for all.
    package init(
        _ chronicle: Chronicle, groups: [GroupID]? = nil, node: Int? = nil, in window: Chronicle.Window = .init()
    ) {
        self.chronicle = chronicle
        var kept: [Happening] = []
        var moments: [Moment] = []
        for happening in chronicle.happenings {
            if let node, happening.node != node { continue }
            if let groups, let group = happening.group, !groups.contains(group) { continue }
            let moment = chronicle.moment(happening)
            if let from = window.from, moment.latest < from { continue }
            if let to = window.to, moment.earliest > to { continue }
            kept.append(happening)
            moments.append(moment)
        }
        happenings = kept
        self.moments = moments
    }

    private func isOrdered(_ earlier: Int, _ later: Int) -> Bool {
        happenings[earlier].precedes(happenings[later]) || moments[earlier].isBefore(moments[later])
    }

    package var answer: Answer {
        var lines: [String] = []
        var block: [Int] = []
        func flush() {
            for place in block { lines.append(line(place, isAlone: block.count == 1)) }
            block.removeAll()
        }
        for place in happenings.indices {
            // A new block begins where all of the last one certainly came before.
            if !block.allSatisfy({ isOrdered($0, place) }) || block.isEmpty {
                if block.count < 200 {
                    block.append(place)
                    continue
                }
            }
            flush()
            block.append(place)
        }
        flush()
        if lines.isEmpty { lines.append("nothing happened") }
        let shared = "lines marked | aren't ordered among each other, but for those of one node"
        return chronicle.answer(
            offsets.map(\.text) + [shared] + lines,
            JSONText.fields([
                "clocks": .list(offsets.map(\.json)), "events": .list(happenings.indices.map(json)),
                "held": .list(chronicle.groups.flatMap { chronicle.spans(of: $0) }.map { chronicle.json($0) }),
                "silences": .list(chronicle.silences.map(json)),
            ]).fields)
    }

    private func line(_ place: Int, isAlone: Bool) -> String {
        let happening = happenings[place]
        let moment = moments[place]
        let spread = moment.uncertainty >= 500_000 ? " ±\(TimeText.length(moment.uncertainty))" : ""
        let mark = isAlone ? " " : "|"
        let name = chronicle.name(happening.node)
        return "\(TimeText.text(moment.middle))\(spread) \(mark) \(name): \(chronicle.text(happening.what)) "
            + "(\(chronicle.name(happening.name)))"
    }

    /// For each node the newest event that certainly came before; what isn't reached through these is unordered.
    private func json(_ place: Int) -> JSONText {
        let happening = happenings[place]
        var after: [JSONText] = []
        var seen: Set<Int> = []
        for earlier in (max(0, place - 400)..<place).reversed() where !seen.contains(happenings[earlier].node) {
            guard isOrdered(earlier, place) else { continue }
            seen.insert(happenings[earlier].node)
            after.append(.text(chronicle.name(happenings[earlier].name)))
        }
        return .fields([
            "record": .text(chronicle.name(happening.name)), "node": .text(chronicle.name(happening.node)),
            "kind": .text(chronicle.kind(happening.what)), "at": moments[place].json,
            "group": .optional(happening.group.map { chronicle.archive.group($0) }),
            "term": chronicle.term(happening.what).map { .number($0.rawValue) },
            "reason": .optional(chronicle.reason(happening.what).map { "\($0)" }),
            "other_node": .optional(chronicle.other(happening.what).map { chronicle.name($0) }),
            "text": .text(chronicle.text(happening.what)), "after": .list(after),
        ])
    }

    private func json(_ silence: Silence) -> JSONText {
        .fields([
            "from_node": .text(chronicle.name(silence.speaker)), "to_node": .text(chronicle.name(silence.listener)),
            "from": chronicle.frame.moment(silence.clock, silence.from).json,
            "until": silence.until.map { chronicle.frame.moment(silence.clock, $0).json },
        ])
    }

    /// How each node's clock lies against the reference, in the middle of its record.
    private var offsets: [(text: String, json: JSONText)] {
        let frame = chronicle.frame
        return frame.clocks.indices.compactMap { clock in
            guard let life = chronicle.lives.last(where: { $0.clock == clock }) else { return nil }
            let name = chronicle.name(frame.clocks[clock].node)
            if clock == frame.reference {
                return ("times are those of \(name)'s clock", .fields(["reference": .text(name)]))
            }
            let moment = frame.moment(clock, life.until)
            let own = Int64(clamping: life.until.nanoseconds)
            let vouched = frame.isVouched(clock)
            return (
                vouched
                    ? "\(name)'s clock is known to ±\(TimeText.length(moment.uncertainty)) by messages"
                    : "no message ties \(name)'s clock to the others: only the wall clocks' notes do",
                .fields([
                    "node": .text(name), "vouched": .flag(vouched), "offset_low_ns": .number(moment.earliest &- own),
                    "offset_high_ns": .number(moment.latest &- own),
                ])
            )
        }
    }
}
