import Configuration
import Glibc

/// Hands decisions to the machine's log: journald by its native protocol (systemd.journal-fields(7)), or syslog
/// (RFC 3164, as local daemons write it). One datagram each; it never waits, and what nobody takes is lost.
enum DecisionLog {
    struct Decision: Sendable {
        var node: String
        var group: String
        var role: String
        var term: UInt64
        var reason: String

        var message: String { "\(group): \(role) in term \(term): \(reason)" }
    }

    /// Facility daemon (3), severity notice (5).
    private static let priority = 3 * 8 + 5

    static func tell(_ decision: Decision, to target: Configuration.Log.Decisions) {
        switch target {
        case .none: break
        case .journald: send(journalFields(decision), to: "/run/systemd/journal/socket")
        case .syslog: send("<\(priority)>electd: \(oneLine(decision.message))", to: "/dev/log")
        }
    }

    static func journalFields(_ decision: Decision) -> String {
        let fields = [
            ("MESSAGE", decision.message), ("PRIORITY", "5"), ("SYSLOG_FACILITY", "3"), ("SYSLOG_IDENTIFIER", "electd"),
            ("ELECTD_NODE", decision.node), ("ELECTD_GROUP", decision.group), ("ELECTD_ROLE", decision.role),
            ("ELECTD_TERM", String(decision.term)), ("ELECTD_REASON", decision.reason),
        ]
        return fields.map { "\($0.0)=\(oneLine($0.1))\n" }.joined()
    }

    /// A value ends at the line's end.
    private static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }))
    }

    private static func send(_ text: String, to path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return }
        defer { close(file) }
        let content = Array(text.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = sendto(
                    file, content, content.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL), address,
                    socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
