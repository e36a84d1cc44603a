import Testing

/// Rules about how the sources are written that no compiler and no linter checks.
struct StyleTests {
    @Test("a file fits in a head: at most 700 lines, scripts at most 400")
    func filesAreShort() throws {
        for file in try House.files("Sources", ".swift", ".h") + House.files("Tests", ".swift") {
            #expect(file.lines.count <= 700, "\(file.path) has \(file.lines.count) lines")
        }
        for file in try House.files("Tools", ".py") + House.files("Tests/Network", ".py") {
            #expect(file.lines.count <= 400, "\(file.path) has \(file.lines.count) lines")
        }
    }

    @Test("names come from the field: no managers, helpers, utilities")
    func namesComeFromTheField() throws {
        let vague = ["Manager", "Helper", "Util"]
        for file in try House.files("Sources", ".swift") {
            #expect(!vague.contains { file.name.contains($0) }, "\(file.path): a vague name")
            for (line, text) in file.code
            where ["struct ", "class ", "enum ", "protocol ", "actor "].contains(where: text.contains) {
                #expect(!vague.contains { text.contains($0) }, "\(file.path):\(line): a vague name")
            }
        }
    }

    /// Decisions have to come out the same on every machine and in every replay: integers, ordered collections, and
    /// time as an argument.
    @Test(
        "decisions are deterministic: no floating point, clock, chance or hash order in Election",
        arguments: [
            "Double", "Float", "Date", "random", "Dictionary", "Set", "Hasher", "ContinuousClock", "SuspendingClock",
        ])
    func electionIsDeterministic(word: String) throws {
        for file in try House.files("Sources/Election", ".swift") {
            for (line, text) in file.code {
                #expect(!Self.words(text).contains(word[...]), "\(file.path):\(line): \(word) in Election")
            }
        }
    }

    @Test("no dictionary type or literal in Election")
    func electionHasNoDictionaries() throws {
        // `[Key: Value]` in a type, and `[:]`; labels of calls have no bracket right before them.
        let typed = /\[\s*[A-Z][A-Za-z.]*\s*:\s*[A-Z\[]/
        for file in try House.files("Sources/Election", ".swift") {
            for (line, text) in file.code {
                #expect(
                    text.firstMatch(of: typed) == nil && !text.contains("[:]"), "\(file.path):\(line): a dictionary")
            }
        }
    }

    @Test("nothing is left for later in the sources")
    func nothingIsLeftForLater() throws {
        // Written apart, so that this file doesn't find itself.
        let marks = ["TO" + "DO", "FIX" + "ME"]
        let files =
            try House.files("Sources", ".swift", ".h") + House.files("Tests", ".swift", ".py")
            + House.files("Tools", ".py", ".sh")
        for file in files {
            for (index, line) in file.lines.enumerated() {
                #expect(!marks.contains { line.contains($0) }, "\(file.path):\(index + 1): unfinished")
            }
        }
    }

    @Test("nothing outside can crash the daemon: no try!, no fatalError, no bare assert")
    func noCrashes() throws {
        for file in try House.files("Sources", ".swift") {
            for (line, text) in file.code {
                #expect(!text.contains("try!"), "\(file.path):\(line): try!")
                #expect(!text.contains("fatalError("), "\(file.path):\(line): fatalError")
                #expect(
                    !Self.words(text).contains("assert"),
                    "\(file.path):\(line): assert is gone in release; use precondition")
            }
        }
    }

    @Test("no path of one person's machine")
    func noPrivatePaths() throws {
        let paths = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
        let files =
            try House.files("Sources", ".swift", ".h") + House.files("Tests", ".swift", ".py")
            + House.files("Tools", ".py", ".sh") + House.files("Specs", ".md")
        for file in files {
            for (index, line) in file.lines.enumerated() {
                #expect(!paths.contains { line.contains($0) }, "\(file.path):\(index + 1): a private path")
            }
        }
    }

    @Test("README shows the two commands")
    func readmeShowsTheCommands() throws {
        let readme = try House.text("README.md")
        #expect(readme.contains("Tools/demo"))
        #expect(readme.contains("Tools/test"))
    }

    private static func words(_ text: String) -> [Substring] {
        text.split { !($0.isLetter || $0.isNumber || $0 == "_") }
    }
}
