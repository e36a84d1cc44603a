import Configuration
import Glibc
import Logging
import Proxy

extension RunningDaemon {
    /// The supervisor of the proxy process; nil on a node that has nothing to serve.
    static func makeProxy(
        _ loaded: LoadedConfiguration, _ options: DaemonOptions, _ mailbox: Mailbox<ElectionLetter>, _ log: Logger
    ) throws -> ProxySupervisor? {
        guard !loaded.configuration.servicePlan(on: loaded.this).services.isEmpty else { return nil }
        let user = try ProxyUser(named: loaded.configuration.proxy.user)
        // A frozen proxy may cost as long as a frozen node, and no longer than half a second.
        let silence = min(max(loaded.rules.timing.promise.wholeMilliseconds, 250), 500)
        return try ProxySupervisor(
            executable: options.executable, arguments: ["proxy"], uid: user.uid, gid: user.gid, silence: silence
        ) { condition in
            if condition == .running { log.notice("proxy: running") } else { log.warning("proxy: \(condition)") }
            mailbox.post(.dataPlane(up: condition == .running))
        }
    }
}

/// Whom the proxy process becomes.
struct ProxyUser {
    let uid: uid_t
    let gid: gid_t

    /// - Parameter name: nil: `electd` if there is such a user, else `nobody`. Without root: whoever runs the daemon.
    init(named name: String?) throws(DaemonError) {
        if geteuid() != 0 {
            (uid, gid) = (geteuid(), getegid())
            return
        }
        for candidate in name.map({ [$0] }) ?? ["electd", "nobody"] {
            if let user = getpwnam(candidate) {
                guard user.pointee.pw_uid != 0 else {
                    throw .unavailable("proxy.user \(candidate) is root; name a user without privileges")
                }
                (uid, gid) = (user.pointee.pw_uid, user.pointee.pw_gid)
                return
            }
        }
        throw .unavailable("there is no user \(name ?? "nobody") for the proxy process; make one, or set proxy.user")
    }
}
