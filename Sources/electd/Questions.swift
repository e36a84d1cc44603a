import ArgumentParser
import Glibc
import Questions

struct WhoHeld: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says who held an address or a group at a moment, and how sure that is.",
        discussion: "Exits with 1 when two held it at once.")

    @Argument(help: "The group, or one of its addresses.")
    var what: String

    @Option(parsing: .unconditional, help: ArgumentHelp(QuestionOptions.timeHelp, valueName: "T"))
    var at = "end"

    @OptionGroup var options: QuestionOptions

    func run() throws {
        let time = try options.time(at)
        let chronicle = try options.chronicle()
        try options.show(
            asked { () throws(QuestionError) in
                try chronicle.whoHeld(chronicle.group(named: what), at: time, node: options.place(chronicle))
            })
    }
}

struct WhyVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Says what forced a decision, back to its causes.",
        discussion: """
            EVENT is a record (NODE:SEGMENT:RECORD, as other answers print it), `last` for the last time that a group \
            changed hands, or `state` with --at: who holds the group then, or why nobody does.
            """)

    @Argument(help: "last, state, or a record.")
    var event = "last"

    @Option(parsing: .unconditional, help: ArgumentHelp(QuestionOptions.timeHelp, valueName: "T"))
    var at: String?

    @OptionGroup var options: QuestionOptions

    func run() throws {
        let time = try at.map { try options.time($0) }
        var (event, all) = (event, options)
        if !["last", "state"].contains(event) && !event.contains(":") {
            // No event is named: it is the first journal.
            all.journals.insert(event, at: 0)
            event = "last"
        }
        let chronicle = try all.chronicle()
        let question: Why.Question
        switch event {
        case "last" where time == nil:
            question = .last(
                options.group == nil ? nil : try options.groups(chronicle).first, node: try options.node(chronicle))
        case "last", "state":
            guard let group = try options.groups(chronicle).first else {
                throw ValidationError("there is no group in these journals")
            }
            question = .state(group, time ?? .beforeEnd(0))
        default:
            question = .record(try asked { () throws(QuestionError) in try chronicle.record(named: event) })
        }
        try options.show(asked { () throws(QuestionError) in try Why(chronicle).explain(question) })
    }
}

struct Overlaps: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Finds stretches in which two nodes held one group at the same time.",
        discussion: "Exits with 1 when there certainly was one.")

    @OptionGroup var options: QuestionOptions

    func run() throws {
        let chronicle = try options.chronicle()
        try options.show(
            chronicle.overlaps(options.groups(chronicle), node: options.node(chronicle), in: options.stretch(chronicle))
        )
    }
}

struct Gaps: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Finds stretches in which nobody held a group.")

    @OptionGroup var options: QuestionOptions

    func run() throws {
        let chronicle = try options.chronicle()
        try options.show(
            chronicle.gaps(options.groups(chronicle), node: options.node(chronicle), in: options.stretch(chronicle)))
    }
}

struct Flaps: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Counts how often groups changed hands, and why.")

    enum Order: String, ExpressibleByArgument, CaseIterable {
        case cause, taking
    }

    @Option(help: "Count by why it was given up, or by why it was taken.")
    var by = Order.cause

    @OptionGroup var options: QuestionOptions

    func run() throws {
        let chronicle = try options.chronicle()
        try options.show(
            chronicle.flaps(
                options.groups(chronicle), node: options.node(chronicle), in: options.stretch(chronicle),
                byCause: by == .cause))
    }
}
