import ArgumentParser
import Configuration
import Glibc
import Sodium

struct Password: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a line for the users file of the statistics page.",
        discussion: """
            Asks for the password twice, or reads one line from standard input when that is no terminal. \
            Append what is printed: electd password admin >>/etc/electd/users
            """)

    @Argument(help: "The user's name, 1 to 64 bytes without colon and space.")
    var user: String

    func run() throws {
        guard UsersFile.isName(Array(user.utf8)) else {
            throw ValidationError("a user's name has 1 to \(UsersFile.nameLimit) bytes, no colon, no space")
        }
        var password = try ask()
        defer { Self.wipe(&password) }
        guard let hash = PasswordHash(hashing: password) else {
            Talk.say("electd: no memory to hash the password; it takes 64 MiB")
            throw ExitCode.systemError
        }
        print("\(user):\(hash)")
    }

    private func ask() throws -> [UInt8] {
        guard isatty(0) == 1 else { return try accepted(PasswordLine.read()) }
        var first = try accepted(PasswordLine.prompt("Password for \(user): "))
        do {
            var second = try accepted(PasswordLine.prompt("The same again: "))
            defer { Self.wipe(&second) }
            guard Sodium.equalInConstantTime(first, second) else {
                Talk.say("electd: the two are not the same")
                throw ExitCode.dataError
            }
            return first
        } catch {
            Self.wipe(&first)
            throw error
        }
    }

    private func accepted(_ outcome: PasswordLine.Outcome) throws -> [UInt8] {
        switch outcome {
        case .line(let line):
            guard !line.isEmpty else {
                Talk.say("electd: an empty password lets everybody in; give one")
                throw ExitCode.dataError
            }
            return line
        case .tooLong:
            Talk.say("electd: a password has at most \(PasswordHash.passwordLimit) bytes")
            throw ExitCode.dataError
        case .control:
            Talk.say("electd: a password is one line without control characters")
            throw ExitCode.dataError
        case .interrupted:
            throw ExitCode.interrupted
        }
    }

    fileprivate static func wipe(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { memory in
            if let base = memory.baseAddress { explicit_bzero(base, memory.count) }
        }
    }
}

/// One line from standard input; from a terminal without showing it.
private enum PasswordLine {
    enum Outcome {
        case line([UInt8])
        case tooLong
        case control
        case interrupted
    }

    static func prompt(_ text: String) -> Outcome {
        var shown = termios()
        guard tcgetattr(0, &shown) == 0 else { return read() }
        // Caught, so that whoever gives up here gets a terminal back that shows what is typed.
        let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP]
        let before = signals.map(interrupting)
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        hidden.c_lflag |= tcflag_t(ECHONL)
        tcsetattr(0, TCSAFLUSH, &hidden)
        fflush(nil)
        _ = text.withCString { write(2, $0, strlen($0)) }
        let outcome = read()
        tcsetattr(0, TCSAFLUSH, &shown)
        for (signal, action) in zip(signals, before) {
            var action = action
            sigaction(signal, &action, nil)
        }
        if case .interrupted = outcome { Talk.say("") }
        return outcome
    }

    /// Makes a signal end a read instead of the process.
    private static func interrupting(_ signal: Int32) -> sigaction {
        var before = sigaction()
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        sigaction(signal, &action, &before)
        return before
    }

    /// Byte by byte: what stands behind the line is somebody else's, and no buffer keeps a copy.
    static func read() -> Outcome {
        var line: [UInt8] = []
        // Growing would leave copies behind.
        line.reserveCapacity(PasswordHash.passwordLimit)
        while true {
            var byte: UInt8 = 0
            let count = Glibc.read(0, &byte, 1)
            if count == 0 || (count == 1 && byte == UInt8(ascii: "\n")) { return .line(line) }
            let outcome: Outcome? =
                count < 0
                ? .interrupted
                : line.count == PasswordHash.passwordLimit ? .tooLong : byte < 0x20 || byte == 0x7F ? .control : nil
            if let outcome {
                Password.wipe(&line)
                return outcome
            }
            line.append(byte)
        }
    }
}
