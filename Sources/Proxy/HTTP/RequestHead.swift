import Glibc

/// What a service wants done to requests, without references: the parser reads it on the data path.
struct RequestRules {
    /// Name of the persistence cookie; nil: none.
    var cookie: PersistenceCookie?
    /// Take its pair out of the request.
    var stripsCookie = false
    var forwarding = ForwardingRules()
    /// What the service's rules change in the head.
    var edits = HeadEdits()
    /// Lengths of field names that `forwarding` or `edits` have to look at.
    var watchedLengths: UInt64 = 0
    /// Ask the server to close after its response.
    var closes = false
    /// Bytes and fields that a head may have.
    var headBytes = HeadLimit.bytes
    var headFields = HeadLimit.fields
}

/// A request's head, checked and rewritten in one pass over its bytes.
struct RequestHead {
    /// Length of the head, with its empty line and any empty line before it.
    private(set) var consumed = 0
    /// -1: none given.
    private(set) var contentLength: Int64 = -1
    private(set) var isChunked = false
    private(set) var isHTTP10 = false
    private(set) var isHead = false
    /// Its method is idempotent (RFC 9110 section 9.2.2): it may be sent again when nobody answered.
    private(set) var isReplayable = false
    /// The client wants to send another request on this connection.
    private(set) var keepsAlive = true
    /// Upgrade was passed on: the server may answer 101 and make this a tunnel.
    private(set) var asksUpgrade = false
    /// Carries credentials that are bound to the connection (NTLM, Negotiate), not to the request.
    private(set) var bindsConnection = false
    /// Where the persistence cookie's value stands; -1: there is none.
    private(set) var cookie = PersistenceCookie.Found()
    /// The cookie's name comes more than once: `forEachCookie` tells all values.
    private(set) var hasMoreCookies = false
    /// Its response may be cached, as HAProxy judges by the method.
    private(set) var isCacheable = false

    private var options = ConnectionOptions()
    private var hosts = 0
    /// Host, or the authority of a target in absolute-form.
    private(set) var hostStart = 0
    private(set) var hostCount = 0
    /// The target without scheme and authority, up to its end; empty for `http://host`.
    private(set) var pathStart = 0
    private(set) var pathCount = 0
    private var targetStart = 0
    private var fieldsStart = 0
    private var authorityStart = -1
    private var authorityCount = 0
    private var upgradeStart = -1
    private var upgradeCount = 0
    /// X-Forwarded-For, or what it is called, and Forwarded: the last line of each is held back.
    private var clientHeader = FieldLine()
    private var hasClientHeader = false
    private var forwarded = FieldLine()
    private var hasForwarded = false
    private var hasTransferEncoding = false
    private var runStart = 0
    private var lineStart = 0

    var hasBody: Bool { isChunked || contentLength > 0 }

    /// Reads the head at the beginning of `bytes[0..<count]` and writes it to `output` as the server shall see it.
    ///
    @inline(__always)
    mutating func parse(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, rules: RequestRules, source: RequestSource,
        into output: inout HeadOutput
    ) -> HeadVerdict {
        let limit = min(count, rules.headBytes)
        let short: HeadVerdict = count >= rules.headBytes ? .rejected(431) : .incomplete
        var position = 0
        // RFC 9112 section 2.2: an empty line before the request line is ignored.
        while position < limit, bytes[position] == CharacterClass.carriageReturn {
            if position &+ 1 == limit { return short }
            if bytes[position &+ 1] != CharacterClass.lineFeed { return .rejected(400) }
            position &+= 2
        }
        runStart = position
        lineStart = position
        let startLine = parseRequestLine(bytes, position, limit, &position)
        if startLine != .complete { return startLine == .incomplete ? short : startLine }
        if authorityStart >= 0 { putOriginForm(bytes, into: &output) }
        fieldsStart = position
        var line = FieldLine()
        var fields = 0
        scanning: while true {
            switch line.scan(bytes, at: position, limit: limit) {
            case .field:
                fields &+= 1
                if fields > rules.headFields { return .rejected(431) }
                let verdict = take(line, bytes, rules: rules, into: &output)
                if verdict != .complete { return verdict }
                position = line.next
            case .endOfHead: break scanning
            case .incomplete: return short
            case .malformed: return .rejected(400)
            }
        }
        consumed = line.next
        flushRun(bytes, upTo: line.start, into: &output)
        return finish(bytes, rules: rules, source: source, into: &output)
    }

