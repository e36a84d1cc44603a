import Election

/// The picture: a lane for each node, in SVG without any style of its own.
struct Lanes {
    private let page: TimelinePage
    private static let width = 1200
    private static let left = 90
    private static let laneHeight = 64
    private static let markLimit = 1500
    private var chronicle: Chronicle { page.chronicle }

    init(_ page: TimelinePage) { self.page = page }

    var svg: String {
        let nodes = chronicle.archive.nodes.indices
        let height = 40 + nodes.count * Self.laneHeight
        var parts: [String] = []
        parts.append(axis(height))
        for (row, node) in nodes.enumerated() { parts.append(lane(node, top: 30 + row * Self.laneHeight)) }
        return """
            <svg id="picture" viewBox="0 0 \(Self.width) \(height)" role="img" aria-label="who held what, when">
            \(parts.joined(separator: "\n"))
            <line id="line" class="cursor" x1="\(Self.left)" x2="\(Self.left)" y1="22" y2="\(height - 8)"/>
            </svg>

            """
    }

    /// Tenths of a unit, as text: no floating point in the page.
    private func x(_ at: Int64) -> Int {
        let span = max(1, page.extent.latest - page.extent.earliest)
        let clamped = min(max(at, page.extent.earliest), page.extent.latest)
        let room = Int64(Self.width - Self.left - 10) * 10
        let (high, low) = (clamped - page.extent.earliest).multipliedFullWidth(by: room)
        return Self.left * 10 + Int(span.dividingFullWidth((high, low)).quotient)
    }

    private func text(_ tenths: Int) -> String { "\(tenths / 10).\(tenths % 10)" }

    private func bar(
        _ kind: String, _ from: Int64, _ to: Int64, top: Int, height: Int, _ title: String, id: String = ""
    ) -> String {
        guard to >= page.extent.earliest, from <= page.extent.latest else { return "" }
        let begin = x(from)
        let width = max(8, x(to) - begin)
        return """
            <rect class="\(kind)"\(id) x="\(text(begin))" y="\(top)" width="\(text(width))" height="\(height)">\
            <title>\(PageText.escaped(title))</title></rect>
            """
    }

    private func axis(_ height: Int) -> String {
        let span = page.extent.latest - page.extent.earliest
        return (0...6).map { step in
            let at = page.extent.earliest + span / 6 * Int64(step)
            let place = text(x(at))
            return """
                <line class="grid" x1="\(place)" x2="\(place)" y1="20" y2="\(height - 8)"/>\
                <text class="\(step == 6 ? "time last" : "time")" x="\(place)" y="14">\(TimeText.clock(at))</text>
                """
        }.joined(separator: "\n")
    }

