import CLinux
import Glibc
import Logging

/// What the election thread asks of the kernel, where the configuration wants it.
enum ThreadCare {
    /// Above ordinary work, below the kernel's own real-time threads.
    private static let realtimePriority: Int32 = 20

    /// Applies to the calling thread (memory locking: to the process). A refusal is said and lived with.
    static func apply(realtime: Bool, lockMemory: Bool, log: Logger) {
        _ = process_set_timer_slack(1)
        if realtime && process_set_realtime(realtimePriority) != 0 {
            log.warning("election.realtime: \(SystemCallError("sched_setscheduler")); it needs CAP_SYS_NICE")
        }
        if lockMemory && process_lock_memory() != 0 {
            log.warning("election.lock_memory: \(SystemCallError("mlockall")); it needs CAP_IPC_LOCK")
        }
    }

    /// For work on the calling thread that must not take time from anything else.
    static func stepBack() { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19) }

    /// No core dump with keys in it, no reading of the process by others, no files for others.
    static func hardenProcess() {
        _ = process_forbid_core()
        _ = process_set_dumpable(0)
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
    }
}
