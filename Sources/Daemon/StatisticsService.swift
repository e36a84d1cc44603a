import Configuration
import Control
import Logging
import ServiceLifecycle
import Sodium

/// The statistics page as the configuration in force wants it; a new one is taken while it runs.
actor StatisticsService: Service {
    private struct Shown {
        var statistics: Configuration.Statistics
        var users: UsersFile?
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
        guard let statistics = loaded.configuration.statistics, statistics.listen != shown?.statistics.listen else {
            return nil
        }
        let log = log
        return try StatisticsServer(
            address: statistics.listen.address.bytes, port: statistics.listen.port, site: Self.site(statistics, loaded),
            noteRejection: { source in log.notice("statistics: a wrong user or password from \(source)") },
            report: report)
    }

    /// Puts a configuration in force, with what ``open(for:)`` returned for it.
    func take(_ loaded: LoadedConfiguration, _ opened: StatisticsServer?) async {
        guard let statistics = loaded.configuration.statistics else { return await end() }
        if let opened {
            await end()
            let log = log
            let task = Task {
                do { try await opened.run() } catch { log.error("statistics on \(statistics.listen): \(error)") }
            }
            shown = Shown(statistics: statistics, users: loaded.users, server: opened, task: task)
            log.info("statistics on \(statistics.listen)\(statistics.path)")
        } else if let server = shown?.server, shown?.statistics != statistics || shown?.users != loaded.users {
            shown?.statistics = statistics
            shown?.users = loaded.users
            await server.replace(Self.site(statistics, loaded))
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

    private static func site(_ statistics: Configuration.Statistics, _ loaded: LoadedConfiguration)
        -> StatisticsServer.Site
    {
        precondition(statistics.usersFile == nil || loaded.users != nil, "a users file that isn't there lets nobody in")
        let key = Sodium.randomBytes(32)
        return StatisticsServer.Site(
            path: statistics.path,
            users: loaded.users.map { users in
                StatisticsUsers(realm: statistics.realm) { user, password in
                    users.matches(user: user, password: password)
                } fingerprint: { credentials in
                    Blake2b.hash(credentials, key: key)
                }
            })
    }
}
