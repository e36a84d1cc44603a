import Election
import Foundation
import Questions
import Sodium
import Testing

@Suite struct TimelineTests {
    private func chronicle(_ cluster: Cluster) throws -> Chronicle {
        try cluster.commit()
        return try Chronicle.read(try JournalArchive.open(cluster.journals))
    }

    private func list(_ value: JSONText?) -> [JSONText] { if case .list(let list)? = value { list } else { [] } }
    private func text(_ value: JSONText?) -> String { if case .text(let text)? = value { text } else { "" } }
    private func number(_ value: JSONText?) -> Int64 { if case .number(let number)? = value { number } else { -1 } }

    /// Boot clocks that differ by minutes and wall clocks that lie don't matter: messages lay them over each other.
    @Test func clocksAreLaidOverEachOtherByMessages() throws {
        var settings = Cluster.Settings()
        settings.offsets = [0, 3_600_000_000_000, 12_345_678_901]
        let cluster = try Cluster(settings)
        cluster.run(4000)
        let timeline = Timeline(try chronicle(cluster)).answer
        for event in list(timeline.json["events"]).dropFirst(15) {
            let width = number(event["at"]?["latest_ns"]) - number(event["at"]?["earliest_ns"])
            #expect(width >= 0 && width < 2_000_000, "\(event.encoded)")
        }
        // All nodes started at one moment; the bounds must hold it.
        let starts = list(timeline.json["events"]).filter { text($0["kind"]) == "taken" }
        let at = try #require(starts.first)
        #expect(number(at["at"]?["earliest_ns"]) <= number(at["at"]?["latest_ns"]))
    }

    @Test func nothingIsOrderedThatTheEvidenceDoesNotOrder() throws {
        let cluster = try Cluster()
        cluster.run(3000)
        for name in ["ethyl", "fred", "lucy"] { cluster.isolate(name) }
        cluster.run(50)
        // Within a millisecond of each other, without any message between: no order.
        cluster.give(.maintenance(true), to: "lucy")
        cluster.give(.maintenance(true), to: "ethyl")
        cluster.run(1500)
        cluster.heal()
        cluster.run(1000)
        let events = list(Timeline(try chronicle(cluster)).answer.json["events"])
        let two = events.filter { text($0["kind"]) == "maintenance_on" }
        #expect(two.count == 2)
        for (one, other) in [(two[0], two[1]), (two[1], two[0])] {
            let before = list(one["after"]).map { text($0) }
            #expect(!before.contains(text(other["record"])))
        }
        // What was received comes after what was sent: a vote after its request.
        let vote = try #require(events.first { text($0["kind"]) == "vote" && text($0["node"]) == "lucy" })
        #expect(list(vote["after"]).contains { text($0).hasPrefix("fred:") })
    }

    @Test func thePageIsWholeAndHarmless() throws {
        var settings = Cluster.Settings()
        settings.groupName = "<script>alert(1)</script>"
        settings.names = ["ethyl", "fred", "lu\"><img src=x onerror=alert(2)>"]
        let cluster = try Cluster(settings)
        cluster.run(3000)
        cluster.isolate("fred")
        cluster.run(2500)
        let page = try TimelinePage(try chronicle(cluster)).html
        #expect(!page.contains("<script>alert") && !page.contains("<img"))
        #expect(page.components(separatedBy: "<script").count == 3)
        for word in ["http://", "https://", "src=", "url(", "style="] {
            #expect(!page.replacingOccurrences(of: "src=x onerror", with: "").contains(word), "\(word)")
        }
        #expect(page.contains("default-src 'none'") && page.contains("<svg") && page.contains("class=\"hold hold0\""))
        #expect(page.contains("elected by a majority") && page.utf8.count < 3_000_000)
    }

    @Test func thePageStaysBounded() throws {
        let cluster = try Cluster()
        cluster.run(2000)
        for turn in 0..<3000 {
            cluster.give(.check(0, passing: turn % 2 == 0), to: "lucy")
            cluster.run(3)
        }
        let page = try TimelinePage(try chronicle(cluster)).html
        #expect(page.utf8.count < 4_000_000, "\(page.utf8.count) bytes")
    }

    @Test func exportsAreOneObjectALine() throws {
        let cluster = try Cluster()
        cluster.run(3000)
        let timeline = Timeline(try chronicle(cluster))
        for format in Export.Format.allCases {
            var lines: [String] = []
            Export.write(timeline, as: format) { lines.append($0) }
            #expect(lines.count > 10)
            for line in lines {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                let key = ["jsonl": "kind", "ecs": "event.action", "ocsf": "activity_name"][format.rawValue] ?? ""
                #expect(object?[key] is String)
            }
        }
    }

    @Test func aLongerLeaseWouldHavePreventedTheMove() throws {
        let cluster = try Cluster()
        cluster.run(3000)
        cluster.isolate("fred")
        cluster.run(700)
        cluster.heal()
        cluster.run(6000)
        let chronicle = try chronicle(cluster)
        let answer = try WhatIf(chronicle, settings: ["group.lease=2s"]).answer(chronicle.groups, in: .init())
        let moves = list(answer.json["moves"])
        let given = try #require(moves.first { text($0["move"]) == "given_up" })
        #expect(text(given["verdict"]) == "not", "\(answer.lines)")
        // The first election would only have come later: boot silence is as long as the lease.
        let first = try #require(moves.first)
        #expect(text(first["verdict"]) == "later" && number(first["later_ms"]) > 1000, "\(answer.lines)")
        let same = try WhatIf(chronicle, settings: ["lease=500ms"]).answer(chronicle.groups, in: .init())
        #expect(list(same.json["moves"]).allSatisfy { text($0["verdict"]) == "same" }, "\(same.lines)")
        #expect(throws: QuestionError.self) { try WhatIf(chronicle, settings: ["colour=red"]) }
        #expect(throws: QuestionError.self) { try WhatIf(chronicle, settings: ["lease=50ms"]) }
        #expect(throws: QuestionError.self) { try WhatIf(chronicle, settings: ["nosuch.lease=1s"]) }
    }

    @Test func journalsOfAnotherKeyAreRefused() throws {
        let cluster = try Cluster()
        cluster.run(500)
        try cluster.commit()
        let stranger = SigningKey.generate().publicKey
        #expect(throws: QuestionError.self) { try JournalArchive.open(cluster.journals, keys: ["fred": stranger]) }
    }

    @Test func jsonCantLeaveAScriptElement() {
        let text = JSONText.text("</script>\u{2028}\u{202E}\"\\\u{1}&<!--").encoded
        #expect(!text.contains("<") && !text.contains("&") && !text.unicodeScalars.contains { $0.value == 0x2028 })
        #expect(text.hasPrefix("\"\\u003c/script\\u003e"))
    }
}
