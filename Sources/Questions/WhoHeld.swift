import Election

/// `electd who-held`: who held a group at a moment, and how sure that is.
extension Chronicle {
    /// - Parameter node: whether this one did; nil: who of all.
    package func whoHeld(
        _ group: GroupID, at asked: TimeText.Asked, node: Int? = nil
    ) throws(QuestionError) -> Answer {
        let (moment, notes) = try moment(of: asked)
        var sure: [HeldSpan] = []
        var possible: [HeldSpan] = []
        for span in spans(of: group) where node == nil || node == span.tenure.node {
            if span.from.latest <= moment.earliest && span.surely.earliest >= moment.latest {
                sure.append(span)
            } else if span.from.earliest <= moment.latest && span.atMost.map({ $0 >= moment.earliest }) ?? true {
                possible.append(span)
            }
        }
        let said = claims(of: group, at: moment).filter { node == nil || node == $0.speaker }
        // At most one holds in majority mode: who surely held leaves no room for who only may have.
        if let holder = sure.first, !holder.tenure.isPair { possible.removeAll() }
        var verdict = verdict(group, moment, sure, possible, said, among: node.map { [$0] } ?? candidates(for: group))
        if verdict.word == "nobody", let beyond = beyond(moment) {
            verdict = Verdict(word: "unknown", text: "unknown: no evidence", because: [beyond])
        }
        var lines = [
            "\(archive.group(group)) at \(moment.text): \(verdict.text)"
        ]
        for span in sure + possible { lines.append("  " + sentence(span)) }
        for claim in said { lines.append("  " + sentence(claim)) }
        lines += verdict.because.map { "  \($0)" } + notes.map { "note: \($0)" }
        return answer(
            lines,
            JSONText.fields([
                "group": .text(archive.group(group)), "at": moment.json, "answer": .text(verdict.word),
                "holders": .list(sure.map { json($0) }), "possible": .list(possible.map { json($0) }),
                "said_to_hold": .list(said.map { .text(name($0.speaker)) }),
                "because": .list((verdict.because + notes).map { .text($0) }),
            ]).fields)
    }

    /// Of a time that no journal reaches, none says that nothing was held then.
    private func beyond(_ moment: Moment) -> String? {
        guard let extent else { return nil }
        if moment.earliest < extent.earliest { return "these journals begin at \(TimeText.text(extent.earliest))" }
        if moment.latest > extent.latest { return "these journals end at \(TimeText.text(extent.latest))" }
        return nil
    }

    private struct Verdict {
        var word: String
        var text: String
        var because: [String] = []
    }

    private func verdict(
        _ group: GroupID, _ moment: Moment, _ sure: [HeldSpan], _ possible: [HeldSpan], _ said: [Claim],
        among candidates: [Int]
    ) -> Verdict {
        if sure.count == 1 {
            let others = possible.map { name($0.tenure.node) }.joined(separator: ", ")
            let also = others.isEmpty ? "" : "; \(others) may have held it too"
            return Verdict(word: "held", text: "\(name(sure[0].tenure.node)), certainly\(also)")
        }
        if sure.count > 1 {
            let names = sure.map { name($0.tenure.node) }.joined(separator: " and ")
            return Verdict(word: "several", text: "\(names), both certainly")
        }
        let blind = candidates.filter { !covers($0, moment) && !wasDown($0, moment) }
        if let one = possible.first {
            let names = possible.map { name($0.tenure.node) }.joined(separator: " or ")
            let rest = blind.filter { node in !possible.contains { $0.tenure.node == node } }
            let unknown = rest.isEmpty ? "nobody" : "somebody whose journal doesn't show it"
            return Verdict(
                word: "possible", text: "\(names) or \(unknown)", because: [reason(one, moment)] + explain(rest, moment)
            )
        }
        if let claim = said.first {
            return Verdict(
                word: "said", text: "\(name(claim.speaker)), by its own words to others",
                because: explain(blind, moment))
        }
        if blind.isEmpty {
            guard candidates.count > 1 else {
                let only = candidates.map { name($0) }.joined()
                return Verdict(word: "nobody", text: "not \(only)", because: ["its journal shows that it didn't"])
            }
            return Verdict(
                word: "nobody", text: "nobody",
                because: ["every node that may hold it shows in its journal that it didn't"])
        }
        return Verdict(word: "unknown", text: "unknown: no evidence", because: explain(blind, moment))
    }

