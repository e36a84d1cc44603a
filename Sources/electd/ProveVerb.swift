import ArgumentParser
import Glibc
import Journal
import Questions

struct ProveVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove", abstract: "Proves that a record is in a journal which its node has signed.",
        discussion: """
            RECORD is NODE:SEGMENT:RECORD, as other answers print it. The proof (--out) is a text that needs nothing of the \
            journal to be checked: c2sp.org/tlog-proof, with the record's frame as extra data. With --check FILE it is \
            checked against the keys that --key or --config give; exits with 65 when it doesn't hold.
            """)

    @Argument(help: "The record, then journals that hold it.")
    var record: String?

    @Option(
        help: ArgumentHelp("Write the proof there; - for standard output, instead of the answer.", valueName: "FILE"))
    var out: String?

    @Option(help: ArgumentHelp("Check this proof instead; - for standard input.", valueName: "FILE"))
    var check: String?

    @OptionGroup var options: QuestionOptions

    func validate() throws {
        if (record == nil) == (check == nil) {
            throw ValidationError("either a record and its journals, or --check FILE")
        }
    }

    func run() throws {
        if let check {
            let text = try Self.text(check)
            let keys = try options.pinned()
            return try options.show(asked { () throws(QuestionError) in try Proof.check(text, keys: keys) })
        }
        let archive = try options.archive()
        let proof = try asked { () throws(QuestionError) in
            try Proof(of: archive.record(named: record ?? ""), in: archive)
        }
        if out == "-" { return Talk.print(Array(proof.text.utf8)) }
        if let out, !NewFile.write(Array(proof.text.utf8), to: out) { throw ExitCode.cannotCreate }
        try options.show(proof.answer)
    }

    /// A file that is no larger than a proof may be.
    private static func text(_ path: String) throws -> String {
        let file = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        defer { if file > STDIN_FILENO { close(file) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while file >= 0 {
            let count = read(file, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { break }
            bytes += buffer[..<count]
            if bytes.count > ToldProof.limit {
                Talk.say("electd: \(path): larger than any proof; it is the text that `electd prove --out` writes")
                throw ExitCode.dataError
            }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        }
        Talk.say("electd: \(path): \(String(cString: strerror(errno)))")
        throw ExitCode.noInput
    }
}
