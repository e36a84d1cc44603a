import NIOCore
import NIOHTTP1

/// One connection to the statistics page: takes a question, has the asker's password checked, answers, takes the next.
///
/// Every state has a time limit that what the peer does can't extend.
final class StatisticsConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    enum Limit {
        /// For the next question to be there in full; a page that reloads itself asks every five seconds.
        static let idle = TimeAmount.seconds(15)
        /// For password and daemon, and for the peer to read a last answer.
        static let answer = TimeAmount.seconds(12)
        /// Bytes of one question.
        static let request = 16 * 1024
    }

    private enum State {
        case idle
        case receiving(StatisticsRequest, isLast: Bool)
        case answering(StatisticsRequest, isLast: Bool)
        /// The last answer is on its way.
        case closing
        case closed
    }

    private let desk: StatisticsDesk
    private let source: ClientSource
    private let budget: RequestBudget
    private var state = State.idle
    private var deadline: Scheduled<Void>?

    init(desk: StatisticsDesk, source: ClientSource, budget: RequestBudget) {
        self.desk = desk
        self.source = source
        self.budget = budget
    }

    func channelActive(context: ChannelHandlerContext) {
        arm(Limit.idle, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Not HTTP, too long, or the peer has gone: the pipeline's error handler has answered 400 where it could.
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .idle): begin(head, context)
        case (.body, .receiving(let request, _)):
            // A body that wasn't announced can't be; a parser that thinks otherwise isn't argued with.
            write(StatisticsAnswer(.withBody, path: desk.path), isHead: request.isHead, isLast: true, context)
        case (.end, .receiving(let request, let isLast)):
            state = .answering(request, isLast: isLast)
            arm(Limit.answer, context)
            answer(request, context)
        default:
            // The rest of a request that was answered before its end.
            break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // Asks on, but doesn't read the answers.
        guard context.channel.isWritable else { return context.close(promise: nil) }
        do throws(StatisticsRequest.Refusal) {
            let request = try StatisticsRequest(head, path: desk.path)
            state = .receiving(request, isLast: head.version != .http1_1 || !head.isKeepAlive)
        } catch {
            let isHead = head.method == .HEAD
            write(StatisticsAnswer(error, path: desk.path), isHead: isHead, isLast: true, context)
        }
    }

    private func answer(_ request: StatisticsRequest, _ context: ChannelHandlerContext) {
        guard let check = desk.check else { return report(request, context) }
        guard let credentials = request.credentials else {
            return finish(.unauthorized(realm: check.realm), context)
        }
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        check.judge(credentials, from: source) { verdict in
            eventLoop.execute {
                let (connection, context) = loopBound.value
                switch verdict {
                case .good: connection.report(request, context)
                case .bad: connection.finish(.unauthorized(realm: check.realm), context)
                case .busy: connection.finish(.busy, context)
                }
            }
        }
    }

    private func report(_ request: StatisticsRequest, _ context: ChannelHandlerContext) {
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        Task { [reports = desk.reports, isMetrics = desk.isMetrics] in
            let form = isMetrics ? StatisticsRequest.Form.metrics : request.form
            let answer = await reports.report().map { StatisticsAnswer($0, as: form) } ?? .silent
            eventLoop.execute {
                let (connection, context) = loopBound.value
                connection.finish(answer, context)
            }
        }
    }

    /// Answers the question under way, unless it was given up.
    private func finish(_ answer: StatisticsAnswer, _ context: ChannelHandlerContext) {
        guard case .answering(let request, let isLast) = state else { return }
        write(answer, isHead: request.isHead, isLast: isLast, context)
    }

    private func write(_ answer: StatisticsAnswer, isHead: Bool, isLast: Bool, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(answer.head(isLast: isLast))), promise: nil)
        if !isHead {
            let body = context.channel.allocator.buffer(bytes: answer.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        guard !isLast else {
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
        guard case .answering(let request, _) = state else { return context.close(promise: nil) }
        write(.silent, isHead: request.isHead, isLast: true, context)
    }
}
