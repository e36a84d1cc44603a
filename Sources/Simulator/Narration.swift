import Election

/// How a run is told to people.
enum Narration {
    /// "   1.203s  fred    text".
    static func line(at now: UInt64, who: String, _ text: String) -> String {
        let milliseconds = now / 1_000_000
        let fraction = String(milliseconds % 1_000)
        let stamp = "\(milliseconds / 1_000)." + String(repeating: "0", count: 3 - fraction.count) + fraction + "s"
        let indent = String(repeating: " ", count: max(0, 9 - stamp.count))
        if who.isEmpty { return indent + stamp + "  " + text }
        return indent + stamp + "  " + who + String(repeating: " ", count: max(1, 8 - who.count)) + text
    }

    /// "1s", "250ms", "2500us".
    static func span(_ span: Span) -> String {
        let nanoseconds = span.nanoseconds
        if nanoseconds % 1_000_000_000 == 0 { return "\(nanoseconds / 1_000_000_000)s" }
        if nanoseconds % 1_000_000 == 0 { return "\(nanoseconds / 1_000_000)ms" }
        return "\(nanoseconds / 1_000)us"
    }
}

extension Action {
    var isStart: Bool {
        if case .start = self { return true }
        return false
    }

    /// As a scenario writes it.
    package func text(_ rules: Rules) -> String {
        func name(_ node: NodeIndex) -> String {
            Int(node.rawValue) < rules.nodes.count ? rules.name(of: node) : "the duplicate"
        }
        return switch self {
        case .cut(let one, let other): "cut \(name(one))-\(name(other))"
        case .cutOneWay(let from, let to): "cut \(name(from))>\(name(to))"
        case .mend(let one, let other): "mend \(name(one))-\(name(other))"
        case .mendOneWay(let from, let to): "mend \(name(from))>\(name(to))"
        case .mendAll: "mend all"
        case .weather(let weather): weather.text
        case .crash(let node): "crash \(name(node))"
        case .start(let node): "start \(name(node))"
        case .pause(let node, let span): "pause \(name(node)) \(Narration.span(span))"
        case .stall(let node, let span): "stall \(name(node)) \(Narration.span(span))"
        case .disk(let node, let latency): "disk \(name(node)) \(Narration.span(latency))"
        case .failDisk(let node): "disk \(name(node)) fails"
        case .wipe(let node): "wipe \(name(node))"
        case .check(let node, let check, let passing):
            "check \(name(node)) \(rules.checks[Int(check)]) \(passing ? "passes" : "fails")"
        case .link(let node, let up): "interface \(name(node)) \(up ? "up" : "down")"
        case .dataPlane(let node, let up): "proxy \(name(node)) \(up ? "up" : "down")"
        case .maintenance(let node, let on): "maintenance \(name(node)) \(on ? "on" : "off")"
        case .transfer(let group, let node, let to):
            "transfer \(rules.groups[group].name) to \(name(to)) asked of \(name(node))"
        case .order(let node, let group, let command):
            "\(command.text(rules))\(rules.groups.count == 1 ? "" : " in " + rules.groups[group].name) asked of "
                + name(node)
        case .apply(let node, let bytes): "apply \(bytes) bytes on \(name(node))"
        case .stubborn(let node, let on): "obstacle \(name(node)) \(on ? "on" : "off")"
        case .leave(let node): "leave \(name(node))"
        case .clockRate(let node, let ppm): "clock \(name(node)) \(ppm)ppm"
        case .misconfigure(let node, let on): "configuration \(name(node)) \(on ? "differs" : "agrees")"
        case .freeze(let node, let span): "freeze \(name(node)) \(Narration.span(span))"
        case .wallClock(let node, let seconds): "wall clock \(name(node)) \(seconds)s"
        case .lapse(let node): "gate lapses \(name(node))"
        case .fullDisk(let node, let on): "disk \(name(node)) \(on ? "full" : "has room")"
        case .announcements(let permille): "announcements lost \(permille)"
        case .keepCopy(let node): "copy \(name(node))"
        case .rollBack(let node, let forgetsLife): "roll back \(name(node))\(forgetsLife ? " and its life" : "")"
        case .renumber(let node): "renumber \(name(node))"
        case .duplicate(let node): "duplicate \(name(node))"
        case .removeDuplicate(let node): "remove duplicate of \(name(node))"
        case .lie(let node, let on): "lies \(name(node)) \(on ? "on" : "off")"
        }
    }
}

extension Weather {
    var text: String {
        "weather loss \(lossPermille) duplicates \(duplicatePermille) replays \(replayPermille) delay "
            + "\(Narration.span(delayFrom))..\(Narration.span(delayTo))"
    }
}
