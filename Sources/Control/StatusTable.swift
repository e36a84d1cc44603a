/// A ``StatusReport`` for someone who was woken by it: whether all is well and who holds what comes first, then what
/// is wrong in plain words, then the figures.
package enum StatusTable {
    /// Lines of at most `width` columns (40 at least), ASCII only.
    /// - Parameter color: whether to mark good and bad with ANSI colours; the caller knows NO_COLOR and the terminal.
    package static func render(_ report: StatusReport, width: Int = 100, color: Bool) -> String {
        let page = Page(report: report, width: max(width, 40), color: color)
        let blocks = [
            page.headline, page.findings, page.groups + page.changes, page.checks, page.nodes, page.services,
            page.servers, page.footer,
        ]
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }
}

private struct Page {
    let report: StatusReport
    let width: Int
    let color: Bool

    // MARK: - what matters

    /// `ALL WELL   router37  held by fred (this node), term 12, lease 412 ms`
    var headline: [String] {
        let verdict =
            switch report.problems.count {
            case 0: Cell("ALL WELL", .good)
            case 1: Cell("1 PROBLEM", .bad)
            default: Cell("\(report.problems.count) PROBLEMS", .bad)
            }
        var table = TextTable([.init(""), .init(""), .init("")])
        for (index, group) in report.groups.enumerated() {
            table.rows.append([index == 0 ? verdict : Cell(""), Cell(group.name, .strong), holding(group)])
        }
        if report.groups.isEmpty { table.rows.append([verdict, Cell("no groups"), Cell("")]) }
        return Array(table.lines(width: width, color: color).dropFirst())
    }

    private func holding(_ group: GroupStatus) -> Cell {
        guard let holder = group.holder else {
            let text = report.isCutOff ? "holder unknown: this node hears nobody" : "held by nobody"
            return Cell("\(text), term \(group.term)", .bad)
        }
        guard holder == report.node else { return Cell("held by \(holder), term \(group.term)") }
        let lease = group.leaseMSLeft.map { ", lease \($0) ms" } ?? ""
        return Cell("held by \(holder) (this node), term \(group.term)\(lease)")
    }

    var findings: [String] {
        report.problems.flatMap { wrapped("! ", $0, .bad) } + report.notes.flatMap { wrapped("- ", $0, .warning) }
    }

    /// Whole text, broken at spaces: a problem isn't cut.
    private func wrapped(_ mark: String, _ text: String, _ style: Cell.Style) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in Cell(text).text.split(separator: " ") {
            if !line.isEmpty && mark.utf8.count + line.utf8.count + 1 + word.utf8.count > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        lines.append(line)
        let indent = String(repeating: " ", count: mark.utf8.count)
        return lines.enumerated().map { index, line in
            (index == 0 ? Cell(mark, style).fitted(mark.utf8.count, padded: true, color: color) : indent)
                + Cell(line, style).fitted(width - mark.utf8.count, padded: false, color: color)
        }
    }

    // MARK: - the election

    var groups: [String] {
        var table = TextTable([
            .init("GROUP"), .init("HERE"), .init("MODE", dispensable: 3), .init("PRIORITY", dispensable: 2),
            .init("FENCE", dispensable: 4), .init("PROMISES OF", dispensable: 1), .init("ADDRESSES"),
        ])
        for group in report.groups {
            let addresses = group.virtualAddresses.map { $0.address + ($0.held ? " on \(group.interface)" : "") }
            table.rows.append([
                Cell(group.name, .strong), role(group), Cell(group.mode.rawValue), Cell(String(group.priority)),
                Cell(group.fence.rawValue, group.fence == .lifetime ? .warning : .plain),
                Cell(group.certificate.isEmpty ? "-" : group.certificate.joined(separator: " ")),
                Cell(addresses.joined(separator: ", ")),
            ])
        }
        return table.lines(width: width, color: color)
    }

    /// `router37 changed 3 h ago: took over from ethyl`
    var changes: [String] {
        report.groups.flatMap { group -> [String] in
            guard let change = group.lastChange else { return [] }
            let when = group.lastChangeMSAgo.map { " \(Words.duration($0)) ago" } ?? ""
            return wrapped("", "\(group.name) changed\(when): \(change)", .faint)
        }
    }

    private func role(_ group: GroupStatus) -> Cell {
        switch group.role {
        case .holder: Cell("holder", .good)
        case .fault: Cell("fault", .bad)
        case .standby: Cell(group.eligible ? "standby" : "standby, ineligible", group.eligible ? .plain : .warning)
        case .witness, .observer: Cell(group.role.rawValue)
        }
    }

    var checks: [String] {
        var table = TextTable([
            .init("CHECK"), .init("STATE"), .init("SINCE", dispensable: 2), .init("WEIGHT", dispensable: 1),
            .init("LAST RESULT"),
        ])
        for group in report.groups {
            for check in group.checks {
                let state =
                    switch check.passing {
                    case true?: Cell("passing", .good)
                    case false?: Cell("failing", .bad)
                    case nil: Cell("no result yet", .warning)
                    }
                table.rows.append([
                    Cell("\(group.name)/\(check.name)"), state, Cell(check.sinceMS.map(Words.duration) ?? "-"),
                    Cell(check.weight == 0 ? "must pass" : "+\(check.weight)"), Cell(check.detail),
                ])
            }
        }
        return table.lines(width: width, color: color)
    }

