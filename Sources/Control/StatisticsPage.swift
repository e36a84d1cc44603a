/// A ``StatusReport`` as one page of HTML that needs nothing else: no script, no image, no font from elsewhere.
///
/// In the order of ``StatusTable``: whether all is well, what is wrong, who holds what, the nodes, the proxy.
package enum StatisticsPage {
    /// - Parameter refreshing: whether browsers load it again every five seconds.
    package static func render(_ report: StatusReport, refreshing: Bool) -> String {
        let page = Page(report: report)
        let refresh: Markup = refreshing ? "<meta http-equiv=\"refresh\" content=\"5\">" : ""
        let isWell = report.problems.isEmpty
        let markup: Markup = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">\(refresh)
            <title>\(page.verdict): \(report.cluster), seen from \(report.node)</title>
            \(isWell ? StatisticsStyle.goodIcon : StatisticsStyle.badIcon)<style>\(StatisticsStyle.sheet)</style></head>
            <body><header class="\(isWell ? "good" : "bad")"><h1>\(page.verdict)</h1>
            <p>cluster <b>\(report.cluster)</b>, seen from <b>\(report.node)</b></p></header>
            <main>\(page.findings)\(page.groups)\(page.nodes)\(page.services)</main>
            \(page.footer)</body></html>

            """
        return markup.text
    }
}

private struct Page {
    let report: StatusReport

    enum Tone: String { case plain, good, bad, warning, faint }

    var verdict: String {
        switch report.problems.count {
        case 0: "All well"
        case 1: "1 problem"
        default: "\(report.problems.count) problems"
        }
    }

    var findings: Markup {
        if report.problems.isEmpty && report.notes.isEmpty { return "" }
        let problems = report.problems.map { "<li class=\"bad\">\($0)</li>" as Markup }
        let notes = report.notes.map { "<li class=\"warning\">\($0)</li>" as Markup }
        return "<ul class=\"findings\">\(problems)\(notes)</ul>\n"
    }

    // MARK: - the election

    var groups: Markup {
        if report.groups.isEmpty { return "" }
        return "<h2>Groups</h2>\n\(report.groups.map(group))"
    }

    private func group(_ group: GroupStatus) -> Markup {
        let addresses = group.virtualAddresses.map { address in
            "<div>\(address.address) \(address.held ? tag("on \(group.interface) here", .good) : "")</div>" as Markup
        }
        let change = group.lastChange.map { change in
            "\(change)\(group.lastChangeMSAgo.map { ", \(Words.duration($0)) ago" } ?? "")"
        }
        let facts = [
            fact("Holder", holder(group)), fact("Addresses", "\(addresses)"), fact("Term", "\(group.term)"),
            fact("Promises of", group.certificate.isEmpty ? "–" : "\(group.certificate.joined(separator: ", "))"),
            fact("Priority here", "\(String(group.priority))"), fact("Mode", "\(group.mode.rawValue)"),
            fact("Fence", "\(group.fence.rawValue)"), fact("Last change", "\(change ?? "none")"),
        ]
        return """
            <article><h3>\(group.name) \(role(group))</h3><dl>\(facts)</dl>\(checks(group))</article>

            """
    }

    private func holder(_ group: GroupStatus) -> Markup {
        guard let holder = group.holder else {
            return tag(report.isCutOff ? "unknown: this node hears nobody" : "nobody", .bad)
        }
        guard holder == report.node else { return "<b>\(holder)</b>" }
        return "<b>\(holder)</b>, this node\(group.leaseMSLeft.map { ", lease \($0) ms" } ?? "")"
    }

    private func role(_ group: GroupStatus) -> Markup {
        switch group.role {
        case .holder: tag("holder", .good)
        case .fault: tag("fault", .bad)
        case .standby: tag(group.eligible ? "standby" : "standby, ineligible", group.eligible ? .plain : .warning)
        case .witness, .observer: tag(group.role.rawValue, .plain)
        }
    }

    private func checks(_ group: GroupStatus) -> Markup {
        table(
            ["Check", "State", "Since", "Weight", "Last result"],
            group.checks.map { check in
                let state =
                    switch check.passing {
                    case true?: tag("passing", .good)
                    case false?: tag("failing", .bad)
                    case nil: tag("no result yet", .warning)
                    }
                return [
                    "\(check.name)", state, "\(check.sinceMS.map(Words.duration) ?? "–")",
                    "\(check.weight == 0 ? "must pass" : "+\(check.weight)")", detail(check.detail),
                ]
            })
    }

    var nodes: Markup {
        let rows = report.nodes.map { peer -> [Markup] in
            let hears =
                switch peer.hearsUs {
                case true?: "yes" as Markup
                case false?: tag("no", .bad)
                case nil: "–" as Markup
                }
            let config =
                switch peer.configHash {
                case report.configHash?: "same" as Markup
                case nil: "–" as Markup
                case let hash?: tag("differs: \(hash.prefix(8))", .bad)
                }
            return ["\(peer.name)", "\(peer.address)", heard(peer), hears, canHold(peer), config]
        }
        return """
            <h2>Nodes</h2>
            <article>\(table(["Node", "Address", "Heard", "Hears us", "Can hold", "Configuration"], rows))</article>

            """
    }

    private func heard(_ peer: NodeStatus) -> Markup {
        if peer.name == report.node { return tag("this node", .plain) }
        guard let heard = peer.heardMSAgo else { return tag("never", .bad) }
        return heard <= report.silentAfterMS
            ? "\(String(heard)) ms ago" : tag("silent for \(Words.duration(heard))", .bad)
    }

    private func canHold(_ peer: NodeStatus) -> Markup {
        if peer.witness { return tag("witness", .plain) }
        // What a silent node said last is no answer.
        guard peer.name == report.node || (peer.heardMSAgo ?? .max) <= report.silentAfterMS else { return "–" }
        switch peer.eligible {
        case true?: return "yes"
        case false?: return tag("no", .bad)
        case nil: return "–"
        }
    }

    // MARK: - the proxy

    var services: Markup {
        if report.services.isEmpty { return "" }
        return "<h2>Services</h2>\n\(report.services.map(service))"
    }

    private func service(_ service: ServiceStatus) -> Markup {
        let isHeld = report.groups.contains { $0.name == service.group && $0.role == .holder }
        let takes =
            service.active
            ? tag("takes connections", .good) : tag("takes no connections", isHeld ? .bad : .plain)
        let counts = service.responses
        var facts = [
            fact("Listens on", "\(service.listen.joined(separator: ", "))"),
            fact("Mode", "\(service.mode.rawValue), group \(service.group)"),
            fact("Sessions", "\(String(service.sessions)) now, \(Words.count(service.sessionsTotal)) in all"),
            fact("Traffic", "\(Words.bytes(service.bytesIn)) in, \(Words.bytes(service.bytesOut)) out"),
            fact("Refused", "\(Words.count(service.requestsDenied)) requests"),
        ]
        if let latency = service.latency {
            let quantiles = [("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99)].map {
                "\($0.0) \(Words.latency($0.1))"
            }
            facts.append(fact("Took", "\(quantiles.joined(separator: ", "))"))
        }
        if service.mode == .http {
            let classes = [
                ("1xx", counts.informational), ("2xx", counts.success), ("3xx", counts.redirection),
                ("4xx", counts.clientError), ("5xx", counts.serverError), ("other", counts.other),
            ].filter { $0.1 > 0 }.map { "<span>\($0.0) <b>\(Words.count($0.1))</b></span>" as Markup }
            facts.append(fact("Answers", classes.isEmpty ? "none yet" : "<div class=\"answers\">\(classes)</div>"))
        }
        return """
            <article><h3>\(service.name) \(takes)</h3><dl>\(facts)</dl>\(servers(service))</article>

            """
    }

    private func servers(_ service: ServiceStatus) -> Markup {
        table(
            ["Server", "Address", "State", "Sessions", "Total", "2xx", "5xx", "Errors", "Tried again", "Last check"],
            service.servers.map { server in
                let tone: Tone =
                    switch server.state {
                    case .up: .good
                    case .down: .bad
                    case .drain, .maintenance: .warning
                    case .unchecked: .plain
                    }
                let (connects, answers) = (Words.count(server.connectErrors), Words.count(server.responseErrors))
                let isHTTP = service.mode == .http
                return [
                    "\(server.name)", "\(server.address)", tag(server.state.rawValue, tone),
                    "\(String(server.sessions))", "\(Words.count(server.sessionsTotal))",
                    "\(isHTTP ? Words.count(server.responses.success) : "–")",
                    "\(isHTTP ? Words.count(server.responses.serverError) : "–")",
                    "\(connects) connect, \(answers) answer", "\(Words.count(server.retries &+ server.redispatches))",
                    detail(server.detail),
                ]
            })
    }

    // MARK: - the daemon

    var footer: Markup {
        var lines: [Markup] = [
            "<p>electd \(report.version) on \(report.node), up \(Words.duration(report.uptimeMS)), configuration \(String(report.configHash.prefix(16)))</p>"
        ]
        if let journal = report.journal {
            lines.append(
                "<p>journal: \(Words.count(journal.records)) records, \(Words.bytes(journal.size)), head \(String(journal.head.prefix(16)))</p>"
            )
        }
        let datagrams = report.datagrams
        let drops = datagrams.dropped.filter { $0.count > 0 }.map { "\($0.reason) \(Words.count($0.count))" }
        let dropped = drops.isEmpty ? "none dropped" : "dropped: " + drops.joined(separator: ", ")
        lines.append(
            "<p>datagrams: \(Words.count(datagrams.sent)) sent, \(Words.count(datagrams.accepted)) accepted, \(dropped)</p>"
        )
        return "<footer>\(lines)<p>the same as <a href=\"?json\">JSON</a>, <a href=\"?csv\">CSV</a></p></footer>\n"
    }

    // MARK: - pieces

    private func tag(_ text: String, _ tone: Tone) -> Markup { "<span class=\"tag \(tone.rawValue)\">\(text)</span>" }

    private func detail(_ text: String) -> Markup { "<span class=\"detail\">\(text.isEmpty ? "–" : text)</span>" }

    private func fact(_ name: String, _ value: Markup) -> Markup { "<div><dt>\(name)</dt><dd>\(value)</dd></div>" }

    /// On narrow screens each row becomes a block, in which each value has its column's name beside it.
    private func table(_ columns: [String], _ rows: [[Markup]]) -> Markup {
        if rows.isEmpty { return "" }
        let heads = columns.map { "<th scope=\"col\">\($0)</th>" as Markup }
        let lines = rows.map { row -> Markup in
            let cells = zip(columns, row).map { "<td data-name=\"\($0.0)\">\($0.1)</td>" as Markup }
            return "<tr>\(cells)</tr>"
        }
        return "<table><thead><tr>\(heads)</tr></thead><tbody>\(lines)</tbody></table>"
    }
}
