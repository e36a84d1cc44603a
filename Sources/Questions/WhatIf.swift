import Election

/// `electd whatif`: the recorded inputs of each move, decided again under other settings.
package struct WhatIf {
    private let chronicle: Chronicle
    private let settings: [Setting]
    /// Inputs looked at after a move, to see whether it would only have come later.
    private static let beyond = Span(nanoseconds: 5_000_000_000)

    private struct Setting {
        var group: String?
        var name: String
        var value: String
    }

    /// - Parameter settings: `lease=1s`, `heartbeat=50ms`, `GROUP.preempt_after=5s|never`, `GROUP.priority.NODE=100`;
    ///   `group.` stands for every group.
    package init(_ chronicle: Chronicle, settings: [String]) throws(QuestionError) {
        self.chronicle = chronicle
        var parsed: [Setting] = []
        for text in settings {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw .badSetting(harmless(text), why: "write NAME=VALUE") }
            let path = parts[0].split(separator: ".", maxSplits: 1).map(String.init)
            let group = path.count == 2 && path[0] != "timing" && path[0] != "group" ? path[0] : nil
            let name = path.count == 2 ? path[1] : path[0]
            if let group, !chronicle.archive.groups.contains(where: { $0.name == group }) {
                throw .unknownGroup(harmless(group), known: chronicle.archive.groups.map { harmless($0.name) })
            }
            parsed.append(Setting(group: group, name: name, value: parts[1]))
        }
        guard !parsed.isEmpty else { throw .badSetting("", why: "say what would be otherwise, as in lease=1s") }
        self.settings = parsed
        // Every setting must fit the rules that are there.
        for rules in chronicle.rules.values { _ = try supposing(rules) }
    }

    private func supposing(_ rules: Rules) throws(QuestionError) -> Rules {
        var rules = rules
        for setting in settings { try apply(setting, to: &rules) }
        guard rules.timing.promise > rules.timing.heartbeat else {
            throw .badSetting("lease", why: "it has to be longer than the heartbeat")
        }
        return rules
    }

    private func apply(_ setting: Setting, to rules: inout Rules) throws(QuestionError) {
        let hour: Int64 = 3_600 * TimeText.second
        func span() throws(QuestionError) -> Span {
            guard let value = TimeText.span(setting.value), (1_000_000...hour).contains(value) else {
                throw .badSetting(setting.name, why: "'\(harmless(setting.value))' is no time of 1ms to 1h")
            }
            return Span(nanoseconds: UInt64(value))
        }
        switch setting.name {
        case "lease": rules.timing.promise = try span()
        case "heartbeat": rules.timing.heartbeat = try span()
        case "preempt_after":
            let value = setting.value == "never" ? nil : try span()
            for place in rules.groups.indices where setting.group == nil || rules.groups[place].name == setting.group {
                rules.groups[place].preemptAfter = value
            }
        case let name where name.hasPrefix("priority."):
            try prioritize(String(name.dropFirst("priority.".count)), setting, &rules)
        default:
            throw .badSetting(
                harmless(setting.name), why: "there are lease, heartbeat, preempt_after and priority.NODE")
        }
    }

    private func prioritize(_ node: String, _ setting: Setting, _ rules: inout Rules) throws(QuestionError) {
        guard let index = rules.nodes.firstIndex(where: { $0.name == node }) else {
            throw .unknownNode(harmless(node), known: rules.nodes.map { harmless($0.name) })
        }
        guard let value = UInt16(setting.value), (1...254).contains(value) else {
            throw .badSetting(setting.name, why: "a priority is 1 to 254")
        }
        for place in rules.groups.indices where setting.group == nil || rules.groups[place].name == setting.group {
            if index < rules.groups[place].priorities.count { rules.groups[place].priorities[index] = value }
        }
    }

    private enum Verdict {
        case same
        case later(Span)
        /// It would have asked for votes so much later; whether they had been given isn't in any journal.
        case askedLater(Span)
        case notWithin
        /// Even as recorded, deciding again doesn't give it.
        case unknown
    }

    /// - Parameter node: whose moves; nil for all.
    package func answer(
        _ groups: [GroupID], node: Int? = nil, in window: Chronicle.Window
    ) throws(QuestionError) -> Answer {
        var lines: [String] = []
        var found: [JSONText] = []
        var prevented = 0
        for group in groups {
            let spans = chronicle.within(window, chronicle.spans(of: group)).filter {
                node == nil || node == $0.tenure.node
            }
            for span in spans.suffix(500) {
                let tenure = span.tenure
                try judge(tenure.fromRecord, tenure, .take(group), "took", &lines, &found, &prevented)
                if tenure.gaveUpAt != nil {
                    try judge(tenure.lastRecord, tenure, .giveUp(group), "gave up", &lines, &found, &prevented)
                }
            }
        }
        lines.append("\(prevented) of \(found.count) moves would not have happened as they did")
        lines.append(
            "not known: what the other nodes would have done, each move is judged by itself with what its node received; "
                + "packets that would have been sent otherwise; whether clients would have noticed")
        return chronicle.answer(
            lines, JSONText.fields(["moves": .list(found), "prevented": .number(prevented)]).fields)
    }

    private func judge(
        _ record: RecordName, _ tenure: Tenure, _ decision: Rerun.Decision, _ verb: String, _ lines: inout [String],
        _ found: inout [JSONText], _ prevented: inout Int
    ) throws(QuestionError) {
        let at = chronicle.frame.moment(
            tenure.clock, verb == "took" ? tenure.from : tenure.gaveUpAt ?? tenure.lastSeen)
        let verdict = try verdict(record, tenure, decision)
        let text: String
        let word: String
        switch verdict {
        case .same: (text, word) = ("the same", "same")
        case .later(let by):
            (text, word) = ("later, by \(TimeText.length(Int64(clamping: by.nanoseconds)))", "later")
            prevented += 1
        case .askedLater(let by):
            (text, word) = (
                "later: it would have asked for votes \(TimeText.length(Int64(clamping: by.nanoseconds))) later, and whether "
                    + "they had been given isn't known", "later"
            )
            prevented += 1
        case .notWithin:
            (text, word) = ("NOT, as far as its inputs go on as if it hadn't been", "not")
            prevented += 1
        case .unknown: (text, word) = ("not known: deciding again doesn't even give it as recorded", "unknown")
        }
        let name = chronicle.name(tenure.node)
        let group = chronicle.archive.group(tenure.group)
        lines.append("\(at.text) \(name) \(verb) \(group), term \(tenure.term.rawValue): \(text)")
        var later: JSONText?
        switch verdict {
        case .later(let by), .askedLater(let by): later = .number(by.nanoseconds / 1_000_000)
        case .same, .notWithin, .unknown: break
        }
        found.append(
            .fields([
                "record": .text(chronicle.name(record)), "node": .text(name), "group": .text(group),
                "move": .text(verb == "took" ? "taken" : "given_up"), "at": at.json, "verdict": .text(word),
                "later_ms": later,
            ]))
    }

    private func verdict(
        _ record: RecordName, _ tenure: Tenure, _ decision: Rerun.Decision
    ) throws(QuestionError) -> Verdict {
        guard let rules = chronicle.rules[tenure.node] else { return .unknown }
        let supposed = try supposing(rules)
        let reach = max(Why(chronicle).reach(tenure), supposed.timing.promise * 4)
        // A giving up is judged from the taking on: whether it had been taken at all is a question of its own.
        let begin = record == tenure.fromRecord ? nil : tenure.fromRecord
        guard
            let stretch = Stretch.upTo(
                record, in: chronicle.archive, reach: reach, beyond: Self.beyond, after: begin),
            Rerun.decides(decision, in: stretch, with: .none)
        else { return .unknown }
        let end = stretch.target.instant
        let otherwise = Rerun.suppose(decision, in: stretch, under: supposed)
        if let when = otherwise.decidedAt {
            let by = when.since(end)
            return by.nanoseconds > 60_000_000 ? .later(by) : .same
        }
        // Votes come as recorded: who asks later finds none, and that says nothing.
        if let asked = otherwise.askedAt {
            let before = Rerun.suppose(decision, in: stretch, under: rules).askedAt ?? end
            return asked > before ? .askedLater(asked.since(before)) : .unknown
        }
        return .notWithin
    }
}