    var nodes: [String] {
        var table = TextTable([
            .init("NODE"), .init("ADDRESS", dispensable: 1), .init("HEARD"), .init("HEARS US", dispensable: 2),
            .init("CAN HOLD"), .init("CONFIG"),
        ])
        for peer in report.nodes {
            let isSelf = peer.name == report.node
            let hears: Cell =
                switch peer.hearsUs {
                case true?: Cell("yes")
                case false?: Cell("no", .bad)
                case nil: Cell("-")
                }
            let config: Cell =
                switch peer.configHash {
                case report.configHash?: Cell("same")
                case nil: Cell("-")
                case let hash?: Cell("differs: \(hash.prefix(8))", .bad)
                }
            table.rows.append([
                Cell(peer.name, .strong), Cell(peer.address), heard(peer, isSelf), hears, canHold(peer), config,
            ])
        }
        return table.lines(width: width, color: color)
    }

    private func heard(_ peer: NodeStatus, _ isSelf: Bool) -> Cell {
        if isSelf { return Cell("this node") }
        guard let heard = peer.heardMSAgo else { return Cell("never", .bad) }
        return heard <= report.silentAfterMS
            ? Cell("\(heard) ms ago", .good) : Cell("silent for \(Words.duration(heard))", .bad)
    }

    private func canHold(_ peer: NodeStatus) -> Cell {
        if peer.witness { return Cell("witness") }
        // What a silent node said last is no answer.
        guard peer.name == report.node || (peer.heardMSAgo ?? .max) <= report.silentAfterMS else { return Cell("-") }
        switch peer.eligible {
        case true?: return Cell("yes", .good)
        case false?: return Cell("no", .bad)
        case nil: return Cell("-")
        }
    }

    // MARK: - the proxy

    private var hasLatencies: Bool { report.services.contains { $0.latency != nil } }

    var services: [String] {
        var table = TextTable(
            [
                .init("SERVICE"), .init("LISTENS"), .init("MODE", dispensable: 6), .init("TAKES"), .init("SESSIONS"),
                .init("TOTAL", dispensable: 1), .init("2XX", dispensable: 3), .init("3XX", dispensable: 5),
                .init("4XX", dispensable: 4), .init("5XX", dispensable: 2),
            ] + (hasLatencies ? [.init("P50", dispensable: 8), .init("P99", dispensable: 7)] : []))
        for service in report.services {
            let takes =
                service.active
                ? Cell("yes", .good)
                : Cell("no", report.groups.contains { $0.name == service.group && $0.role == .holder } ? .bad : .plain)
            let counts = service.responses
            let classes = [counts.success, counts.redirection, counts.clientError, counts.serverError]
            table.rows.append(
                [
                    Cell(service.name, .strong), Cell(service.listen.joined(separator: ", ")),
                    Cell(service.mode.rawValue), takes, Cell(String(service.sessions)),
                    Cell(Words.count(service.sessionsTotal)),
                ]
                    + classes.map {
                        Cell(service.mode == .http ? Words.count($0) : "-")
                    }
                    + (hasLatencies
                        ? [service.latency?.p50, service.latency?.p99].map { Cell(Words.latency($0)) } : []))
        }
        return table.lines(width: width, color: color)
    }

    var servers: [String] {
        var table = TextTable([
            .init("SERVER"), .init("ADDRESS", dispensable: 1), .init("STATE"), .init("SESSIONS", dispensable: 2),
            .init("TOTAL", dispensable: 3), .init("ERRORS", dispensable: 4), .init("LAST CHECK"),
        ])
        for service in report.services {
            for server in service.servers {
                let style: Cell.Style =
                    switch server.state {
                    case .up: .good
                    case .down: .bad
                    case .drain, .maintenance: .warning
                    case .unchecked: .plain
                    }
                table.rows.append([
                    Cell("\(service.name)/\(server.name)"), Cell(server.address), Cell(server.state.rawValue, style),
                    Cell(String(server.sessions)), Cell(Words.count(server.sessionsTotal)),
                    Cell(Words.count(server.connectErrors)), Cell(server.detail),
                ])
            }
        }
        return table.lines(width: width, color: color)
    }

    // MARK: - the daemon

    var footer: [String] {
        var lines = [
            "electd \(report.version) on \(report.node), cluster \(report.cluster), up \(Words.duration(report.uptimeMS))"
        ]
        if let journal = report.journal {
            lines.append(
                "journal \(Words.count(journal.records)) records, \(Words.bytes(journal.size)), head \(journal.head.prefix(16))"
            )
        }
        let datagrams = report.datagrams
        let drops = datagrams.dropped.filter { $0.count > 0 }.map { "\($0.reason) \(Words.count($0.count))" }
        lines.append(
            "datagrams \(Words.count(datagrams.sent)) sent, \(Words.count(datagrams.accepted)) accepted, "
                + (drops.isEmpty ? "none dropped" : "dropped: " + drops.joined(separator: ", ")))
        return lines.map { Cell($0, .faint).fitted(width, padded: false, color: color) }
    }
}
