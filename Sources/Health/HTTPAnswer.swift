import Glibc
import NIOCore
import NIOHTTP1

/// Reads the answer to an HTTP probe, and no more of it than the verdict needs.
enum HTTPAnswer {
    typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    /// Fits a fresh connection with the parser and its bounds. On the channel's event loop.
    static func connection(on channel: any Channel, introduction: Introduction?) throws -> Connection {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = NetworkProbe.headLimit
        limits.maxHeaderListSize = NetworkProbe.headLimit
        limits.maxHeaderFieldCount = 128
        if let introduction { try channel.pipeline.syncOperations.addHandler(IntroductionHandler(introduction)) }
        try channel.pipeline.syncOperations.addHandler(ByteBudget())
        try channel.pipeline.syncOperations.addHTTPClientHandlers(decoderLimitConfiguration: limits)
        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
    }

    static func judge(
        _ parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>, _ probe: HTTPProbe
    ) async throws -> ProbeResult {
        var body: [UInt8] = []
        var status: UInt?
        reading: for try await part in parts {
            switch part {
            case .head(let head):
                let code = head.status.code
                guard probe.expected.contains(where: { $0.contains(Int(code)) }) else {
                    return .failed(Detail.line("HTTP \(code) \(head.status.reasonPhrase)"))
                }
                guard probe.bodyContains != nil else {
                    return .passed(Detail.line("HTTP \(code) \(head.status.reasonPhrase)"))
                }
                status = code
            case .body(let bytes):
                body.append(contentsOf: bytes.readableBytesView.prefix(NetworkProbe.bodyLimit - body.count))
                if body.count >= NetworkProbe.bodyLimit { break reading }
            case .end:
                break reading
            }
        }
        guard let status, let wanted = probe.bodyContains else { throw ProbeFailure.closedEarly }
        guard contains(body, Array(wanted.utf8)) else {
            return .failed(Detail.line("HTTP \(status), but the body's first \(body.count) bytes lack \"\(wanted)\""))
        }
        return .passed(Detail.line("HTTP \(status), body matches"))
    }

    private static func contains(_ body: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard !wanted.isEmpty else { return true }
        return body.withUnsafeBufferPointer { body in
            wanted.withUnsafeBufferPointer { wanted in
                guard body.count >= wanted.count, let first = wanted.baseAddress, let base = body.baseAddress else {
                    return false
                }
                return (0...(body.count - wanted.count)).contains { memcmp(base + $0, first, wanted.count) == 0 }
            }
        }
    }
}

/// Ends a connection that has sent more than any answer needs: what the parser doesn't count is the status line,
/// chunk framing and one 1xx answer after the other.
private final class ByteBudget: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var left = 2 * (NetworkProbe.headLimit + NetworkProbe.bodyLimit)

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        left -= unwrapInboundIn(data).readableBytes
        guard left >= 0 else {
            context.fireErrorCaught(ProbeFailure.tooLong)
            context.close(promise: nil)
            return
        }
        context.fireChannelRead(data)
    }
}

/// What goes wrong on the way, in words.
enum ProbeFailure: Error {
    case closedEarly
    case tooLong

    static func text(_ error: any Error) -> String {
        switch error {
        case ProbeFailure.closedEarly, HTTPParserError.invalidEOFState: "connection closed before an answer"
        case ProbeFailure.tooLong, HTTPParserError.headerOverflow: "the answer's head is too long"
        case let error as IOError: Detail.line(String(cString: strerror(error.errnoCode)))
        case let error as HTTPParserError: Detail.line("not an HTTP answer (\(error))")
        default: Detail.line("\(error)")
        }
    }
}