    // MARK: request line (RFC 9112 section 3)

    private mutating func parseRequestLine(
        _ bytes: UnsafePointer<UInt8>, _ start: Int, _ limit: Int, _ next: inout Int
    ) -> HeadVerdict {
        var i = CharacterClass.endOfToken(bytes, start, limit)
        if i &- start > HeadLimit.method { return .rejected(400) }
        if i == limit { return .incomplete }
        if i == start || bytes[i] != CharacterClass.space { return .rejected(400) }
        let method = noteMethod(bytes + start, i &- start)
        let target = i &+ 1
        i = CharacterClass.endOfTarget(bytes, target, limit)
        if i == limit { return .incomplete }
        if i == target || bytes[i] != CharacterClass.space { return .rejected(400) }
        if !noteTarget(bytes, target, i, isOptions: method == .options) { return .rejected(400) }
        let version = i &+ 1
        if limit &- version < 10 { return checkPartialVersion(bytes, version, limit) }
        if !HTTPVersion.isPrefix(bytes + version) { return .rejected(400) }
        switch bytes[version &+ 7] {
        case 0x31: break
        case 0x30:
            isHTTP10 = true
            keepsAlive = false
        default: return .rejected(505)
        }
        if bytes[version &+ 8] != CharacterClass.carriageReturn { return .rejected(400) }
        if bytes[version &+ 9] != CharacterClass.lineFeed { return .rejected(400) }
        next = version &+ 10
        return method == .connect ? .rejected(501) : .complete
    }

    /// What has come of the version must be able to become one, so that junk is answered without waiting for more.
    private func checkPartialVersion(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ limit: Int) -> HeadVerdict {
        let wanted: StaticString = "HTTP/1."
        for i in start..<min(limit, start + 7) where bytes[i] != wanted.utf8Start[i - start] { return .rejected(400) }
        return .incomplete
    }

    private enum Method {
        case connect, options, other
    }

    private mutating func noteMethod(_ method: UnsafePointer<UInt8>, _ count: Int) -> Method {
        func matches(_ name: StaticString) -> Bool {
            count == name.utf8CodeUnitCount && memcmp(method, name.utf8Start, count) == 0
        }
        switch method[0] {
        case 0x47:
            isReplayable = matches("GET")
            isCacheable = isReplayable
        case 0x48:
            isHead = matches("HEAD")
            isReplayable = isHead
            isCacheable = isHead
        case 0x4f:
            isReplayable = matches("OPTIONS")
            isCacheable = isReplayable
            if isReplayable { return .options }
        case 0x50: isReplayable = matches("PUT")
        case 0x44: isReplayable = matches("DELETE")
        case 0x54: isReplayable = matches("TRACE")
        case 0x43: if matches("CONNECT") { return .connect }
        default: break
        }
        return .other
    }

    /// origin-form, absolute-form, or `*` with OPTIONS (RFC 9112 section 3.2).
    private mutating func noteTarget(
        _ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int, isOptions: Bool
    ) -> Bool {
        targetStart = start
        pathStart = start
        pathCount = end &- start
        if bytes[start] == 0x2f { return true }
        if bytes[start] == 0x2a { return isOptions && end - start == 1 }
        let count = end - start
        var skip = 0
        if count > 7, HeaderText.equals(bytes + start, "http://") { skip = 7 }
        if count > 8, HeaderText.equals(bytes + start, "https://") { skip = 8 }
        guard skip > 0 else { return false }
        authorityStart = start + skip
        var i = authorityStart
        while i < end, bytes[i] != 0x2f, bytes[i] != 0x3f {
            i += 1
        }
        authorityCount = i - authorityStart
        // Userinfo is none either (RFC 9110 section 4.2.4).
        guard HostText.isValid(bytes + authorityStart, authorityCount) else { return false }
        pathStart = i
        pathCount = end - i
        return authorityCount > 0
    }

    /// A server that is asked directly gets the path only, or `*` (RFC 9112 section 3.2.1): so it can't take the
    /// authority for another than Host says.
    private mutating func putOriginForm(_ bytes: UnsafePointer<UInt8>, into output: inout HeadOutput) {
        flushRun(bytes, upTo: targetStart, into: &output)
        runStart = pathStart
        if pathCount == 0 {
            output.put(isReplayable && bytes[lineStart] == 0x4f ? "*" : "/")
        } else if bytes[pathStart] == 0x3f {
            output.put("/")
        }
    }

