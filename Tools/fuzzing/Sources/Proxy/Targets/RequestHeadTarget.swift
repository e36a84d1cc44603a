import Glibc

/// A request's head under rules that the first byte chooses.
///
/// An accepted head goes on with one framing only, that the next hop reads as we did; more bytes behind it change
/// nothing; and it doesn't matter in which pieces it came.
enum RequestHeadTarget {
    private static let cookieName = StaticString("SERVERNAME")

    nonisolated(unsafe) private static let forwarding: ForwardingRules = {
        var rules = ServicePlan.TrafficRules().forwarding
        rules.forwarded = true
        rules.scheme = .https
        rules.port = true
        return ForwardingRules(rules, forwardedFor: true)
    }()
    nonisolated(unsafe) private static let edits: HeadEdits = {
        var changes = ServicePlan.HeaderChanges()
        changes.remove = ["X-A", "Cookie", "Accept"]
        return HeadEdits(changes)
    }()

    struct Trial {
        var verdict: HeadVerdict
        var head: RequestHead
        var output: [UInt8]
    }

    static func run(_ data: FuzzInput) {
        guard let options = data.first else { return }
        let input = data.dropping(1)
        let rules = Self.rules(options)
        let whole = parse(input, input.count, rules)
        guard Share.isDue() else { return }
        for place in input.splits(atMost: 4) { compare(parse(input, place, rules), of: place, with: whole, input) }
        requireSameInPieces(input, rules, whole)
        guard whole.verdict == .complete else { return }
        let consumed = whole.head.consumed
        require(consumed > 0 && consumed <= min(input.count, HeadLimit.bytes), "a head of \(consumed) bytes")
        require(parse(input, consumed, rules).output == whole.output, "what follows a head changes it")
        require(parse(input, consumed - 1, rules).verdict == .incomplete, "a head is whole before its end")
        NaiveHead(Array(input[..<consumed])).requireOneFraming()
        requireSameWhenReadAgain(whole, rules)
    }

    private static func rules(_ options: UInt8) -> RequestRules {
        var rules = RequestRules()
        if options & 1 != 0 {
            rules.cookie = PersistenceCookie(
                name: cookieName.utf8Start, nameCount: cookieName.utf8CodeUnitCount)
            rules.stripsCookie = options & 2 != 0
        }
        if options & 4 != 0 { rules.forwarding = Self.forwarding }
        if options & 16 != 0 { rules.edits = Self.edits }
        rules.watchedLengths = rules.forwarding.lengths | rules.edits.lengths
        rules.closes = options & 8 != 0
        return rules
    }

    static func parse(_ input: FuzzInput, _ count: Int, _ rules: RequestRules) -> Trial {
        input.withPrefix(count) { bytes, count in
            var head = RequestHead()
            var output = HeadOutput(OutputRoom.buffer, capacity: OutputRoom.capacity)
            let verdict = head.parse(bytes, count, rules: rules, source: RequestSource(), into: &output)
            let isComplete = verdict == .complete
            return Trial(
                verdict: verdict, head: head,
                output: isComplete ? Array(UnsafeBufferPointer(start: output.base, count: output.count)) : [])
        }
    }

    private static func compare(_ part: Trial, of count: Int, with whole: Trial, _ input: FuzzInput) {
        switch part.verdict {
        case .incomplete: break
        case .rejected: require(part.verdict == whole.verdict, "the first \(count) bytes are refused, all aren't")
        case .complete:
            require(whole.verdict == .complete, "the first \(count) bytes are a head, all aren't")
            require(part.head.consumed == whole.head.consumed, "more bytes make the head longer")
            require(part.output == whole.output, "more bytes change the head")
        }
    }

    /// As the worker reads: parsed again only when a line end came that may end the head.
    private static func requireSameInPieces(_ input: FuzzInput, _ rules: RequestRules, _ whole: Trial) {
        let step = max(1, Int(input.first ?? 1) % 61)
        var parsed = parse(input, min(step, input.count), rules)
        var before = min(step, input.count)
        while parsed.verdict == .incomplete && before < input.count {
            let after = min(before + step, input.count)
            let isDue = input.withPrefix(after) { ProxyWorker.mayBeWhole($0, before, $1) }
            if isDue { parsed = parse(input, after, rules) }
            before = after
        }
        if whole.verdict == .complete {
            require(parsed.verdict == .complete && parsed.output == whole.output, "pieces give another head")
        } else if parsed.verdict != .incomplete {
            require(parsed.verdict == whole.verdict, "pieces give another verdict")
        }
    }

    private static func requireSameWhenReadAgain(_ whole: Trial, _ rules: RequestRules) {
        let again = whole.output.withUnsafeBufferPointer { parse($0, $0.count, rules) }
        require(again.verdict == .complete, "what was passed on is refused: \(again.verdict)")
        require(again.head.consumed == whole.output.count, "what was passed on is more than a head")
        require(
            again.head.contentLength == whole.head.contentLength && again.head.isChunked == whole.head.isChunked,
            "what was passed on is framed differently")
        require(again.head.isHTTP10 == whole.head.isHTTP10, "another version was passed on")
        require(
            again.head.isHead == whole.head.isHead && again.head.isReplayable == whole.head.isReplayable,
            "another method was passed on")
        require(again.head.asksUpgrade == whole.head.asksUpgrade, "an upgrade was lost or made up")
        if rules.stripsCookie { require(again.head.cookie.valueStart < 0, "the cookie was passed on") }
        let naive = NaiveHead(whole.output)
        naive.requireOneFraming()
        for name in ["te", "keep-alive", "proxy-connection", "http2-settings"] {
            require(naive.values(name, aliased: false).isEmpty, "\(name) was passed on")
        }
        require(naive.values("host").count <= 1, "two hosts were passed on")
    }
}
