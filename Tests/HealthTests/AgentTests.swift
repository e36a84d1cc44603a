import Glibc
import Health
import NIOPosix
import Synchronization
import Testing

struct AgentTests {
    @Test("an agent's words are told when they change, and what it doesn't repeat stays")
    func agent() async throws {
        let lines = Mutex(["75%\n", "75%\n", "drain, 50%\r\n", "nonsense\n", "down # disk full\n", "up ready 100%\n"])
        let server = try TinyServer { _ in
            lines.withLock { lines in Array((lines.count > 1 ? lines.removeFirst() : lines[0]).utf8) }
        }
        let told = Mutex<[AgentAnswer]>([])
        let runner = CheckRunner(group: MultiThreadedEventLoopGroup.singleton) { report in
            if let answer = report.agent, report.passing { told.withLock { $0.append(answer) } }
        }
        await runner.apply([
            CheckPlan(
                name: "agent", probe: .agent(server.endpoint, send: "hello\n"), intervalMS: 20, timeoutMS: 2_000,
                fall: 2)
        ])
        try await eventually { told.withLock { $0.last?.isUp == true } }
        await runner.shutdown()
        let answers = told.withLock { $0 }
        #expect(answers.map(\.weightPercent) == [75, 50, 50, 100])
        #expect(answers.map(\.duty) == [nil, .drain, .drain, .ready])
        #expect(answers.map(\.isUp) == [nil, nil, false, true])
        #expect(answers.count > 2 && answers[2].reason == "disk full")
    }

    @Test("while it fails a check waits for down_interval, while it wavers for fast_interval")
    func paces() async throws {
        let isUp = Atomic(false)
        let server = try TinyServer { _ in
            Array("HTTP/1.1 \(isUp.load(ordering: .relaxed) ? 200 : 500) x\r\nContent-Length: 0\r\n\r\n".utf8)
        }
        let runner = CheckRunner(group: MultiThreadedEventLoopGroup.singleton) { _ in }
        let plan = CheckPlan(
            name: "paced", probe: .http(HTTPProbe(endpoint: server.endpoint)), intervalMS: 3_600_000, timeoutMS: 10_000,
            rise: 3, fall: 3, fastIntervalMS: 20, downIntervalMS: 20)
        // The first result decides, and with an hour between two checks nothing else would come in this test's time.
        await runner.apply([plan])
        try await eventually { await runner.snapshot().first.map { $0.runs >= 3 && $0.passing == false } ?? false }
        isUp.store(true, ordering: .relaxed)
        try await eventually { await runner.snapshot().first?.passing == true }
        let runs = await runner.snapshot().first?.runs
        try await Task.sleep(for: .milliseconds(200))
        #expect(await runner.snapshot().first?.runs == runs, "an hour hasn't passed")
        await runner.shutdown()
    }
}
