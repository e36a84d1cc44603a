import Control
import Election
import Health
import Proxy
import ServiceLifecycle
import UnixSignals

/// Runs as long as the election does. Asked to end, it hands over first.
struct ElectionService: Service {
    let mailbox: Mailbox<ElectionLetter>
    let left: Happening<FatalCause?>
    let stopped: Happening<Void>

    func run() async throws {
        let cause = await withGracefulShutdownHandler {
            await left.value
        } onGracefulShutdown: { [mailbox] in
            mailbox.post(.leave)
        }
        mailbox.post(.stop)
        await stopped.value
        if let cause { throw cause }
    }
}

struct ControlService: Service {
    let server: ControlServer

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await server.run()
        } onGracefulShutdown: { [server] in
            server.shutdown()
        }
    }
}

struct CheckService: Service {
    let checks: CheckRunner

    func run() async throws {
        try? await gracefulShutdown()
        await checks.shutdown()
    }
}

struct ProxyService: Service {
    let proxy: ProxySupervisor?

    func run() async throws {
        try? await gracefulShutdown()
        proxy?.stop()
    }
}

/// SIGHUP: checks the file, then takes it.
struct ReloadService: Service {
    let daemon: RunningDaemon

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            daemon.cluster.enter(.reload)
        }
    }
}

/// What takes a new configuration beside the daemon itself.
struct Reloadable {
    let checks: CheckRunner
    let statistics: StatisticsService
    let metrics: MetricsService
}
