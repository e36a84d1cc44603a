/// Header rules of one direction as a flat table: names to take out, and what is put in behind the last field.
struct HeadEdits {
    private struct Piece {
        enum Kind {
            case text, clientAddress, localPort
        }

        var kind: Kind
        var text = OwnedText()
    }

    /// Bit n: some name of n bytes is taken out; bit 63: of 63 bytes or more.
    private(set) var lengths: UInt64 = 0
    private var names: UnsafeMutablePointer<OwnedText>?
    private var nameCount = 0
    private var pieces: UnsafeMutablePointer<Piece>?
    private var pieceCount = 0

    init() {}

    init(_ changes: ServicePlan.HeaderChanges) {
        let removed = changes.remove + changes.set.map(\.name)
        if !removed.isEmpty {
            let names = UnsafeMutablePointer<OwnedText>.allocate(capacity: removed.count)
            for (place, name) in removed.enumerated() {
                (names + place).initialize(to: OwnedText(name.lowercased()))
                lengths |= Self.bit(name.utf8.count)
            }
            self.names = names
            nameCount = removed.count
        }
        var list: [Piece] = []
        for field in changes.set + changes.add {
            list.append(Piece(kind: .text, text: OwnedText("\(field.name): ")))
            for part in HeaderTemplate(field.value)?.parts ?? [] {
                switch part {
                case .text(let text): list.append(Piece(kind: .text, text: OwnedText(text)))
                case .clientAddress: list.append(Piece(kind: .clientAddress))
                case .localPort: list.append(Piece(kind: .localPort))
                }
            }
            list.append(Piece(kind: .text, text: OwnedText("\r\n")))
        }
        if list.isEmpty { return }
        let pieces = UnsafeMutablePointer<Piece>.allocate(capacity: list.count)
        pieces.initialize(from: list, count: list.count)
        self.pieces = pieces
        pieceCount = list.count
    }

    @inline(__always)
    static func bit(_ length: Int) -> UInt64 { 1 &<< UInt64(min(length, 63)) }

    /// The line is to be taken out. `_` counts as `-`: servers that put fields into environment variables can't tell the
    /// two apart, and a rule that takes a field out must hold there too.
    func removes(_ name: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard let names, lengths & Self.bit(count) != 0 else { return false }
        for place in 0..<nameCount where names[place].isAlias(of: name, count) { return true }
        return false
    }

    func put(into output: inout HeadOutput, client: ClientAddress, localPort: UInt16) {
        guard let pieces else { return }
        for place in 0..<pieceCount {
            switch pieces[place].kind {
            case .text: pieces[place].text.put(into: &output)
            case .clientAddress: client.put(into: &output)
            case .localPort: output.put(decimal: Int(localPort))
            }
        }
    }

    mutating func deallocate() {
        for place in 0..<nameCount { names?[place].deallocate() }
        for place in 0..<pieceCount { pieces?[place].text.deallocate() }
        names?.deallocate()
        pieces?.deallocate()
        self = HeadEdits()
    }
}

extension OwnedText {
    /// Names the same field as `name` does in any case, with `_` for `-`; this text is in lower case.
    @inline(__always)
    func isAlias(of name: UnsafePointer<UInt8>, _ nameCount: Int) -> Bool {
        guard count == nameCount, let bytes else { return false }
        for i in 0..<count {
            let byte = HeaderText.lowercased(name[i])
            if byte != bytes[i] && !(byte == 0x5f && bytes[i] == 0x2d) { return false }
        }
        return true
    }

    /// The same in any case; this text is in lower case.
    @inline(__always)
    func equalsIgnoringCase(_ other: UnsafePointer<UInt8>, _ otherCount: Int) -> Bool {
        guard count == otherCount, let bytes else { return false }
        for i in 0..<count where HeaderText.lowercased(other[i]) != bytes[i] { return false }
        return true
    }

    func put(into output: inout HeadOutput) {
        if let bytes { output.put(bytes, count) }
    }
}
