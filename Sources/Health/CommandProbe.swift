/// A command as a check's probe: its end becomes a result, in time even when the kernel can't end the program.
struct CommandProbe: Sendable {
    let command: Command
    /// Called once, when the program is gone; may be long after ``run()`` has returned.
    let gone: @Sendable () async -> Void

    /// How long the kernel may take to end a killed group before the result stops waiting for it. A process in
    /// uninterruptible sleep (a hanging network file system) ends only when the kernel lets it.
    static let patience = Duration.milliseconds(500)

    /// The result, at most timeout + patience after the start. Cancellation kills the group and returns at once.
    func run() async -> ProbeResult {
        let answer = FirstAnswer<ProbeResult>()
        let work = Task {
            let end = await command.run()
            await gone()
            answer.give(Self.result(end, timeoutMS: command.timeoutMS))
        }
        let limit = Task {
            try await Self.overdue(command.timeoutMS)
            answer.give(.failed("timeout after \(command.timeoutMS) ms, and the kernel can't end it"))
        }
        let result = await withTaskCancellationHandler {
            await answer.value()
        } onCancel: {
            work.cancel()
            answer.give(.inconclusive("cancelled"))
        }
        limit.cancel()
        return result
    }

    /// Returns when a command with this time limit should long have ended.
    private static func overdue(_ timeoutMS: Int) async throws {
        let clock = ContinuousClock()
        let spare = Lateness.grace + patience
        let limit = clock.now + .milliseconds(timeoutMS) + spare
        try await Task.sleep(until: limit, clock: clock)
        // After a standstill of ours all timers ring at once: the command's own time limit comes first.
        if limit.duration(to: clock.now) > Lateness.tolerated { try await Task.sleep(for: spare) }
    }

    static func result(_ end: Command.End, timeoutMS: Int) -> ProbeResult {
        switch end {
        case .exited(0, let output):
            return .passed(output.isEmpty ? "exit 0" : output)
        case .exited(let code, let output):
            return .failed(output.isEmpty ? "exit \(code)" : Detail.line("exit \(code): \(output)"))
        case .signalled(let signal, let output):
            return .failed(Detail.line("ended by signal \(signal)\(output.isEmpty ? "" : ": \(output)")"))
        case .timedOut(late: false, let output):
            return .failed(Detail.line("timeout after \(timeoutMS) ms\(output.isEmpty ? "" : ": \(output)")"))
        case .timedOut(late: true, _):
            return .inconclusive("timeout, but this node itself stood still")
        case .notStarted(let why):
            return .failed(why)
        case .cancelled:
            return .inconclusive("cancelled")
        }
    }
}
