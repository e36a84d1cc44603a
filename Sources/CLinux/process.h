#pragma once

// What the control process and the proxy process ask of the kernel about themselves and their children.
//
// Glibc's Swift module is built without _GNU_SOURCE, hides what stands behind it, and can't import variadic
// functions (prctl, syscall) or macros with casts. Every function here is one call, keeps the kernel's meaning,
// and reports as the kernel does: -1 and errno, unless its comment says otherwise. No policy lives here.

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// --- children and their file descriptors ------------------------------------------------------------------------

/// A file descriptor that becomes readable (EPOLLIN) when process `pid` ends; close-on-exec. pidfd_open(2), Linux 5.3.
static inline int process_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

/// Sends `signal_number` to the process behind `pidfd`, and never to a later process with its number.
/// pidfd_send_signal(2), Linux 5.1.
static inline int process_pidfd_send_signal(int pidfd, int signal_number) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
}

/// Reaps the child behind `pidfd` without waiting. 1: it ended, `*exit_code` is its exit status, or 128 + the signal
/// that ended it; 0: it still runs; -1: errno (ECHILD: not our child, or reaped by someone else). waitid(2), P_PIDFD.
static inline int process_reap_pidfd(int pidfd, int *exit_code) {
    siginfo_t info;
    info.si_pid = 0;
    if (waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0) return -1;
    if (info.si_pid == 0) return 0;
    *exit_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 1;
}

/// Marks every descriptor in first...last close-on-exec. close_range(2) with CLOSE_RANGE_CLOEXEC, Linux 5.11.
static inline int process_cloexec_range(unsigned first, unsigned last) {
    return (int)syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC);
}

/// Closes every descriptor in first...last. close_range(2), Linux 5.9.
static inline int process_close_range(unsigned first, unsigned last) {
    return (int)syscall(SYS_close_range, first, last, 0);
}

/// Opens a small file of our own to write it anew: mode 0600, no symbolic link. -1: errno. open(2).
static inline int process_open_record(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
}

// --- giving up privileges (in this order: groups, gid, uid, then no_new_privs) ----------------------------------

/// Replaces the supplementary groups; needs CAP_SETGID. setgroups(2).
static inline int process_setgroups(size_t count, const gid_t *groups) { return setgroups(count, groups); }

/// Sets real, effective and saved group id. Glibc carries it to all threads. setresgid(2).
int process_setresgid(gid_t real, gid_t effective, gid_t saved) __asm__("setresgid");

/// Sets real, effective and saved user id; from 0 to another drops all capabilities. setresuid(2).
int process_setresuid(uid_t real, uid_t effective, uid_t saved) __asm__("setresuid");

/// From now on no execve grants privileges (setuid bits, file capabilities). Can't be undone. PR_SET_NO_NEW_PRIVS.
static inline int process_set_no_new_privs(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

/// Takes `capability` (CAP_... of linux/capability.h) out of the bounding set; EINVAL past the last one the kernel knows.
static inline int process_drop_bounding(int capability) { return prctl(PR_CAPBSET_DROP, capability, 0, 0, 0); }

/// Removes every ambient capability. PR_CAP_AMBIENT_CLEAR_ALL.
static inline int process_clear_ambient(void) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); }

/// Sets this thread's effective, permitted and inheritable capabilities, bit n for capability n. capset(2), version 3.
static inline int process_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}

/// Reads this thread's effective capabilities into `*effective`, bit n for capability n. capget(2), version 3.
static inline int process_get_effective_capabilities(uint64_t *effective) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capget, &header, data) != 0) return -1;
    *effective = (uint64_t)data[1].effective << 32 | data[0].effective;
    return 0;
}

/// Keeps the permitted capabilities across a change of user id (cleared again by execve). PR_SET_KEEPCAPS.
static inline int process_set_keep_capabilities(int on) { return prctl(PR_SET_KEEPCAPS, on, 0, 0, 0); }

/// Mounts, ipc, pid or net namespaces of its own: CLONE_NEW... bits of linux/sched.h. unshare(2).
int process_unshare(int flags) __asm__("unshare");

/// The calling thread gets a copy of the table of descriptors, which other threads neither see nor change. CLONE_FILES.
static inline int process_own_descriptors(void) { return process_unshare(0x00000400); }

// --- this process -----------------------------------------------------------------------------------------------

/// 0: no core dump, no ptrace and no reading of /proc/PID/mem by the same user; reset by execve. PR_SET_DUMPABLE.
static inline int process_set_dumpable(int on) { return prctl(PR_SET_DUMPABLE, on, 0, 0, 0); }

/// The kernel sends `signal_number` to this process when the THREAD that forked it ends. Look at getppid() after it:
/// the parent may have ended before. Cleared for the child by fork, and by a change of uid. PR_SET_PDEATHSIG.
static inline int process_set_parent_death_signal(int signal_number) {
    return prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0);
}

/// Names the calling thread, at most 15 bytes, as top and /proc/PID/task/TID/comm show it. PR_SET_NAME.
static inline int process_set_thread_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

/// Wake-ups of this thread's timers may be late by up to `nanoseconds` (0: the default, 50 us). PR_SET_TIMERSLACK.
static inline int process_set_timer_slack(unsigned long nanoseconds) {
    return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}

/// Sets soft and hard limit of core dumps to 0 bytes. setrlimit(2), RLIMIT_CORE.
static inline int process_forbid_core(void) {
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none);
}

/// Sets soft and hard limit of open descriptors. setrlimit(2), RLIMIT_NOFILE.
static inline int process_set_descriptor_limit(uint64_t soft, uint64_t hard) {
    const struct rlimit limit = {(rlim_t)soft, (rlim_t)hard};
    return setrlimit(RLIMIT_NOFILE, &limit);
}

/// Locks what is mapped now and later, each page when it is first touched: MCL_ONFAULT keeps thread stacks of 8 MiB
/// and library tails that nobody reads out of RAM. Not inherited by fork or execve. mlockall(2), Linux 4.4.
static inline int process_lock_memory(void) { return mlockall(MCL_CURRENT | MCL_FUTURE | 4 /* MCL_ONFAULT */); }

/// Gives the CALLING thread SCHED_FIFO at `priority` 1...99, and its children SCHED_OTHER (SCHED_RESET_ON_FORK).
/// Needs CAP_SYS_NICE or RLIMIT_RTPRIO. sched_setscheduler(2).
static inline int process_set_realtime(int priority) {
    struct sched_param parameter = {.sched_priority = priority};
    return sched_setscheduler(0, SCHED_FIFO | 0x40000000 /* SCHED_RESET_ON_FORK */, &parameter);
}

/// The calling thread's kernel id, as in /proc/PID/task/TID. gettid(2).
static inline pid_t process_thread_id(void) { return (pid_t)syscall(SYS_gettid); }

// --- the other end of a unix socket -----------------------------------------------------------------------------

/// Who called connect (or socketpair) on the other end: struct ucred, which Glibc keeps behind _GNU_SOURCE.
struct process_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/// The credentials of a unix socket's peer as they were at connect; nobody can forge them. unix(7), SO_PEERCRED.
static inline int process_peer_credentials(int socket_fd, struct process_credentials *credentials) {
    socklen_t length = sizeof *credentials;
    return getsockopt(socket_fd, SOL_SOCKET, 17 /* SO_PEERCRED */, credentials, &length);
}
