import Configuration
import Testing

/// What concerns a file as a whole: several problems at once, what isn't text, bounds, the printed forms.
@Suite struct WholeFileTests {
    private func errors(_ text: String) -> ConfigurationErrors? {
        do throws(ConfigurationErrors) {
            _ = try ConfigurationFile.parse(text: text, file: "/etc/electd/electd.yaml")
            return nil
        } catch {
            return error
        }
    }

    @Test func allProblemsComeAtOnceSortedByPlace() {
        let text = """
            cluster: small
            secret_file: s
            identity_file: /i
            nodes:
              a: { address: "192.0.2.1", key: "ed25519:…" }
              a: { adress: "192.0.2.2:1", key: "\(Landlord.fredKey)" }
              b: { address: "192.0.2.2:1", key: "\(Landlord.fredKey)", witnes: true }
            groups:
              g: { mode: majority, priority: { c: 1 }, checks: [x] }
            services:
              s: { group: h }
            """
        let expected = [
            "2:14: `secret_file` must be an absolute path, not \"s\"; write it from the root, as in /etc/electd/…",
            "5:17: \"192.0.2.1\" has no port; write ADDRESS:PORT, as in \"192.0.2.201:3737\"",
            "5:35: \"ed25519:…\" isn't a public key: that is \"ed25519:\" and 44 characters of base64; "
                + "run `electd keygen --out FILE` on a and write what it prints",
            "6:3: \"a\" is given twice, first in line 5; keep one of them",
            "7:93: node \"b\" has no key \"witnes\"; did you mean `witness`?",
            "9:14: mode majority needs three voters, and there are two (a and b), so that no majority outlives the loss of a node; "
                + "add a third node with `witness: true`, or choose `mode: pair`, in which a partition may have two holders",
            "9:36: there is no node \"c\"; did you mean a?",
            "9:53: there is no check \"x\"; add it to `checks`",
            "11:6: service \"s\" has no `listen`; add `listen: \":80\"` for that port of the group's addresses",
            "11:6: service \"s\" has no `servers`; add `servers:` with at least one `NAME: { address: \"IP:PORT\" }`",
            "11:15: there is no group \"h\"; did you mean g?",
        ]
        let lines = errors(text)?.description.split(separator: "\n").map(String.init)
        #expect(lines == expected.map { "/etc/electd/electd.yaml:" + $0 })
    }

