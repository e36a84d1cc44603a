/// A piece of text with a meaning that colour may underline; the text says it without colour, too.
struct Cell {
    enum Style: String {
        case plain = ""
        case good = "\u{1B}[32m"
        case bad = "\u{1B}[1;31m"
        case warning = "\u{1B}[33m"
        case faint = "\u{1B}[2m"
        case strong = "\u{1B}[1m"
    }

    let text: String
    let style: Style

    /// Names and details come from files, programs and servers: what isn't printable ASCII becomes `?`, so that no
    /// escape sequence reaches the terminal and every character is one column wide.
    init(_ text: String, _ style: Style = .plain) {
        self.text = String(
            String.UnicodeScalarView(text.unicodeScalars.map { (" "..."~").contains($0) ? $0 : "?" }))
        self.style = style
    }

    var width: Int { text.utf8.count }

    /// The text in exactly, or with `padded` false at most, `width` columns.
    func fitted(_ width: Int, padded: Bool, color: Bool) -> String {
        var shown = text
        if text.utf8.count > width { shown = width > 3 ? text.prefix(width - 3) + "..." : String(text.prefix(width)) }
        let padding = padded ? String(repeating: " ", count: width - shown.utf8.count) : ""
        guard color, style != .plain, !shown.isEmpty else { return shown + padding }
        return style.rawValue + shown + "\u{1B}[0m" + padding
    }
}

/// Rows under a heading. What doesn't fit gives way in order: dispensable columns first, then the last column's end.
struct TextTable {
    struct Column {
        let title: String
        /// 0 stays; of the others the highest goes first.
        let dispensable: Int

        init(_ title: String, dispensable: Int = 0) {
            self.title = title
            self.dispensable = dispensable
        }
    }

    let columns: [Column]
    var rows: [[Cell]] = []

    init(_ columns: [Column]) { self.columns = columns }

    func lines(width: Int, color: Bool) -> [String] {
        guard !rows.isEmpty else { return [] }
        var shown = Array(columns.indices)
        while needed(shown) > width, let worst = dispensableColumn(shown) { shown.removeAll { $0 == worst } }
        let heading = columns.map { Cell($0.title, .faint) }
        return ([heading] + rows).map { line($0, shown, width: width, color: color) }
    }

    private static let gap = 2

    private func columnWidth(_ column: Int) -> Int {
        max(columns[column].title.utf8.count, rows.map { $0[column].width }.max() ?? 0)
    }

    /// Columns of the terminal for `shown`, with the last one cut to at least 16.
    private func needed(_ shown: [Int]) -> Int {
        guard let last = shown.last else { return 0 }
        return shown.dropLast().map { columnWidth($0) + Self.gap }.reduce(0, +) + min(columnWidth(last), 16)
    }

    private func dispensableColumn(_ shown: [Int]) -> Int? {
        shown.filter { columns[$0].dispensable > 0 }.max { columns[$0].dispensable < columns[$1].dispensable }
    }

    private func line(_ cells: [Cell], _ shown: [Int], width: Int, color: Bool) -> String {
        var text = ""
        var used = 0
        for column in shown {
            let isLast = column == shown.last
            let room = max(0, width - used)
            let wanted = isLast ? min(cells[column].width, room) : min(columnWidth(column), room)
            text += cells[column].fitted(wanted, padded: !isLast, color: color)
            used += wanted
            if !isLast {
                let gap = min(Self.gap, max(0, width - used))
                text += String(repeating: " ", count: gap)
                used += gap
            }
        }
        while text.last == " " { text.removeLast() }
        return text
    }
}
