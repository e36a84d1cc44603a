import Glibc
import Proxy
import Synchronization
import Testing

/// The real process, when ELECTD_BINARY names an executable whose verb `proxy` runs it.
@Suite(.serialized)
struct ProxySupervisorTests {
    /// The conditions a supervisor went through.
    final class Diary: Sendable {
        private let conditions = Mutex<[ProxyCondition]>([])

        func note(_ condition: ProxyCondition) { conditions.withLock { $0.append(condition) } }

        /// Waits until `isIt` holds for a condition from entry `start` on; its place, or nil after 30 s.
        func await(from start: Int, _ isIt: (ProxyCondition) -> Bool) -> Int? {
            for _ in 0..<3_000 {
                let all = conditions.withLock { $0 }
                if start < all.count, let place = all[start...].firstIndex(where: isIt) { return place }
                usleep(10_000)
            }
            return nil
        }
    }

    static var executable: String? { getenv("ELECTD_BINARY").map { String(cString: $0) } }

    private struct Rig {
        let supervisor: ProxySupervisor
        let diary = Diary()
        let backend: Backend
        let port: UInt16

        init(_ executable: String, threads: Int = 1) throws {
            let nobody: UInt32 = geteuid() == 0 ? 65_534 : geteuid()
            let diary = diary
            supervisor = try ProxySupervisor(
                executable: executable, arguments: ["proxy"], uid: nobody, gid: nobody, onChange: { diary.note($0) })
            backend = try Backend.named("a")
            let (fd, port) = try bindLoopback(listening: false)
            close(fd)
            self.port = port
            try supervisor.apply(plan(threads: threads))
        }

        func plan(threads: Int = 1) throws -> ServicePlan {
            var service = try service([backend.port], cookie: true)
            service.listeners = [try ServicePlanTests.endpoint("127.0.0.1:\(port)")]
            return ServicePlan(threads: threads, services: [service])
        }

        func pid() throws -> pid_t { try #require(supervisor.snapshot().pid) }

        func get() throws -> Int? { try Wire(to: port).get("/")?.status }

        func end() {
            supervisor.stop()
            backend.stop()
        }
    }

    private func rig(threads: Int = 1) throws -> Rig? {
        guard let executable = Self.executable else {
            print("*** SKIPPED: no ELECTD_BINARY, so the real proxy process isn't tested here ***")
            return nil
        }
        return try Rig(executable, threads: threads)
    }

