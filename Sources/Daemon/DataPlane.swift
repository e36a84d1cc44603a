import Configuration
import Glibc
import Logging
import Proxy

extension RunningDaemon {
    static func proxyRecord(_ options: DaemonOptions) -> String { options.stateDirectory + "/proxy.process" }

    /// Ends the proxy process that an earlier, killed life left behind with our ports.
    func endOrphanedProxy() {
        guard let pid = ProxySupervisor.endOrphan(record: Self.proxyRecord(options)) else { return }
        log.warning("ended proxy process \(pid), left by an earlier life")
    }

    /// Lets the proxy listen, as soon as what an earlier life left behind has gone.
    ///
    /// An orphan that nobody could write down, as when the disk was full, holds its ports until it ends by itself.
    ///
    /// - Throws: `ProxyError`: a port that is taken for longer keeps the node from starting, not from ending well.
    func startProxy() throws(ProxyError) {
        endOrphanedProxy()
        guard let proxy else { return }
        let plan = current.configuration.servicePlan(on: current.this)
        let patience = Duration.milliseconds(Self.proxyLinger(current) + 500)
        let deadline = ContinuousClock.now.advanced(by: patience)
        var isFirst = true
        while true {
            do throws(ProxyError) {
                return try proxy.apply(plan)
            } catch {
                guard case .addressInUse = error, ContinuousClock.now < deadline else { throw error }
                if isFirst { log.warning("\(error); waiting \(patience) for what an earlier life may have left") }
                isFirst = false
                usleep(50_000)
            }
        }
    }

    /// Milliseconds that an orphaned proxy serves on: should we be killed, our lease runs out, and the kernel's gate
    /// closes; until then connections shall not break.
    private static func proxyLinger(_ loaded: LoadedConfiguration) -> Int {
        loaded.rules.timing.promise.wholeMilliseconds + 1_000
    }

    /// The supervisor of the proxy process; nil on a node that has nothing to serve.
    static func makeProxy(
        _ loaded: LoadedConfiguration, _ options: DaemonOptions, _ mailbox: Mailbox<ElectionLetter>, _ log: Logger
    ) throws -> ProxySupervisor? {
        guard !loaded.configuration.servicePlan(on: loaded.this).services.isEmpty else { return nil }
        let user = try ProxyUser(named: loaded.configuration.proxy.user)
        // A frozen proxy may cost as long as a frozen node, and no longer than half a second.
        let silence = min(max(loaded.rules.timing.promise.wholeMilliseconds, 250), 500)
        return try ProxySupervisor(
            executable: options.executable, arguments: ["proxy"], uid: user.uid, gid: user.gid, silence: silence,
            linger: proxyLinger(loaded), record: proxyRecord(options)
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
