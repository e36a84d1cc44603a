import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The statistics page: HTTP/1.1 on a TCP address that may be a virtual IP, which the socket outlives.
///
/// It has an event loop of its own, behind the daemon's other threads: whoever floods this port delays no check and
/// no control request.
package final class StatisticsServer: Sendable {
    /// What is shown where, and to whom.
    package struct Site: Sendable {
        /// Begins with a slash.
        package let path: String
        /// nil: everybody may look.
        package let users: StatisticsUsers?

        /// Prometheus text instead of the page.
        let isMetrics: Bool

        package init(path: String, users: StatisticsUsers?) {
            self.path = path
            self.users = users
            isMetrics = false
        }

        private init(metricsPath: String) {
            path = metricsPath
            users = nil
            isMetrics = true
        }

        /// ``MetricsText``, for everybody.
        package static func metrics(path: String) -> Site { Site(metricsPath: path) }
    }

    private enum State {
        case bound
        /// The event loop owns the descriptor; the channel is there once it has taken it over.
        case running((any Channel)?)
        case stopped
    }

    private let descriptor: Int32
    private let desk: Mutex<StatisticsDesk>
    private let noteRejection: @Sendable (ClientSource) -> Void
    private let state = Mutex(State.bound)
    private let connections = Mutex(StatisticsConnections())

    /// Opens the socket; connections wait in its backlog until ``run()``.
    ///
    /// - Parameters:
    ///   - address: 4 or 16 bytes in network order; it needs not be on this machine.
    ///   - noteRejection: called after each wrong password, at most about three times a second.
    ///   - report: what is shown; nil when the daemon doesn't answer. Called at most four times a second.
    package init(
        address: [UInt8], port: UInt16, site: Site,
        noteRejection: @escaping @Sendable (ClientSource) -> Void = { _ in },
        report: @escaping @Sendable () async -> StatusReport?
    ) throws(StatisticsSocketError) {
        descriptor = try StatisticsSocket.open(address: address, port: port)
        self.noteRejection = noteRejection
        desk = Mutex(
            StatisticsDesk(
                path: site.path, isMetrics: site.isMetrics,
                check: site.users.map { CredentialCheck($0, noteRejection: noteRejection) },
                reports: RecentReport(report)))
    }

    deinit {
        state.withLock { state in
            if case .bound = state { close(descriptor) }
        }
    }

    /// The port that the kernel chose when 0 was asked for; 0 once the server has stopped.
    package var port: UInt16 {
        state.withLock { state in
            if case .stopped = state { return 0 }
            var name = sockaddr_in6()
            var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
            let code = withUnsafeMutablePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
            }
            // The port stands at the same place in both families' names.
            return code == 0 ? UInt16(bigEndian: name.sin6_port) : 0
        }
    }

    /// Shows something else, or to others, from the next connection on; those that there are end.
    package func replace(_ site: Site) async {
        let new = site.users.map { CredentialCheck($0, noteRejection: noteRejection) }
        let isRunning = state.withLock { state in
            if case .running = state { return true }
            return false
        }
        if isRunning { new?.start() }
        let old = desk.withLock { desk in
            let old = desk.check
            desk = StatisticsDesk(path: site.path, isMetrics: site.isMetrics, check: new, reports: desk.reports)
            return old
        }
        for channel in connections.withLock({ $0.channels }) { channel.close(promise: nil) }
        await old?.stop()
    }

    /// Serves until the task is cancelled or ``shutdown()``. To be called once.
    package func run() async throws {
        let isFirst = state.withLock { state in
            guard case .bound = state else { return false }
            state = .running(nil)
            return true
        }
        guard isFirst else { return }
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        // The election's threads come first.
        loop.next().execute { setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10) }
        desk.withLock { $0.check?.start() }
        do {
            try await serve(on: loop)
        } catch {
            await end(loop)
            throw error
        }
        await end(loop)
    }

    private func serve(on loop: MultiThreadedEventLoopGroup) async throws {
        let listener = try await bootstrap(loop).withBoundSocket(descriptor).get()
        let isWanted = state.withLock { state in
            guard case .running = state else { return false }
            state = .running(listener)
            return true
        }
        if !isWanted { listener.close(promise: nil) }
        await withTaskCancellationHandler {
            _ = try? await listener.closeFuture.get()
        } onCancel: {
            listener.close(promise: nil)
        }
    }

    private func end(_ loop: MultiThreadedEventLoopGroup) async {
        state.withLock { $0 = .stopped }
        for channel in connections.withLock({ $0.channels }) { channel.close(promise: nil) }
        await desk.withLock { $0.check }?.stop()
        try? await loop.shutdownGracefully()
    }

    /// Makes ``run()`` end, now or when it is called.
    package func shutdown() {
        let listener = state.withLock { state -> (any Channel)? in
            defer { state = .stopped }
            switch state {
            case .bound: close(descriptor)
            case .running(let channel): return channel
            case .stopped: break
            }
            return nil
        }
        listener?.close(promise: nil)
    }

    private func bootstrap(_ loop: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: loop)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try self.take(channel) }
            }
            .childChannelOption(ChannelOptions.maxMessagesPerRead, value: 4)
    }

    private func take(_ channel: any Channel) throws {
        guard let source = channel.remoteAddress.flatMap(ClientSource.init) else { throw NotAdmitted() }
        guard connections.withLock({ $0.admit(channel, from: source) }) else { throw NotAdmitted() }
        let identity = ObjectIdentifier(channel)
        channel.closeFuture.whenComplete { _ in self.connections.withLock { $0.remove(identity, from: source) } }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = StatisticsConnection.Limit.request
        limits.maxHeaderListSize = StatisticsConnection.Limit.request
        limits.maxHeaderFieldCount = 64
        let budget = RequestBudget(StatisticsConnection.Limit.request)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(budget)
        try pipeline.configureHTTPServerPipeline(
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
        let desk = desk.withLock { $0 }
        try pipeline.addHandler(StatisticsConnection(desk: desk, source: source, budget: budget))
    }

    private struct NotAdmitted: Error {}
}

