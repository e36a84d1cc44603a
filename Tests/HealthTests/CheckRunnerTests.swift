import Glibc
import Health
import NIOPosix
import Synchronization
import Testing

/// Scheduling, reload and what is reported when.
struct CheckRunnerTests {
    private func plan(
        _ name: String, _ text: String, intervalMS: Int = 50, rise: Int = 1, fall: Int = 1
    ) -> CheckPlan {
        CheckPlan(
            name: name, probe: .command(["/bin/sh", "-c", text]), intervalMS: intervalMS, timeoutMS: 60_000, rise: rise,
            fall: fall)
    }

    private func runner(_ reports: Collected<CheckReport>) -> CheckRunner {
        CheckRunner(group: MultiThreadedEventLoopGroup.singleton) { reports.add($0) }
    }

    @Test func onlyChangesAreReported() async throws {
        let scratch = Scratch()
        let reports = Collected<CheckReport>()
        let runner = runner(reports)
        await runner.apply([plan("flag", "test -e \(scratch.path)/flag", fall: 2)])
        _ = try await reports.when { $0.count == 1 }
        scratch.write("flag", "")
        _ = try await reports.when { $0.count == 2 }
        try await eventually { await runner.snapshot().first.map { $0.runs > 6 } ?? false }
        unlink("\(scratch.path)/flag")
        let all = try await reports.when { $0.count == 3 }
        await runner.shutdown()
        #expect(all.map(\.passing) == [false, true, false])
        let status = await runner.snapshot().first
        #expect(status?.passing == false)
        #expect((status?.failures ?? 0) >= 3)
    }

    @Test func aCheckNeverRunsTwiceAtOnce() async throws {
        let scratch = Scratch()
        let reports = Collected<CheckReport>()
        let runner = runner(reports)
        // Ten times slower than its interval; a second copy would find the directory there.
        await runner.apply([
            plan("slow", "mkdir \(scratch.path)/busy || exit 1; sleep 0.2; rmdir \(scratch.path)/busy", intervalMS: 20)
        ])
        try await eventually { await runner.snapshot().first.map { $0.runs >= 4 } ?? false }
        #expect(await runner.snapshot().first?.failures == 0)
        await runner.shutdown()
        rmdir("\(scratch.path)/busy")
    }

    @Test func manyChecksRunSideBySide() async throws {
        let reports = Collected<CheckReport>()
        let runner = runner(reports)
        let started = ContinuousClock.now
        await runner.apply((0..<64).map { plan("check\($0)", "sleep 1", intervalMS: 60_000) })
        let all = try await reports.when { $0.count == 64 }
        // One after the other would take 64 s.
        #expect(started.duration(to: .now) < .seconds(40))
        #expect(Set(all.map(\.name)).count == 64 && all.allSatisfy(\.passing))
        await runner.shutdown()
    }

    @Test func reloadKeepsUnchangedChecks() async throws {
        let reports = Collected<CheckReport>()
        let runner = runner(reports)
        let same = plan("same", "true")
        await runner.apply([same, plan("changed", "true"), plan("removed", "true")])
        _ = try await reports.when { $0.count == 3 }
        try await eventually { await runner.snapshot().first { $0.name == "same" }.map { $0.runs > 2 } ?? false }
        let before = await runner.snapshot().first { $0.name == "same" }
        await runner.apply([same, plan("changed", "exit 4", rise: 3, fall: 3), plan("new", "true")])
        let all = try await reports.when { $0.count == 5 }
        // The old verdict stays until the first opposite result, and that one is enough although fall is 3.
        #expect(all.last { $0.name == "changed" }?.detail == "exit 4")
        #expect(all.filter { $0.name == "same" }.count == 1)
        let after = await runner.snapshot()
        #expect(after.map(\.name) == ["changed", "new", "same"])
        #expect((after.last?.runs ?? 0) >= (before?.runs ?? .max))
        await runner.shutdown()
    }

    @Test func runEndsWithItsTask() async throws {
        let reports = Collected<CheckReport>()
        let runner = runner(reports)
        let service = Task { await runner.run() }
        await runner.apply([plan("one", "true")])
        _ = try await reports.when { !$0.isEmpty }
        service.cancel()
        await service.value
        await runner.apply([plan("late", "true")])
        #expect(await runner.snapshot().map(\.name) == ["one"])
    }

    @Test func shutdownBeforeRunEndsIt() async {
        let runner = runner(Collected())
        await runner.shutdown()
        await runner.run()
    }
}
