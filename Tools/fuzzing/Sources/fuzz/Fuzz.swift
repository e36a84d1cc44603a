import Glibc
import Journal
import Proxy

/// libFuzzer's own loop; it lies in the runtime that `-sanitize=fuzzer` links.
@_extern(c, "LLVMFuzzerRunDriver")
func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ run: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// `fuzz TARGET [libFuzzer's options and corpora]`; without a target it names them.
@main
struct Fuzz {
    static let targets: [(name: String, run: @Sendable (FuzzInput) -> Void)] =
        ProxyTargets.all + [
            ("packet", WireTargets.packet), ("datagram", WireTargets.datagram), ("journal", JournalTarget.run),
            ("log", LogTarget.run),
            ("run", RunTarget.run), ("segment", SegmentTarget.run), ("proof", ProofTarget.run),
        ]

    nonisolated(unsafe) static var chosen: @Sendable (FuzzInput) -> Void = { _ in }

    /// A merge starts this program again without its first word; the environment still has it.
    private static let variable = "ELECTD_FUZZ_TARGET"

    static func main() {
        let arguments = CommandLine.arguments
        let inherited = getenv(variable).map { String(cString: $0) }
        guard let target = targets.first(where: { $0.name == inherited ?? arguments.dropFirst().first }) else {
            print(targets.map(\.name).joined(separator: "\n"))
            exit(arguments.count > 1 ? 64 : 0)
        }
        chosen = target.run
        var count = CommandLine.argc
        var rest = CommandLine.unsafeArgv
        if inherited == nil {
            setenv(variable, target.name, 1)
            rest[1] = rest[0]
            rest += 1
            count -= 1
        }
        exit(
            runDriver(&count, &rest) { bytes, count in
                Fuzz.chosen(UnsafeBufferPointer(start: bytes, count: count))
                return 0
            })
    }
}
