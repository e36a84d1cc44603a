import ArgumentParser
import Control
import Glibc

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows who holds what, and what is wrong.")

    @OptionGroup var control: ControlOption

    @Flag(help: "Print the JSON that scripts read.")
    var json = false

    @Flag(help: "Show it again every second until interrupted.")
    var watch = false

    func run() throws {
        if watch {
            try watchOn()
        } else {
            Talk.print(try show())
        }
    }

    private func watchOn() throws {
        let isTerminal = isatty(1) == 1
        while true {
            let text = try show()
            // Home, write over, clear the rest: no flicker.
            if isTerminal && !json { Talk.print(Array("\u{1B}[H\u{1B}[J".utf8)) }
            Talk.print(text)
            sleep(1)
        }
    }

    private func show() throws -> [UInt8] {
        let body = try Asking(control).get(.status)
        if json { return body + [UInt8(ascii: "\n")] }
        let report = try StatusReport.decode(body)
        return Array(StatusTable.render(report, width: Talk.width, color: Talk.wantsColor).utf8)
    }
}

/// A question or order to the daemon; its refusals become exit codes.
struct Asking {
    private let client: ControlClient

    init(_ option: ControlOption, timeoutMS: Int = 15_000) {
        client = ControlClient(path: option.socket, timeoutMS: timeoutMS)
    }

    func get(_ route: ControlRoute) throws -> [UInt8] {
        try answer { () throws(ControlClientError) in try client.get(route) }
    }

    /// Prints what was done.
    func order(_ route: ControlRoute, _ order: some Encodable) throws {
        let body = try answer { () throws(ControlClientError) in try client.post(route, order) }
        print(text("done", in: body) ?? "done")
    }

    private func answer(
        _ ask: () throws(ControlClientError) -> ControlClient.Answer
    ) throws -> [UInt8] {
        let answer: ControlClient.Answer
        do throws(ControlClientError) {
            answer = try ask()
        } catch {
            Talk.say("electd: \(error)")
            throw ExitCode.unavailable
        }
        if answer.status == 200 { return answer.body }
        Talk.say("electd: \(text("error", in: answer.body) ?? "the daemon answered \(answer.status)")")
        throw answer.status == 503 ? ExitCode.unavailable : ExitCode.failure
    }

    private func text(_ key: String, in body: [UInt8]) -> String? {
        (try? ControlJSON.decode([String: String].self, from: body))?[key]
    }
}
