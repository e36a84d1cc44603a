/// A chunked body: the first byte says whether its frames are kept, the second in which pieces it comes.
///
/// However it is cut, the same bytes come out; they are what a naive decoder makes of it; and the parser stops exactly
/// where the body ends.
enum BodyTarget {
    struct Trial: Equatable {
        var isMalformed = false
        var isDone = false
        /// Bytes that belonged to the body.
        var taken = 0
        var kept: [UInt8] = []
    }

    static func run(_ data: FuzzInput) {
        guard data.count >= 2 else { return }
        let input = data.dropping(2)
        let keepsFrames = data[0] & 1 != 0
        let whole = follow(input, step: max(1, input.count), keepsFrames)
        guard Share.isDue() else { return }
        let pieces = follow(input, step: 1 + Int(data[1]) % 17, keepsFrames)
        require(pieces.isMalformed == whole.isMalformed, "pieces give another verdict")
        // Up to the fault everything was passed on already, in pieces; in one go nothing is.
        if whole.isMalformed { return }
        require(pieces == whole, "pieces give another body")
        require(whole.isDone || whole.taken == input.count, "a body that isn't done leaves bytes")
        if keepsFrames { require(whole.kept.elementsEqual(input[..<whole.taken]), "frames were changed") }
        guard whole.isDone else { return }
        guard let naive = NaiveChunks(Array(input)) else { violated("accepted, and isn't a chunked body") }
        require(naive.length == whole.taken, "the body ends at \(naive.length), not \(whole.taken)")
        if !keepsFrames { require(naive.content == whole.kept, "the content is another one") }
        skipping(input, whole)
    }

    private static func follow(_ input: FuzzInput, step: Int, _ keepsFrames: Bool) -> Trial {
        var body = MessageBody(chunkedKeepingFrames: keepsFrames)
        var trial = Trial()
        var start = 0
        while start < input.count && !body.isDone {
            let piece = UnsafeBufferPointer(rebasing: input[start..<min(start + step, input.count)])
            let portion = piece.withPrefix(piece.count) { bytes, count in
                let portion = body.advance(bytes, count)
                guard portion.taken >= 0 else { return portion }
                require(portion.taken <= count && portion.kept <= portion.taken, "more came out than went in")
                trial.kept += UnsafeBufferPointer(start: bytes, count: portion.kept)
                return portion
            }
            if portion.taken < 0 {
                trial.isMalformed = true
                return trial
            }
            require(body.isDone || portion.taken == piece.count, "bytes were left in the middle of a body")
            trial.taken += portion.taken
            start += piece.count
        }
        trial.isDone = body.isDone
        return trial
    }

    /// Bytes that are spliced past the parser are counted, not read: the end is the same.
    private static func skipping(_ input: FuzzInput, _ whole: Trial) {
        var body = MessageBody(chunkedKeepingFrames: true)
        var i = 0
        while !body.isDone {
            let unseen = Int(min(body.unseenBytes, Int64(input.count - i)))
            if unseen > 0 {
                body.skip(unseen)
                i += unseen
                continue
            }
            require(i < input.count, "with splice the body doesn't end")
            var byte = input[i]
            require(body.advance(&byte, 1).taken == 1, "with splice the body is malformed")
            i += 1
        }
        require(i == whole.taken, "with splice the body ends elsewhere")
    }
}

/// RFC 9112 section 7.1, strictly, and without a thought for speed.
struct NaiveChunks {
    private(set) var content: [UInt8] = []
    private(set) var length = 0

    init?(_ bytes: [UInt8]) {
        var rest = bytes[...]
        func line() -> [UInt8]? {
            guard let end = rest.firstIndex(of: 13), end + 1 < rest.endIndex, rest[end + 1] == 10 else { return nil }
            defer { rest = rest[(end + 2)...] }
            let line = Array(rest[rest.startIndex..<end])
            return line.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 9 } ? line : nil
        }
        while true {
            guard let head = line() else { return nil }
            let digits = head.prefix { $0 != 0x3b }
            guard (1...15).contains(digits.count),
                digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit && $0 < 128 }),
                let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            if size == 0 { break }
            guard rest.count >= size + 2 else { return nil }
            content += rest.prefix(size)
            rest = rest.dropFirst(size)
            guard rest.starts(with: [13, 10]) else { return nil }
            rest = rest.dropFirst(2)
        }
        while let trailer = line() {
            if trailer.isEmpty {
                length = bytes.count - rest.count
                return
            }
            guard let colon = trailer.firstIndex(of: 0x3a), colon > 0,
                trailer[..<colon].allSatisfy(CharacterClass.isToken)
            else { return nil }
            let name = trailer[..<colon].map { HeaderText.lowercased($0 == 0x5f ? 0x2d : $0) }
            for framing in ["content-length", "transfer-encoding", "host"] where name == Array(framing.utf8) {
                return nil
            }
        }
        return nil
    }
}
