#pragma once

// Sockets and pipes: what Glibc's Swift module hides (accept4, splice, pipe2), what Swift can't express (control
// messages), and constants whose C spelling Swift can't import. Every function is one call that keeps the kernel's
// meaning and reports as the kernel does: -1 and errno.

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

// --- sockets that never block and never leak into a child -------------------------------------------------------

/// socket(2) with SOCK_NONBLOCK and SOCK_CLOEXEC. `type` is 1 (stream), 2 (datagram) or 5 (seqpacket).
static inline int socket_open(int family, int type, int protocol) {
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

/// Two connected AF_UNIX SOCK_SEQPACKET sockets: reliable, ordered, and each send is one message. socketpair(2).
static inline int socket_packet_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

/// accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC. `address` has room for `*length` bytes, and gets the peer's.
int socket_accept4(int listener, void *address, socklen_t *length, int flags) __asm__("accept4");
static inline int socket_accept(int listener, void *address, socklen_t *length) {
    return socket_accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/// bind(2) and connect(2) with an untyped address: Swift sees the C library's own as a transparent union.
int socket_bind(int fd, const void *address, socklen_t length) __asm__("bind");
int socket_connect(int fd, const void *address, socklen_t length) __asm__("connect");
int socket_local_name(int fd, void *address, socklen_t *length) __asm__("getsockname");
int socket_peer_name(int fd, void *address, socklen_t *length) __asm__("getpeername");

/// send(2) that reports EPIPE instead of raising SIGPIPE. Without the C library's own, which is a cancellation point:
/// where there are threads it announces that to the others at every call, and nobody here is ever cancelled.
static inline ssize_t socket_send(int fd, const void *bytes, size_t count) {
    return syscall(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL, NULL, 0);
}

/// recv(2), likewise.
static inline ssize_t socket_receive(int fd, void *bytes, size_t count) {
    return syscall(SYS_recvfrom, fd, bytes, count, 0, NULL, NULL);
}

/// The same when more follows at once: the kernel may wait for it before it sends a short segment. MSG_MORE.
static inline ssize_t socket_send_more(int fd, const void *bytes, size_t count) {
    return syscall(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL | MSG_MORE, NULL, 0);
}

/// Two pieces in one send.
static inline ssize_t socket_send_two(int fd, const void *a, size_t a_count, const void *b, size_t b_count) {
    struct iovec pieces[2] = {{(void *)a, a_count}, {(void *)b, b_count}};
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

// --- options ----------------------------------------------------------------------------------------------------

/// setsockopt(2) with an int.
static inline int socket_set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value);
}

/// The pending error of a socket, which also clears it (SO_ERROR): how a non-blocking connect ended. -1: errno.
static inline int socket_error(int fd) {
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length) == 0 ? value : -1;
}

// Of TCP_INFO (struct tcp_info of <linux/tcp.h>, which can't be seen beside <netinet/tcp.h>): where fields lie.
enum { SOCKET_INFO_UNACKED = 24, SOCKET_INFO_LAST_ACK = 56, SOCKET_INFO_ACKED = 120, SOCKET_INFO_RECEIVED = 128 };

static inline uint32_t socket_info(int fd, size_t offset) {
    unsigned char info[256] = {0};
    socklen_t length = sizeof info;
    uint32_t value = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) == 0 && offset + sizeof value <= length)
        memcpy(&value, info + offset, sizeof value);
    return value;
}

/// Bytes that the peer has acknowledged since the connection began, and that it has sent, modulo 2^32.
static inline uint32_t socket_bytes_acknowledged(int fd) {
    return socket_info(fd, SOCKET_INFO_ACKED + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0));
}
static inline uint32_t socket_bytes_received(int fd) {
    return socket_info(fd, SOCKET_INFO_RECEIVED + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0));
}

/// Something that was sent isn't acknowledged, and no acknowledgement came for so many milliseconds.
static inline bool socket_is_unacknowledged(int fd, uint32_t milliseconds) {
    return socket_info(fd, SOCKET_INFO_UNACKED) > 0 && socket_info(fd, SOCKET_INFO_LAST_ACK) >= milliseconds;
}

/// Several sockets may bind this address, the kernel spreads connections over them. SO_REUSEPORT.
static inline int socket_set_reuse_port(int fd) { return socket_set(fd, SOL_SOCKET, SO_REUSEPORT, 1); }

/// Binds although an old connection of this address is in TIME_WAIT. SO_REUSEADDR.
static inline int socket_set_reuse_address(int fd) { return socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1); }

/// Binds an address that this machine doesn't have (yet). IP_FREEBIND and IPV6_FREEBIND.
static inline int socket_set_freebind(int fd, int family) {
    return family == AF_INET6 ? socket_set(fd, IPPROTO_IPV6, 78 /* IPV6_FREEBIND */, 1)
                              : socket_set(fd, IPPROTO_IP, 15 /* IP_FREEBIND */, 1);
}

/// An IPv6 socket that leaves IPv4 alone. IPV6_V6ONLY.
static inline int socket_set_v6_only(int fd) { return socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); }