    @Test func aTerminalIsShownTheLineAndACaret() {
        let error = errors("cluster: my cluster\nsecret_file: /s\nidentity_file: /s2\nnodes: 1\ngroups: 1\n")
        let first = error?.illustrated.split(separator: "\n").prefix(3).joined(separator: "\n")
        #expect(
            first == """
                /etc/electd/electd.yaml:1:10: "my cluster" isn't a name; use 1 to 63 of the letters A-Z a-z 0-9 _ . -
                 1 | cluster: my cluster
                   |          ^
                """)
    }

    @Test func aLongLineIsCutAroundTheCaret() throws {
        let text = SourceText(String(repeating: "x", count: 500) + "!" + String(repeating: "y", count: 500))
        let excerpt = try #require(text.excerpt(at: Position(line: 1, column: 501)))
        let lines = excerpt.split(separator: "\n").map(Array.init)
        #expect(lines.allSatisfy { $0.count < 110 })
        let caret = try #require(lines[1].firstIndex(of: "^"))
        #expect(lines[0][caret] == "!")
    }

    @Test func aTwoNodeMajorityIsExplained() {
        let text = Landlord.text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.contains("lucy") }.joined(separator: "\n")
        let found = problems(of: text)
        #expect(found.count == 1)
        #expect(found.first?.position == Position(line: 21, column: 11))
        #expect(found.first?.mend.contains("add a third node with `witness: true`, or choose `mode: pair`") == true)
    }

    @Test(arguments: [
        ("", "the file is empty"), ("# nothing\n", "the file is empty"), ("- a\n", "must be a mapping, not a list"),
        ("hello", "must be a mapping, not \"hello\""), ("---\n", "must be a mapping, not empty"),
    ])
    func whatIsNoMappingIsRefused(text: String, what: String) {
        let found = problems(of: text)
        #expect(found.count == 1)
        #expect(found.first?.what.contains(what) == true, "\(found)")
    }

    @Test func invalidUTF8IsRefusedInItsPlace() {
        let bytes = Array("cluster: é".utf8) + [0xff] + Array("\n".utf8)
        do throws(ConfigurationErrors) {
            _ = try ConfigurationFile.parse(bytes: bytes, file: "e.yaml")
            Issue.record("it must be refused")
        } catch {
            #expect(error.description == "e.yaml:1:11: the byte 0xff isn't UTF-8 here; save the file as UTF-8")
            #expect(error.illustrated.hasSuffix("^"))
        }
    }

    @Test func controlCharactersAreRefusedInTheirPlace() {
        #expect(
            problems(of: "a: 1\nb: \u{0}\n").map(\.description) == [
                "e.yaml:2:4: the character U+0 isn't allowed in YAML; remove it"
            ])
        #expect(
            problems(of: "a: \u{1b}[31m\n").map(\.description) == [
                "e.yaml:1:4: the character U+1B isn't allowed in YAML; remove it"
            ])
    }

    @Test func aMessageNeverCarriesControlCharactersOfTheFile() {
        let found = problems(of: Landlord.replacing("cluster: landlord", with: #"cluster: "a\e[31m\nb\u202e""#))
        #expect(
            found.map(\.description) == [
                #"e.yaml:2:10: "a?[31m?b?" isn't a name; use 1 to 63 of the letters A-Z a-z 0-9 _ . -"#
            ])
    }

    @Test func boundsHold() {
        let large = String(repeating: "#", count: Limit.fileBytes + 1)
        #expect(problems(of: large).map(\.what) == ["the file is longer than 1 MiB"])
        let nodes = (0...Limit.nodes).map { "  n\($0): { address: \"10.0.0.\($0):1\", key: x }" }.joined(
            separator: "\n")
        let many = problems(
            of:
                "cluster: c\nsecret_file: /s\nidentity_file: /i\ngroups: { g: { mode: pair, priority: { a: 1, b: 1} } }\nnodes:\n\(nodes)"
        )
        #expect(many.contains { $0.what == "`nodes` has 33 entries" && $0.mend == "keep at most 32" && $0.line == 5 })
        let wrong = (0..<500).map { "k\($0): 1" }.joined(separator: "\n")
        let problems = problems(of: wrong)
        #expect(problems.count == Limit.problems + 1)
        #expect(problems.last?.what == "100 problems are as many as one reading tells")
    }

    @Test(.timeLimit(.minutes(1)))
    func textsMadeToUnfoldOrToNestAreRefusedQuickly() {
        let laughs = (1...30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1), *a\($0 - 1)]" }
        #expect(
            problems(of: "a0: &a0 lol\n" + laughs.joined(separator: "\n")).map(\.position) == [
                Position(line: 2, column: 10)
            ])
        let keys = (1...30).map { "? &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n: x" }
        #expect(problems(of: "? &a0 lol\n: x\n" + keys.joined(separator: "\n")).count == 1)
        for opening in ["[", "{a: ", "- ", "? "] {
            for depth in [15, 16, 17, 30, 900, 1200, 20_000] {
                #expect(!problems(of: String(repeating: opening, count: depth)).isEmpty)
            }
        }
        let leaf = (0..<100_000).map { "a\($0)" }.joined(separator: ",")
        let inKeys = String(repeating: "? ", count: 900) + "[\(leaf)]\n"
        #expect(
            problems(of: inKeys).map(\.description) == [
                "e.yaml:1:1: keys behind a ? of their own aren't read; write `key: value`"
            ])
        let inFlow = String(repeating: "{?", count: 400) + "[\(leaf)]" + String(repeating: ": 1}", count: 400)
        #expect(problems(of: inFlow).map(\.column) == [2])
        let deep = String(repeating: "[", count: 900) + String(repeating: "]", count: 900)
        #expect(problems(of: "cluster: \(deep)").contains { $0.what == "this is nested too deeply" })
    }

    @Test(.timeLimit(.minutes(1)))
    func longTextsAreReadQuickly() {
        for line in [
            "k: 1\n", "- a\n", "? [a]\n", "[a, ", "\"\\n\", ", "k: {a: {b: {c: 1}}}\n", "é: \"", "# *a &b\n", "? ",
            "\n",
        ] {
            // An eighth of the limit: what grows faster than the text would still be seen.
            let count = Limit.fileBytes / line.utf8.count / 8
            #expect(!problems(of: String(repeating: line, count: count)).isEmpty, "\(line)")
        }
        let keys = (0..<20_000).map { "key\($0): {}\n" }.joined()
        #expect(problems(of: keys).count == Limit.problems + 1)
    }

    @Test func socketsAndServersAreBounded() {
        let addresses = (1...33).map { "10.0.0.\($0)" }.joined(separator: ", ")
        let sockets = Landlord.replacing("[192.0.2.200/32]", with: "[\(addresses)]")
            .split(separator: "listen: \":80\"", omittingEmptySubsequences: false).joined(
                separator: "listen: [\":80\", \":81\"]")
        #expect(problems(of: sockets).map(\.what) == ["service \"cluster37\" listens on 66 addresses and ports"])
        let servers = (0..<256).map { "s\($0): {address: \"10.1.0.1:80\"}" }.joined(separator: ", ")
        let services = (0..<17).map {
            "  a\($0): { group: router37, listen: \":\($0 + 1000)\", servers: {\(servers)} }\n"
        }.joined()
        let many = problems(of: Landlord.replacing("services:\n", with: "services:\n\(services)"))
        #expect(many.map(\.what) == ["there are more than 4096 servers up to here"])
    }

    @Test func wordsWithStarsAndAmpersandsAreStillWords() throws {
        let words = (0..<20).map { "\"ls *.\($0)\"" }.joined(separator: ", ")
        #expect(problems(of: Landlord.replacing("\"-x\"", with: words)).isEmpty)
        #expect(problems(of: Landlord.replacing("\"-x\"", with: "\"a &b\", \"ls *.a\", \"*.b\"")).isEmpty)
        let both = problems(of: Landlord.replacing("\"-x\"", with: "\"a &b\", \(words)"))
        #expect(both.map(\.line) == [13], "beyond the bound, what might be aliases is refused unread")
    }

    @Test func manyKeysGivenTwiceAreEachReported() {
        let twice = (0..<5).map { "k\($0): 1\n\"k\($0)\": 2\n" }.joined()
        let found = problems(of: twice).filter { $0.what.contains("given twice") }
        #expect(found.map(\.line) == [2, 4, 6, 8, 10])
        let often = String(repeating: "k: 1\n", count: 200)
        #expect(problems(of: often).contains { $0.what == "\"k\" is given more than once" })
    }

    @Test func aMissingFileIsOneProblem() {
        do throws(ConfigurationErrors) {
            _ = try ConfigurationFile.load(path: "/nonexistent/electd.yaml")
            Issue.record("it must be refused")
        } catch {
            #expect(error.description == "/nonexistent/electd.yaml:1:1: the file doesn't exist; check the path")
            #expect(error.illustrated == error.description)
        }
        #expect(throws: ConfigurationErrors.self) { try ConfigurationFile.load(path: "/dev/zero") }
        #expect(throws: ConfigurationErrors.self) { try ConfigurationFile.load(path: "/tmp") }
    }
}
