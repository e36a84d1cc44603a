import NIOCore
import NIOHTTP1

/// One connection to the control socket: takes a request, has it answered, takes the next one.
///
/// Every state has a time limit, so that a peer that stops talking or reading can't keep the connection.
final class ControlConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    enum Limit {
        /// Between requests, in which the peer reads the answer.
        static let idle = TimeAmount.seconds(60)
        /// From a request's head to its end.
        static let request = TimeAmount.seconds(5)
        /// For the daemon to answer, and for the peer to read a last answer.
        static let answer = TimeAmount.seconds(10)
    }

    private enum State {
        case idle
        case receiving(Request)
        /// Refused; the rest of the request is read and dropped.
        case refusing(ControlResponse)
        case answering(keepAlive: Bool, Task<Void, Never>)
        /// The last answer is on its way.
        case closing
        case closed
    }

    private struct Request {
        let route: ControlRoute
        let query: String
        let keepAlive: Bool
        var body: [UInt8] = []
    }

    private let check: RequestCheck
    private let caller: PeerCredentials
    private let budget: RequestBudget
    private let handler: @Sendable (ControlRequest) async -> ControlResponse
    private var state = State.idle
    private var deadline: Scheduled<Void>?

    init(
        check: RequestCheck, caller: PeerCredentials, budget: RequestBudget,
        handler: @escaping @Sendable (ControlRequest) async -> ControlResponse
    ) {
        self.check = check
        self.caller = caller
        self.budget = budget
        self.handler = handler
    }

    func channelActive(context: ChannelHandlerContext) {
        arm(Limit.idle, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .answering(_, let task) = state { task.cancel() }
        state = .closed
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Not HTTP, or the peer has gone: the pipeline's error handler has answered 400 where it could.
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .idle):
            begin(head, context)
        case (.body(let bytes), .receiving(var request)):
            guard request.body.count + bytes.readableBytes <= request.route.bodyLimit else {
                return write(RequestCheck.tooLarge(for: request.route), keepAlive: false, context)
            }
            request.body.append(contentsOf: bytes.readableBytesView)
            state = .receiving(request)
        case (.end, .receiving(let request)):
            answer(request, context)
        case (.end, .refusing(let refusal)):
            write(refusal, keepAlive: true, context)
        default:
            // The rest of a request that was answered before its end.
            break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // Asks on, but doesn't read the answers.
        guard context.channel.isWritable else { return context.close(promise: nil) }
        arm(Limit.request, context)
        let verdict = check.verdict(
            method: head.method.rawValue, uri: head.uri, contentLength: head.headers.first(name: "content-length"),
            caller: caller)
        switch verdict {
        case .accepted(let route, let query):
            state = .receiving(Request(route: route, query: query, keepAlive: head.isKeepAlive))
        case .refused(let refusal) where head.isKeepAlive && refusal.status != 413 && refusal.status != 400:
            state = .refusing(refusal)
        case .refused(let refusal):
            write(refusal, keepAlive: false, context)
        }
    }

    private func answer(_ request: Request, _ context: ChannelHandlerContext) {
        arm(Limit.answer, context)
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        let question = ControlRequest(route: request.route, query: request.query, body: request.body, caller: caller)
        let task = Task { [handler] in
            let response = await handler(question)
            eventLoop.execute {
                let (connection, context) = loopBound.value
                guard case .answering(let keepAlive, _) = connection.state else { return }
                connection.write(response, keepAlive: keepAlive, context)
            }
        }
        state = .answering(keepAlive: request.keepAlive, task)
    }

    private func write(_ response: ControlResponse, keepAlive: Bool, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: response.content.rawValue)
        headers.add(name: "content-length", value: String(response.body.count))
        headers.add(name: "cache-control", value: "no-store")
        if !keepAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: response.status), headers: headers)
        let body = context.channel.allocator.buffer(bytes: response.body)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        guard keepAlive else {
            state = .closing
            arm(Limit.answer, context)
            let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
            return context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
                loopBound.value.close(promise: nil)
            }
        }
        // Before the end is written: the pipelining handler passes the next request on from within that call.
        state = .idle
        budget.reset()
        arm(Limit.idle, context)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func arm(_ amount: TimeAmount, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: amount) {
            let (connection, context) = loopBound.value
            connection.expire(context)
        }
    }

    private func expire(_ context: ChannelHandlerContext) {
        switch state {
        case .receiving, .refusing:
            write(.refusal(408, "the request did not end within 5 s"), keepAlive: false, context)
        case .answering(_, let task):
            task.cancel()
            write(.refusal(503, "the daemon did not answer within 10 s"), keepAlive: false, context)
        case .idle, .closing, .closed:
            context.close(promise: nil)
        }
    }
}

/// Ends a connection that sends more than one request may have; the parser itself doesn't bound the request line
/// and chunk framing.
final class RequestBudget: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    static let headLimit = 16 * 1024
    private let total: Int
    private var left: Int

    init(_ total: Int = headLimit + RequestCheck.textLimit + RequestCheck.bodyLimit) {
        self.total = total
        left = total
    }

    func reset() { left = total }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        left -= unwrapInboundIn(data).readableBytes
        guard left >= 0 else { return context.close(promise: nil) }
        context.fireChannelRead(data)
    }
}