    private func lane(_ node: Int, top: Int) -> String {
        var parts = ["<text class=\"name\" x=\"4\" y=\"\(top + 26)\">\(PageText.escaped(chronicle.name(node)))</text>"]
        for life in chronicle.lives.suffix(Self.markLimit) where life.node == node {
            let from = chronicle.frame.moment(life.clock, life.from).middle
            let until = chronicle.frame.moment(life.clock, life.until).middle
            parts.append(
                bar(
                    "life", from, until, top: top + 8, height: 34,
                    "\(chronicle.name(node)) ran, life \(life.incarnation.rawValue)"))
        }
        parts += holds(node, top)
        for still in Lanes.widest(chronicle.stills.filter { $0.node == node }, { $0.until.since($0.from).nanoseconds })
        {
            let from = chronicle.frame.moment(still.clock, still.from).middle
            let until = chronicle.frame.moment(still.clock, still.until).middle
            parts.append(
                bar("still", from, until, top: top + 8, height: 34, "stood still for \(TimeText.length(until - from))"))
        }
        parts += cuts(node, top)
        parts += troubles(node, top)
        parts += marks(node, top)
        return parts.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private static func widest<Item>(_ items: [Item], _ length: (Item) -> UInt64) -> [Item] {
        items.count <= markLimit ? items : Array(items.sorted { length($0) > length($1) }.prefix(markLimit))
    }

    private func holds(_ node: Int, _ top: Int) -> [String] {
        var parts: [String] = []
        for (number, group) in page.groups.enumerated() {
            let spans = chronicle.spans(of: group).filter { $0.tenure.node == node }
            for span in spans.suffix(Self.markLimit) {
                let title =
                    "\(chronicle.name(node)) held \(chronicle.archive.group(group)) in term \(span.tenure.term.rawValue), from "
                    + "\(span.from.text) to \(span.surely.text)"
                let inset = min(number, 3) * 4
                let id = " data-r=\"\(PageText.escaped(chronicle.name(span.tenure.fromRecord)))\""
                if let atMost = span.atMost, atMost > span.surely.middle {
                    parts.append(
                        bar(
                            "maybe", span.surely.middle, atMost, top: top + 12 + inset, height: 26 - inset,
                            "closed by then"))
                }
                parts.append(
                    bar(
                        "hold hold\(number % 6)", span.from.middle, span.surely.middle, top: top + 12 + inset,
                        height: 26 - inset, title, id: id))
            }
        }
        return parts
    }

    private func cuts(_ node: Int, _ top: Int) -> [String] {
        let own = Lanes.widest(chronicle.silences.filter { $0.listener == node }) { silence in
            (silence.until ?? Instant(nanoseconds: .max)).since(silence.from).nanoseconds
        }
        let others = chronicle.archive.nodes.indices.filter { $0 != node }
        return own.map { silence in
            let from = chronicle.frame.moment(silence.clock, silence.from).middle
            let end = chronicle.lives.last { $0.node == node && $0.clock == silence.clock }.map {
                chronicle.frame.moment($0.clock, $0.until).middle
            }
            let until = silence.until.map { chronicle.frame.moment(silence.clock, $0).middle } ?? end ?? from
            let row = min(others.firstIndex(of: silence.speaker) ?? 0, 3)
            return bar(
                "cut", from, until, top: top + 45 + row * 4, height: 3,
                "heard nothing from \(chronicle.name(silence.speaker)) for \(TimeText.length(until - from))")
        }
    }

    /// From an input that says no to the next that says yes.
    private func troubles(_ node: Int, _ top: Int) -> [String] {
        var open: [String: (from: Int64, text: String)] = [:]
        var parts: [String] = []
        func close(_ key: String, _ at: Int64) {
            guard let found = open.removeValue(forKey: key), parts.count < Self.markLimit else { return }
            parts.append(bar("bad", found.from, at, top: top + 2, height: 5, found.text))
        }
        for happening in chronicle.happenings where happening.node == node {
            let state: (key: String, isBad: Bool)? =
                switch happening.what {
                case .check(let name, let passing): ("check \(name)", !passing)
                case .link(_, let up): ("link", !up)
                case .dataPlane(let up): ("proxy", !up)
                case .maintenance(let on): ("maintenance", on)
                case .diskSlow: ("disk", true)
                case .diskBack: ("disk", false)
                default: nil
                }
            guard let state else { continue }
            let at = chronicle.moment(happening).middle
            if state.isBad {
                if open[state.key] == nil { open[state.key] = (at, chronicle.text(happening.what)) }
            } else {
                close(state.key, at)
            }
        }
        // Not beyond what the node's journal shows.
        let ends = chronicle.lives.filter { $0.node == node }.map { chronicle.frame.moment($0.clock, $0.until).middle }
        for key in open.keys.sorted() { close(key, ends.max() ?? page.extent.latest) }
        return parts
    }

    private func marks(_ node: Int, _ top: Int) -> [String] {
        let own = TimelinePage.thinned(page.timeline.happenings).filter { $0.node == node }
        return own.prefix(Self.markLimit).compactMap { happening in
            let moment = chronicle.moment(happening)
            guard moment.middle >= page.extent.earliest, moment.middle <= page.extent.latest else { return nil }
            let place = x(moment.middle)
            let record = PageText.escaped(chronicle.name(happening.name))
            let title = PageText.escaped("\(moment.text) \(chronicle.name(node)): \(chronicle.text(happening.what))")
            switch happening.what {
            case .took:
                return
                    "<path class=\"took\" data-r=\"\(record)\" d=\"M\(text(place)) \(top + 4)l6 10h-12z\"><title>\(title)</title></path>"
            case .gaveUp:
                return
                    "<path class=\"gave\" data-r=\"\(record)\" d=\"M\(text(place)) \(top + 46)l6 -10h-12z\"><title>\(title)</title></path>"
            default:
                return
                    "<circle class=\"dot\" cx=\"\(text(place))\" cy=\"\(top + 25)\" r=\"2\"><title>\(title)</title></circle>"
            }
        }
    }
}
