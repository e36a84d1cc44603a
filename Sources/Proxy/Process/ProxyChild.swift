import CLinux
import Glibc

/// A running proxy process, as its parent holds it.
package struct ProxyChild {
    package let pid: pid_t
    /// Readable when it has ended.
    let pidfd: Int32
    /// Our end of the channel.
    let channel: Int32

    enum Ending {
        case running
        /// The exit status, or 128 + the signal.
        case ended(Int32)
    }

    /// Starts `executable` with our channel on its descriptor 3. What else of ours isn't close-on-exec, the process
    /// itself closes before anything else (`ProxyProcess.run`).
    ///
    /// - Returns: nil and errno when the kernel or the file system refuses.
    package static func start(_ executable: String, _ arguments: [String]) -> ProxyChild? {
        var ends: (Int32, Int32) = (-1, -1)
        let made = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) { socket_packet_pair($0) }
        }
        guard made == 0 else { return nil }
        defer { _ = Glibc.close(ends.1) }
        var pid: pid_t = -1
        let code = spawn(&pid, executable, arguments, channel: ends.1)
        guard code == 0 else {
            _ = Glibc.close(ends.0)
            errno = code
            return nil
        }
        let pidfd = process_pidfd_open(pid)
        guard pidfd >= 0 else {
            // Not ours to watch means not ours to run.
            let code = errno
            _ = Glibc.kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
            _ = Glibc.close(ends.0)
            errno = code
            return nil
        }
        return ProxyChild(pid: pid, pidfd: pidfd, channel: ends.0)
    }

    private static func spawn(
        _ pid: inout pid_t, _ executable: String, _ arguments: [String], channel: Int32
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, channel, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // A group of its own: Ctrl-C at a terminal is for the control process.
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let argv = ([executable] + arguments).map { strdup($0) } + [nil]
        let environment = inheritedEnvironment.map { strdup($0) } + [nil]
        defer { for text in argv + environment { free(text) } }
        return posix_spawn(&pid, executable, &actions, &attributes, argv, environment)
    }

    /// Only what finding its libraries needs: what else stands in our environment is not the data plane's business.
    private static var inheritedEnvironment: [String] {
        ["LD_LIBRARY_PATH", "TZ"].compactMap { (name: String) -> String? in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
    }

    /// Whether one of its threads runs or waits for a core (proc_pid_stat(5), state R), rather than being stopped or
    /// waiting for something else.
    package var isRunnable: Bool {
        guard let tasks = opendir("/proc/\(pid)/task") else { return false }
        defer { closedir(tasks) }
        while let entry = readdir(tasks) {
            let task = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if ProxyRecord.statFields("/proc/\(pid)/task/\(task)/stat")?.first == "R" { return true }
        }
        return false
    }

    package func kill() { _ = process_pidfd_send_signal(pidfd, SIGKILL) }

    /// Reaps it if it has ended.
    func reap() -> Ending {
        var code: Int32 = 0
        switch process_reap_pidfd(pidfd, &code) {
        case 0: return .running
        case 1: return .ended(code)
        default: return .ended(-1)
        }
    }

    package func close() {
        _ = Glibc.close(pidfd)
        _ = Glibc.close(channel)
    }
}
