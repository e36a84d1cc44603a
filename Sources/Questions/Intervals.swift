import Election

/// `electd overlaps`, `gaps` and `flaps`: what the holding of a group looks like over time.
extension Chronicle {
    /// Stretches in which two nodes held one group at the same true time.
    ///
    /// - Parameter node: one of the two; nil for any.
    package func overlaps(_ groups: [GroupID], node: Int? = nil, in window: Window = Window()) -> Answer {
        var lines: [String] = []
        var found: [JSONText] = []
        var certain = 0
        for group in groups {
            let spans = within(window, spans(of: group))
            for (place, one) in spans.enumerated() {
                for other in spans.dropFirst(place + 1) where other.tenure.node != one.tenure.node {
                    guard node == nil || node == one.tenure.node || node == other.tenure.node,
                        let overlap = overlap(one, other)
                    else { continue }
                    certain += overlap.isCertain ? 1 : 0
                    lines.append(overlap.text)
                    found.append(overlap.json)
                }
            }
        }
        if lines.isEmpty { lines.append("no overlap: never two holders of one group, as far as these journals reach") }
        return answer(lines, JSONText.fields(["overlaps": .list(found)]).fields, isGood: certain == 0)
    }

    private struct Overlap {
        var isCertain: Bool
        var text: String
        var json: JSONText
    }

    private func overlap(_ one: HeldSpan, _ other: HeldSpan) -> Overlap? {
        let names = "\(name(one.tenure.node)) and \(name(other.tenure.node))"
        let group = archive.group(one.tenure.group)
        let begin = max(one.from.latest, other.from.latest)
        let end = min(one.surely.earliest, other.surely.earliest)
        if begin < end {
            let pair = one.tenure.isPair ? "; in pair mode that happens in a partition" : ": I2 is broken"
            return Overlap(
                isCertain: true,
                text: "\(group): \(names) both held it for at least \(TimeText.length(end - begin)), from "
                    + "\(TimeText.text(begin)) to \(TimeText.text(end))\(pair)",
                json: json(one, other, begin, end, isCertain: true))
        }
        // In majority mode the rules exclude what the clocks only leave open.
        guard one.tenure.isPair else { return nil }
        let first = max(one.from.earliest, other.from.earliest)
        let last = min(one.atMost ?? .max, other.atMost ?? .max)
        guard first < last, last < .max else { return nil }
        return Overlap(
            isCertain: false,
            text: "\(group): \(names) may both have held it, for up to \(TimeText.length(last - first)) from "
                + "\(TimeText.text(first))",
            json: json(one, other, first, last, isCertain: false))
    }

    private func json(_ one: HeldSpan, _ other: HeldSpan, _ from: Int64, _ to: Int64, isCertain: Bool) -> JSONText {
        .fields([
            "group": .text(archive.group(one.tenure.group)), "certain": .flag(isCertain), "from_ns": .number(from),
            "to_ns": .number(to), "from": .text(TimeText.text(from)), "milliseconds": .number((to - from) / 1_000_000),
            "one": json(one), "other": json(other),
        ])
    }

    /// Stretches in which nobody held the group, by true time: at least and at most so long.
    ///
    /// - Parameter node: who held it before or afterwards; nil for any.
    package func gaps(_ groups: [GroupID], node: Int? = nil, in window: Window = Window()) -> Answer {
        var lines: [String] = []
        var found: [JSONText] = []
        for group in groups {
            let spans = within(window, spans(of: group))
            for (place, span) in spans.enumerated() {
                let earlier = spans[..<place].filter { $0.from.earliest <= span.from.earliest }
                guard let last = earlier.max(by: { $0.surely.middle < $1.surely.middle }),
                    last.surely.latest < span.from.earliest,
                    node == nil || node == last.tenure.node || node == span.tenure.node
                else { continue }
                let gap = Gap(
                    from: last.surely.earliest, to: span.from.latest,
                    atLeast: last.atMost.map { max(0, span.from.earliest - $0) } ?? 0)
                lines.append(text(gap, group, last, span))
                found.append(json(gap, group, last, span))
            }
            if let last = spans.max(by: { $0.surely.middle < $1.surely.middle }), !last.tenure.isOpen,
                node == nil || node == last.tenure.node
            {
                lines.append(
                    "\(archive.group(group)): nobody since \(last.surely.text), after \(name(last.tenure.node))")
                found.append(
                    .fields([
                        "group": .text(archive.group(group)), "from": last.surely.json, "to": .null,
                        "after": .text(name(last.tenure.node)),
                    ]))
            }
            if spans.isEmpty { lines.append("\(archive.group(group)): nobody ever held it in these journals") }
        }
        if lines.isEmpty { lines.append("no gap between one holder and the next") }
        return answer(lines, JSONText.fields(["gaps": .list(found)]).fields)
    }

