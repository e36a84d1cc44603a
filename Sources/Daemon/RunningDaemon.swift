import Configuration
import Control
import Election
import Glibc
import Health
import Logging
import NIOPosix
import Proxy
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The control process: everything around the election thread, and how it all starts and ends.
package final class RunningDaemon: Sendable {
    let options: DaemonOptions
    let log: Logger
    let mailbox: Mailbox<ElectionLetter>
    let proxy: ProxySupervisor?
    let notifier: Notifier
    /// What the replicated logs say.
    let cluster = ClusterWord()
    let startedAt = BootInstant.now()
    private let loaded: Mutex<LoadedConfiguration>
    private let lines: LogLines
    private let left = Happening<FatalCause?>()
    private let stopped = Happening<Void>()

    /// The configuration in force.
    var current: LoadedConfiguration { loaded.withLock { $0 } }

    private init(_ loaded: LoadedConfiguration, _ options: DaemonOptions) throws {
        self.options = options
        self.loaded = Mutex(loaded)
        lines = try LogLines()
        let settings = loaded.configuration.log
        var logger = Logger(
            label: "electd",
            factory: { [lines] _ in
                LineLogHandler(
                    lines, level: Logger.Level(rawValue: settings.level.rawValue) ?? .info,
                    isJSON: settings.format == .json)
            })
        logger.logLevel = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        log = logger
        let mailbox = try Mailbox<ElectionLetter>(capacity: 65_536)
        self.mailbox = mailbox
        notifier = Notifier(environment: ["ELECTD_NODE": loaded.this.name]) { [log] report in
            if !report.succeeded { log.warning("on_change \(report.notice.path): \(report.detail)") }
        }
        proxy = try Self.makeProxy(loaded, options, mailbox, log)
    }

    /// Runs until a signal ends it.
    ///
    /// - Throws: what kept it from starting, or a `FatalCause`.
    package static func run(_ loaded: LoadedConfiguration, _ options: DaemonOptions) async throws {
        ThreadCare.hardenProcess()
        // What the cluster agreed on while this node was up or away counts more than a file.
        let chosen = EpochFiles(stateDirectory: options.stateDirectory).chosen(over: loaded)
        let daemon = try RunningDaemon(chosen.loaded, options)
        daemon.cluster.epochInForce = chosen.epoch
        if let note = chosen.note { daemon.log.warning("\(note)") }
        do {
            try await daemon.serve()
        } catch {
            daemon.lines.flush()
            throw error
        }
        daemon.lines.flush()
    }

    private func serve() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let checks = CheckRunner(group: loops, environment: ["ELECTD_NODE": current.this.name]) { [weak self] report in
            self?.hear(report)
        }
        let control = try ControlServer(path: options.socketPath, group: loops) { [weak self] request in
            await self?.answer(request, checks: checks) ?? .refusal(503, "electd is ending")
        }
        let statistics = StatisticsService(log: log) { [weak self] in await self?.status(checks) }
        let metrics = MetricsService(log: log) { [weak self] in await self?.status(checks) }
        let page = try await statistics.open(for: current)
        let figures = try await metrics.open(for: current)
        let state = try Assembly(
            loaded: current, options: options, log: log, mailbox: mailbox, reports: reports()
        ).startElection { try startProxy() }
        if proxy == nil { mailbox.post(.dataPlane(up: true)) }
        await checks.apply(current.configuration.checkPlans(on: current.this))
        await statistics.take(current, page)
        await metrics.take(current, figures)
        // Ended in the opposite order: the election first, so that the group is handed over while all else works.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: ControlService(server: control)), .init(service: statistics),
                    .init(service: metrics),
                    .init(service: ProxyService(proxy: proxy)), .init(service: CheckService(checks: checks)),
                    .init(service: ReloadService(daemon: self)),
                    .init(
                        service: ClusterService(
                            daemon: self, handle: Reloadable(checks: checks, statistics: statistics, metrics: metrics))),
                    .init(
                        service: ElectionService(mailbox: mailbox, left: left, stopped: stopped),
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup),
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: quietLogger()))
        defer { withExtendedLifetime(state) {} }
        try await group.run()
        await notifier.drain(withinMS: 2_000)
        try? await loops.shutdownGracefully()
        log.notice("ended")
    }

    private func quietLogger() -> Logger {
        var logger = log
        logger.logLevel = .warning
        return logger
    }

    private func reports() -> ElectionReports {
        ElectionReports(
            changed: { [weak self] change, rules in self?.notify(change, rules) },
            derived: { [weak self] group, state in self?.follow(state, of: group) },
            examine: { [cluster] group, proposal, text in cluster.enter(.examine(group, proposal, text)) },
            answered: { [cluster] request, outcome in cluster.answer(request, outcome) },
            forked: { [cluster] group, branches in cluster.enter(.keep(group, branches)) },
            left: { [left] cause in left.happen(cause) }, stopped: { [stopped] in stopped.happen(()) })
    }

    private func notify(_ change: Change, _ rules: Rules) {
        guard let name = rules.groups.first(where: { $0.id == change.group })?.name else { return }
        let configuration = current.configuration
        DecisionLog.tell(
            DecisionLog.Decision(
                node: rules.name(of: rules.this), group: name, role: GroupRole(change.role).rawValue,
                term: change.term.rawValue, reason: change.reason.text),
            to: configuration.log.decisions)
        guard let path = configuration.group(named: name)?.onChange else { return }
        notifier.notify(
            Notice(
                path: path, role: GroupRole(change.role).rawValue, group: name, term: change.term.rawValue,
                reason: change.reason.text))
    }

    /// A check changed its verdict: a node's own is an input of the election, a server's goes to the proxy.
    private func hear(_ report: CheckReport) {
        let verdict = report.passing ? "passes" : "fails"
        if let check = CheckName.ofNode(report.name) {
            log.notice("check \(check) \(verdict): \(report.detail)")
            mailbox.post(.check(name: check, passing: report.passing))
        } else if let (service, server) = CheckName.ofServer(report.name) {
            log.notice("server \(service)/\(server) \(verdict): \(report.detail)")
            proxy?.set(server: server, of: service, to: report.passing ? ServicePlan.Health.up : .down)
        } else if let (service, server) = CheckName.ofAgent(report.name) {
            log.notice("server \(service)/\(server): \(report.detail)")
            // Like HAProxy: an agent that can't be reached says nothing, and what it said last stays.
            guard report.passing, let answer = report.agent else { return }
            let duty: ServicePlan.Duty =
                switch answer.duty {
                case .drain: .drain
                case .maintenance: .maintenance
                case .ready, nil: .ready
                }
            proxy?.set(
                server: server, of: service, agentIsUp: answer.isUp ?? true, agentDuty: duty,
                weightPercent: answer.weightPercent ?? 100)
        }
    }

    /// What an agent said is void when nobody asks it any more.
    private func forgetAgents(gone configuration: Configuration) {
        for service in configuration.services {
            for server in service.servers where server.agent == nil {
                proxy?.set(
                    server: server.name, of: service.name, agentIsUp: true, agentDuty: .ready, weightPercent: 100)
            }
        }
    }

    /// A file that was renamed gives way to a new one (logrotate), whatever becomes of the configuration.
    private func reopenLogs() {
        do throws(ProxyError) {
            try proxy?.reopenLogs()
        } catch {
            log.error("reload: \(error)")
        }
    }

    /// Takes the file anew, or leaves everything as it is and says why.
    func reload(_ handle: Reloadable) async {
        let new: LoadedConfiguration
        do {
            new = try LoadedConfiguration.load(options.configurationPath)
        } catch {
            for problem in error.problems { log.error("\(problem)") }
            log.error("reload: the file has problems; the configuration in force stays")
            reopenLogs()
            return
        }
        if !new.configuration.hasSameKeys(as: current.configuration) {
            log.error(
                "reload: a node's key changes for all at once, by `electd apply`; the configuration in force stays")
            reopenLogs()
            return
        }
        if let obstacle = await put(new, handle) {
            log.error("reload: \(obstacle); the configuration in force stays")
            reopenLogs()
            return
        }
        let epoch = cluster.epochInForce
        if epoch > 0 {
            log.warning("reload: the file is in force on this node until it starts again; then epoch \(epoch) is")
        }
        log.notice("reload: the new configuration is in force")
    }

    /// Puts a configuration in force on this node.
    ///
    /// - Returns: what kept it from that, and everything as it was; nil when it is in force.
    func put(_ new: LoadedConfiguration, _ handle: Reloadable) async -> String? {
        if let obstacle = obstacle(to: new) { return obstacle }
        let page: StatisticsServer?
        let figures: StatisticsServer?
        do {
            page = try await handle.statistics.open(for: new)
            figures = try await handle.metrics.open(for: new)
            try proxy?.apply(new.configuration.servicePlan(on: new.this))
        } catch {
            return "\(error)"
        }
        forgetAgents(gone: new.configuration)
        loaded.withLock { $0 = new }
        applySettings()
        mailbox.post(.reconfigure(new.configuration, new.rules))
        await handle.checks.apply(new.configuration.checkPlans(on: new.this))
        await handle.statistics.take(new, page)
        await handle.metrics.take(new, figures)
        return nil
    }
}

extension GroupRole {
    init(_ role: Change.Role) {
        switch role {
        case .holder: self = .holder
        case .standby: self = .standby
        case .fault: self = .fault
        }
    }
}
