import Glibc

/// The parsers without sockets: bytes in, verdict and rewritten bytes out. For tests, fuzzers, and comparisons with
/// other proxies.
package enum HeadTrial {
    package enum Verdict: Equatable, Sendable {
        case incomplete
        /// The status that answers it.
        case rejected(Int)
        case complete(Rewritten)
    }

    package struct Rewritten: Equatable, Sendable {
        /// The head as it goes on.
        package var head: String
        /// Bytes of input that it took.
        package var consumed: Int
        /// -1: none.
        package var contentLength: Int64
        package var isChunked: Bool
        /// Request: the client keeps the connection. Response: the server does.
        package var keepsAlive: Bool
        /// Request: the persistence cookie's value.
        package var cookie: String?
        /// Response only.
        package var status: Int
        /// Request: it may be sent twice. Response: the client's connection stays open.
        package var mayGoOn: Bool
        package var asksUpgrade: Bool
    }

    /// A request from 192.0.2.7.
    package static func request(
        _ input: [UInt8], cookie name: String? = nil, strips: Bool = true, forwardedFor: Bool = false,
        closes: Bool = false, traffic: ServicePlan.TrafficRules = ServicePlan.TrafficRules()
    ) -> Verdict {
        var rules = RequestRules()
        var text = OwnedText(name ?? "")
        defer { text.deallocate() }
        if let bytes = text.bytes {
            rules.cookie = PersistenceCookie(name: UnsafePointer(bytes), nameCount: text.count)
            rules.stripsCookie = strips
        }
        rules.forwarding = ForwardingRules(traffic.forwarding, forwardedFor: forwardedFor)
        rules.edits = HeadEdits(traffic.request)
        rules.watchedLengths = rules.forwarding.lengths | rules.edits.lengths
        rules.closes = closes
        defer { rules.deallocate() }
        let client = ServicePlan.Endpoint("192.0.2.7:1234").map { endpoint in
            endpoint.socketName.withPointer { pointer, _ in ClientAddress(pointer) }
        }
        return withOutput(input) { bytes, output in
            var head = RequestHead()
            let verdict = head.parse(
                bytes, input.count, rules: rules,
                source: RequestSource(address: client ?? ClientAddress(), localPort: 80), into: &output)
            return translate(verdict) {
                let start = head.cookie.valueStart
                return Rewritten(
                    head: written(output), consumed: head.consumed, contentLength: head.contentLength,
                    isChunked: head.isChunked, keepsAlive: head.keepsAlive,
                    cookie: start < 0
                        ? nil : String(decoding: input[start..<start + head.cookie.valueCount], as: UTF8.self),
                    status: 0, mayGoOn: head.isReplayable, asksUpgrade: head.asksUpgrade)
            }
        }
    }

    /// The answer to a request of an HTTP/1.1 client, unless said otherwise.
    package static func response(
        _ input: [UInt8], toHead: Bool = false, toHTTP10: Bool = false, clientKeepsAlive: Bool = true,
        mayUpgrade: Bool = false, cookieLine: String? = nil, cookie name: String? = nil, forbidsCaching: Bool = false,
        preserves: Bool = false, changes: ServicePlan.HeaderChanges = ServicePlan.HeaderChanges()
    ) -> Verdict {
        var rules = ResponseRules()
        var line = OwnedText(cookieLine ?? "")
        var own = OwnedText(name ?? "")
        defer {
            line.deallocate()
            own.deallocate()
        }
        rules.answersHead = toHead
        rules.clientIsHTTP10 = toHTTP10
        rules.clientKeepsAlive = clientKeepsAlive
        rules.mayUpgrade = mayUpgrade
        rules.cookieLine = line.bytes.map { UnsafePointer($0) }
        rules.cookieLineCount = line.count
        rules.forbidsCaching = forbidsCaching
        rules.preservesOwnCookie = preserves
        rules.edits = HeadEdits(changes)
        defer { rules.edits.deallocate() }
        if let bytes = own.bytes {
            rules.ownCookie = PersistenceCookie(name: UnsafePointer(bytes), nameCount: own.count)
        }
        return withOutput(input) { bytes, output in
            var head = ResponseHead()
            let verdict = head.parse(bytes, input.count, rules: rules, into: &output)
            return translate(verdict) {
                Rewritten(
                    head: written(output), consumed: head.consumed, contentLength: head.contentLength,
                    isChunked: head.isChunked, keepsAlive: head.keepsAlive, cookie: nil, status: head.status,
                    mayGoOn: head.clientKeepsAlive, asksUpgrade: false)
            }
        }
    }

    /// A chunked body, given in pieces of `step` bytes.
    ///
    /// - Returns: what is passed on, and how many bytes the body took (nil: it isn't whole yet); nil: malformed.
    package static func chunks(_ input: [UInt8], step: Int, keepsFrames: Bool) -> (kept: [UInt8], length: Int?)? {
        var body = MessageBody(chunkedKeepingFrames: keepsFrames)
        var kept: [UInt8] = []
        for start in stride(from: 0, to: input.count, by: step) {
            var piece = Array(input[start..<min(start + step, input.count)])
            let count = piece.count
            let portion = piece.withUnsafeMutableBufferPointer { buffer in
                buffer.baseAddress.map { body.advance($0, count) } ?? MessageBody.Portion(taken: 0, kept: 0)
            }
            if portion.taken < 0 { return nil }
            kept += piece[..<portion.kept]
            if body.isDone { return (kept, start + portion.taken) }
        }
        return (kept, nil)
    }

    private static func withOutput(
        _ input: [UInt8], _ body: (UnsafePointer<UInt8>, inout HeadOutput) -> Verdict
    ) -> Verdict {
        let capacity = HeadLimit.bytes + HeadLimit.growth
        let buffer = Bytes.allocate(capacity: capacity)
        defer { buffer.deallocate() }
        var output = HeadOutput(buffer, capacity: capacity)
        return input.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return .incomplete }
            return body(base, &output)
        }
    }

    private static func translate(_ verdict: HeadVerdict, _ rewritten: () -> Rewritten) -> Verdict {
        switch verdict {
        case .complete: .complete(rewritten())
        case .incomplete: .incomplete
        case .rejected(let status): .rejected(Int(status))
        }
    }

    private static func written(_ output: HeadOutput) -> String {
        String(decoding: UnsafeBufferPointer(start: output.base, count: output.count), as: UTF8.self)
    }
}
