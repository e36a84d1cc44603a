import Glibc
import Subprocess

/// One program run with a time limit, in a session and process group of its own.
///
/// At the limit the whole group gets SIGKILL, so that no grandchild survives, nor delays the end by holding the
/// output open. Signals go to the group only while its leader is unreaped (swift-subprocess reaps after the body
/// below has returned): until then the kernel gives the group's number to nobody else. A descendant that makes a
/// session of its own has left the group and is not followed.
struct Command: Sendable {
    /// What happens to descendants that still run when the leader has ended by itself.
    enum Leftovers: Sendable {
        /// A check that leaves a process behind each time would fill the machine.
        case killed
        /// A notify script may start something on purpose.
        case kept
    }

    enum End: Sendable, Equatable {
        case exited(Int32, output: String)
        case signalled(Int32, output: String)
        /// `late`: this node stood still around the limit, so the program may not be the one to blame.
        case timedOut(late: Bool, output: String)
        case notStarted(String)
        case cancelled
    }

    /// `arguments[0]` is the absolute path of the program.
    let arguments: [String]
    let environment: [String: String]
    let timeoutMS: Int
    let leftovers: Leftovers

    /// Runs it to its end. Cancellation kills the group. Takes longer than the limit only if the kernel can't end
    /// the program, as with a hanging network file system; see ``CommandProbe``.
    func run() async -> End {
        guard let program = arguments.first else { return .notStarted("no program given") }
        if let obstacle = Self.obstacle(to: program) { return .notStarted(obstacle) }
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)]
        do {
            let result = try await Subprocess.run(
                .path(.init(program)), arguments: Arguments(Array(arguments.dropFirst())),
                environment: .custom(Self.minimal(environment)), workingDirectory: .init("/"),
                platformOptions: options, input: .none, output: .sequence, error: .combinedWithOutput
            ) { execution in
                try await supervise(execution.processIdentifier.value, output: execution.standardOutput)
            }
            return Self.end(result.terminationStatus, result.closureResult)
        } catch is CancellationError {
            return .cancelled
        } catch {
            return Task.isCancelled ? .cancelled : .notStarted(Self.reason(error, program))
        }
    }

    private struct Course: Sendable {
        var output: [UInt8] = []
        var alarm = Alarm.silenced
    }

    private enum Alarm: Sendable { case silenced, rang, rangLate }

    /// Output kept; the rest is read and dropped, so that a talkative program doesn't block on a full pipe.
    static let outputLimit = 4096

    private func supervise(_ leader: pid_t, output: SubprocessOutputSequence) async throws -> Course {
        try await withThrowingTaskGroup(of: Alarm.self) { group in
            group.addTask { await alarm(for: leader) }
            var course = Course()
            for try await buffer in output {
                let room = Self.outputLimit - course.output.count
                guard room > 0 else { continue }
                buffer.withUnsafeBytes { course.output.append(contentsOf: $0.prefix(room)) }
            }
            // The output ends with the leader, or before it when the leader closed it.
            try await Self.untilEnded(leader)
            if leftovers == .killed { kill(-leader, SIGKILL) }
            group.cancelAll()
            course.alarm = try await group.next() ?? .silenced
            if course.alarm != .silenced { kill(-leader, SIGKILL) }
            return course
        }
    }

    private func alarm(for leader: pid_t) async -> Alarm {
        let clock = ContinuousClock()
        let limit = clock.now + .milliseconds(timeoutMS)
        guard (try? await Task.sleep(until: limit, clock: clock)) != nil else { return .silenced }
        let late = limit.duration(to: clock.now) > Lateness.tolerated
        if late {
            // We stood still, and the program perhaps with us: give it the moment to show that it is done.
            guard (try? await Task.sleep(for: Lateness.grace)) != nil else { return .silenced }
        }
        kill(-leader, SIGKILL)
        return late ? .rangLate : .rang
    }

    /// Returns when `leader` has ended, and leaves it unreaped.
    private static func untilEnded(_ leader: pid_t) async throws {
        var pauseMS = 1
        while true {
            var info = siginfo_t()
            let answer = waitid(P_PID, id_t(leader), &info, WEXITED | WNOHANG | WNOWAIT)
            if answer != 0 && errno != EINTR { return }
            // With WNOHANG, si_signo is SIGCHLD if somebody ended, and 0 if nobody did.
            if answer == 0 && info.si_signo == SIGCHLD { return }
            try await Task.sleep(for: .milliseconds(pauseMS))
            pauseMS = min(pauseMS * 2, 50)
        }
    }

    private static func end(_ status: TerminationStatus, _ course: Course) -> End {
        let output = Detail.line(course.output)
        switch status {
        case .exited(let code):
            return .exited(code, output: output)
        case .signaled(let signal):
            switch course.alarm {
            case .silenced: return .signalled(signal, output: output)
            case .rang: return .timedOut(late: false, output: output)
            case .rangLate: return .timedOut(late: true, output: output)
            }
        }
    }

    private static func minimal(_ additions: [String: String]) -> [Environment.Key: String] {
        var environment: [Environment.Key: String] = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        ]
        for (name, value) in additions where name.hasPrefix("ELECTD_") {
            if let key = Environment.Key(rawValue: name) { environment[key] = value }
        }
        return environment
    }

    /// Says before the attempt what posix_spawn would only hint at.
    private static func obstacle(to program: String) -> String? {
        guard program.hasPrefix("/") else { return Detail.line("\(program): not an absolute path") }
        var status = stat()
        guard stat(program, &status) == 0 else { return Detail.line("\(program): \(text(errno))") }
        guard status.st_mode & S_IFMT == S_IFREG else { return Detail.line("\(program): not a file") }
        guard access(program, X_OK) == 0 else { return Detail.line("\(program): \(text(errno))") }
        return nil
    }

    private static func reason(_ error: any Error, _ program: String) -> String {
        guard let error = error as? SubprocessError else { return Detail.line("\(program): \(error)") }
        if let number = error.underlyingError { return Detail.line("\(program): \(text(number.rawValue))") }
        return Detail.line("\(program): \(error.description)")
    }

    private static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}

/// When a timer that rings late says more about this node than about the one it waited for.
enum Lateness {
    /// A busy machine is late by this much and nothing is wrong.
    static let tolerated = Duration.milliseconds(250)
    /// What an answer that has arrived meanwhile needs to be read.
    static let grace = Duration.milliseconds(200)
}
