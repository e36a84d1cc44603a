import CLinux
import Glibc

/// What we say ourselves when no server can, in HAProxy's words.
struct ErrorAnswer {
    let status: UInt16
    let reason: StaticString
    let text: StaticString

    init(_ status: UInt16) {
        self.status = status
        switch status {
        case 400: (reason, text) = ("Bad Request", "Your browser sent an invalid request.")
        case 408: (reason, text) = ("Request Time-out", "Your browser didn't send a complete request in time.")
        case 413: (reason, text) = ("Payload Too Large", "The request entity exceeds the maximum allowed.")
        case 429: (reason, text) = ("Too Many Requests", "You have sent too many requests in a given amount of time.")
        case 431:
            (reason, text) = ("Request Header Fields Too Large", "The request's header is larger than the maximum.")
        case 501: (reason, text) = ("Not Implemented", "The server does not support what the request asks for.")
        case 502: (reason, text) = ("Bad Gateway", "The server returned an invalid or incomplete response.")
        case 503: (reason, text) = ("Service Unavailable", "No server is available to handle this request.")
        case 504: (reason, text) = ("Gateway Time-out", "The server didn't respond in time.")
        case 505: (reason, text) = ("HTTP Version Not Supported", "The server speaks HTTP/1.0 and HTTP/1.1.")
        case 403: (reason, text) = ("Forbidden", "Request forbidden by administrative rules.")
        case 500: (reason, text) = ("Internal Server Error", "An internal server error occurred.")
        default: (reason, text) = (Reason.words(status), "The request was refused.")
        }
    }

    /// The whole response; a HEAD request gets its head only.
    func put(into output: inout HeadOutput, isHead: Bool) {
        output.put("HTTP/1.1 ")
        putTitle(into: &output)
        output.put("\r\ncontent-length: ")
        let title = 4 + reason.utf8CodeUnitCount
        output.put(decimal: 16 + title + 6 + text.utf8CodeUnitCount + 16)
        output.put("\r\ncache-control: no-cache\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n")
        if isHead { return }
        output.put("<html><body><h1>")
        putTitle(into: &output)
        output.put("</h1>\n")
        output.put(text.utf8Start, text.utf8CodeUnitCount)
        output.put("\n</body></html>\n")
    }

    private func putTitle(into output: inout HeadOutput) {
        output.put(decimal: Int(status))
        output.put(byte: CharacterClass.space)
        output.put(reason.utf8Start, reason.utf8CodeUnitCount)
    }
}

extension ProxyWorker {
    /// Ends a client's exchange with an error of ours, and its connection after that. When a response has begun
    /// already, or in TCP mode, closing is all that can be said.
    mutating func answer(_ fd: Int32, _ status: UInt16) {
        let slot = slab.slot(fd)
        blame(slot, forStatus: status)
        if slot.pointee.peer >= 0 { closeServer(slot.pointee.peer) }
        leaveQueue(slot)
        let service = tables.services + Int(slot.pointee.service)
        if slot.pointee.phase == .tunnel || slot.pointee.flags.contains(.answered) {
            closeClient(fd)
            return
        }
        service.pointee.counters.answered(Int(status))
        service.pointee.isDirty = true
        var output = HeadOutput(outputBuffer, capacity: Size.output)
        let isHead = slot.pointee.flags.contains(.asksHead)
        if let page = service.pointee.traffic.pages.page(status) {
            page.put(into: &output, isHead: isHead)
        } else {
            ErrorAnswer(status).put(into: &output, isHead: isHead)
        }
        service.pointee.counters.bout &+= UInt64(output.count)
        slot.pointee.exchange.status = status
        sentToClient(slot, output.count)
        // A request that was refused in its head has no framing: whatever else it sends is not looked at.
        if slot.pointee.phase == .head { slot.pointee.body = .untilClose }
        slot.pointee.phase = .closing
        slot.pointee.flags.insert(.answered)
        guard transmit(fd, slot, output.base, output.count) else {
            closeClient(fd)
            return
        }
        if slot.pointee.hasUnsent { touch(fd, slot) } else { endClient(fd) }
    }
}
