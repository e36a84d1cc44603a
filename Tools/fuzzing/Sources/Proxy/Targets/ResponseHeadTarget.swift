import Glibc

/// A response's head under rules that the first byte chooses; the same properties as a request's.
enum ResponseHeadTarget {
    private static let cookieName = StaticString("SERVERNAME")
    private static let cookieLine = StaticString("set-cookie: SERVERNAME=fred; path=/\r\n")

    struct Trial {
        var verdict: HeadVerdict
        var head: ResponseHead
        var output: [UInt8]
    }

    static func run(_ data: FuzzInput) {
        guard let options = data.first else { return }
        let input = data.dropping(1)
        let rules = Self.rules(options)
        let whole = parse(input, input.count, rules)
        guard Share.isDue() else { return }
        for place in input.splits(atMost: 4) { compare(parse(input, place, rules), of: place, with: whole) }
        guard whole.verdict == .complete else { return }
        let consumed = whole.head.consumed
        require(consumed > 0 && consumed <= min(input.count, HeadLimit.bytes), "a head of \(consumed) bytes")
        require(parse(input, consumed, rules).output == whole.output, "what follows a head changes it")
        require(parse(input, consumed - 1, rules).verdict == .incomplete, "a head is whole before its end")
        require((100...599).contains(whole.head.status), "status \(whole.head.status)")
        NaiveHead(Array(input[..<consumed])).requireOneFraming()
        requireSameWhenReadAgain(whole, rules)
    }

    private static func rules(_ options: UInt8) -> ResponseRules {
        var rules = ResponseRules()
        rules.answersHead = options & 1 != 0
        rules.clientIsHTTP10 = options & 2 != 0
        rules.clientKeepsAlive = options & 4 != 0
        rules.mayUpgrade = options & 8 != 0
        if options & 16 != 0 {
            rules.ownCookie = PersistenceCookie(
                name: cookieName.utf8Start, nameCount: cookieName.utf8CodeUnitCount)
        }
        if options & 32 != 0 {
            rules.cookieLine = cookieLine.utf8Start
            rules.cookieLineCount = cookieLine.utf8CodeUnitCount
            rules.forbidsCaching = options & 64 != 0
        }
        return rules
    }

    static func parse(_ input: FuzzInput, _ count: Int, _ rules: ResponseRules) -> Trial {
        input.withPrefix(count) { bytes, count in
            var head = ResponseHead()
            var output = HeadOutput(OutputRoom.buffer, capacity: OutputRoom.capacity)
            let verdict = head.parse(bytes, count, rules: rules, into: &output)
            let isComplete = verdict == .complete
            return Trial(
                verdict: verdict, head: head,
                output: isComplete ? Array(UnsafeBufferPointer(start: output.base, count: output.count)) : [])
        }
    }

    private static func compare(_ part: Trial, of count: Int, with whole: Trial) {
        switch part.verdict {
        case .incomplete: break
        case .rejected: require(part.verdict == whole.verdict, "the first \(count) bytes are refused, all aren't")
        case .complete:
            require(whole.verdict == .complete, "the first \(count) bytes are a head, all aren't")
            require(part.output == whole.output, "more bytes change the head")
        }
    }

    private static func requireSameWhenReadAgain(_ whole: Trial, _ rules: ResponseRules) {
        var later = rules
        later.cookieLine = nil
        later.ownCookie = nil
        let again = whole.output.withUnsafeBufferPointer { parse($0, $0.count, later) }
        require(again.verdict == .complete, "what was passed on is refused: \(again.verdict)")
        require(again.head.consumed == whole.output.count, "what was passed on is more than a head")
        require(again.head.status == whole.head.status, "another status was passed on")
        require(!again.head.isHTTP10, "the server's version was passed on")
        require(again.head.contentLength == whole.head.contentLength, "another length was passed on")
        // An HTTP/1.0 client gets the bare bytes of chunks, until we close.
        if !rules.clientIsHTTP10 {
            require(again.head.isChunked == whole.head.isChunked, "the coding was lost or made up")
        }
        if !whole.head.isInterim && whole.head.status != 101 {
            require(
                again.head.clientKeepsAlive == whole.head.clientKeepsAlive
                    || (rules.clientIsHTTP10 && whole.head.isChunked),
                "we and the client disagree on whether the connection stays")
        }
        let naive = NaiveHead(whole.output)
        naive.requireOneFraming()
        let own = Array("SERVERNAME=".utf8)
        let ours = naive.values("set-cookie", aliased: false).filter { $0.starts(with: own) }
        let added = rules.cookieLine != nil && !whole.head.isInterim && whole.head.status != 101
        if rules.ownCookie != nil { require(ours.count == (added ? 1 : 0), "our cookie is there \(ours.count) times") }
    }
}
