import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The daemon's API: HTTP/1.1 on a unix socket. Routes and their meaning are ``ControlRoute``; what they do is the
/// handler's matter. Who may look is the socket's mode (0660), who may change things is ``ControlAuthority``.
package final class ControlServer: Sendable {
    package typealias Handler = @Sendable (ControlRequest) async -> ControlResponse

    /// Connections at once; the last ``reservedForRoot`` are kept for root, so that others can't lock it out.
    package static let connectionLimit = 64
    package static let reservedForRoot = 8

    private enum State {
        case bound
        /// The event loop owns the descriptor; the channel is there once it has taken it over.
        case running((any Channel)?)
        case stopped
    }

    private let socket: ControlSocket
    private let group: any EventLoopGroup
    private let check: RequestCheck
    private let handler: Handler
    private let state = Mutex(State.bound)
    private let connections = Mutex<[ObjectIdentifier: any Channel]>([:])

    /// Opens the socket; connections wait in its backlog until ``run()``.
    ///
    /// - Parameters:
    ///   - path: of the socket; its directory is made if missing, a socket left by a crash is replaced.
    ///   - groupID: users of this group may look, too.
    package init(
        path: String, group: any EventLoopGroup, groupID: gid_t? = nil, handler: @escaping Handler
    ) throws(ControlSocketError) {
        socket = try ControlSocket.open(path: path, groupID: groupID)
        self.group = group
        self.handler = handler
        check = RequestCheck(authority: ControlAuthority(ownUID: geteuid()))
    }

    deinit {
        state.withLock { state in
            if case .bound = state { discard() }
        }
    }

    /// Serves until the task is cancelled or ``shutdown()``; answers under way get one second. To be called once.
    package func run() async throws {
        let isFirst = state.withLock { state in
            guard case .bound = state else { return false }
            state = .running(nil)
            return true
        }
        guard isFirst else { return }
        defer { socket.remove() }
        let listener = try await bootstrap.withBoundSocket(socket.descriptor).get()
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
        state.withLock { $0 = .stopped }
        socket.remove()
        await endConnections()
    }

    /// Makes ``run()`` end, now or when it is called.
    package func shutdown() {
        let listener = state.withLock { state -> (any Channel)? in
            defer { state = .stopped }
            switch state {
            case .bound: discard()
            case .running(let channel): return channel
            case .stopped: break
            }
            return nil
        }
        listener?.close(promise: nil)
    }

    /// Gives up a socket that was never served.
    private func discard() {
        socket.remove()
        close(socket.descriptor)
    }

    private var bootstrap: ServerBootstrap {
        ServerBootstrap(group: group)
            .childChannelInitializer { [self] channel in self.take(channel) }
            .childChannelOption(ChannelOptions.maxMessagesPerRead, value: 4)
    }

    private func take(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(NoCredentials())
        }
        let credentials: EventLoopFuture<PeerCredentials> = options.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return credentials.flatMapThrowing { caller in
            try self.admit(channel, caller)
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = RequestBudget.headLimit
            limits.maxHeaderListSize = RequestBudget.headLimit
            limits.maxHeaderFieldCount = 64
            let budget = RequestBudget()
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(budget)
            try pipeline.configureHTTPServerPipeline(
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
            try pipeline.addHandler(
                ControlConnection(check: self.check, caller: caller, budget: budget, handler: self.handler))
        }
    }

    private func admit(_ channel: any Channel, _ caller: PeerCredentials) throws {
        let room = caller.uid == 0 ? Self.connectionLimit : Self.connectionLimit - Self.reservedForRoot
        let identity = ObjectIdentifier(channel)
        let admitted = connections.withLock { connections in
            guard connections.count < room else { return false }
            connections[identity] = channel
            return true
        }
        guard admitted else { throw TooManyConnections() }
        channel.closeFuture.whenComplete { _ in
            self.connections.withLock { connections in connections[identity] = nil }
        }
    }

    /// Idle connections close at once, the others after their answer, and all after a second.
    private func endConnections() async {
        for channel in open { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        for _ in 0..<100 where !open.isEmpty {
            // Detached, because this task may be cancelled and couldn't sleep.
            await Task.detached { try? await Task.sleep(for: .milliseconds(10)) }.value
        }
        for channel in open { channel.close(promise: nil) }
    }

    private var open: [any Channel] { connections.withLock { Array($0.values) } }

    private struct NoCredentials: Error {}
    private struct TooManyConnections: Error {}
}
