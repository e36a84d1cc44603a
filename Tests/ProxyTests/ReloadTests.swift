import CLinux
import Glibc
import Proxy
import Synchronization
import Testing

/// Reloads under load, in the real process when ELECTD_BINARY names it: nobody may notice.
@Suite(.serialized)
struct ReloadTests {
    /// Answers a WebSocket's upgrade and echoes from then on; anything else gets a short answer.
    private static func backend() throws -> Backend {
        try Backend { wire, _ in
            while let head = wire.read(through: "\r\n\r\n") {
                if head.contains("Upgrade: websocket") || head.contains("upgrade: websocket") {
                    wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                    while let line = wire.read(through: "\n") { wire.send(line) }
                    return
                }
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
    }

    private static func supervisor(
        _ executable: String, linger: Int = 0, record: String? = nil,
        onChange: @escaping @Sendable (ProxyCondition) -> Void = { _ in }
    ) throws -> ProxySupervisor {
        let nobody: UInt32 = geteuid() == 0 ? 65_534 : geteuid()
        return try ProxySupervisor(
            executable: executable, arguments: ["proxy"], uid: nobody, gid: nobody, linger: linger, record: record,
            onChange: onChange)
    }

    private static func eventually(_ isSo: () -> Bool) -> Bool {
        for _ in 0..<1_000 {
            if isSo() { return true }
            usleep(10_000)
        }
        return false
    }

    /// A plan whose server list, limits and name order change with `round`; `first` always stays.
    private func plan(_ port: UInt16, _ first: Backend, _ second: Backend, round: Int) throws -> ServicePlan {
        var web = try service(round % 2 == 0 ? [first.port, second.port] : [first.port])
        web.listeners = [try ServicePlanTests.endpoint("127.0.0.1:\(port)")]
        web.maxConnections = 500 + round
        return ServicePlan(threads: 2, services: [web])
    }

    @Test("ten reloads under load: no failed request, no reset, WebSockets stay, counters go on")
    func reloads() throws {
        guard let executable = ProxySupervisorTests.executable else {
            print("*** SKIPPED: no ELECTD_BINARY, so the real proxy process isn't tested here ***")
            return
        }
        let (first, second) = (try Self.backend(), try Self.backend())
        let (fd, port) = try bindLoopback(listening: false)
        close(fd)
        let supervisor = try Self.supervisor(executable)
        try supervisor.apply(try plan(port, first, second, round: 0))
        #expect(Self.eventually { supervisor.condition == .running })
        let sockets = try (0..<10).map { _ in
            let wire = try Wire(to: port)
            wire.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            #expect(wire.readResponse(toHead: true)?.status == 101)
            return wire
        }
        let load = Load(port)
        for round in 1...10 {
            usleep(60_000)
            try supervisor.apply(try plan(port, first, second, round: round))
            for (number, socket) in sockets.enumerated() {
                socket.send("\(round) \(number)\n")
                #expect(socket.read(through: "\n") == "\(round) \(number)\n")
            }
        }
        let (good, bad) = load.end()
        #expect(bad == 0 && good > 20, "\(good) good, \(bad) bad")
        // A reload forgets nothing, and what left the plan and came back begins anew.
        #expect(Self.eventually { supervisor.snapshot().services[0].counters.hrsp2xx == UInt64(good) })
        #expect(supervisor.snapshot().services[0].latencies?.total.total ?? 0 > 0)
        supervisor.stop()
        for backend in [first, second] { backend.stop() }
    }

    /// Clients that ask with a new connection each, and one that keeps its own.
    private final class Load: Sendable {
        private let counts = Mutex((good: 0, bad: 0, running: 0, stops: false))

        init(_ port: UInt16) {
            for number in 0..<3 {
                counts.withLock { $0.running += 1 }
                spawn { [self] in
                    var kept = try? Wire(to: port)
                    while !counts.withLock({ $0.stops }) {
                        if number > 0 { kept = try? Wire(to: port) }
                        let isGood = kept?.get("/")?.status == 200
                        counts.withLock { if isGood { $0.good += 1 } else { $0.bad += 1 } }
                        if !isGood { kept = try? Wire(to: port) }
                    }
                    counts.withLock { $0.running -= 1 }
                }
            }
        }

        func end() -> (good: Int, bad: Int) {
            counts.withLock { $0.stops = true }
            while counts.withLock({ $0.running }) > 0 { usleep(1_000) }
            return counts.withLock { ($0.good, $0.bad) }
        }
    }

    @Test("log files are opened anew, and lines go on in the new one")
    func logFiles() throws {
        guard let executable = ProxySupervisorTests.executable else { return }
        let first = try Self.backend()
        let (fd, port) = try bindLoopback(listening: false)
        close(fd)
        let path = "/tmp/electd-reopen-\(getpid()).log"
        defer { for name in [path, path + ".1"] { unlink(name) } }
        let supervisor = try Self.supervisor(executable)
        var plan = try plan(port, first, first, round: 1)
        plan.services[0].accessLog = ServicePlan.AccessLog(format: .json, sink: ServicePlan.LogSink(.file(path)))
        try supervisor.apply(plan)
        #expect(Self.eventually { supervisor.condition == .running })
        #expect(try Wire(to: port).get("/one")?.status == 200)
        #expect(Self.eventually { Self.text(path).contains("/one") })
        rename(path, path + ".1")
        try supervisor.reopenLogs()
        #expect(Self.eventually { (try? Wire(to: port).get("/two")) != nil && Self.text(path).contains("/two") })
        #expect(Self.text(path + ".1").contains("/one") && !Self.text(path).contains("/one"))
        supervisor.stop()
        first.stop()
    }

    private static func text(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }

    @Test("idle: at most 15 MB for the process, and 300 bytes a connection")
    func memory() throws {
        // Nobody else may look into the process.
        guard let executable = ProxySupervisorTests.executable, geteuid() == 0 else { return }
        let first = try Self.backend()
        let (fd, port) = try bindLoopback(listening: false)
        close(fd)
        let supervisor = try Self.supervisor(executable)
        var plan = try plan(port, first, first, round: 1)
        plan.services[0].maxConnections = 3_000
        plan.services[0].timeouts.request = 60_000
        try supervisor.apply(plan)
        #expect(Self.eventually { supervisor.condition == .running })
        let pid = try #require(supervisor.snapshot().pid)
        let warm = try Wire(to: port)
        for _ in 0..<200 { #expect(warm.get("/")?.status == 200) }
        let (resident, before) = (Self.kilobytes(pid, "Rss:"), Self.kilobytes(pid, "Private_Dirty:"))
        #expect(resident > 0 && resident <= 15_360, "\(resident) kB resident")
        let count = 700
        let idle = try (0..<count).map { _ in
            let wire = try Wire(to: port)
            #expect(wire.get("/")?.status == 200)
            return wire
        }
        let each = (Self.kilobytes(pid, "Private_Dirty:") - before) * 1_024 / count
        // The kernel counts in pages: 64 KiB of slack for what 700 connections share.
        #expect(each <= 300 + 65_536 / count, "\(each) bytes for an idle connection")
        // A steady load takes no more memory, however long it lasts.
        let steady = Self.kilobytes(pid, "Private_Dirty:")
        for _ in 0..<3_000 { #expect(warm.get("/")?.status == 200) }
        #expect(Self.kilobytes(pid, "Private_Dirty:") - steady <= 128)
        withExtendedLifetime(idle) {}
        supervisor.stop()
        first.stop()
    }

    private static func kilobytes(_ pid: Int32, _ name: String) -> Int {
        let lines = text("/proc/\(pid)/smaps_rollup").split(separator: "\n")
        let line = lines.first { $0.hasPrefix(name) }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }
}