    private struct Gap {
        var from: Int64
        var to: Int64
        var atLeast: Int64
    }

    private func text(_ gap: Gap, _ group: GroupID, _ last: HeldSpan, _ next: HeldSpan) -> String {
        "\(archive.group(group)): nobody for \(TimeText.length(gap.to - gap.from)) at most, "
            + "\(TimeText.length(gap.atLeast)) at least, from \(TimeText.text(gap.from)): after "
            + "\(name(last.tenure.node)) (\(ending(last))), before \(name(next.tenure.node)) "
            + "(\(next.tenure.reason.text))"
    }

    func ending(_ span: HeldSpan) -> String {
        if case .gaveUp(let reason) = span.tenure.ending { return reason.text }
        return "its journal breaks off"
    }

    private func json(_ gap: Gap, _ group: GroupID, _ last: HeldSpan, _ next: HeldSpan) -> JSONText {
        .fields([
            "group": .text(archive.group(group)), "from_ns": .number(gap.from), "to_ns": .number(gap.to),
            "from": .text(TimeText.text(gap.from)), "at_most_ms": .number((gap.to - gap.from) / 1_000_000),
            "at_least_ms": .number(gap.atLeast / 1_000_000), "after": .text(name(last.tenure.node)),
            "before": .text(name(next.tenure.node)), "ended_because": .text(ending(last)),
            "taken_because": .text("\(next.tenure.reason)"),
        ])
    }

    /// How often a group changed hands, counted by why.
    ///
    /// - Parameter node: who took it; nil for any.
    package func flaps(
        _ groups: [GroupID], node: Int? = nil, in window: Window = Window(), byCause: Bool
    ) -> Answer {
        var lines: [String] = []
        var found: [JSONText] = []
        for group in groups {
            let spans = within(window, spans(of: group))
            var counts: [String: Int] = [:]
            let counted = spans.filter { node == nil || node == $0.tenure.node }
            for span in counted {
                let why = byCause ? ending(span) : "taken: \(span.tenure.reason.text)"
                counts[span.tenure.isOpen && byCause && isLast(span, spans) ? "still held" : why, default: 0] += 1
            }
            let by = node.map { " by \(name($0))" } ?? ""
            lines.append("\(archive.group(group)): taken \(counted.count) times\(by)")
            for (why, count) in counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                lines.append("  \(count)  \(why)")
            }
            found.append(
                .fields([
                    "group": .text(archive.group(group)), "taken": .number(counted.count),
                    "by": .list(
                        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
                            .fields(["cause": .text($0.key), "count": .number($0.value)])
                        }),
                ]))
        }
        return answer(lines, JSONText.fields(["flaps": .list(found)]).fields)
    }

    private func isLast(_ span: HeldSpan, _ spans: [HeldSpan]) -> Bool {
        spans.last?.tenure.fromRecord == span.tenure.fromRecord
    }

    func within(_ window: Window, _ spans: [HeldSpan]) -> [HeldSpan] {
        spans.filter { span in
            (window.to.map { span.from.earliest <= $0 } ?? true)
                && (window.from.map { from in span.atMost.map { $0 >= from } ?? true } ?? true)
        }
    }
}
