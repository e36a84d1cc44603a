import NIOCore

/// The PROXY header of a probe: a server that wants one of everybody would refuse the probe without it. It says that the
/// connection is the proxy's own (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2).
package enum Introduction: Sendable, Hashable {
    /// `UNKNOWN`, in text.
    case v1
    /// `LOCAL` without addresses, binary.
    case v2

    var bytes: [UInt8] {
        switch self {
        case .v1: Array("PROXY UNKNOWN\r\n".utf8)
        case .v2: [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x20, 0x00, 0x00, 0x00]
        }
    }
}

/// Says it as soon as there is a connection. It isn't flushed, so that it goes out with the request.
final class IntroductionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let introduction: Introduction

    init(_ introduction: Introduction) { self.introduction = introduction }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(ByteBuffer(bytes: introduction.bytes)), promise: nil)
        context.fireChannelActive()
    }
}
