import CLinux
import Glibc

/// Which proxy process there is, in a file: so that a control process that was killed is known by its successor to have
/// left one behind.
///
/// An orphan serves on for a moment, until its lease must have ended, and holds the listeners meanwhile. Whoever starts
/// anew ends it first. Numbers of processes are used again, so a process is named by its start time, too.
struct ProxyRecord: Equatable {
    let pid: pid_t
    /// Clock ticks after boot; /proc/PID/stat, field 22.
    let started: UInt64
    /// The control process that started it.
    let parent: pid_t

    init(pid: pid_t, started: UInt64, parent: pid_t) {
        self.pid = pid
        self.started = started
        self.parent = parent
    }

    /// A running process; nil: there is none of that number.
    init?(running pid: pid_t) {
        guard let words = Self.statFields("/proc/\(pid)/stat"), words.count > 19, words[0] != "Z",
            let parent = pid_t(words[1]), let started = UInt64(words[19])
        else { return nil }
        self.init(pid: pid, started: started, parent: parent)
    }

    init?(file: String) {
        guard let bytes = Self.contents(file, limit: 128) else { return nil }
        let words = bytes.split(whereSeparator: { $0 == 0x20 || $0 == 0x0a }).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard words.count == 3, let pid = pid_t(words[0]), pid > 1, let started = UInt64(words[1]),
            let parent = pid_t(words[2])
        else { return nil }
        self.init(pid: pid, started: started, parent: parent)
    }

    /// false: the file can't be written now, as before its directory is there.
    func write(to file: String) -> Bool {
        let fd = process_open_record(file)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        let text = Array("\(pid) \(started) \(parent)\n".utf8)
        return Glibc.write(fd, text, text.count) == text.count
    }

    /// Ends the process that `file` names, if it is still the same one and nobody looks after it any more. Waits until
    /// it is gone, a second at most.
    ///
    /// - Returns: the process that was ended.
    static func endOrphan(file: String) -> pid_t? {
        guard let record = ProxyRecord(file: file) else { return nil }
        let pidfd = process_pidfd_open(record.pid)
        guard pidfd >= 0 else { return nil }
        defer { close(pidfd) }
        // Looked at behind the descriptor, which stays with this process and no later one of its number.
        guard let running = ProxyRecord(running: record.pid), running.started == record.started,
            running.parent != record.parent
        else { return nil }
        guard process_pidfd_send_signal(pidfd, SIGKILL) == 0 else { return nil }
        var wait = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        poll(&wait, 1, 1_000)
        return record.pid
    }

    /// The fields of a process's or a thread's `stat` from the third on: state, ppid, and so forth; nil: it is gone.
    static func statFields(_ path: String) -> [String]? {
        // The second field is a name in brackets, which may hold anything.
        guard let bytes = contents(path, limit: 1_024), let close = bytes.lastIndex(of: 0x29) else { return nil }
        return bytes[bytes.index(after: close)...].split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func contents(_ path: String, limit: Int) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = read(fd, &bytes, limit)
        return count > 0 ? Array(bytes[..<count]) : nil
    }
}
