import Configuration
import Testing

/// Texts near the good one: reading them must end, and must either give a configuration or say why not.
@Suite struct MutationTests {
    /// xorshift64*, so that a failing seed fails again.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_f491_4f6c_dd1d
        }
    }

    private static let fragments = [
        "{", "}", "[", "]", ":", ": ", "- ", "\n", "\t", "  ", "\"", "'", "#", "&a ", "*a", "!!str ", "? ", "|\n",
        ">\n", "<<: ",
        "---\n", "...\n", "%YAML 1.1\n", "\\", "\u{feff}", "\u{85}", "\u{2028}", "é", "\u{e000}", "0", "-1",
        "99999999999999999999",
        "~", "null", "true", "1e9", "9223372036854775807s", "192.0.2.200", "[::1]:80", "/", "%", "@", "`", ",",
        "mode: pair\n",
    ]

    @Test(arguments: 0..<20)
    func everyMutationIsReadOrExplained(round: Int) throws {
        let seed = UInt64(round) + 1
        var dice = Dice(state: seed &* 0x9e37_79b9_7f4a_7c15)
        for turn in 0..<100 {
            let bytes = Self.mutated(&dice)
            do throws(ConfigurationErrors) {
                let configuration = try ConfigurationFile.parse(bytes: bytes, file: "e.yaml").configuration
                #expect(configuration.canonicalText.hasPrefix(configuration.canonicalSafetyText))
                #expect(!configuration.nodes.isEmpty && !configuration.groups.isEmpty)
            } catch {
                #expect(!error.problems.isEmpty)
                #expect(error.problems.map(\.position) == error.problems.map(\.position).sorted())
                #expect(
                    error.problems.allSatisfy { !"\($0)".contains("\n") && $0.line > 0 && $0.column > 0 },
                    "seed \(seed) turn \(turn)")
                #expect(!error.illustrated.isEmpty)
            }
        }
    }

    private static func mutated(_ dice: inout Dice) -> [UInt8] {
        var bytes = Array(Landlord.text.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &dice) {
            let place = Int.random(in: 0..<bytes.count, using: &dice)
            let end = min(bytes.count, place + Int.random(in: 1...20, using: &dice))
            switch Int.random(in: 0..<6, using: &dice) {
            case 0: bytes.removeSubrange(place..<end)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &dice)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0..<bytes.count, using: &dice))
            case 3: bytes.removeSubrange(end...)
            default: bytes.insert(contentsOf: Array((fragments.randomElement(using: &dice) ?? "").utf8), at: place)
            }
            if bytes.isEmpty { bytes = [0x0a] }
        }
        return bytes
    }
}