    // MARK: fields

    @inline(__always)
    private mutating func take(
        _ line: FieldLine, _ bytes: UnsafePointer<UInt8>, rules: RequestRules, into output: inout HeadOutput
    ) -> HeadVerdict {
        let name = bytes + line.start
        if rules.watchedLengths & HeadEdits.bit(line.nameCount) != 0,
            let verdict = takeWatched(line, bytes, rules: rules, into: &output)
        {
            return verdict
        }
        switch line.nameCount {
        case 2 where HeaderText.equals(name, "te"): drop(line, bytes, into: &output)
        case 4 where HeaderText.equals(name, "host"): return takeHost(line, bytes)
        case 6 where HeaderText.equals(name, "cookie"): takeCookie(line, bytes, rules: rules, into: &output)
        case 7 where HeaderText.equals(name, "upgrade"):
            if upgradeStart >= 0 { return .rejected(400) }
            upgradeStart = line.valueStart
            upgradeCount = line.valueEnd &- line.valueStart
            drop(line, bytes, into: &output)
        case 10:
            if HeaderText.equals(name, "connection") {
                options.add(bytes, line)
                drop(line, bytes, into: &output)
            } else if HeaderText.equals(name, "keep-alive") {
                drop(line, bytes, into: &output)
            }
        case 13 where HeaderText.equals(name, "authorization"): noteCredentials(line, bytes)
        case 14:
            if HeaderText.equals(name, "content-length") { return takeLength(line, bytes) }
            if HeaderText.isAlias(name, "content-length") { return .rejected(400) }
            if HeaderText.equals(name, "http2-settings") { drop(line, bytes, into: &output) }
        case 16 where HeaderText.equals(name, "proxy-connection"): drop(line, bytes, into: &output)
        case 17:
            if HeaderText.equals(name, "transfer-encoding") { return takeTransferEncoding(line, bytes) }
            if HeaderText.isAlias(name, "transfer-encoding") { return .rejected(400) }
        default: break
        }
        return .complete
    }

    private mutating func takeHost(_ line: FieldLine, _ bytes: UnsafePointer<UInt8>) -> HeadVerdict {
        hosts &+= 1
        if hosts > 1 { return .rejected(400) }
        hostStart = line.valueStart
        hostCount = line.valueEnd &- line.valueStart
        return HostText.isValid(bytes + hostStart, hostCount) ? .complete : .rejected(400)
    }

    private mutating func takeLength(_ line: FieldLine, _ bytes: UnsafePointer<UInt8>) -> HeadVerdict {
        // A repeated length is refused even when both say the same: the next hop may take another one of them.
        if contentLength >= 0 || hasTransferEncoding { return .rejected(400) }
        guard let length = line.contentLength(bytes) else {
            let isNumber =
                line.valueEnd > line.valueStart
                && (line.valueStart..<line.valueEnd).allSatisfy {
                    bytes[$0] &- 48 <= 9
                }
            return .rejected(isNumber ? 413 : 400)
        }
        contentLength = length
        return .complete
    }

    private mutating func takeTransferEncoding(_ line: FieldLine, _ bytes: UnsafePointer<UInt8>) -> HeadVerdict {
        // Repeated, with Content-Length, or in HTTP/1.0: two readers would frame the body differently.
        if hasTransferEncoding || contentLength >= 0 || isHTTP10 { return .rejected(400) }
        hasTransferEncoding = true
        isChunked = line.isChunked(bytes)
        return isChunked ? .complete : .rejected(501)
    }

    private mutating func takeCookie(
        _ line: FieldLine, _ bytes: UnsafePointer<UInt8>, rules: RequestRules, into output: inout HeadOutput
    ) {
        guard noteCookie(line, bytes, rules), let ours = rules.cookie, rules.stripsCookie else { return }
        drop(line, bytes, into: &output)
        ours.putStripped(bytes, line, into: &output)
    }

    /// false: the line has no cookie of ours.
    @inline(__always)
    private mutating func noteCookie(
        _ line: FieldLine, _ bytes: UnsafePointer<UInt8>, _ rules: RequestRules
    ) -> Bool {
        guard let ours = rules.cookie else { return false }
        var position = line.valueStart
        guard let found = ours.find(bytes, &position, line.valueEnd) else { return false }
        if cookie.valueStart < 0 { cookie = found } else { hasMoreCookies = true }
        if ours.find(bytes, &position, line.valueEnd) != nil { hasMoreCookies = true }
        return true
    }