/// What every connection works with.
struct StatisticsDesk: Sendable {
    let path: String
    let isMetrics: Bool
    let check: CredentialCheck?
    let reports: RecentReport
}

/// The report, taken anew at most four times a second: who asks often costs the election nothing.
actor RecentReport {
    private static let age = TimeAmount.milliseconds(250)

    private let take: @Sendable () async -> StatusReport?
    private var last: (report: Task<StatusReport?, Never>, at: NIODeadline)?

    init(_ take: @escaping @Sendable () async -> StatusReport?) { self.take = take }

    func report() async -> StatusReport? {
        if let last, last.at + Self.age > .now() { return await last.report.value }
        let report = Task { await take() }
        last = (report, .now())
        return await report.value
    }
}

/// The connections that there are, so many of each source and so many in all.
struct StatisticsConnections {
    static let limit = 64
    static let limitOfOneSource = 16

    private var byIdentity: [ObjectIdentifier: any Channel] = [:]
    private var counts: [ClientSource: Int] = [:]

    var channels: [any Channel] { Array(byIdentity.values) }

    /// - Returns: whether there is room.
    mutating func admit(_ channel: any Channel, from source: ClientSource) -> Bool {
        guard byIdentity.count < Self.limit, counts[source, default: 0] < Self.limitOfOneSource else { return false }
        byIdentity[ObjectIdentifier(channel)] = channel
        counts[source, default: 0] += 1
        return true
    }

    mutating func remove(_ identity: ObjectIdentifier, from source: ClientSource) {
        guard byIdentity.removeValue(forKey: identity) != nil, let count = counts[source] else { return }
        counts[source] = count > 1 ? count - 1 : nil
    }
}
