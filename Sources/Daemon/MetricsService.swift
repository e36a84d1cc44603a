import Configuration
import Control
import Logging
import ServiceLifecycle

/// The metrics' own TCP address, as the configuration in force wants it; a new one is taken while it runs.
actor MetricsService: Service {
    private struct Shown {
        let metrics: Configuration.Metrics
        let server: StatisticsServer
        let task: Task<Void, Never>
    }

    private let log: Logger
    private let report: @Sendable () async -> StatusReport?
    private var shown: Shown?

    init(log: Logger, report: @escaping @Sendable () async -> StatusReport?) {
        self.log = log
        self.report = report
    }

    /// Opens the socket that a configuration needs, before anything of that configuration is in force.
    ///
    /// - Returns: nil when it needs no other socket than there is.
    func open(for loaded: LoadedConfiguration) throws(StatisticsSocketError) -> StatisticsServer? {
        guard let metrics = loaded.configuration.metrics, metrics.listen != shown?.metrics.listen else { return nil }
        return try StatisticsServer(
            address: metrics.listen.address.bytes, port: metrics.listen.port, site: .metrics(path: metrics.path),
            report: report)
    }

    /// Puts a configuration in force, with what ``open(for:)`` returned for it.
    func take(_ loaded: LoadedConfiguration, _ opened: StatisticsServer?) async {
        guard let metrics = loaded.configuration.metrics else { return await end() }
        if let opened {
            await end()
            let log = log
            let task = Task {
                do { try await opened.run() } catch { log.error("metrics on \(metrics.listen): \(error)") }
            }
            shown = Shown(metrics: metrics, server: opened, task: task)
            log.info("metrics on \(metrics.listen)\(metrics.path)")
        } else if let shown, shown.metrics != metrics {
            self.shown = Shown(metrics: metrics, server: shown.server, task: shown.task)
            await shown.server.replace(.metrics(path: metrics.path))
        }
    }

    func run() async throws {
        try? await gracefulShutdown()
        await end()
    }

    private func end() async {
        guard let ending = shown else { return }
        shown = nil
        ending.server.shutdown()
        await ending.task.value
    }
}