    /// Visits every value under the cookie's name until the visitor has found the right one; the head is read again,
    /// because few have several.
    func forEachCookie(
        _ bytes: UnsafePointer<UInt8>, of ours: PersistenceCookie, _ isRight: (PersistenceCookie.Found) -> Bool
    ) {
        var line = FieldLine()
        var next = fieldsStart
        while case .field = line.scan(bytes, at: next, limit: consumed) {
            next = line.next
            guard HeaderText.equals(bytes + line.start, line.nameCount, "cookie") else { continue }
            var position = line.valueStart
            while let found = ours.find(bytes, &position, line.valueEnd) { if isRight(found) { return } }
        }
    }

    /// A line whose name is as long as one that the rules name. nil: it is another.
    private mutating func takeWatched(
        _ line: FieldLine, _ bytes: UnsafePointer<UInt8>, rules: RequestRules, into output: inout HeadOutput
    ) -> HeadVerdict? {
        let name = bytes + line.start
        if let known = rules.forwarding.known(name, line.nameCount) {
            // A server that can't tell the two spellings apart would believe the client's.
            for i in 0..<line.nameCount where name[i] == 0x5f { return .rejected(400) }
            switch known {
            case .clientHeader: takeClientHeader(line, bytes, rules.forwarding.existing, into: &output)
            case .forwarded:
                drop(line, bytes, into: &output)
                if hasForwarded { output.put(bytes + forwarded.start, forwarded.next - forwarded.start) }
                forwarded = line
                hasForwarded = true
            case .scheme, .port: drop(line, bytes, into: &output)
            }
            return .complete
        }
        guard rules.edits.removes(name, line.nameCount) else { return nil }
        if HeaderText.equals(name, line.nameCount, "cookie") { _ = noteCookie(line, bytes, rules) }
        drop(line, bytes, into: &output)
        return .complete
    }

    /// The last line is held back, to get our client's address at its end.
    private mutating func takeClientHeader(
        _ line: FieldLine, _ bytes: UnsafePointer<UInt8>, _ existing: ServicePlan.Forwarding.Existing,
        into output: inout HeadOutput
    ) {
        if existing != .keep { drop(line, bytes, into: &output) }
        if existing == .append, hasClientHeader {
            output.put(bytes + clientHeader.start, clientHeader.next - clientHeader.start)
        }
        clientHeader = line
        hasClientHeader = true
    }

    private mutating func noteCredentials(_ line: FieldLine, _ bytes: UnsafePointer<UInt8>) {
        let value = bytes + line.valueStart
        let count = line.valueEnd - line.valueStart
        if count >= 4, HeaderText.equals(value, "ntlm") { bindsConnection = true }
        if count >= 9, HeaderText.equals(value, "negotiate") { bindsConnection = true }
    }

    /// Leaves a line out: what was kept before it is copied in one piece.
    @inline(__always)
    private mutating func drop(_ line: FieldLine, _ bytes: UnsafePointer<UInt8>, into output: inout HeadOutput) {
        flushRun(bytes, upTo: line.start, into: &output)
        runStart = line.next
    }

    @inline(__always)
    private mutating func flushRun(_ bytes: UnsafePointer<UInt8>, upTo end: Int, into output: inout HeadOutput) {
        if end > runStart { output.put(bytes + runStart, end &- runStart) }
    }

    // MARK: the end of the head

