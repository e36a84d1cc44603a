import Glibc
import Logging
import Synchronization

/// Writes log lines to stderr on a thread of its own: a reader that stops reading may stop the log, never the
/// election.
final class LogLines: Sendable {
    private static let capacity = 4096

    private let lines: Mailbox<[UInt8]>
    private let lost = Atomic<Int>(0)

    init() throws(SystemCallError) {
        lines = try Mailbox(capacity: Self.capacity)
        try DedicatedThread.start(name: "electd-log") { [self] in
            while true {
                lines.wait(milliseconds: -1)
                for line in lines.collect() { Self.write(line) }
                let count = lost.exchange(0, ordering: .relaxed)
                if count > 0 { Self.write(Array("electd: \(count) log lines were lost here\n".utf8)) }
            }
        }
    }

    func add(_ line: String) {
        if !lines.post(Array((line + "\n").utf8)) { lost.add(1, ordering: .relaxed) }
    }

    /// Waits until what was added is written, at most a second; for the end of the process.
    func flush() {
        for _ in 0..<100 where !lines.isEmpty { usleep(10_000) }
        usleep(10_000)
    }

    private static func write(_ line: [UInt8]) {
        var written = 0
        while written < line.count {
            let count = line.withUnsafeBytes {
                Glibc.write(2, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count <= 0 && errno != EINTR { return }
            written += max(0, count)
        }
    }
}

/// swift-log's face of `LogLines`: one line per message, as text or as JSON.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let lines: LogLines
    private let isJSON: Bool

    init(_ lines: LogLines, level: Logger.Level, isJSON: Bool) {
        self.lines = lines
        self.isJSON = isJSON
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = Self.timestamp()
        if isJSON {
            lines.add(
                "{\"time\":\"\(time)\",\"level\":\"\(event.level)\",\"message\":\"\(Self.escaped("\(event.message)"))\"}"
            )
        } else {
            lines.add("\(time) \(event.level): \(Self.oneLine("\(event.message)"))")
        }
    }

    /// RFC 3339, UTC, milliseconds.
    private static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let milliseconds = String(1000 + now.tv_nsec / 1_000_000).dropFirst()
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(milliseconds)Z"
    }

    /// What a check or a peer says can't begin a line of its own.
    private static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }))
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 32: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
