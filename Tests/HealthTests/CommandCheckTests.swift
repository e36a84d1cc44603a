import Glibc
import Health
import NIOPosix
import Testing

/// Checks by command, with real programs.
struct CommandCheckTests {
    /// The first verdict on `arguments`.
    private func verdict(_ arguments: [String], timeoutMS: Int = 60_000) async throws -> CheckReport? {
        let reports = Collected<CheckReport>()
        let runner = CheckRunner(
            group: MultiThreadedEventLoopGroup.singleton, environment: ["ELECTD_NODE": "fred", "SECRET": "no"]
        ) { reports.add($0) }
        await runner.apply([
            CheckPlan(name: "web", probe: .command(arguments), intervalMS: 60_000, timeoutMS: timeoutMS)
        ])
        let report = try await reports.when { !$0.isEmpty }.first
        await runner.shutdown()
        return report
    }

    private func shell(_ text: String, timeoutMS: Int = 60_000) async throws -> CheckReport? {
        try await verdict(["/bin/sh", "-c", text], timeoutMS: timeoutMS)
    }

    @Test func exitStatusDecides() async throws {
        #expect(try await verdict(["/bin/true"])?.passing == true)
        #expect(try await verdict(["/bin/true"])?.detail == "exit 0")
        let failing = try await shell("echo disk is full >&2; exit 3")
        #expect(failing?.passing == false)
        #expect(failing?.detail == "exit 3: disk is full")
        #expect(try await shell("kill -SEGV $$")?.detail.hasPrefix("ended by signal 11") == true)
    }

    @Test func whatCannotBeStartedFailsAndSaysWhy() async throws {
        let scratch = Scratch()
        let plain = scratch.write("plain", "text")
        let nonsense = scratch.write("nonsense", "\u{7F}ELF but not really", mode: 0o755)
        #expect(try await verdict(["/no/such/program"])?.detail == "/no/such/program: No such file or directory")
        #expect(try await verdict(["pgrep"])?.detail == "pgrep: not an absolute path")
        #expect(try await verdict([scratch.path])?.detail == "\(scratch.path): not a file")
        let obstacle = try await verdict([plain])
        #expect(obstacle?.passing == false)
        #expect(obstacle?.detail == "\(plain): Permission denied")
        let format = try await verdict([nonsense])
        #expect(format?.passing == false)
        #expect(format?.detail == "\(nonsense): Exec format error")
        #expect(try await verdict([])?.passing == false)
    }

    @Test func timeoutKillsGrandchildrenThatHoldTheOutput() async throws {
        let scratch = Scratch()
        let report = try await shell(
            """
            trap '' TERM HUP INT
            sh -c 'trap "" TERM; echo $$ > \(scratch.path)/inner; sleep 600 & echo $! > \(scratch.path)/sleeper; wait' &
            echo $$ > \(scratch.path)/leader
            wait
            """, timeoutMS: 1500)
        #expect(report?.passing == false)
        #expect(report?.detail.hasPrefix("timeout") == true)
        let family = ["leader", "inner", "sleeper"].flatMap { scratch.numbers($0) }
        #expect(family.count == 3)
        for pid in family { #expect(try await eventually { isGone(pid) }, "\(pid) survived") }
        for pid in scratch.numbers("leader") { #expect(try await eventually { isReaped(pid) }) }
    }

    @Test func whatACheckLeavesBehindIsKilled() async throws {
        let scratch = Scratch()
        let started = ContinuousClock.now
        let report = try await shell("sleep 600 & echo $! > \(scratch.path)/left; echo fine")
        // The sleeper holds the output open, and is not waited for.
        #expect(started.duration(to: .now) < .seconds(60))
        #expect(report?.passing == true)
        #expect(report?.detail == "fine")
        let left = scratch.numbers("left")
        #expect(left.count == 1)
        for pid in left { #expect(try await eventually { isGone(pid) }) }
    }

    @Test func closedOutputDoesNotEndTheCheck() async throws {
        let report = try await shell("exec >&- 2>&-; sleep 0.3; exit 7")
        #expect(report?.detail == "exit 7")
        #expect((report?.durationMS ?? 0) >= 300)
    }

    @Test func outputIsBoundedAndDrained() async throws {
        let report = try await shell("head -c 3000000 /dev/zero | tr '\\0' x; exit 1")
        #expect(report?.detail.count == Detail.limit)
        #expect(report?.detail.hasPrefix("exit 1: xxxx") == true)
    }

    @Test func environmentAndDescriptorsAreMinimal() async throws {
        let scratch = Scratch()
        // A descriptor without close-on-exec must not be inherited all the same.
        let leak = open("/dev/null", O_RDONLY)
        defer { close(leak) }
        _ = try await shell(
            "env | sort > \(scratch.path)/env; ls /proc/self/fd > \(scratch.path)/fds; pwd >> \(scratch.path)/env")
        let environment = (scratch.text("env") ?? "").split(separator: "\n").map(String.init)
        #expect(environment.contains("ELECTD_NODE=fred") && environment.contains("ELECTD_CHECK=web"))
        #expect(environment.contains("LANG=C.UTF-8") && environment.contains("/"))
        #expect(!environment.contains { $0.hasPrefix("SECRET") || $0.hasPrefix("HOME") })
        // 0, 1, 2, and the directory that ls itself reads.
        #expect(scratch.numbers("fds").filter { $0 > 3 }.isEmpty)
        #expect(!scratch.numbers("fds").contains(leak) || leak <= 3)
    }

    @Test func shutdownKillsRunningCommands() async throws {
        let scratch = Scratch()
        let runner = CheckRunner(group: MultiThreadedEventLoopGroup.singleton) { _ in }
        await runner.apply([
            CheckPlan(
                name: "slow", probe: .command(["/bin/sh", "-c", "echo $$ > \(scratch.path)/pid; sleep 600"]),
                intervalMS: 1000, timeoutMS: 600_000)
        ])
        try await eventually { !scratch.numbers("pid").isEmpty }
        let pid = try #require(scratch.numbers("pid").first)
        #expect(await runner.snapshot().first?.runningMS != nil)
        let started = ContinuousClock.now
        await runner.shutdown()
        #expect(started.duration(to: .now) < .seconds(60))
        #expect(try await eventually { isGone(pid) })
    }
}
