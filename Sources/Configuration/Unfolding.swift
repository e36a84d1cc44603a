/// Finds texts that would cost Yams far more than their length, before it sees them.
///
/// Yams copies out what an alias names and hashes keys whole, so a few aliases on each of many levels of keys are
/// exponential work, and mappings within explicit keys (`? `) are work at each of their levels. This looks at single
/// characters without knowing quotes and comments, so it errs on the side of refusing, but only where many words begin
/// with `*` and some with `&`, or many with `?`. Single ones are refused later, in their place, by `Composition`.
enum Unfolding {
    private static let aliasesMax = 8
    private static let explicitKeysMax = 8

    /// Whether a text is refused, which is then reported at the first alias or explicit key.
    static func isPossible(in text: String, _ findings: Findings) -> Bool {
        var anchors = 0
        var aliases = Suspects()
        var explicitKeys = Suspects()
        var walker = LineWalker()
        var before: Unicode.Scalar = "\n"
        var previous: Unicode.Scalar = "\n"
        for scalar in text.unicodeScalars {
            // `previous` stands where a node may begin if a blank or an indicator stands before it.
            if isBlank(before) || "[]{},:?-!>".unicodeScalars.contains(before) {
                switch previous {
                case "&": anchors += isBlank(scalar) ? 0 : 1
                case "*" where !isBlank(scalar): aliases.add(walker.position)
                // Within { } and [ ] libyaml takes it for a key whatever follows.
                case "?": explicitKeys.add(walker.position)
                default: break
                }
            }
            (before, previous) = (previous, scalar)
            walker.pass(scalar)
        }
        if anchors > 0, aliases.count > aliasesMax, let first = aliases.first {
            findings.report(anchorsAndAliases.what, anchorsAndAliases.mend, at: first)
            return true
        }
        if explicitKeys.count > explicitKeysMax, let first = explicitKeys.first {
            findings.report("keys behind a ? of their own aren't read", "write `key: value`", at: first)
            return true
        }
        return false
    }

    static let anchorsAndAliases = (
        what: "YAML anchors and aliases (& and *) aren't read", mend: "write the value out wherever it is needed"
    )

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || LineWalker.isBreak(scalar)
    }

    private struct Suspects {
        var count = 0
        var first: Position?

        /// Counts the character before `next`.
        mutating func add(_ next: Position) {
            count += 1
            first = first ?? Position(line: next.line, column: next.column - 1)
        }
    }
}
