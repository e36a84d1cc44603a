import Glibc

/// What is done to a response, without references: made anew for every response from service, request and server.
struct ResponseRules {
    /// The request was HEAD: no body follows, whatever the head says.
    var answersHead = false
    var clientIsHTTP10 = false
    /// The client keeps the connection if the response lets it.
    var clientKeepsAlive = true
    /// The request asked for an upgrade, so 101 is a fair answer.
    var mayUpgrade = false
    /// A whole `set-cookie` line to add; nil: none.
    var cookieLine: UnsafePointer<UInt8>?
    var cookieLineCount = 0
    /// Say `cache-control: private` with it when the response could be cached.
    var forbidsCaching = false
    /// The servers' own Set-Cookie of this name is taken out.
    var ownCookie: PersistenceCookie?
    /// No: it stays, and ours isn't set then.
    var preservesOwnCookie = false
    /// What the service's rules change in the head.
    var edits = HeadEdits()
    /// Whom `edits` may speak of.
    var source = RequestSource()
}

/// A response's head, checked and rewritten in one pass.
struct ResponseHead {
    private(set) var consumed = 0
    private(set) var status: Int = 0
    private(set) var contentLength: Int64 = -1
    private(set) var isChunked = false
    /// The server takes another request on this connection.
    private(set) var keepsAlive = true
    /// The connection to the client stays open behind this response; decided at the end of the head.
    private(set) var clientKeepsAlive = false
    private(set) var isHTTP10 = false

    private var options = ConnectionOptions()
    private var hasTransferEncoding = false
    private var isPrivate = false
    private var hasOwnCookie = false
    private var upgradeStart = -1
    private var upgradeCount = 0
    private var runStart = 0

    var isInterim: Bool { status < 200 && status != 101 }
    /// No body follows (RFC 9112 section 6.3).
    func hasNoBody(_ rules: ResponseRules) -> Bool {
        rules.answersHead || status == 204 || status == 304 || status < 200 || contentLength == 0
    }
    /// The body lasts until the server closes.
    func isUntilClose(_ rules: ResponseRules) -> Bool { !hasNoBody(rules) && !isChunked && contentLength < 0 }

    /// Reads the head at the beginning of `bytes[0..<count]` and writes it to `output` as the client shall see it. A
    /// rejected one is answered with 502.
    @inline(__always)
    mutating func parse(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, rules: ResponseRules, into output: inout HeadOutput
    ) -> HeadVerdict {
        let limit = min(count, HeadLimit.bytes)
        let short: HeadVerdict = count >= HeadLimit.bytes ? .rejected(502) : .incomplete
        var position = 0
        let startLine = parseStatusLine(bytes, limit, &position, into: &output)
        if startLine != .complete { return startLine == .incomplete ? short : startLine }
        let fieldsStart = position
        var line = FieldLine()
        var fields = 0
        scanning: while true {
            switch line.scan(bytes, at: position, limit: limit) {
            case .field:
                fields &+= 1
                if fields > HeadLimit.fields || !take(line, bytes, rules: rules, into: &output) {
                    return .rejected(502)
                }
                position = line.next
            case .endOfHead: break scanning
            case .incomplete: return short
            case .malformed: return .rejected(502)
            }
        }
        consumed = line.next
        flushRun(bytes, upTo: line.start, into: &output)
        return finish(bytes, fieldsStart, rules: rules, into: &output) ? .complete : .rejected(502)
    }

    /// `HTTP/1.x SSS reason` (RFC 9112 section 4); the version becomes ours.
    private mutating func parseStatusLine(
        _ bytes: UnsafePointer<UInt8>, _ limit: Int, _ next: inout Int, into output: inout HeadOutput
    ) -> HeadVerdict {
        guard limit >= 15 else { return .incomplete }
        guard HTTPVersion.isPrefix(bytes), bytes[8] == CharacterClass.space else { return .rejected(502) }
        isHTTP10 = bytes[7] == 0x30
        if bytes[7] != 0x31 && !isHTTP10 { return .rejected(502) }
        keepsAlive = !isHTTP10
        for i in 9..<12 {
            let digit = bytes[i] &- 48
            if digit > 9 { return .rejected(502) }
            status = status &* 10 &+ Int(digit)
        }
        guard status >= 100, status < 600 else { return .rejected(502) }
        // Servers that leave the reason out often leave out the space before it, too.
        if bytes[12] != CharacterClass.space && bytes[12] != CharacterClass.carriageReturn { return .rejected(502) }
        let end = CharacterClass.endOfText(bytes, 12, limit)
        if end &+ 1 >= limit { return .incomplete }
        guard bytes[end] == CharacterClass.carriageReturn, bytes[end &+ 1] == CharacterClass.lineFeed else {
            return .rejected(502)
        }
        next = end &+ 2
        if isHTTP10 {
            output.put("HTTP/1.1")
            runStart = 8
        }
        return .complete
    }

