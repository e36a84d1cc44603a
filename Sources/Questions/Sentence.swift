import Election

// What happened, in a line for people and a word for programs.
extension Chronicle {
    func text(_ what: Happening.What) -> String {
        switch what {
        case .started(let life, let hadMemory):
            "starts, life \(life.rawValue)\(hadMemory ? "" : ", with a new state directory")"
        case .left: "has given everything up and ends"
        case .ended(.torn): "journal ends in a torn record, as a crash leaves it"
        case .ended: "journal ends here"
        case .check(let name, let passing): "check \(name) \(passing ? "passes" : "fails")"
        case .link(let group, let up): "\(archive.group(group)): interface \(up ? "up" : "down")"
        case .dataPlane(let up): "proxy \(up ? "answers" : "doesn't answer")"
        case .maintenance(let on): "maintenance \(on ? "on" : "off")"
        case .ordered(let group, let to): "operator orders \(archive.group(group)) to \(name(to))"
        case .asked(let group, let to, let by): "\(name(by)) passes on: \(archive.group(group)) to \(name(to))"
        case .reconfigured: "takes another configuration"
        case .leaving: "is told to end"
        case .storageFailed: "disk refuses a write"
        case .diskSlow: "disk has owed a write for D"
        case .diskBack: "disk has written what it owed"
        case .gateLost(let group): "\(archive.group(group)): the gate had lapsed"
        case .canvassed(let group, let term): "\(archive.group(group)): asks who would vote, term \(term.rawValue)"
        case .stood(let group, let term): "\(archive.group(group)): asks for votes in term \(term.rawValue)"
        case .voted(let group, let term, let node):
            "\(archive.group(group)): votes for \(name(node)) in term \(term.rawValue)"
        case .took(let group, let term, let reason):
            "\(archive.group(group)): TAKES it in term \(term.rawValue), \(reason.text)"
        case .gaveUp(let group, let term, let reason):
            "\(archive.group(group)): GIVES IT UP in term \(term.rawValue), \(reason.text)"
        case .closed(let group, _): "\(archive.group(group)): gate closed and addresses gone"
        case .role(let group, let role, let reason):
            "\(archive.group(group)): \(role == .fault ? "can't hold it" : "ready"), \(reason.text)"
        case .lost(let node, _): "doesn't hear \(name(node)) any more"
        case .heardAgain(let node, let after):
            "hears \(name(node)) again after \(TimeText.length(Int64(clamping: after.nanoseconds)))"
        case .stoodStill(let span): "stood still for \(TimeText.length(Int64(clamping: span.nanoseconds)))"
        case .disagrees(let node): "\(name(node)) has other safety settings"
        case .agreesAgain(let node): "\(name(node)) has the same safety settings again"
        case .accused(let node, _, let term): "\(name(node)) voted twice in term \(term.rawValue)"
        }
    }

    /// Stable: exports and scripts rest on it.
    func kind(_ what: Happening.What) -> String {
        switch what {
        case .started: "daemon_started"
        case .left: "daemon_left"
        case .ended: "journal_ended"
        case .check(_, let passing): passing ? "check_passed" : "check_failed"
        case .link(_, let up): up ? "link_up" : "link_down"
        case .dataPlane(let up): up ? "data_plane_up" : "data_plane_down"
        case .maintenance(let on): on ? "maintenance_on" : "maintenance_off"
        case .ordered: "transfer_ordered"
        case .asked: "transfer_passed_on"
        case .reconfigured: "reconfigured"
        case .leaving: "daemon_leaving"
        case .storageFailed: "disk_failed"
        case .diskSlow: "disk_slow"
        case .diskBack: "disk_back"
        case .gateLost: "gate_lost"
        case .canvassed: "canvass"
        case .stood: "candidacy"
        case .voted: "vote"
        case .took: "taken"
        case .gaveUp: "given_up"
        case .closed: "closed"
        case .role(_, let role, _): role == .fault ? "unfit" : "fit"
        case .lost: "peer_lost"
        case .heardAgain: "peer_heard"
        case .stoodStill: "stood_still"
        case .disagrees: "peer_disagrees"
        case .agreesAgain: "peer_agrees"
        case .accused: "double_vote"
        }
    }

    func term(_ what: Happening.What) -> Term? {
        switch what {
        case .canvassed(_, let term), .stood(_, let term), .voted(_, let term, _), .took(_, let term, _),
            .gaveUp(_, let term, _), .closed(_, let term), .accused(_, _, let term):
            term
        default: nil
        }
    }

    func reason(_ what: Happening.What) -> Reason? {
        switch what {
        case .took(_, _, let reason), .gaveUp(_, _, let reason), .role(_, _, let reason): reason
        default: nil
        }
    }

    /// The other node that it is about.
    func other(_ what: Happening.What) -> Int? {
        switch what {
        case .ordered(_, let node), .asked(_, let node, _), .voted(_, _, let node), .lost(let node, _),
            .heardAgain(let node, _), .disagrees(let node), .agreesAgain(let node), .accused(let node, _, _):
            node
        default: nil
        }
    }
}
