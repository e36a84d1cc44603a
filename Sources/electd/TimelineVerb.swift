import ArgumentParser
import Glibc
import Questions

struct TimelineVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeline", abstract: "Merges journals by what was sent and received; with --html, as a page.",
        discussion: """
            Times carry what the messages between the nodes leave open, as ±. Lines marked | aren't ordered among each \
            other: the evidence doesn't say.
            """)

    @Option(help: ArgumentHelp("Write one self-contained page there; - for standard output.", valueName: "FILE"))
    var html: String?

    @OptionGroup var options: QuestionOptions

    func run() throws {
        let chronicle = try options.chronicle()
        let window = try options.stretch(chronicle)
        let groups = options.group == nil ? nil : try options.groups(chronicle)
        let node = try options.node(chronicle)
        guard let html else {
            return try options.show(Timeline(chronicle, groups: groups, node: node, in: window).answer)
        }
        let page = try asked { () throws(QuestionError) in
            try TimelinePage(chronicle, groups: groups, node: node, in: window).html
        }
        if html == "-" { return Talk.print(Array(page.utf8)) }
        guard NewFile.write(Array(page.utf8), to: html) else { throw ExitCode.cannotCreate }
        Talk.say("electd: \(html): open it in any browser; it needs nothing else")
    }
}

struct WhatIfVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whatif", abstract: "Decides the recorded inputs again under other settings, move by move.",
        discussion: """
            NAME is lease, heartbeat, GROUP.preempt_after or GROUP.priority.NODE; group. stands for every group. What \
            the answer can't know is said with it.
            """)

    @Option(help: ArgumentHelp("A setting that would be otherwise; may be repeated.", valueName: "NAME=VALUE"))
    var set: [String] = []

    @OptionGroup var options: QuestionOptions

    func run() throws {
        let chronicle = try options.chronicle()
        let window = try options.stretch(chronicle)
        let groups = try options.groups(chronicle)
        let node = try options.node(chronicle)
        try options.show(
            asked { () throws(QuestionError) in
                try WhatIf(chronicle, settings: set).answer(groups, node: node, in: window)
            })
    }
}

struct EvidenceVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence", abstract: "Finds what no honest node would have done, with the signed proof.",
        discussion: "Exits with 1 when there is any. --json is what to hand on: it holds frames and keys.")

    @OptionGroup var options: QuestionOptions

    func run() throws {
        let chronicle = try options.chronicle()
        let groups = options.group == nil ? nil : try options.groups(chronicle)
        try options.show(chronicle.evidence(groups, node: options.node(chronicle)))
    }
}

extension Log {
    struct ExportVerb: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Prints decisions and inputs as JSON lines for a log collector.",
            discussion: "Specs/questions.md gives the fields of each format.")

        @Option(help: "jsonl, ecs or ocsf.")
        var format = Export.Format.jsonl

        @OptionGroup var options: QuestionOptions

        func run() throws {
            let chronicle = try options.chronicle()
            let groups = options.group == nil ? nil : try options.groups(chronicle)
            let node = try options.node(chronicle)
            let timeline = Timeline(chronicle, groups: groups, node: node, in: try options.stretch(chronicle))
            // print is buffered; a reader that went away ends the process by SIGPIPE, as it should.
            Export.write(timeline, as: format) { print($0) }
        }
    }
}

extension Export.Format: ExpressibleByArgument {}

/// A file that appears whole.
enum NewFile {
    /// - Returns: false when it couldn't be written, which has been said.
    static func write(_ bytes: [UInt8], to path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return said(path) }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 {
                close(file)
                return said(path)
            }
            done += count
        }
        return close(file) == 0 || said(path)
    }

    private static func said(_ path: String) -> Bool {
        Talk.say("electd: \(path): \(String(cString: strerror(errno)))")
        return false
    }
}
