#pragma once

// Waiting for events: epoll, and what makes other things readable for it (eventfd, timerfd, signalfd).
//
// <sys/epoll.h>, <sys/eventfd.h>, <sys/timerfd.h> and <sys/signalfd.h> come with this header: epoll_create1, epoll_ctl,
// epoll_wait, eventfd, timerfd_create, timerfd_settime and signalfd are called under their own names. Their flags are
// anonymous enums that Swift sees as Int or as a struct each, so the ones we use are given again as plain integers.

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

// --- epoll(7) ---------------------------------------------------------------------------------------------------

/// There is something to read, or a listener has a connection to accept.
#define POLLING_READABLE 0x001u
/// There is room to write, or a connect came to its end (good or bad).
#define POLLING_WRITABLE 0x004u
/// An error is pending; always reported.
#define POLLING_ERROR 0x008u
/// Both directions are shut; always reported.
#define POLLING_HANGUP 0x010u
/// The peer will send nothing more.
#define POLLING_PEER_CLOSED 0x2000u
/// Of several epoll instances that watch this descriptor, wake one.
#define POLLING_EXCLUSIVE (1u << 28)
/// Report changes only (edge-triggered).
#define POLLING_EDGE (1u << 31)

/// A new epoll instance, close-on-exec. -1: errno.
static inline int polling_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

/// Watches `fd` for `events`; `token` comes back with each event. -1: errno.
static inline int polling_add(int epoll, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/// Changes what `fd` is watched for; 0 events leave only errors and hang-ups. -1: errno.
static inline int polling_change(int epoll, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

/// Stops watching `fd`; closing its last duplicate does the same. -1: errno.
static inline int polling_remove(int epoll, int fd) { return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL); }

/// What happened, from the list that epoll_wait filled. The struct is packed on some architectures and not on others,
/// which is why it's read here.
static inline uint32_t polling_events(const struct epoll_event *list, size_t index) { return list[index].events; }

/// The token that came with it.
static inline uint64_t polling_token(const struct epoll_event *list, size_t index) { return list[index].data.u64; }

// --- eventfd(2): a mailbox's bell -------------------------------------------------------------------------------

/// A counter that is readable while it isn't zero; non-blocking, close-on-exec. -1: errno.
static inline int polling_bell(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

/// Adds one: wakes whoever polls the bell. Safe from any thread and from a signal handler.
static inline void polling_ring(int bell) {
    const uint64_t one = 1;
    // The only failure of a good bell is EAGAIN at 2^64-2 rings, and then it is readable anyway.
    ssize_t ignored = write(bell, &one, sizeof one);
    (void)ignored;
}

/// Back to zero; how often it rang since the last time.
static inline uint64_t polling_silence(int bell) {
    uint64_t count = 0;
    return read(bell, &count, sizeof count) == sizeof count ? count : 0;
}

// --- timerfd_create(2) ------------------------------------------------------------------------------------------

/// A timer on `clock` (CLOCK_MONOTONIC, CLOCK_BOOTTIME), disarmed, non-blocking, close-on-exec. -1: errno.
static inline int polling_timer(int clock) { return timerfd_create(clock, TFD_NONBLOCK | TFD_CLOEXEC); }

/// Arms `timer` for the instant `nanoseconds` of its own clock, once; an instant that has passed fires at once.
/// 0 disarms it. -1: errno.
static inline int polling_timer_set(int timer, uint64_t nanoseconds) {
    const struct itimerspec when = {
        .it_interval = {0, 0},
        .it_value = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)},
    };
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/// How often `timer` fired since it was last asked (0: it hasn't), which also makes it unreadable again.
static inline uint64_t polling_timer_expirations(int timer) {
    uint64_t count = 0;
    return read(timer, &count, sizeof count) == sizeof count ? count : 0;
}

// --- signalfd(2) ------------------------------------------------------------------------------------------------

/// A descriptor that is readable when a signal of `set` is pending; block the set in every thread first (sigprocmask).
/// Non-blocking, close-on-exec. -1: errno.
static inline int polling_signals(const sigset_t *set) { return signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC); }

/// The next pending signal's number, 0 when there is none. `*sender` gets the sender's process id.
static inline int polling_signal_next(int signals, pid_t *sender) {
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info) return 0;
    *sender = (pid_t)info.ssi_pid;
    return (int)info.ssi_signo;
}
