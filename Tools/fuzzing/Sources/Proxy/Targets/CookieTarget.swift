/// Any bytes as the values of two Cookie fields: our pair is taken out of them, and nothing else.
enum CookieTarget {
    static func run(_ data: FuzzInput) {
        let parts = data.split(separator: 0x0a, maxSplits: 1, omittingEmptySubsequences: false)
        var text = Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8)
        for part in parts { text += Array("Cookie: ".utf8) + part + [13, 10] }
        text += [13, 10]
        let name = StaticString("id")
        var rules = RequestRules()
        rules.cookie = PersistenceCookie(name: name.utf8Start, nameCount: name.utf8CodeUnitCount)
        rules.stripsCookie = true
        let trial = text.withUnsafeBufferPointer { RequestHeadTarget.parse($0, $0.count, rules) }
        guard trial.verdict == .complete, trial.head.consumed == text.count else { return }
        guard Share.isDue() else { return }
        // Quotes, attributes and blanks are read in a way that isn't naive; the request's target has them.
        if data.contains(where: { $0 == 0x22 || $0 == 0x24 || CharacterClass.isBlank($0) }) { return }
        let before = NaiveHead(text).values("cookie").map(Self.pairs)
        let after = NaiveHead(trial.output).values("cookie").map(Self.pairs)
        let others = before.map { $0.filter { !isOurs($0) } }
        let wanted = zip(before, others).filter { $0.isEmpty || !$1.isEmpty }.map(\.1)
        require(after == wanted, "other pairs were changed")
        let value = before.joined().first(where: isOurs).map { Array($0.dropFirst(3)) }
        let found = trial.head.cookie
        let told = found.valueStart < 0 ? nil : Array(text[found.valueStart..<found.valueStart + found.valueCount])
        require(told == value, "another value than the first one was found")
    }

    private static func isOurs(_ pair: [UInt8]) -> Bool { pair.starts(with: Array("id=".utf8)) }

    private static func pairs(_ value: [UInt8]) -> [[UInt8]] {
        value.split(separator: 0x3b).map(NaiveHead.trimmed).filter { !$0.isEmpty }
    }
}
