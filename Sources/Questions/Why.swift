import Election

/// `electd why`: the shortest chain of inputs that forced a decision.
///
/// What mattered is read from the state at the decision; each thing is then tried by deciding again without it. Where
/// a packet of another node mattered, the chain goes on in that node's journal.
package struct Why {
    package let chronicle: Chronicle
    var fates: Fates { Fates(chronicle: chronicle) }

    /// How many nodes' decisions a chain goes back through.
    static let depthLimit = 6

    package init(_ chronicle: Chronicle) { self.chronicle = chronicle }

    /// What is asked to be explained.
    package enum Question: Hashable, Sendable {
        /// The last time that a group changed hands, or was left by its holder; nil for any group, and any node.
        case last(GroupID?, node: Int?)
        case record(RecordName)
        /// Who holds it, or why nobody does.
        case state(GroupID, TimeText.Asked)
    }

    package func explain(_ question: Question) throws(QuestionError) -> Answer {
        let explanation: Explanation
        switch question {
        case .last(let group, let node): explanation = try explainLast(group, node)
        case .record(let record): explanation = try explain(record)
        case .state(let group, let asked): explanation = try explain(group, at: asked)
        }
        return answer(explanation)
    }

    private func answer(_ explanation: Explanation) -> Answer {
        var lines = [explanation.headline]
        for link in explanation.links {
            let mark =
                switch link.isConfirmed {
                case true?: " [decided again without it: otherwise]"
                case false?: " [decided again without it: the same]"
                case nil: ""
                }
            let record = link.record.map { " (\(chronicle.name($0)))" } ?? ""
            lines.append("\(link.lead)\(link.text)\(record)\(mark)")
        }
        for cause in explanation.causes {
            let place = cause.node.map { " at \(chronicle.name($0))" } ?? ""
            lines.append("cause: \(cause.kind.rawValue)\(place)\(cause.detail.map { ", \(harmless($0))" } ?? "")")
        }
        return chronicle.answer(
            lines,
            JSONText.fields([
                "event": .text(explanation.headline), "at": explanation.at?.json,
                "record": .optional(explanation.record.map { chronicle.name($0) }),
                "chain": .list(explanation.links.map { json($0) }),
                "causes": .list(explanation.causes.map { json($0) }),
            ]).fields)
    }

    private func json(_ link: Link) -> JSONText {
        .fields([
            "text": .text(link.text), "at": link.at?.json, "record": .optional(link.record.map { chronicle.name($0) }),
            "confirmed": link.isConfirmed.map { .flag($0) },
        ])
    }

    private func json(_ cause: Cause) -> JSONText {
        .fields([
            "kind": .text(cause.kind.rawValue), "node": .optional(cause.node.map { chronicle.name($0) }),
            "detail": .optional(cause.detail), "at": cause.at?.json,
            "record": .optional(cause.record.map { chronicle.name($0) }), "text": .text(cause.text),
        ])
    }
}

// Finding what is asked about.
extension Why {
    private func explainLast(_ group: GroupID?, _ node: Int?) throws(QuestionError) -> Explanation {
        var last: (at: Moment, explain: () -> Explanation)?
        func consider(_ at: Moment, _ explain: @escaping () -> Explanation) {
            if last.map({ $0.at.middle <= at.middle }) ?? true { last = (at, explain) }
        }
        for tenure in chronicle.tenures
        where (group == nil || tenure.group == group) && (node == nil || tenure.node == node) {
            consider(chronicle.frame.moment(tenure.clock, tenure.from)) { self.took(tenure, depth: 0) }
            if tenure.gaveUpAt != nil {
                consider(chronicle.frame.moment(tenure.clock, tenure.lastSeen)) { self.gaveUp(tenure, depth: 0) }
            } else if brokeOff(tenure) {
                consider(chronicle.frame.moment(tenure.clock, tenure.lastSeen)) { self.ended(tenure) }
            }
        }
        guard let last else {
            let by = node.map { " by \(chronicle.name($0))" } ?? ""
            throw .nothingHappened("no group was ever taken\(by) in these journals")
        }
        var explanation = last.explain()
        if node == nil, let group = group ?? chronicle.tenures.last?.group {
            addIfNobody(group, since: last.at, &explanation)
        }
        return explanation
    }

