import Election
import Questions
import Testing

@Suite struct HoldingTests {
    private func chronicle(_ cluster: Cluster, _ names: [String]) throws -> Chronicle {
        try cluster.commit()
        return try Chronicle.read(try JournalArchive.open(names.map { cluster.path($0) }))
    }

    private func word(_ answer: Answer) -> String {
        if case .text(let word)? = answer.json["answer"] { word } else { "" }
    }

    /// A move from fred to ethyl, with nobody holding in between.
    private func moved() throws -> (cluster: Cluster, cutAt: UInt64) {
        let cluster = try Cluster()
        cluster.run(3000)
        let cutAt = cluster.now
        cluster.isolate("fred")
        cluster.run(3000)
        #expect(cluster.holder == "ethyl")
        return (cluster, cutAt)
    }

    /// A wall clock time of the cluster, `@` with nanoseconds.
    private func at(_ nanoseconds: UInt64) throws -> TimeText.Asked {
        let time = Cluster.start + nanoseconds
        let fraction = String(time % 1_000_000_000)
        return try #require(
            TimeText.parse(
                "@\(time / 1_000_000_000)." + String(repeating: "0", count: 9 - fraction.count) + fraction))
    }

    @Test func sureBeforeAndAfterAndNobodyBetween() throws {
        let (cluster, cutAt) = try moved()
        let chronicle = try chronicle(cluster, ["ethyl", "fred", "lucy"])
        let group = try chronicle.group(named: "192.0.2.200")
        let before = try chronicle.whoHeld(group, at: try at(cutAt - 100_000_000))
        #expect(word(before) == "held" && before.lines[0].contains("fred, certainly"), "\(before.lines)")
        let after = try chronicle.whoHeld(group, at: try at(cutAt + 2_000_000_000))
        #expect(word(after) == "held" && after.lines[0].contains("ethyl, certainly"), "\(after.lines)")
        // Between the end of fred's lease and ethyl's taking.
        let words = try (0..<800).map { word(try chronicle.whoHeld(group, at: try at(cutAt + UInt64($0) * 1_000_000))) }
        #expect(words.contains("nobody"), "\(Set(words))")
        #expect(!words.contains("several"))
        let early = try chronicle.whoHeld(group, at: try at(1_000_000))
        #expect(word(early) == "nobody", "\(early.lines)")
    }

    /// Of a time before the first record nobody says anything, in whatever form it is asked for.
    @Test func beforeAndBeyondTheEvidenceNothingIsClaimed() throws {
        let (cluster, _) = try moved()
        let chronicle = try chronicle(cluster, ["ethyl", "fred", "lucy"])
        let group = try chronicle.group(named: "router37")
        for text in ["2000-01-01T00:00:00Z", "@1", "-30h"] {
            let answer = try chronicle.whoHeld(group, at: try #require(TimeText.parse(text)))
            #expect(word(answer) == "unknown" && answer.lines.contains { $0.contains("begin at") }, "\(answer.lines)")
        }
        #expect(
            word(try chronicle.whoHeld(group, at: try #require(TimeText.parse("2100-01-01T00:00:00Z")))) != "nobody")
        for text in [
            "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "@99999999999", "-99999999h", "13:05", "", "-", "@",
        ] {
            #expect(TimeText.parse(text) == nil, "\(text)")
        }
    }

    @Test func everyQuestionIsFilteredByNode() throws {
        let (cluster, cutAt) = try moved()
        let chronicle = try chronicle(cluster, ["ethyl", "fred", "lucy"])
        let group = try chronicle.group(named: "router37")
        let (ethyl, fred, lucy) = (
            try chronicle.place(of: "ethyl"), try chronicle.place(of: "fred"), try chronicle.place(of: "lucy")
        )
        let time = try at(cutAt - 100_000_000)
        #expect(word(try chronicle.whoHeld(group, at: time, node: fred)) == "held")
        #expect(word(try chronicle.whoHeld(group, at: time, node: ethyl)) == "nobody")
        #expect(chronicle.flaps([group], node: ethyl, byCause: true).lines[0].contains("taken 1 times by ethyl"))
        #expect(chronicle.gaps([group], node: lucy).lines == ["no gap between one holder and the next"])
        #expect(chronicle.gaps([group], node: fred).lines[0].contains("after fred"))
        let why = try Why(chronicle).explain(.last(group, node: fred))
        #expect(why.lines[0].contains("fred gave up"), "\(why.lines)")
        let moves = try WhatIf(chronicle, settings: ["lease=600ms"]).answer([group], node: ethyl, in: .init())
        #expect(moves.lines.filter { $0.contains("ethyl took") }.count == 1 && !moves.lines[0].contains("fred"))
    }

    @Test func oneJournalAnswersAsFarAsItKnows() throws {
        let (cluster, cutAt) = try moved()
        let lucy = try chronicle(cluster, ["lucy"])
        let group = try lucy.group(named: "router37")
        #expect(word(try lucy.whoHeld(group, at: try at(cutAt - 500_000_000))) == "said")
        #expect(word(try lucy.whoHeld(group, at: try at(cutAt + 300_000_000))) == "unknown")
        // Beyond the end nothing is known, and that is what it says.
        let late = try lucy.whoHeld(group, at: try at(cutAt + 3_600_000_000_000))
        #expect(word(late) == "unknown" && late.lines.contains { $0.contains("isn't here") })
    }

    @Test func aJournalThatBreaksOffLeavesTheLastLeaseOpen() throws {
        let cluster = try Cluster()
        cluster.run(3000)
        try cluster.kill("fred")
        let killedAt = cluster.now
        cluster.run(3000)
        let alone = try chronicle(cluster, ["fred"])
        let group = try alone.group(named: "router37")
        #expect(word(try alone.whoHeld(group, at: try at(killedAt + 300_000_000))) == "possible")
        let all = try chronicle(cluster, ["ethyl", "fred", "lucy"])
        // Ethyl's taking excludes that fred still held it then.
        #expect(word(try all.whoHeld(group, at: try at(killedAt + 2_500_000_000))) == "held")
        #expect(word(try all.whoHeld(group, at: try at(killedAt + 300_000_000))) == "possible")
    }

    @Test func gapsOverlapsAndFlaps() throws {
        let (cluster, _) = try moved()
        let chronicle = try chronicle(cluster, ["ethyl", "fred", "lucy"])
        #expect(chronicle.overlaps(chronicle.groups).isGood)
        let gaps = chronicle.gaps(chronicle.groups)
        guard case .list(let found)? = gaps.json["gaps"], let gap = found.first,
            case .number(let most)? = gap["at_most_ms"], case .number(let least)? = gap["at_least_ms"]
        else {
            Issue.record("\(gaps.lines)")
            return
        }
        #expect(least <= most && most < 1500 && most > 0, "\(gaps.lines)")
        let flaps = chronicle.flaps(chronicle.groups, byCause: true)
        #expect(flaps.lines.contains { $0.contains("1  no majority answered within the lease") }, "\(flaps.lines)")
    }

    @Test func aPairInAPartitionOverlapsAndTheRestDoesNot() throws {
        var settings = Cluster.Settings()
        settings.names = ["ethyl", "fred"]
        settings.priorities = [100, 101]
        settings.mode = .pair
        settings.offsets = [0, 9_000_000_000]
        let cluster = try Cluster(settings)
        cluster.run(3000)
        cluster.isolate("fred")
        cluster.run(2000)
        cluster.heal()
        cluster.run(2000)
        let chronicle = try chronicle(cluster, ["ethyl", "fred"])
        let overlaps = chronicle.overlaps(chronicle.groups)
        #expect(!overlaps.isGood && overlaps.lines[0].contains("both held it"), "\(overlaps.lines)")
        let answer = try Why(chronicle).explain(.last(nil, node: nil))
        #expect(answer.lines[0].contains("the other node holds too"), "\(answer.lines)")
        #expect(answer.lines.contains { $0.hasPrefix("cause: double_holder") })
    }

    @Test(arguments: [
        "2026-01-31T13:05:07.250Z", "2026-01-31t14:05:07.25+01:00", "2026-01-31 13:05:07.250000Z", "@1769864707.25",
    ])
    func timesAreRead(_ text: String) {
        #expect(TimeText.parse(text) == .wall(1_769_864_707_250_000_000))
    }

    @Test(arguments: [
        "", "2026-01-31", "2026-13-31T13:05:07Z", "2026-01-31T13:05:07", "@", "@1.", "@-1", "-", "-5", "5s", "+1.5x",
        "@99999999999999999999", "2026-01-31T13:05:07.Z", "2026-01-31T13:05:07+0100", "é026-01-31T13:05:07Z",
    ])
    func whatIsNoTimeIsRefused(_ text: String) {
        #expect(TimeText.parse(text) == nil)
    }

    @Test func spansAreRead() {
        #expect(TimeText.parse("-1.5s") == .beforeEnd(1_500_000_000))
        #expect(TimeText.parse("+250ms") == .afterStart(250_000_000))
        #expect(TimeText.text(1_769_864_707_250_000_000) == "2026-01-31T13:05:07.250Z")
    }
}
