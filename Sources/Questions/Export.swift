import Election

/// `electd log export`: one JSON object a line, for a log collector. Specs/questions.md gives the fields.
package enum Export {
    package enum Format: String, CaseIterable, Sendable {
        /// This project's own names.
        case jsonl
        /// Elastic Common Schema 8.
        case ecs
        /// Open Cybersecurity Schema Framework 1.3, class Application Lifecycle (6002).
        case ocsf
    }

    /// Calls `line` for each event, in an order that no message contradicts.
    package static func write(_ timeline: Timeline, as format: Format, line: (String) -> Void) {
        for happening in timeline.happenings {
            line(object(happening, timeline.chronicle, format).encoded)
        }
    }

    private static func object(_ happening: Happening, _ chronicle: Chronicle, _ format: Format) -> JSONText {
        let event = Event(happening, chronicle)
        return switch format {
        case .jsonl: event.own
        case .ecs: event.ecs
        case .ocsf: event.ocsf
        }
    }

    /// One event with what every format needs of it.
    private struct Event {
        let record: String
        let node: String
        let kind: String
        let moment: Moment
        let text: String
        let group: String?
        let term: UInt64?
        let reason: String?
        let other: String?
        let isFailure: Bool

        init(_ happening: Happening, _ chronicle: Chronicle) {
            record = chronicle.name(happening.name)
            node = chronicle.name(happening.node)
            kind = chronicle.kind(happening.what)
            moment = chronicle.moment(happening)
            text = chronicle.text(happening.what)
            group = happening.group.map { chronicle.archive.group($0) }
            term = chronicle.term(happening.what)?.rawValue
            reason = chronicle.reason(happening.what).map { "\($0)" }
            other = chronicle.other(happening.what).map { chronicle.name($0) }
            isFailure = [
                "check_failed", "link_down", "data_plane_down", "disk_failed", "disk_slow", "gate_lost", "given_up",
                "unfit", "peer_lost", "stood_still", "peer_disagrees", "double_vote",
            ].contains(kind)
        }

        private var details: JSONText {
            .fields([
                "record": .text(record), "group": .optional(group), "term": term.map { .number($0) },
                "reason": .optional(reason), "other_node": .optional(other), "earliest_ns": .number(moment.earliest),
                "latest_ns": .number(moment.latest),
            ])
        }

        var own: JSONText {
            .object(
                JSONText.fields([
                    "schema": .number(1 as Int64), "time": .text(TimeText.text(moment.middle)), "node": .text(node),
                    "kind": .text(kind), "text": .text(text),
                ]).fields + details.fields)
        }

        var ecs: JSONText {
            .fields([
                "@timestamp": .text(TimeText.text(moment.middle)), "ecs.version": .text("8.11.0"),
                "event.kind": .text(isFailure ? "alert" : "event"), "event.category": .list([.text("network")]),
                "event.type": .list([.text(isFailure ? "error" : "change")]), "event.action": .text(kind),
                "event.module": .text("electd"), "event.id": .text(record), "event.reason": .optional(reason),
                "event.outcome": .text(isFailure ? "failure" : "success"), "host.name": .text(node),
                "service.name": .optional(group), "service.type": .text("electd"), "message": .text(text),
                "labels": details,
            ])
        }

        var ocsf: JSONText {
            let activity: (id: Int, name: String) =
                switch kind {
                case "daemon_started": (3, "Start")
                case "daemon_left", "journal_ended": (4, "Stop")
                default: (99, kind)
                }
            return .fields([
                "category_uid": .number(6), "category_name": .text("Application Activity"),
                "class_uid": .number(6002), "class_name": .text("Application Lifecycle"),
                "activity_id": .number(activity.id), "activity_name": .text(activity.name),
                "type_uid": .number(600_200 + activity.id), "time": .number(moment.middle / 1_000_000),
                "severity_id": .number(isFailure ? 3 : 1), "severity": .text(isFailure ? "Medium" : "Informational"),
                "status_id": .number(isFailure ? 2 : 1), "message": .text(text),
                "app": .fields(["name": .text("electd"), "vendor_name": .text("electd")]),
                "device": .fields(["hostname": .text(node), "type_id": .number(1)]),
                "metadata": .fields([
                    "version": .text("1.3.0"), "uid": .text(record),
                    "product": .fields(["name": .text("electd"), "vendor_name": .text("electd")]),
                ]), "unmapped": details,
            ])
        }
    }
}
