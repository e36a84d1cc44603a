import ArgumentParser
import Glibc

/// What is said to people goes to stderr; stdout is for data.
enum Talk {
    static func say(_ text: String) { write(text + "\n", to: 2) }

    static func print(_ bytes: [UInt8]) {
        write(String(decoding: bytes, as: UTF8.self), to: 1)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        fflush(nil)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Colours only for a terminal that wants them (no-color.org).
    static var wantsColor: Bool {
        isatty(1) == 1 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
            && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// The terminal's width; 100 columns where there is none.
    static var width: Int {
        var size = winsize()
        guard isatty(1) == 1, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return Int(size.ws_col)
    }
}

/// sysexits(3), and the meaning they have here.
extension ExitCode {
    /// The data was damaged, or doesn't reproduce.
    static let difference = ExitCode(1)
    /// What was given to read can't be used.
    static let dataError = ExitCode(65)
    /// The daemon doesn't answer.
    static let unavailable = ExitCode(69)
    /// An internal failure: the daemon ended because it could no longer keep its word.
    static let software = ExitCode(70)
    /// Something the system should have given wasn't to be had.
    static let systemError = ExitCode(71)
    static let cannotCreate = ExitCode(73)
    /// The configuration has mistakes.
    static let configuration = ExitCode(78)
    /// As shells tell of SIGINT.
    static let interrupted = ExitCode(130)
}
