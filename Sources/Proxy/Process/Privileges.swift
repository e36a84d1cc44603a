import CLinux
import Glibc

/// Why the proxy process can't give up what it must not have.
struct PrivilegeError: Error, CustomStringConvertible {
    let step: String
    let code: Int32

    var description: String { "\(step): \(String(cString: strerror(code)))" }
}

/// Giving up everything that the data plane doesn't need, for good.
enum Privileges {
    private static let lastCapability: Int32 = 63

    /// Becomes `uid` and `gid` without groups, capabilities, or a way to gain any. A process that isn't root and
    /// already runs as `uid` (the demo on loopback) skips what only root can do.
    static func drop(uid: uid_t, gid: gid_t) throws(PrivilegeError) {
        if geteuid() == 0 {
            for capability in 0...lastCapability where process_drop_bounding(capability) != 0 {
                guard errno == EINVAL else { throw PrivilegeError(step: "drop the bounding set", code: errno) }
            }
            try require(process_setgroups(0, nil), "setgroups")
            try require(process_setresgid(gid, gid, gid), "setresgid \(gid)")
            try require(process_setresuid(uid, uid, uid), "setresuid \(uid)")
        } else if geteuid() != uid {
            throw PrivilegeError(
                step: "run as user \(uid) (start electd as root, or let the proxy keep its user)", code: EPERM)
        }
        _ = process_clear_ambient()
        if uid != 0 { try require(process_set_capabilities(0, 0, 0), "capset") }
        try require(process_set_no_new_privs(), "no_new_privs")
        try require(process_set_dumpable(0), "PR_SET_DUMPABLE")
        try require(process_forbid_core(), "RLIMIT_CORE")
        // Behind the change of user, which clears it.
        try require(process_set_parent_death_signal(Orphan.signal), "PR_SET_PDEATHSIG")
        if uid != 0 && setuid(0) == 0 { throw PrivilegeError(step: "privileges could be regained", code: EPERM) }
    }

    private static func require(_ result: Int32, _ step: String) throws(PrivilegeError) {
        guard result == 0 else { throw PrivilegeError(step: step, code: errno) }
    }
}
