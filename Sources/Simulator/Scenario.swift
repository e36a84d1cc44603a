import Election

/// A script that a person reads: a small cluster, what befalls it, and below a line of `=` what came of it.
///
/// Nothing is left to chance: every packet takes 1 ms, every write 2 ms, clocks run true.
package struct Scenario: Sendable {
    package struct Mistake: Error, Hashable, Sendable {
        package var line: Int
        package var what: String

        package init(line: Int, what: String) {
            self.line = line
            self.what = what
        }
    }

    package let rules: Rules
    package let plan: [PlannedAction]
    package let end: Span
    /// The lines above the log, as they were written.
    package let script: [String]
    /// The log as the file has it.
    package let expected: [String]

    package func run(canary: Canary? = nil) -> SimulationReport {
        var options = Simulation.Options(canary: canary)
        options.narrates = true
        options.isPlain = true
        options.driftPPM = 0
        options.gateLag = .zero
        options.diskLatency = .milliseconds(2)
        options.weather = Weather(delayFrom: .milliseconds(1), delayTo: .milliseconds(1))
        var world = World(rules: rules, plan: plan, options: options, seed: 1)
        world.run(until: end)
        return world.report(seed: 0)
    }

    /// The log of a run: what happened, then who holds at the end, then what the checkers said.
    package static func log(of report: SimulationReport) -> [String] {
        report.narration + report.violations.map { "!! \($0.invariant.rawValue) \($0.what)" }
    }
}

extension Scenario {
    package init(_ text: String) throws(Mistake) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let divide = lines.firstIndex { $0.hasPrefix("====") } ?? lines.count
        script = Array(lines[..<divide])
        expected = lines.count > divide ? lines[(divide + 1)...].filter { !$0.isEmpty } : []
        var reading = ScenarioReading()
        for (number, line) in script.enumerated() {
            do { try reading.read(line) } catch { throw Mistake(line: number + 1, what: error.what) }
        }
        rules = reading.rules
        end = reading.end
        // A node that the script starts itself is down until then; all others start at the beginning.
        var begins: [PlannedAction] = []
        for node in rules.indices {
            let own = reading.plan.map(\.action).first { $0.startsOrEnds == node }
            if own?.isStart != true { begins.append(PlannedAction(at: .zero, action: .start(node))) }
        }
        plan = begins + reading.plan
    }
}

/// The words of a script, one line at a time.
private struct ScenarioReading {
    struct Unreadable: Error { var what: String }

    var plan: [PlannedAction] = []
    var end = Span.milliseconds(10_000)
    private var nodes: [(name: String, priority: UInt16, part: NodeRules.Part)] = []
    private var mode = GroupRules.Mode.majority
    private var heartbeat = Span.milliseconds(100)
    private var promise = Span.milliseconds(500)
    private var dwell: Span? = .milliseconds(2_000)
    private var checks: [(name: String, weight: Int16)] = []
    private var needsDataPlane = false
    private var isDamped = false

    var rules: Rules {
        let timing = Timing(heartbeat: heartbeat, promise: promise, driftPPM: 1_000, lag: .milliseconds(6))
        let group = GroupRules(
            id: GroupID(1), name: "office", mode: mode, priorities: nodes.map(\.priority), preemptAfter: dwell,
            checks: checks.indices.map { GroupCheck(check: UInt16($0), weight: checks[$0].weight) },
            needsDataPlane: needsDataPlane, isDamped: isDamped)
        return Rules(
            safetyDigest: 7, configurationDigest: 7, this: NodeIndex(0),
            nodes: nodes.map { NodeRules(name: $0.name, part: $0.part, key: []) }, timing: timing,
            checks: checks.map(\.name), groups: [group])
    }