/// Small segments leave at once; accepted sockets inherit it from their listener. TCP_NODELAY.
static inline int socket_set_no_delay(int fd) { return socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

/// Whether the next segment is acknowledged at once, or by what is sent soon; the kernel changes its mind later. Accepted
/// sockets inherit it from their listener. TCP_QUICKACK.
static inline int socket_set_quick_ack(int fd, bool is_quick) { return socket_set(fd, IPPROTO_TCP, TCP_QUICKACK, is_quick); }

/// close(2) will discard what is unsent and reset the connection, leaving no TIME_WAIT. SO_LINGER with 0 s.
static inline int socket_set_reset_on_close(int fd) {
    const struct linger now = {1, 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

// --- splice(2) --------------------------------------------------------------------------------------------------

ssize_t socket_splice_call(int from, off_t *from_offset, int to, off_t *to_offset, size_t count, unsigned flags)
    __asm__("splice");

/// Moves up to `count` bytes from `from` to `to`, one of which is a pipe, without copying; never blocks.
/// SPLICE_F_MOVE | SPLICE_F_NONBLOCK. 0: end of file.
static inline ssize_t socket_splice(int from, int to, size_t count) {
    return socket_splice_call(from, NULL, to, NULL, count, 1 | 2);
}

/// The same when more follows at once. SPLICE_F_MORE.
static inline ssize_t socket_splice_more(int from, int to, size_t count) {
    return socket_splice_call(from, NULL, to, NULL, count, 1 | 2 | 4);
}

int socket_pipe2_call(int ends[2], int flags) __asm__("pipe2");

/// A pipe that never blocks, close-on-exec; ends[0] is read. pipe2(2).
static inline int socket_pipe(int ends[2]) { return socket_pipe2_call(ends, O_NONBLOCK | O_CLOEXEC); }

/// Asks for room for `bytes` in a pipe; refused beyond /proc/sys/fs/pipe-max-size. The room it has now. F_SETPIPE_SZ.
static inline int socket_pipe_resize(int fd, int bytes) { return fcntl(fd, 1031 /* F_SETPIPE_SZ */, bytes); }

// --- descriptors over a unix socket (SCM_RIGHTS, unix(7)) -------------------------------------------------------

/// The most descriptors in one message; the kernel's own limit is 253 (SCM_MAX_FD).
#define SOCKET_DESCRIPTORS_MAX 128

/// Sends one message and duplicates of `descriptor_count` (0...SOCKET_DESCRIPTORS_MAX) descriptors. -1: errno.
static inline ssize_t socket_send_descriptors(int fd, const void *bytes, size_t count, const int *descriptors,
                                              size_t descriptor_count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * SOCKET_DESCRIPTORS_MAX)];
    } control;
    struct iovec piece = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (descriptor_count > SOCKET_DESCRIPTORS_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (descriptor_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/// Receives one message and the descriptors with it, close-on-exec. `descriptors` has room for SOCKET_DESCRIPTORS_MAX,
/// `*descriptor_count` says how many came. A message that didn't fit `capacity`, or whose descriptors didn't all
/// arrive, is refused whole (its descriptors closed): -1, EMSGSIZE. 0: the other end is closed.
static inline ssize_t socket_receive_descriptors(int fd, void *bytes, size_t capacity, int *descriptors,
                                                 size_t *descriptor_count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * SOCKET_DESCRIPTORS_MAX)];
    } control;
    struct iovec piece = {bytes, capacity};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    *descriptor_count = 0;
    ssize_t received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received < 0) return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (here > SOCKET_DESCRIPTORS_MAX - *descriptor_count) here = SOCKET_DESCRIPTORS_MAX - *descriptor_count;
        memcpy(descriptors + *descriptor_count, CMSG_DATA(header), here * sizeof(int));
        *descriptor_count += here;
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < *descriptor_count; i++) close(descriptors[i]);
        *descriptor_count = 0;
        errno = EMSGSIZE;
        return -1;
    }
    return received;
}

// --- datagrams in batches, and named sockets --------------------------------------------------------------------

/// The most datagrams in one call of `socket_send_batch`.
#define SOCKET_BATCH_MAX 64

struct socket_batch_message {
    struct msghdr header;
    unsigned length;
};
int socket_sendmmsg_call(int fd, struct socket_batch_message *messages, unsigned count, int flags) __asm__("sendmmsg");

/// Sends `count` (at most SOCKET_BATCH_MAX) datagrams that lie behind each other in `bytes`; never blocks. How many went
/// out, or -1 and errno. sendmmsg(2).
static inline int socket_send_batch(int fd, const void *bytes, const uint32_t *lengths, unsigned count) {
    struct socket_batch_message messages[SOCKET_BATCH_MAX];
    struct iovec pieces[SOCKET_BATCH_MAX];
    const char *next = bytes;
    if (count > SOCKET_BATCH_MAX) count = SOCKET_BATCH_MAX;
    memset(messages, 0, sizeof messages[0] * count);
    for (unsigned i = 0; i < count; i++) {
        pieces[i] = (struct iovec){(void *)next, lengths[i]};
        messages[i].header.msg_iov = &pieces[i];
        messages[i].header.msg_iovlen = 1;
        next += lengths[i];
    }
    return socket_sendmmsg_call(fd, messages, count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/// Connects to a unix socket by its path, at most 107 bytes. -1: errno. unix(7).
static inline int socket_connect_path(int fd, const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof name.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name.sun_path, path, length + 1);
    return connect(fd, (const struct sockaddr *)&name, sizeof name);
}

/// Opens a file to append lines to: made with mode 0640 if it isn't there; a symbolic link is refused (ELOOP), a FIFO
/// without a reader too (ENXIO). -1: errno. open(2).
static inline int socket_open_log(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0640);
}

/// A duplicate that no child inherits. F_DUPFD_CLOEXEC.
static inline int socket_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }
