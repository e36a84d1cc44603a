import CLinux
import Glibc

/// Descriptors of sinks, as the control process opens them: the proxy process has no right to.
enum LogSocket {
    private static let journal = "/run/systemd/journal/socket"

    /// A file is opened, or refused. A socket is there in any case: whoever listens at its other end may come later.
    static func open(_ sink: ServicePlan.LogSink, service: String) throws(ProxyError) -> Int32 {
        let fd: Int32
        switch sink.place {
        case .file(let path): fd = socket_open_log(path)
        case .stdout: fd = socket_duplicate(STDOUT_FILENO)
        case .journald, .syslogSocket: fd = socket_open(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        case .syslogUDP(let endpoint):
            fd = socket_open(endpoint.isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        }
        guard fd >= 0 else { throw .cannotLog(sink, service: service, code: errno) }
        if case .file = sink.place, !isWritable(fd) {
            close(fd)
            throw .cannotLog(sink, service: service, code: EINVAL)
        }
        _ = connect(fd, to: sink.place)
        return fd
    }

    /// A regular file, a pipe or a terminal: no directory, and no device that reads what is written as orders.
    private static func isWritable(_ fd: Int32) -> Bool {
        var facts = stat()
        guard fstat(fd, &facts) == 0 else { return false }
        let kind = facts.st_mode & S_IFMT
        return kind == S_IFREG || kind == S_IFIFO || kind == S_IFCHR
    }

    /// false: nobody is there now.
    static func connect(_ fd: Int32, to place: ServicePlan.LogSink.Place) -> Bool {
        switch place {
        case .file, .stdout: true
        case .journald: socket_connect_path(fd, journal) == 0
        case .syslogSocket(let path): socket_connect_path(fd, path) == 0
        case .syslogUDP(let endpoint):
            endpoint.socketName.withPointer { socket_connect(fd, $0, $1) } == 0
        }
    }
}

extension ServicePlan.LogSink: CustomStringConvertible {
    package var description: String {
        switch place {
        case .file(let path): path
        case .stdout: "stdout"
        case .journald: "journald"
        case .syslogSocket(let path): "syslog:\(path)"
        case .syslogUDP(let endpoint): "syslog:\(endpoint)"
        }
    }
}