    /// false: the response can't be passed on.
    @inline(__always)
    private mutating func take(
        _ line: FieldLine, _ bytes: UnsafePointer<UInt8>, rules: ResponseRules, into output: inout HeadOutput
    ) -> Bool {
        let name = bytes + line.start
        if rules.edits.lengths & HeadEdits.bit(line.nameCount) != 0, rules.edits.removes(name, line.nameCount) {
            if HeaderText.equals(name, line.nameCount, "cache-control") { noteCaching(line, bytes) }
            drop(line, bytes, into: &output)
            return true
        }
        switch line.nameCount {
        case 6 where HeaderText.equals(name, "pragma"):
            if HeaderText.equals(bytes + line.valueStart, line.valueEnd &- line.valueStart, "no-cache") {
                isPrivate = true
            }
        case 7 where HeaderText.equals(name, "upgrade"):
            if upgradeStart >= 0 { return false }
            upgradeStart = line.valueStart
            upgradeCount = line.valueEnd &- line.valueStart
            drop(line, bytes, into: &output)
        case 10:
            if HeaderText.equals(name, "connection") {
                options.add(bytes, line)
                drop(line, bytes, into: &output)
            } else if HeaderText.equals(name, "keep-alive") {
                drop(line, bytes, into: &output)
            } else if let own = rules.ownCookie, HeaderText.equals(name, "set-cookie"),
                own.isOurs(bytes + line.valueStart, line.valueEnd &- line.valueStart)
            {
                hasOwnCookie = true
                if !rules.preservesOwnCookie { drop(line, bytes, into: &output) }
            }
        case 13 where HeaderText.equals(name, "cache-control"): noteCaching(line, bytes)
        case 14 where HeaderText.equals(name, "content-length"):
            guard contentLength < 0, !hasTransferEncoding, let length = line.contentLength(bytes) else { return false }
            contentLength = length
        case 16 where HeaderText.equals(name, "proxy-connection"): drop(line, bytes, into: &output)
        case 17 where HeaderText.equals(name, "transfer-encoding"):
            if hasTransferEncoding || contentLength >= 0 || isHTTP10 || !line.isChunked(bytes) { return false }
            hasTransferEncoding = true
            isChunked = true
            // An HTTP/1.0 client knows no chunks: it gets the bare bytes.
            if rules.clientIsHTTP10 { drop(line, bytes, into: &output) }
        default: break
        }
        return true
    }

    private mutating func noteCaching(_ line: FieldLine, _ bytes: UnsafePointer<UInt8>) {
        var position = line.valueStart
        while let range = HeaderText.nextListElement(bytes, &position, line.valueEnd) {
            let word = bytes + range.lowerBound
            switch range.count {
            case 7: if HeaderText.equals(word, "private") { isPrivate = true }
            case 8: if HeaderText.equals(word, "no-store") || HeaderText.equals(word, "no-cache") { isPrivate = true }
            case 9: if HeaderText.equals(word, "max-age=0") { isPrivate = true }
            case 10: if HeaderText.equals(word, "s-maxage=0") { isPrivate = true }
            default: break
            }
        }
    }

    @inline(__always)
    private mutating func finish(
        _ bytes: UnsafePointer<UInt8>, _ fieldsStart: Int, rules: ResponseRules, into output: inout HeadOutput
    ) -> Bool {
        if options.close { keepsAlive = false } else if isHTTP10 { keepsAlive = options.keepAlive }
        if options.namesFields {
            var fieldsInOutput = 0
            while output.base[fieldsInOutput] != CharacterClass.lineFeed { fieldsInOutput += 1 }
            let isFair = ConnectionOptions.strip(
                namedBy: bytes, fieldsStart, consumed, from: &output, at: fieldsInOutput + 1)
            if !isFair { return false }
        }
        if status < 200 { return finishInterim(bytes, rules: rules, into: &output) }
        // A 204 has no body, so a framing header on it is a lie that somebody may believe (RFC 9112 section 6.3).
        if status == 204 && (isChunked || contentLength > 0) { return false }
        if isUntilClose(rules) { keepsAlive = false }
        clientKeepsAlive =
            rules.clientKeepsAlive && !isUntilClose(rules) && !(isChunked && rules.clientIsHTTP10 && !hasNoBody(rules))
        if let line = rules.cookieLine, !(hasOwnCookie && rules.preservesOwnCookie) {
            output.put(line, rules.cookieLineCount)
            if rules.forbidsCaching && !isPrivate && isCacheableStatus { output.put("cache-control: private\r\n") }
        }
        rules.edits.put(into: &output, client: rules.source.address, localPort: rules.source.localPort)
        if !clientKeepsAlive {
            output.put("connection: close\r\n\r\n")
        } else {
            output.put(rules.clientIsHTTP10 ? "connection: keep-alive\r\n\r\n" : "\r\n")
        }
        return true
    }

    /// 1xx are passed on as they are; 101 only to who asked, and with what it switches to.
    private mutating func finishInterim(
        _ bytes: UnsafePointer<UInt8>, rules: ResponseRules, into output: inout HeadOutput
    ) -> Bool {
        if isChunked || contentLength >= 0 { return false }
        if status == 101 {
            guard rules.mayUpgrade, upgradeStart >= 0, upgradeCount > 0 else { return false }
            output.put("upgrade: ")
            output.put(bytes + upgradeStart, upgradeCount)
            output.put("\r\nconnection: upgrade\r\n")
        }
        output.put("\r\n")
        return true
    }

    /// Cacheable by default (RFC 9110 section 15.1), as HAProxy reads it. HAProxy also wants a validator or an age to be
    /// there; a cache may keep a response without either (RFC 9111 section 4.2.2), so it doesn't matter here.
    private var isCacheableStatus: Bool {
        switch status {
        case 200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501: true
        default: false
        }
    }

    @inline(__always)
    private mutating func drop(_ line: FieldLine, _ bytes: UnsafePointer<UInt8>, into output: inout HeadOutput) {
        flushRun(bytes, upTo: line.start, into: &output)
        runStart = line.next
    }

    @inline(__always)
    private mutating func flushRun(_ bytes: UnsafePointer<UInt8>, upTo end: Int, into output: inout HeadOutput) {
        if end > runStart { output.put(bytes + runStart, end &- runStart) }
    }
}
