import Glibc

/// Who is at the other end of a unix socket, as the kernel saw it when the connection was made. Nobody can forge it.
/// Laid out as `struct ucred`, which getsockopt(SO_PEERCRED) fills; see unix(7).
package struct PeerCredentials: Sendable, Equatable {
    package var pid: pid_t
    package var uid: uid_t
    package var gid: gid_t

    package init(pid: pid_t, uid: uid_t, gid: gid_t) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }
}

/// Who may do what: the socket's mode says who may look, and only root and the daemon's own user may change things.
package struct ControlAuthority: Sendable {
    private let ownUID: uid_t

    package init(ownUID: uid_t) { self.ownUID = ownUID }

    package func permits(_ method: ControlMethod, to caller: PeerCredentials) -> Bool {
        switch method {
        case .get: true
        case .post: caller.uid == 0 || caller.uid == ownUID
        }
    }
}