    /// When the group is still nobody's, why nobody takes it belongs to the answer.
    private func addIfNobody(_ group: GroupID, since: Moment, _ explanation: inout Explanation) {
        guard let extent = chronicle.extent else { return }
        let held = chronicle.tenures.contains { $0.group == group && $0.gaveUpAt == nil && !brokeOff($0) }
        guard !held, extent.latest - since.latest > 1_000_000_000 else { return }
        explanation.links.append(
            Link(text: "since then nobody has taken it:", at: nil, record: nil, isConfirmed: nil, lead: "  "))
        let end = Moment(earliest: extent.latest, latest: extent.latest)
        for node in chronicle.candidates(for: group) {
            guard let found = whyNot(node, group, at: end) else { continue }
            explanation.addBeside(found)
        }
    }

    func brokeOff(_ tenure: Tenure) -> Bool {
        tenure.isOpen
            && chronicle.lives.contains {
                $0.node == tenure.node && $0.incarnation == tenure.incarnation && $0.ending == .brokeOff
            }
    }

    private func explain(_ group: GroupID, at asked: TimeText.Asked) throws(QuestionError) -> Explanation {
        let (moment, _) = try chronicle.moment(of: asked)
        let spans = chronicle.spans(of: group)
        if let held = spans.last(where: { $0.from.latest <= moment.earliest && $0.surely.earliest >= moment.latest }) {
            return took(held.tenure, depth: 0)
        }
        let before = spans.filter { $0.from.latest <= moment.latest }
        var explanation: Explanation
        if let last = before.max(by: { $0.surely.middle < $1.surely.middle }) {
            explanation = last.tenure.isOpen ? ended(last.tenure) : gaveUp(last.tenure, depth: 0)
        } else {
            explanation = Explanation(headline: "nobody had taken \(chronicle.archive.group(group)) yet", at: moment)
        }
        for node in chronicle.candidates(for: group) {
            if let found = whyNot(node, group, at: moment) { explanation.addBeside(found) }
        }
        return explanation
    }

    private func explain(_ record: RecordName) throws(QuestionError) -> Explanation {
        if let tenure = chronicle.tenures.first(where: { $0.fromRecord == record }) { return took(tenure, depth: 0) }
        if let tenure = chronicle.tenures.first(where: { $0.lastRecord == record && $0.gaveUpAt != nil }) {
            return gaveUp(tenure, depth: 0)
        }
        guard let stretch = Stretch.upTo(record, in: chronicle.archive, reach: .milliseconds(3000)) else {
            throw .unknownRecord(chronicle.name(record), why: "there is no such step in these journals")
        }
        return explain(stretch)
    }

    /// The end of a tenure that no record shows: the journal just ends.
    func ended(_ tenure: Tenure) -> Explanation {
        let at = chronicle.frame.moment(tenure.clock, tenure.lastSeen)
        let name = chronicle.name(tenure.node)
        var explanation = Explanation(
            headline:
                "\(name) held \(chronicle.archive.group(tenure.group)) in term \(tenure.term.rawValue) and is gone "
                + "since \(at.text)", at: at, record: tenure.lastRecord)
        if let found = fates.end(of: tenure.node, in: Moment(earliest: at.earliest, latest: at.latest + 1)) {
            explanation.links.append(Link(text: found.text, at: found.cause.at, record: found.cause.record))
            explanation.add(found.cause)
        }
        return explanation
    }

    func place(_ index: NodeIndex, _ rules: Rules) -> Int {
        chronicle.archive.nodes.firstIndex(of: rules.name(of: index)) ?? 0
    }

    func index(_ place: Int, _ rules: Rules) -> NodeIndex? {
        rules.nodes.firstIndex { $0.name == chronicle.archive.nodes[place] }.map { NodeIndex(UInt8($0)) }
    }

    func names(_ nodes: [Int]) -> String { nodes.map { chronicle.name($0) }.joined(separator: " and ") }
}

extension Link {
    init(text: String, at: Moment?, record: RecordName?) {
        self.init(text: text, at: at, record: record, isConfirmed: nil)
    }
}