    private func reason(_ span: HeldSpan, _ moment: Moment) -> String {
        let who = name(span.tenure.node)
        if span.from.latest > moment.earliest {
            return "\(who) took it within the uncertainty of the clocks, at \(span.from.text)"
        }
        if span.tenure.isOpen { return "the journal of \(who) ends at \(span.surely.text) with the group held" }
        return "\(who) certainly held it until \(span.surely.text); its gate was closed by then or a little later"
    }

    private func explain(_ blind: [Int], _ moment: Moment) -> [String] {
        blind.map { node in
            if archive.journal(of: node) == nil { return "the journal of \(name(node)) isn't here" }
            let own = lives.filter { $0.node == node }.map { frame.moment($0.clock, $0.until).latest }.max() ?? 0
            return own < moment.latest
                ? "the journal of \(name(node)) ends at \(TimeText.text(own))"
                : "the journal of \(name(node)) doesn't cover that moment"
        }
    }

    /// Nodes without a journal that told others, before and after, that they held it in one term: a term is held once.
    private func claims(of group: GroupID, at moment: Moment) -> [Claim] {
        claims.filter { claim in
            claim.group == group && !covers(claim.speaker, moment) && archive.journal(of: claim.speaker) == nil
                && frame.moment(claim.clock, claim.first).latest <= moment.earliest
                && frame.moment(claim.clock, claim.last).earliest >= moment.latest
        }.reduce(into: []) { kept, claim in
            if !kept.contains(where: { $0.speaker == claim.speaker && $0.term == claim.term }) { kept.append(claim) }
        }
    }

    func sentence(_ span: HeldSpan) -> String {
        let tenure = span.tenure
        let pair = tenure.isPair ? ", without a certificate" : ""
        let end: String
        switch tenure.ending {
        case .gaveUp(let reason):
            let until = tenure.lease < (tenure.gaveUpAt ?? tenure.lease) ? "its lease ended \(span.surely.text), " : ""
            let gave = frame.moment(tenure.clock, tenure.gaveUpAt ?? tenure.lastSeen)
            end = "\(until)gave it up \(gave.text): \(reason.text) (\(name(tenure.lastRecord)))"
        case .unknown:
            let bound = span.atMost.map { "its last lease ended \(TimeText.text($0)) at the latest" }
            end = "held it at the end of its journal, \(span.surely.text); \(bound ?? "until when isn't known")"
        }
        return "\(name(tenure.node)) took it \(span.from.text) in term \(tenure.term.rawValue)\(pair) "
            + "(\(name(tenure.fromRecord))), \(end)"
    }

    private func sentence(_ claim: Claim) -> String {
        "\(name(claim.speaker)) told \(name(claim.listener)) that it held term \(claim.term.rawValue), from "
            + "\(frame.moment(claim.clock, claim.first).text) to \(frame.moment(claim.clock, claim.last).text) "
            + "(last in \(name(claim.lastRecord)))"
    }

    func json(_ span: HeldSpan) -> JSONText {
        var reason: String?
        if case .gaveUp(let why) = span.tenure.ending { reason = "\(why)" }
        return .fields([
            "node": .text(name(span.tenure.node)), "group": .text(archive.group(span.tenure.group)),
            "term": .number(span.tenure.term.rawValue), "from": span.from.json, "surely_until": span.surely.json,
            "at_most_until_ns": span.atMost.map { .number($0) }, "taken_because": .text("\(span.tenure.reason)"),
            "given_up_because": .optional(reason), "record": .text(name(span.tenure.fromRecord)),
            "last_record": .text(name(span.tenure.lastRecord)), "certificate": .flag(!span.tenure.isPair),
        ])
    }
}
