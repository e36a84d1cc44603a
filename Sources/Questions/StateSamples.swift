import Election

/// What each node's state was over time, at a bounded number of moments: what the page's cursor shows.
struct StateSamples {
    struct Sample {
        var at: Int64
        var json: JSONText
    }

    /// Of all nodes together.
    static let budget = 4000

    /// By place of the node.
    private(set) var byNode: [Int: [Sample]] = [:]

    init(_ chronicle: Chronicle, groups: [GroupID], in extent: Moment) {
        let count = max(1, chronicle.archive.journals.count)
        let spacing = max(1, (extent.latest - extent.earliest) / Int64(max(100, Self.budget / count)))
        for journal in chronicle.archive.journals {
            guard let node = chronicle.archive.nodes.firstIndex(of: journal.node) else { continue }
            byNode[node] = Self.samples(of: journal, node, chronicle, groups, extent, spacing)
        }
    }

    private static func samples(
        of journal: JournalArchive.Journal, _ node: Int, _ chronicle: Chronicle, _ groups: [GroupID],
        _ extent: Moment, _ spacing: Int64
    ) -> [Sample] {
        let window = Chronicle.Window(from: extent.earliest, to: extent.latest)
        let replay = NodeReplay(journal, node: node, segments: window.segments(of: journal))
        var samples: [Sample] = []
        var lastKey = ""
        var lastAt: Instant?
        let due = Span(nanoseconds: UInt64(spacing))
        while let item = replay.next(), samples.count < 2 * budget {
            guard case .step(let taken) = item, let elector = replay.elector, elector.isUp else { continue }
            let isDue = lastAt.map { taken.instant < $0 || taken.instant.since($0) >= due } ?? true
            // What only goes on as it did needs no look.
            if !isDue && taken.effects.allSatisfy(isRoutine) { continue }
            let key = self.key(elector, groups, taken.instant)
            guard isDue || key != lastKey,
                let clock = chronicle.frame.clocks.firstIndex(where: { $0.node == node && $0.bootID == replay.bootID })
            else { continue }
            let at = chronicle.frame.moment(clock, taken.instant).middle
            guard at >= extent.earliest, at <= extent.latest else { continue }
            lastKey = key
            lastAt = taken.instant
            samples.append(Sample(at: at, json: state(elector, groups, taken.instant, at, chronicle, clock)))
        }
        return samples
    }

    private static func isRoutine(_ effect: Effect) -> Bool {
        switch effect {
        case .renewGate, .relay: true
        case .send(let packet, _):
            switch packet.message {
            case .heartbeat, .promise: true
            default: false
            }
        default: false
        }
    }

    /// What makes a state another one for who looks at it.
    private static func key(_ elector: Elector, _ groups: [GroupID], _ now: Instant) -> String {
        groups.map { group in
            guard let insight = elector.insight(of: group, at: now) else { return "" }
            return "\(insight.part)\(insight.holder?.rawValue ?? 99)\(insight.ineligibility.map { "\($0)" } ?? "")"
                + "\(insight.promise?.to.node.rawValue ?? 99)"
        }.joined(separator: ";")
    }

    private static func state(
        _ elector: Elector, _ groups: [GroupID], _ now: Instant, _ at: Int64, _ chronicle: Chronicle, _ clock: Int
    ) -> JSONText {
        let rules = elector.rules
        func millisecondsLeft(_ until: Instant) -> JSONText {
            .number(Int64(clamping: until.since(now).nanoseconds) / 1_000_000)
        }
        let parts: [JSONText] = groups.compactMap { group in
            guard let insight = elector.insight(of: group, at: now) else { return nil }
            return .fields([
                "g": .text(chronicle.archive.group(group)), "r": .text(word(insight.part)),
                "t": .number((insight.term ?? insight.newestTerm).rawValue),
                "l": insight.leaseUntil.map { millisecondsLeft($0) },
                "h": .optional(insight.holder.map { harmless(rules.name(of: $0)) }),
                "p": .optional(insight.promise.flatMap { $0.until > now ? harmless(rules.name(of: $0.to.node)) : nil }),
                "pl": insight.promise.flatMap { $0.until > now ? millisecondsLeft($0.until) : nil },
                "pr": .number(Int(insight.priority)),
                "x": .optional(insight.mayHold ? insight.ineligibility?.text : nil),
            ])
        }
        let heard: [JSONText] = rules.indices.compactMap { index in
            guard let peer = elector.insight(of: index) else { return nil }
            let ago = peer.directAt.map { Int64(clamping: now.since($0).nanoseconds) / 1_000_000 }
            return .fields(["n": .text(harmless(rules.name(of: index))), "ago": .number(ago ?? -1)])
        }
        return .fields(["at": .number(at / 1_000_000), "g": .list(parts), "heard": .list(heard)])
    }

    private static func word(_ part: GroupInsight.Part) -> String {
        switch part {
        case .standby: "standby"
        case .canvassing: "asks around"
        case .candidate: "candidate"
        case .acquiring: "about to take it"
        case .holding: "HOLDER"
        case .withdrawing: "giving up"
        }
    }
}
