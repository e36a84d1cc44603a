extension String {
    /// Fit for a terminal. Names come from a journal that anybody may have written: nothing of them moves the cursor or
    /// turns a line around.
    package var harmless: String {
        guard unicodeScalars.contains(where: \.isHarmful) else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { $0.isHarmful ? "?" : $0 }))
    }
}

extension Unicode.Scalar {
    /// Control characters, line separators, and changes of direction.
    package var isHarmful: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
