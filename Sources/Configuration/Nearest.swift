/// The name that was meant, if one of the known ones is near enough to a mistyped one.
///
/// Optimal string alignment distance over bytes: insertions, deletions, substitutions and swaps of neighbours. Up to a
/// third of the length may differ, and the first of equally near ones in the given order wins.
package func nearest(to word: String, among known: [String]) -> String? {
    let bytes = Array(word.utf8.prefix(Limit.name + 1))
    var best: (name: String, distance: Int)?
    for name in known {
        let distance = alignmentDistance(bytes, Array(name.utf8))
        guard distance <= max(1, max(bytes.count, name.utf8.count) / 3) else { continue }
        if best.map({ distance < $0.distance }) ?? true { best = (name, distance) }
    }
    return best?.name
}

private func alignmentDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var twoAbove = [Int](repeating: 0, count: right.count + 1)
    var above = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            let substitution = above[column] + (lowercase(left[row]) == lowercase(right[column]) ? 0 : 1)
            var cost = min(substitution, above[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                cost = min(cost, twoAbove[column - 1] + 1)
            }
            current.append(cost)
        }
        (twoAbove, above) = (above, current)
    }
    return above[right.count]
}

private func lowercase(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// `a, b or c`.
func alternatives(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return "\(words.dropLast().joined(separator: ", ")) or \(last)"
}

/// `a, b and c`.
func enumeration(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return "\(words.dropLast().joined(separator: ", ")) and \(last)"
}
