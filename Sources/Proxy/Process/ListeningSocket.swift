import CLinux
import Glibc

/// Why the proxy can't do what it was asked for; each says what mends it.
package enum ProxyError: Error, CustomStringConvertible {
    /// Another program listens there.
    case addressInUse(ServicePlan.Endpoint, service: String)
    /// A port below 1024 without the privilege.
    case notPermitted(ServicePlan.Endpoint, service: String)
    case cannotListen(ServicePlan.Endpoint, service: String, code: Int32)
    case plan(ServicePlanError)
    /// A file of the access log can't be opened.
    case cannotLog(ServicePlan.LogSink, service: String, code: Int32)
    case outOfDescriptors(code: Int32)
    /// `stop` was called.
    case stopped

    package var description: String {
        switch self {
        case .addressInUse(let endpoint, let service):
            "service \(service) can't listen on \(endpoint): another program does already; stop it "
                + "(`ss -ltnp` names it) or choose another port"
        case .notPermitted(let endpoint, let service):
            "service \(service) may not listen on \(endpoint): run electd as root, or give it CAP_NET_BIND_SERVICE"
        case .cannotListen(let endpoint, let service, let code):
            "service \(service) can't listen on \(endpoint): \(String(cString: strerror(code)))"
        case .plan(let error): "\(error)"
        case .cannotLog(let sink, let service, let code):
            "service \(service) can't log to \(sink): "
                + (code == ELOOP
                    ? "it is a symbolic link; name the file itself"
                    : code == EINVAL
                        ? "it is no file; name one, or a FIFO"
                        : code == ENXIO
                            ? "nobody reads from this FIFO; start its reader first"
                            : "\(String(cString: strerror(code))); make its directory, or choose another one")
        case .outOfDescriptors(let code):
            "can't open a socket: \(String(cString: strerror(code))); raise LimitNOFILE= in the unit"
        case .stopped: "the proxy supervisor has been stopped"
        }
    }
}

/// Listening sockets as the control process binds them: before the virtual IP is on this node, and kept open while a
/// proxy process is replaced, so that no pending connection is lost.
enum ListeningSocket {
    private static let backlog: Int32 = 4_096

    /// Sockets for each of `count` workers on one address; the kernel spreads connections over them.
    ///
    /// - Throws: `ProxyError` without leaving a socket open.
    static func open(
        _ endpoint: ServicePlan.Endpoint, service: String, count: Int
    ) throws(ProxyError) -> [Int32] {
        // With SO_REUSEPORT the kernel would let us share the port with another program of root's, and it would get
        // half of the connections. So the address is bound once without it, to see that nobody else is there.
        if count > 1 { close(try bound(endpoint, service, sharing: false)) }
        var sockets: [Int32] = []
        for _ in 0..<count {
            do throws(ProxyError) {
                sockets.append(try listening(endpoint, service, sharing: count > 1))
            } catch {
                for fd in sockets { close(fd) }
                throw error
            }
        }
        return sockets
    }

    private static func listening(
        _ endpoint: ServicePlan.Endpoint, _ service: String, sharing: Bool
    ) throws(ProxyError) -> Int32 {
        let fd = try bound(endpoint, service, sharing: sharing)
        if listen(fd, backlog) == 0 { return fd }
        let error = Self.error(endpoint, service, errno)
        close(fd)
        throw error
    }

    private static func bound(
        _ endpoint: ServicePlan.Endpoint, _ service: String, sharing: Bool
    ) throws(ProxyError) -> Int32 {
        let name = endpoint.socketName
        let fd = socket_open(name.family, Int32(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { throw .outOfDescriptors(code: errno) }
        _ = socket_set_reuse_address(fd)
        _ = socket_set_freebind(fd, name.family)
        _ = socket_set_no_delay(fd)
        if name.family == AF_INET6 { _ = socket_set_v6_only(fd) }
        if sharing { _ = socket_set_reuse_port(fd) }
        if name.withPointer({ socket_bind(fd, $0, $1) }) == 0 { return fd }
        let error = Self.error(endpoint, service, errno)
        close(fd)
        throw error
    }

    private static func error(_ endpoint: ServicePlan.Endpoint, _ service: String, _ code: Int32) -> ProxyError {
        switch code {
        case EADDRINUSE: .addressInUse(endpoint, service: service)
        case EACCES, EPERM: .notPermitted(endpoint, service: service)
        default: .cannotListen(endpoint, service: service, code: code)
        }
    }
}
