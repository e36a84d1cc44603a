import Election
import Sodium

/// `electd timeline --html`: one page that needs nothing else. Without scripts it is a picture and a list; with them a
/// cursor steps through the state. Bounded, whatever the journals hold.
package struct TimelinePage {
    static let eventLimit = 2500
    static let explainedLimit = 60

    let timeline: Timeline
    let groups: [GroupID]
    let extent: Moment
    var chronicle: Chronicle { timeline.chronicle }

    package init(
        _ chronicle: Chronicle, groups: [GroupID]? = nil, node: Int? = nil, in window: Chronicle.Window = .init()
    ) throws(QuestionError) {
        timeline = Timeline(chronicle, groups: groups, node: node, in: window)
        self.groups = groups ?? chronicle.groups
        guard let whole = chronicle.extent else { throw .nothingHappened("the journals are empty") }
        let from = max(whole.earliest, window.from ?? whole.earliest)
        extent = Moment(earliest: from, latest: max(from + 1_000_000, min(whole.latest, window.to ?? whole.latest)))
    }

    /// The page, UTF-8.
    package var html: String {
        let data = PageText.escapedForScript(facts.encoded)
        let body = header + Lanes(self).svg + panel + moves + legend
        // Unknown to whoever wrote names into a journal before: what has another nonce doesn't run.
        let nonce = hex(Blake2b.hash(Array((data + body).utf8), length: 16))
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-\(nonce)'; script-src 'nonce-\(nonce)'; base-uri 'none'; form-action 'none'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(PageText.escaped(title))</title>
            <style nonce="\(nonce)">\(PageText.style)</style></head>
            <body>
            \(body)
            <script type="application/json" id="facts" nonce="\(nonce)">\(data)</script>
            <script nonce="\(nonce)">\(PageText.script)</script>
            </body></html>

            """
    }

    private var title: String {
        "Who held \(groups.map { chronicle.archive.group($0) }.joined(separator: ", "))"
    }

    private var header: String {
        let names = chronicle.archive.journals.map { PageText.escaped(harmless($0.node)) }.joined(separator: ", ")
        let missing = chronicle.archive.nodes.filter { name in !chronicle.archive.journals.contains { $0.node == name }
        }
        let without =
            missing.isEmpty
            ? ""
            : " The journals of \(missing.map { PageText.escaped(harmless($0)) }.joined(separator: ", ")) aren't here."
        let troubles = chronicle.troubles.prefix(10).map { "<p class=\"trouble\">\(PageText.escaped($0))</p>" }.joined()
        return """
            <h1>\(PageText.escaped(title))</h1>
            <p>From \(TimeText.text(extent.earliest)) to \(TimeText.text(extent.latest)), by the event journals of \
            \(names).\(without) Several machines share one network address; at each moment at most one of them may \
            <em>hold</em> it, that is answer for it. Each lane is a machine. A broad coloured bar: it held the address. \
            Click a bar, a mark or a line of the list to see why.</p>
            \(troubles)

            """
    }

    private var panel: String {
        """
        <div id="tools" hidden><button id="prev" type="button">&#9664; event</button>
        <button id="next" type="button">event &#9654;</button>
        <input id="cursor" type="range" min="0" max="100000" value="0" aria-label="moment">
        <output id="moment"></output></div>
        <div id="state"></div><pre id="reason" hidden></pre>

        """
    }

    private var legend: String {
        """
        <h2>What the marks mean</h2>
        <ul class="legend">
        <li><span class="key hold0"></span> held the address; the lighter end: until then its gate was closed at the latest</li>
        <li><span class="key life"></span> the daemon ran and wrote its journal</li>
        <li><span class="key still"></span> it stood still: stopped, or without CPU</li>
        <li><span class="key cut"></span> it heard nothing from another machine; point at the line to see from which</li>
        <li><span class="key bad"></span> not fit to hold: a check failed, the interface was down, the proxy \
        didn't answer, the disk was full or slow, or maintenance</li>
        <li>&#9650; took it &#9660; gave it up; times are known as well as messages between the machines tell, see ±</li>
        </ul>

        """
    }

    /// Moves with why they happened, readable without scripts.
    private var moves: String {
        var rows = ""
        for move in explained {
            rows += """
                <details id="m\(move.number)"><summary>\(PageText.escaped(move.title))</summary>\
                <pre>\(PageText.escaped(move.why))</pre></details>

                """
        }
        let rest = moveCount > explained.count ? "<p>The last \(explained.count) of \(moveCount) moves.</p>" : ""
        return "<h2>Moves, and why</h2>\n\(rest)\(rows)"
    }

    struct Move {
        var number: Int
        var record: RecordName
        var title: String
        var why: String
    }

    private var moveEvents: [Happening] {
        timeline.happenings.filter {
            switch $0.what {
            case .took, .gaveUp: true
            default: false
            }
        }
    }

    var moveCount: Int { moveEvents.count }

    var explained: [Move] {
        let why = Why(chronicle)
        return moveEvents.suffix(Self.explainedLimit).enumerated().map { number, happening in
            let title =
                "\(chronicle.moment(happening).text) \(chronicle.name(happening.node)): \(chronicle.text(happening.what))"
            let answer: Answer?
            do throws(QuestionError) {
                answer = try why.explain(.record(happening.name))
            } catch {
                answer = nil
            }
            let lines = answer?.lines ?? ["the journals don't say"]
            return Move(
                number: number, record: happening.name, title: title,
                why: lines.prefix(40).joined(separator: "\n"))
        }
    }

    /// What the script works with.
    private var facts: JSONText {
        let samples = StateSamples(chronicle, groups: groups, in: extent)
        let events = Self.thinned(timeline.happenings)
        return .fields([
            "from": .number(extent.earliest / 1_000_000), "to": .number(extent.latest / 1_000_000),
            "events": .list(
                events.map { happening in
                    let moment = chronicle.moment(happening)
                    return .fields([
                        "at": .number(moment.middle / 1_000_000), "pm": .number(moment.uncertainty / 1000),
                        "n": .text(chronicle.name(happening.node)), "x": .text(chronicle.text(happening.what)),
                        "r": .text(chronicle.name(happening.name)),
                    ])
                }),
            "left_out": .number(timeline.happenings.count - events.count),
            "moves": .list(
                explained.map {
                    .fields(["id": .number($0.number), "r": .text(chronicle.name($0.record)), "why": .text($0.why)])
                }
            ),
            "nodes": .list(
                samples.byNode.keys.sorted().map { node in
                    .fields([
                        "name": .text(chronicle.name(node)), "lives": .list(lives(of: node)),
                        "samples": .list((samples.byNode[node] ?? []).map(\.json)),
                    ])
                }),
        ])
    }

    /// From when to when each of the node's lives is in its journal.
    private func lives(of node: Int) -> [JSONText] {
        let own = chronicle.lives.filter { $0.node == node }.suffix(StateSamples.budget)
        return own.map { life in
            .list(
                [life.from, life.until].map {
                    .number(chronicle.frame.moment(life.clock, $0).middle / 1_000_000)
                })
        }
    }

    /// Beyond the bound, what matters most stays: moves first, then inputs, then talk.
    static func thinned(_ happenings: [Happening]) -> [Happening] {
        guard happenings.count > eventLimit else { return happenings }
        func rank(_ what: Happening.What) -> Int {
            switch what {
            case .took, .gaveUp, .started, .ended, .accused: 0
            case .check, .link, .dataPlane, .maintenance, .ordered, .storageFailed, .diskSlow, .stoodStill, .gateLost: 1
            default: 2
            }
        }
        var kept: [Happening] = []
        for level in 0...2 {
            let own = happenings.filter { rank($0.what) == level }
            let room = eventLimit - kept.count
            guard room > 0 else { break }
            let step = max(1, (own.count + room - 1) / room)
            kept += own.enumerated().filter { $0.offset % step == 0 }.map(\.element)
        }
        return kept.sorted { ($0.name.node == $1.name.node) ? $0.name < $1.name : $0.instant < $1.instant }
    }
}