    mutating func read(_ line: String) throws(Unreadable) {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "," }).map(String.init)
        guard let verb = words.first, !verb.hasPrefix("#") else { return }
        let rest = Array(words.dropFirst())
        switch verb {
        case "nodes": try readNodes(rest)
        case "mode": mode = rest.first == "pair" ? .pair : .majority
        case "heartbeat": heartbeat = try span(rest.first)
        case "promise": promise = try span(rest.first)
        case "preempt": dwell = rest.first == "never" ? nil : try span(rest.first)
        case "services": needsDataPlane = true
        case "damping": isDamped = true
        case "until": end = try span(rest.first)
        case "check":
            guard rest.count == 2, let weight = Int16(rest[1]) else { throw Unreadable(what: "check NAME WEIGHT") }
            checks.append((rest[0], weight))
        case "at":
            guard rest.count > 1 else { throw Unreadable(what: "at TIME ACTION") }
            let action = try action(rest[1], Array(rest.dropFirst(2)))
            plan.append(PlannedAction(at: try span(rest.first), action: action))
        default: throw Unreadable(what: "'\(verb)' is no word of a script")
        }
    }

    private mutating func readNodes(_ words: [String]) throws(Unreadable) {
        guard words.count % 2 == 0 else { throw Unreadable(what: "nodes NAME PRIORITY, NAME witness, …") }
        for place in stride(from: 0, to: words.count, by: 2) {
            switch words[place + 1] {
            case "witness": nodes.append((words[place], 0, .witness))
            case "observer": nodes.append((words[place], 0, .observer))
            default:
                guard let priority = UInt16(words[place + 1]) else { throw Unreadable(what: "a priority is a number") }
                nodes.append((words[place], priority, .voter))
            }
        }
        nodes.sort { $0.name < $1.name }
    }

    private func span(_ word: String?) throws(Unreadable) -> Span {
        guard let word else { throw Unreadable(what: "a time is missing") }
        let units: [(String, UInt64)] = [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)]
        for (unit, size) in units where word.hasSuffix(unit) {
            let parts = word.dropLast(unit.count).split(separator: ".")
            guard let first = parts.first, let whole = UInt64(first), parts.count <= 2 else { continue }
            guard parts.count == 2 else { return Span(nanoseconds: whole * size) }
            var fraction: UInt64 = 0
            var scale = size
            for digit in parts[1] {
                guard let value = digit.wholeNumberValue else { throw Unreadable(what: "'\(word)' is no time") }
                scale /= 10
                fraction += UInt64(value) * scale
            }
            return Span(nanoseconds: whole * size + fraction)
        }
        throw Unreadable(what: "'\(word)' is no time")
    }

    private func node(_ name: String?) throws(Unreadable) -> NodeIndex {
        guard let place = nodes.firstIndex(where: { $0.name == name }) else {
            throw Unreadable(what: "'\(name ?? "")' is no node")
        }
        return NodeIndex(UInt8(place))
    }

    /// "fred-ethyl" or "fred>ethyl".
    private func link(_ word: String?) throws(Unreadable) -> (NodeIndex, NodeIndex, isOneWay: Bool) {
        let parts = (word ?? "").split(whereSeparator: { $0 == "-" || $0 == ">" }).map(String.init)
        guard parts.count == 2 else { throw Unreadable(what: "a link is ONE-OTHER or FROM>TO") }
        return (try node(parts[0]), try node(parts[1]), (word ?? "").contains(">"))
    }

    /// "drain web/s1 via fred", "weight web/s1 20 via fred".
    private func order(_ verb: String, _ words: [String]) throws(Unreadable) -> Action {
        let names = (words.first ?? "").split(separator: "/").map(String.init)
        guard names.count == 2, words.count > 2, words[words.count - 2] == "via" else {
            throw Unreadable(what: "\(verb) SERVICE/SERVER via NODE")
        }
        let name = ServerName(service: names[0], server: names[1])
        let at = try node(words.last)
        if verb == "weight" { return .order(at, group: 0, .server(name, .weight(UInt16(words[1])))) }
        return .order(at, group: 0, .server(name, .duty(verb == "drain" ? .drain : .ready)))
    }

    private func action(_ verb: String, _ words: [String]) throws(Unreadable) -> Action {
        switch verb {
        case "cut":
            let (one, other, isOneWay) = try link(words.first)
            return isOneWay ? .cutOneWay(from: one, to: other) : .cut(one, other)
        case "mend" where words.first == "all": return .mendAll
        case "mend":
            let (one, other, isOneWay) = try link(words.first)
            return isOneWay ? .mendOneWay(from: one, to: other) : .mend(one, other)
        case "crash": return .crash(try node(words.first))
        case "start": return .start(try node(words.first))
        case "wipe": return .wipe(try node(words.first))
        case "leave": return .leave(try node(words.first))
        case "pause": return .pause(try node(words.first), try span(words.last))
        case "freeze": return .freeze(try node(words.first), try span(words.last))
        case "lies": return .lie(try node(words.first), words.last == "on")
        case "stall": return .stall(try node(words.first), try span(words.last))
        case "disk" where words.last == "fails": return .failDisk(try node(words.first))
        case "disk": return .disk(try node(words.first), latency: try span(words.last))
        case "interface": return .link(try node(words.first), up: words.last == "up")
        case "proxy": return .dataPlane(try node(words.first), up: words.last == "up")
        case "drain", "ready", "weight": return try order(verb, words)
        case "apply":
            guard words.count == 3, let bytes = Int(words[0]), (1...100_000).contains(bytes), words[1] == "via" else {
                throw Unreadable(what: "apply BYTES via NODE")
            }
            return .apply(try node(words[2]), bytes: bytes)
        case "obstacle": return .stubborn(try node(words.first), words.last == "on")
        case "maintenance" where words.count == 4 && words[2] == "via":
            return .order(try node(words[3]), group: 0, .maintenance(try node(words[0]), words[1] == "on"))
        case "maintenance": return .maintenance(try node(words.first), words.last == "on")
        case "configuration": return .misconfigure(try node(words.first), words.last == "differs")
        case "loss":
            guard let permille = words.first.flatMap(UInt16.init) else { throw Unreadable(what: "loss PERMILLE") }
            var weather = Weather(delayFrom: .milliseconds(1), delayTo: .milliseconds(1))
            weather.lossPermille = permille
            return .weather(weather)
        case "check":
            guard words.count == 3, let check = checks.firstIndex(where: { $0.name == words[1] }) else {
                throw Unreadable(what: "check NODE NAME passes|fails")
            }
            return .check(try node(words[0]), UInt16(check), passing: words[2] == "passes")
        case "transfer":
            guard words.count == 4, words[0] == "to", words[2] == "via" else {
                throw Unreadable(what: "transfer to NODE via NODE")
            }
            return .transfer(group: 0, at: try node(words[3]), to: try node(words[1]))
        default: throw Unreadable(what: "'\(verb)' is no action")
        }
    }
}

extension Action {
    /// The node whose life this begins or ends.
    fileprivate var startsOrEnds: NodeIndex? {
        switch self {
        case .start(let node), .crash(let node), .leave(let node): node
        default: nil
        }
    }
}