    @inline(__always)
    private mutating func finish(
        _ bytes: UnsafePointer<UInt8>, rules: RequestRules, source: RequestSource, into output: inout HeadOutput
    ) -> HeadVerdict {
        if hosts == 0 && !isHTTP10 { return .rejected(400) }
        if authorityStart >= 0 {
            if !authorityMatchesHost(bytes) { return .rejected(400) }
            if hosts == 0 { takeAuthorityAsHost(bytes, into: &output) }
        }
        if options.close { keepsAlive = false } else if isHTTP10 { keepsAlive = options.keepAlive }
        if options.namesFields {
            var fieldsInOutput = 0
            while output.base[fieldsInOutput] != CharacterClass.lineFeed { fieldsInOutput += 1 }
            let isFair = ConnectionOptions.strip(
                namedBy: bytes, fieldsStart, consumed, from: &output, at: fieldsInOutput + 1)
            if !isFair { return .rejected(400) }
        }
        if rules.watchedLengths != 0 { putForwarded(bytes, rules.forwarding, source, into: &output) }
        rules.edits.put(into: &output, client: source.address, localPort: source.localPort)
        // An upgrade with a body would leave open where the tunnel begins; one to HTTP/2 would go past our parser.
        asksUpgrade = options.upgrade && upgradeStart >= 0 && !isHTTP10 && !hasBody && !upgradesToHTTP(bytes)
        if asksUpgrade {
            output.put("upgrade: ")
            output.put(bytes + upgradeStart, upgradeCount)
            output.put("\r\nconnection: upgrade\r\n\r\n")
        } else {
            output.put(rules.closes || isHTTP10 ? "connection: close\r\n\r\n" : "\r\n")
        }
        return .complete
    }

    private func putForwarded(
        _ bytes: UnsafePointer<UInt8>, _ rules: ForwardingRules, _ source: RequestSource, into output: inout HeadOutput
    ) {
        if rules.header.count > 0, !(rules.existing == .keep && hasClientHeader) {
            rules.header.put(into: &output)
            output.put(": ")
            if rules.existing == .append { putHeld(hasClientHeader, clientHeader, bytes, into: &output) }
            source.address.put(into: &output)
            output.put("\r\n")
        }
        if rules.forwarded {
            output.put("forwarded: ")
            putHeld(hasForwarded, forwarded, bytes, into: &output)
            putForwardedElement(bytes, rules, source, into: &output)
        }
        if rules.setsScheme {
            output.put("x-forwarded-proto: ")
            rules.putScheme(into: &output)
            output.put("\r\n")
        }
        if rules.port {
            output.put("x-forwarded-port: ")
            output.put(decimal: Int(source.localPort))
            output.put("\r\n")
        }
    }

    private func putHeld(
        _ isHeld: Bool, _ line: FieldLine, _ bytes: UnsafePointer<UInt8>, into output: inout HeadOutput
    ) {
        guard isHeld, line.valueEnd > line.valueStart else { return }
        output.put(bytes + line.valueStart, line.valueEnd - line.valueStart)
        output.put(", ")
    }

    /// RFC 7239 section 4: IPv6 addresses and hosts with a port are quoted. A host that quoting alone doesn't make safe is
    /// left out.
    private func putForwardedElement(
        _ bytes: UnsafePointer<UInt8>, _ rules: ForwardingRules, _ source: RequestSource, into output: inout HeadOutput
    ) {
        output.put(source.address.isIPv6 ? "for=\"[" : "for=")
        source.address.put(into: &output)
        if source.address.isIPv6 { output.put("]\"") }
        var isPlain = hostCount > 0 && hostCount <= 255
        for i in hostStart..<hostStart + hostCount where bytes[i] == 0x22 || bytes[i] == 0x5c { isPlain = false }
        if isPlain {
            output.put(";host=\"")
            output.put(bytes + hostStart, hostCount)
            output.put("\"")
        }
        output.put(";proto=")
        rules.putScheme(into: &output)
        output.put("\r\n")
    }

    /// RFC 9112 section 3.2.2 lets the target win over Host; the next hop may not know, so they must agree.
    private func authorityMatchesHost(_ bytes: UnsafePointer<UInt8>) -> Bool {
        guard hosts == 1 else { return true }
        return authorityCount == hostCount
            && HeaderText.equalsIgnoringCase(bytes + authorityStart, bytes + hostStart, hostCount)
    }

    private mutating func takeAuthorityAsHost(_ bytes: UnsafePointer<UInt8>, into output: inout HeadOutput) {
        hostStart = authorityStart
        hostCount = authorityCount
        output.put("host: ")
        output.put(bytes + hostStart, hostCount)
        output.put("\r\n")
    }

    private func upgradesToHTTP(_ bytes: UnsafePointer<UInt8>) -> Bool {
        var position = upgradeStart
        while let range = HeaderText.nextListElement(bytes, &position, upgradeStart + upgradeCount) {
            if range.count >= 2, HeaderText.equals(bytes + range.lowerBound, "h2") { return true }
            if range.count >= 4, HeaderText.equals(bytes + range.lowerBound, "http") { return true }
        }
        return false
    }
}
