import Health
import Testing

/// Rise and fall as keepalived and HAProxy mean them. A row of results, `+` and `-`, gives a row of verdicts:
/// `P` and `F`, upper case where it is news.
struct VerdictTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let rise: Int
        let fall: Int
        let initially: CheckPlan.Assumption
        let results: String
        let verdicts: String

        var testDescription: String { "rise \(rise) fall \(fall) \(initially) \(results)" }
    }

    static let cases = [
        Case(rise: 1, fall: 1, initially: .undecided, results: "+-+-", verdicts: "PFPF"),
        // The first result decides, either way; after it the row counts.
        Case(rise: 3, fall: 2, initially: .undecided, results: "+--+++", verdicts: "PpFffP"),
        Case(rise: 3, fall: 2, initially: .undecided, results: "-+++", verdicts: "FffP"),
        // An opposite result starts the row anew.
        Case(rise: 3, fall: 3, initially: .undecided, results: "-++-+++", verdicts: "FfffffP"),
        Case(rise: 3, fall: 3, initially: .undecided, results: "+--+---", verdicts: "PpppppF"),
        // Believed to work: one failure is enough, one success settles it.
        Case(rise: 3, fall: 3, initially: .passing, results: "-+++", verdicts: "FffP"),
        Case(rise: 3, fall: 3, initially: .passing, results: "+---", verdicts: "PppF"),
        // init_fail: as many successes as `rise` says.
        Case(rise: 2, fall: 2, initially: .failing, results: "++--", verdicts: "FPpF"),
        Case(rise: 2, fall: 2, initially: .failing, results: "+-++", verdicts: "FffP"),
        Case(rise: 1, fall: 5, initially: .failing, results: "+----+-----", verdicts: "PpppppppppF"),
    ]

    @Test(arguments: cases)
    func verdicts(_ example: Case) {
        var verdict = Verdict(rise: example.rise, fall: example.fall, initially: example.initially)
        var verdicts = ""
        for result in example.results {
            let news = verdict.record(success: result == "+")
            let letter = verdict.passing ? "p" : "f"
            verdicts += news ? letter.uppercased() : letter
        }
        #expect(verdicts == example.verdicts)
    }

    @Test(arguments: [true, false])
    func takenOverVerdictIsOnTrial(passing: Bool) {
        var earlier = Verdict(rise: 3, fall: 3, initially: .undecided)
        _ = earlier.record(success: passing)
        var later = Verdict(rise: 2, fall: 4, takingOver: earlier)
        #expect(later.passing == passing)
        let confirmed = later.record(success: passing)
        #expect(!confirmed)
        var changed = Verdict(rise: 2, fall: 4, takingOver: earlier)
        let news = changed.record(success: !passing)
        #expect(news && changed.passing == !passing)
    }
}

struct DetailTests {
    @Test func detailIsOnePrintableLine() {
        #expect(Detail.line("  disk\tfull\n\non /var \u{1B}[2J\u{7} ") == "disk full on /var [2J")
        #expect(Detail.line([0xFF, 0x41, 0x00, 0x42]) == "\u{FFFD}A B")
        #expect(Detail.line("gr\u{FC}n \u{202E}txt") == "gr\u{FC}n txt")
        #expect(Detail.line(String(repeating: "x", count: 5000)).count == Detail.limit)
    }
}
