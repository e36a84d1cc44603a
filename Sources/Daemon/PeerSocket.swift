import CLinux
import Configuration
import Election
import Glibc

/// The UDP socket that all heartbeats, votes and promises go through.
final class PeerSocket {
    /// The largest UDP payload.
    static let datagramLimit = 65_535
    /// Precedence "internetwork control" (RFC 2474, class selector 6): a full link drops it last.
    private static let trafficClass: Int32 = 0xC0
    private static let receiveBuffer: Int32 = 4 << 20

    let descriptor: Int32
    /// By node index.
    private let addresses: [SocketAddress]
    private let buffer = UnsafeMutableRawPointer.allocate(byteCount: datagramLimit, alignment: 16)
    private(set) var sendFailures: UInt64 = 0

    /// - Throws: when the node's own address can't be bound; an address that isn't there yet can.
    init(nodes: [Configuration.Node], this: NodeIndex) throws(SystemCallError) {
        addresses = nodes.map { SocketAddress($0.address) }
        let own = addresses[Int(this.rawValue)]
        let descriptor = socket_open(own.family, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallError("socket") }
        self.descriptor = descriptor
        _ = socket_set_freebind(descriptor, own.family)
        if own.family == AF_INET6 {
            _ = socket_set_v6_only(descriptor)
            _ = socket_set(descriptor, Int32(IPPROTO_IPV6), IPV6_TCLASS, Self.trafficClass)
        } else {
            _ = socket_set(descriptor, Int32(IPPROTO_IP), IP_TOS, Self.trafficClass)
        }
        _ = socket_set(descriptor, SOL_SOCKET, SO_RCVBUF, Self.receiveBuffer)
        let bound = own.withPointer { address, length in socket_bind(descriptor, address, length) }
        guard bound == 0 else {
            throw SystemCallError("bind to \(nodes[Int(this.rawValue)].address)")
        }
    }

    deinit {
        buffer.deallocate()
        close(descriptor)
    }

    /// Never waits: what the kernel doesn't take now is lost like any datagram.
    func send(_ datagram: [UInt8], to node: NodeIndex) {
        let sent = addresses[Int(node.rawValue)].withPointer { address, length in
            datagram.withUnsafeBytes { bytes in
                sendto(
                    descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL),
                    address.assumingMemoryBound(to: sockaddr.self), length)
            }
        }
        if sent != datagram.count { sendFailures += 1 }
    }

    /// For another thread that sends now and then.
    func sender() -> PeerSender { PeerSender(copying: descriptor, addresses) }

    /// The next datagram; nil when there is none.
    func receive() -> [UInt8]? {
        while true {
            let count = recv(descriptor, buffer, Self.datagramLimit, Int32(MSG_DONTWAIT))
            if count >= 0 { return Array(UnsafeRawBufferPointer(start: buffer, count: count)) }
            // An ICMP error that a send provoked is reported once, here; the next datagram may wait behind it.
            if errno == EAGAIN || errno == EWOULDBLOCK { return nil }
            if errno != EINTR && errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH { return nil }
        }
    }
}

/// Sends from the peers' socket, on a descriptor of its own.
final class PeerSender: Sendable {
    private let descriptor: Int32
    private let addresses: [SocketAddress]

    fileprivate init(copying descriptor: Int32, _ addresses: [SocketAddress]) {
        self.descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        self.addresses = addresses
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Never waits, and what the kernel doesn't take is lost.
    func send(_ datagram: [UInt8], to node: NodeIndex) {
        _ = addresses[Int(node.rawValue)].withPointer { address, length in
            datagram.withUnsafeBytes { bytes in
                sendto(
                    descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL),
                    address.assumingMemoryBound(to: sockaddr.self), length)
            }
        }
    }
}

/// A kernel `sockaddr_in` or `sockaddr_in6`.
private struct SocketAddress: Sendable {
    let family: Int32
    private let storage: [UInt8]

    init(_ endpoint: Endpoint) {
        if endpoint.address.isIPv6 {
            family = AF_INET6
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = endpoint.port.bigEndian
            withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: endpoint.address.bytes) }
            storage = withUnsafeBytes(of: &address) { Array($0) }
        } else {
            family = AF_INET
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = endpoint.port.bigEndian
            withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: endpoint.address.bytes) }
            storage = withUnsafeBytes(of: &address) { Array($0) }
        }
    }

    func withPointer<Result>(_ body: (UnsafeRawPointer, socklen_t) -> Result) -> Result {
        storage.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { preconditionFailure("an address has bytes") }
            return body(base, socklen_t(bytes.count))
        }
    }
}