    private func status(_ pid: pid_t) throws -> String {
        let file = try #require(fopen("/proc/\(pid)/status", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8_192)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    @Test("it serves without privileges, counts, and obeys", arguments: [1, 2])
    func serves(_ threads: Int) throws {
        guard let rig = try rig(threads: threads) else { return }
        _ = try #require(rig.diary.await(from: 0) { $0 == .running })
        for _ in 0..<20 { #expect(try rig.get() == 200) }
        let facts = try status(rig.pid())
        #expect(facts.contains("NoNewPrivs:\t1"))
        if geteuid() == 0 {
            #expect(
                facts.contains("Uid:\t65534\t65534\t65534\t65534") && facts.contains("Gid:\t65534\t65534\t65534\t65534")
            )
            #expect(facts.contains("CapPrm:\t0000000000000000") && facts.contains("CapBnd:\t0000000000000000"))
            #expect(facts.contains("Groups:\t \n"))
        }
        usleep(400_000)
        let snapshot = rig.supervisor.snapshot()
        #expect(snapshot.services[0].counters.hrsp2xx == 20 && snapshot.services[0].servers[0].counters.hrsp2xx == 20)
        #expect(snapshot.services[0].servers[0].status == "UP")
        rig.supervisor.set(server: "s0", of: "web", to: ServicePlan.Duty.maintenance)
        usleep(300_000)
        #expect(try rig.get() == 503)
        // A new plan keeps what the operator said.
        var plan = try rig.plan(threads: threads)
        plan.services[0].maxConnections = 17
        try rig.supervisor.apply(plan)
        usleep(300_000)
        #expect(try rig.get() == 503)
        rig.supervisor.set(server: "s0", of: "web", to: ServicePlan.Duty.ready)
        usleep(300_000)
        #expect(try rig.get() == 200)
        rig.end()
    }

    @Test("a taken port is refused with the mend, and the old plan goes on")
    func takenPort() throws {
        guard let rig = try rig() else { return }
        _ = try #require(rig.diary.await(from: 0) { $0 == .running })
        var plan = try rig.plan()
        plan.services[0].listeners.append(try ServicePlanTests.endpoint("127.0.0.1:\(rig.backend.port)"))
        #expect { try rig.supervisor.apply(plan) } throws: { "\($0)".contains("another program") }
        #expect(try rig.get() == 200)
        rig.end()
    }

    @Test("stopped: wedged is told within 1 s, and taken back; stopped for long: replaced")
    func wedged() throws {
        guard let rig = try rig() else { return }
        let up = try #require(rig.diary.await(from: 0) { $0 == .running })
        let pid = try rig.pid()
        kill(pid, SIGSTOP)
        let isWedged = { (condition: ProxyCondition) in if case .wedged = condition { true } else { false } }
        let first = try #require(rig.diary.await(from: up + 1, isWedged))
        kill(pid, SIGCONT)
        let back = try #require(rig.diary.await(from: first + 1) { $0 == .running })
        #expect(try rig.get() == 200)
        kill(pid, SIGSTOP)
        let second = try #require(rig.diary.await(from: back + 1, isWedged))
        // On a machine that stood still itself, it may have been called wedged, and taken back, before it was stopped.
        var last = second
        repeat { last = try #require(rig.diary.await(from: last + 1) { $0 == .running }) } while try rig.pid() == pid
        #expect(try rig.get() == 200)
        #expect(rig.supervisor.snapshot().restarts == 1)
        rig.end()
    }

    @Test("usable servers are counted as HAProxy does: backups apart, and weighed only when nobody else is there")
    func usable() throws {
        let supervisor = try ProxySupervisor(
            executable: "/bin/sh", arguments: ["-c", "exec sleep 1000"], uid: geteuid(), gid: getegid(),
            onChange: { _ in })
        defer { supervisor.stop() }
        let (fd, port) = try bindLoopback(listening: false)
        close(fd)
        var service = try service([1, 2, 3, 4])
        service.listeners = [try ServicePlanTests.endpoint("127.0.0.1:\(port)")]
        for (place, weight) in [3, 2, 5, 7].enumerated() {
            service.servers[place].weight = weight
            service.servers[place].isBackup = place > 1
        }
        try supervisor.apply(ServicePlan(services: [service]))
        let usable = {
            let service = supervisor.snapshot().services[0]
            return [service.active, service.backups, service.weight]
        }
        #expect(usable() == [2, 2, 5])
        supervisor.set(server: "s0", of: "web", to: ServicePlan.Duty.maintenance)
        #expect(usable() == [1, 2, 2])
        supervisor.set(server: "s1", of: "web", to: ServicePlan.Duty.drain)
        #expect(usable() == [0, 2, 5])
        service.pools[0].allBackups = true
        try supervisor.apply(ServicePlan(services: [service]))
        #expect(usable() == [0, 2, 12])
        supervisor.set(server: "s2", of: "web", to: ServicePlan.Health.down)
        #expect(usable() == [0, 1, 7])
    }

    /// A process that says the plan works, and then nothing: how long it was silent when it was called wedged.
    private func silence(of rest: String) throws -> Int {
        // A pulse of worker 0 on plan 1, as one packet.
        let script = "printf '\\100\\0\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3; \(rest)"
        let diary = Diary()
        let supervisor = try ProxySupervisor(
            executable: "/bin/sh", arguments: ["-c", script], uid: geteuid(), gid: getegid(), silence: 250,
            onChange: { diary.note($0) })
        defer { supervisor.stop() }
        let (fd, port) = try bindLoopback(listening: false)
        close(fd)
        var service = try service([port])
        service.listeners = [try ServicePlanTests.endpoint("127.0.0.1:\(port)")]
        try supervisor.apply(ServicePlan(services: [service]))
        let up = try #require(diary.await(from: 0) { $0 == .running })
        var silence = 0
        _ = try #require(
            diary.await(from: up + 1) {
                if case .wedged(let milliseconds) = $0 { silence = milliseconds }
                return silence > 0
            })
        return silence
    }

    @Test("silent: one that waits for something is wedged at once, one that would run if it had a core later")
    func starving() throws {
        // The supervisor's own gaps, which it doesn't hold against a process, are shorter than 300 ms.
        #expect(try (251..<1_000).contains(silence(of: "exec sleep 1000")))
        #expect(try silence(of: "while :; do :; done") > 1_000)
    }

    @Test("killed: told at once, started again, and who connected meanwhile is served")
    func killed() throws {
        guard let rig = try rig() else { return }
        var place = try #require(rig.diary.await(from: 0) { $0 == .running })
        for _ in 0..<3 {
            kill(try rig.pid(), SIGKILL)
            let down = try #require(rig.diary.await(from: place + 1) { if case .down = $0 { true } else { false } })
            #expect(try rig.get() == 200)
            place = try #require(rig.diary.await(from: down + 1) { $0 == .running })
        }
        rig.end()
        #expect(rig.supervisor.condition == .stopped)
    }
}
