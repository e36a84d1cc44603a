import ArgumentParser
import Control
import Glibc

struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts a configuration in force on every node, or on none.",
        discussion: "Every node that is up examines it, a majority commits it, and who is away takes it on return. "
            + "Nodes, keys, timing and addresses can't be changed this way. The configuration before is kept.")

    @Argument(help: "The file.")
    var file: String?

    @Flag(help: "Go back to the configuration before the one in force.")
    var previous = false

    @Flag(help: "Only look whether the node that is asked could take it.")
    var dryRun = false

    @OptionGroup var control: ControlOption

    func validate() throws {
        if previous == (file != nil) { throw ValidationError("give a FILE, or --previous") }
    }

    private static func read(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else {
            Talk.say("electd: \(path): \(strerror(errno).map { String(cString: $0) } ?? "can't be opened")")
            throw ExitCode.dataError
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        guard let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
            Talk.say("electd: \(path) isn't UTF-8")
            throw ExitCode.dataError
        }
        return text
    }

    func run() throws {
        var text = ""
        if let file {
            // The daemon tells the mistakes, with their lines: it knows where this node's keys are.
            text = try Self.read(file)
        }
        try Asking(control, timeoutMS: 45_000).order(
            .apply, ApplyOrder(name: file ?? "the configuration before", text: text, dryRun: dryRun, previous: previous)
        )
    }
}

struct History: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the replicated logs: who held, who ordered what, which configuration came into force.")

    @OptionGroup var control: ControlOption

    @Flag(help: "Print the JSON that scripts read.")
    var json = false

    func run() throws {
        let body = try Asking(control).get(.history)
        if json { return Talk.print(body) }
        for line in try HistoryReport.decode(body).lines { print(line) }
    }
}
