import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// The probes that open a connection: TCP and HTTP. Everything they read is bounded, and the connection is closed
/// in every case.
struct NetworkProbe: Sendable {
    let group: any EventLoopGroup
    let timeoutMS: Int

    /// Head of the answer, 1xx answers included.
    static let headLimit = 16 * 1024
    /// Body that is searched for a match.
    static let bodyLimit = 64 * 1024

    /// Passes when the connection is established. Closed by reset: nothing was said on it, and a probe every second
    /// would leave a port in TIME_WAIT each.
    func tcp(_ endpoint: Endpoint) async -> ProbeResult {
        await within(endpoint) { address in
            let channel = try await self.bootstrap().connect(to: address).get()
            let options = channel as? any SocketOptionProvider
            try? await options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
            try? await channel.close()
            return .passed("connected")
        }
    }

    /// Passes when the answer has an expected status and, if asked for, the text in its body.
    func http(_ probe: HTTPProbe) async -> ProbeResult {
        await within(probe.endpoint) { address in
            let connection = try await self.bootstrap().connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try HTTPAnswer.connection(on: channel, introduction: probe.introduction)
                }
            }
            return try await connection.executeThenClose { inbound, outbound in
                // In one write, and what goes wrong with it shows in the answer: a quick server has answered and closed
                // before a second write, which would fail for it.
                try? await outbound.write(contentsOf: [.head(Self.head(of: probe)), .end(nil)])
                return try await HTTPAnswer.judge(inbound, probe)
            }
        }
    }

    /// Reads one line of the server's agent.
    func agent(_ endpoint: Endpoint, send: String) async -> ProbeResult {
        await within(endpoint) { address in
            let connection = try await self.bootstrap().connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
            return try await connection.executeThenClose { inbound, outbound in
                if !send.isEmpty { try? await outbound.write(ByteBuffer(string: send)) }
                var bytes: [UInt8] = []
                for try await piece in inbound {
                    bytes.append(contentsOf: piece.readableBytesView.prefix(AgentAnswer.limit - bytes.count))
                    if bytes.contains(0x0a) || bytes.count >= AgentAnswer.limit { break }
                }
                guard let answer = AgentAnswer(bytes) else {
                    return .failed(
                        Detail.line(bytes.isEmpty ? "the agent said nothing" : "the agent said no known word"))
                }
                return .told(answer, "agent: " + Detail.line(bytes))
            }
        }
    }

    private func bootstrap() -> ClientBootstrap {
        ClientBootstrap(group: group)
            .connectTimeout(.milliseconds(Int64(timeoutMS)))
            .channelOption(ChannelOptions.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
            .channelOption(ChannelOptions.maxMessagesPerRead, value: 1)
    }

    private static func head(of probe: HTTPProbe) -> HTTPRequestHead {
        var headers = HTTPHeaders()
        headers.add(name: "host", value: probe.host ?? probe.endpoint.description)
        headers.add(name: "user-agent", value: "electd")
        headers.add(name: "accept", value: "*/*")
        headers.add(name: "connection", value: "close")
        return HTTPRequestHead(
            version: .http1_1, method: .init(rawValue: probe.method), uri: probe.path, headers: headers)
    }

    private enum Step: Sendable {
        case result(ProbeResult)
        case timeout(late: Bool)
    }

    /// Runs `probe` against the endpoint's address within the time limit, and turns errors into results.
    private func within(
        _ endpoint: Endpoint, _ probe: @escaping @Sendable (SocketAddress) async throws -> ProbeResult
    ) async -> ProbeResult {
        guard let address = try? SocketAddress(ipAddress: endpoint.address, port: Int(endpoint.port)) else {
            return .failed(Detail.line("\(endpoint.address): not an IP address"))
        }
        let clock = ContinuousClock()
        let limit = clock.now + .milliseconds(timeoutMS)
        return await withTaskGroup(of: Step.self) { group in
            group.addTask {
                do {
                    return .result(try await probe(address))
                } catch let error as ChannelError where error.isConnectTimeout {
                    return .timeout(late: limit.duration(to: clock.now) > Lateness.tolerated)
                } catch {
                    return .result(.failed(ProbeFailure.text(error)))
                }
            }
            group.addTask { await Self.alarm(limit, clock) }
            let first = await group.next() ?? .timeout(late: false)
            group.cancelAll()
            guard !Task.isCancelled else { return .inconclusive("cancelled") }
            switch first {
            case .result(let result): return result
            case .timeout(late: false): return .failed("timeout after \(self.timeoutMS) ms")
            case .timeout(late: true): return .inconclusive("timeout, but this node itself stood still")
            }
        }
    }

    private static func alarm(_ limit: ContinuousClock.Instant, _ clock: ContinuousClock) async -> Step {
        try? await Task.sleep(until: limit, clock: clock)
        let late = limit.duration(to: clock.now) > Lateness.tolerated
        // An answer may lie unread in the socket: let it win.
        if late { try? await Task.sleep(for: Lateness.grace) }
        return .timeout(late: late)
    }
}

extension ChannelError {
    fileprivate var isConnectTimeout: Bool {
        if case .connectTimeout = self { true } else { false }
    }
}
