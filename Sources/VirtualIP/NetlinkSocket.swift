import CLinux
import Glibc

/// A netlink socket: requests with acknowledgement, dumps, and multicast notifications.
///
/// The kernel works a request off inside `send` and queues its answer before `send` returns, so the waits below
/// are for the case that should never happen.
final class NetlinkSocket {
    let descriptor: FileDescriptor
    /// Our address on the netlink bus; notifications carry it when we caused them.
    let port: UInt32
    private let buffer: UnsafeMutableRawBufferPointer
    private var sequence: UInt32

    /// Longest wait for an answer that isn't already there.
    static let answerTimeoutMilliseconds: Int32 = 1_000
    /// Datagrams read per wake of a notification socket; the rest waits for the next wake.
    static let datagramsPerWake = 64

    /// - Parameters:
    ///   - bus: NETLINK_ROUTE or NETLINK_NETFILTER.
    ///   - groups: multicast groups to join.
    init(bus: Int32, name: String, groups: [Int32] = [], receiveBuffer: Int32 = 1 << 20) throws(VirtualIPError) {
        let type = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let raw = socket(AF_NETLINK, type, bus)
        guard raw >= 0 else { throw .kernel("open a \(name) netlink socket", errno) }
        let descriptor = FileDescriptor(owning: raw)
        // Best effort: FORCE needs CAP_NET_ADMIN, and a smaller buffer only makes ENOBUFS (handled) likelier.
        if descriptor.setOption(SOL_SOCKET, SO_RCVBUFFORCE, receiveBuffer) != 0 {
            _ = descriptor.setOption(SOL_SOCKET, SO_RCVBUF, receiveBuffer)
        }
        // A gate of thousands of addresses is one batch, and a batch is one datagram.
        _ = descriptor.setOption(SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
        // Without the request echoed back, an acknowledgement is 36 bytes however large the batch was.
        _ = descriptor.setOption(Int32(ELECTD_SOL_NETLINK), NETLINK_CAP_ACK, 1)
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        var failure = descriptor.bind(to: address)
        for group in groups where failure == 0 {
            failure = descriptor.setOption(Int32(ELECTD_SOL_NETLINK), NETLINK_ADD_MEMBERSHIP, group)
        }
        guard failure == 0 else { throw .kernel("join the \(name) netlink bus", failure) }
        var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -1 }
            return getsockname(raw, base.assumingMemoryBound(to: sockaddr.self), &length)
        }
        guard status == 0 else { throw .kernel("read the \(name) netlink port", errno) }
        self.descriptor = descriptor
        port = address.nl_pid
        sequence = UInt32(truncatingIfNeeded: BootClock.now() >> 10) | 1
        // The largest datagram the kernel builds for a dump is 32 KiB (NETLINK_GOODSIZE grows up to that).
        buffer = .allocate(byteCount: 64 * 1024, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Reserves `count` consecutive sequence numbers and returns the first.
    func reserveSequences(_ count: Int) -> UInt32 {
        if sequence > UInt32.max - UInt32(count) - 1 { sequence = 1 }
        let first = sequence
        sequence += UInt32(count)
        return first
    }

    /// One failed message of a request: its sequence number and errno.
    struct Failure: Equatable {
        let sequence: UInt32
        let errorNumber: Int32
    }

    enum Answer {
        /// The kernel worked the request off; `failures` are the messages it refused, in order.
        case complete(failures: [Failure])
        /// No (complete) answer: errno of the local failure.
        case unknown(Int32)
    }

    /// Sends messages and collects the answers up to that for `last`, which must carry NLM_F_ACK.
    ///
    /// - Parameter fatal: a sequence number whose error ends the exchange (a batch's BEGIN: no other answers follow).
    func exchange(_ request: [UInt8], first: UInt32, last: UInt32, fatal: UInt32? = nil) -> Answer {
        discardStale()
        if let failure = send(request) { return .unknown(failure) }
        var failures: [Failure] = []
        var done = false
        let outcome = receive(until: { done }) { message in
            guard message.type == UInt16(NLMSG_ERROR), (first...last).contains(message.sequence) else { return }
            let number = -message.load(0, as: Int32.self)
            if number != 0 { failures.append(Failure(sequence: message.sequence, errorNumber: number)) }
            if message.sequence == last || (number != 0 && message.sequence == fatal) { done = true }
        }
        return outcome == 0 ? .complete(failures: failures) : .unknown(outcome)
    }

    /// Sends a dump request and hands out its messages. Returns errno, or 0 when the kernel said it was complete.
    /// EINTR: the table changed meanwhile; ask again.
    func dump(_ request: [UInt8], sequence: UInt32, _ body: (NetlinkMessage) -> Void) -> Int32 {
        discardStale()
        if let failure = send(request) { return failure }
        var done = false
        var refusal: Int32 = 0
        var interrupted = false
        let outcome = receive(until: { done }) { message in
            guard message.sequence == sequence else { return }
            if message.flags & UInt16(NLM_F_DUMP_INTR) != 0 { interrupted = true }
            switch Int32(message.type) {
            case Int32(NLMSG_DONE):
                refusal = -message.load(0, as: Int32.self)
                done = true
            case Int32(NLMSG_ERROR):
                refusal = -message.load(0, as: Int32.self)
                done = true
            default: body(message)
            }
        }
        if outcome != 0 { return outcome }
        if refusal != 0 { return refusal }
        return interrupted ? EINTR : 0
    }

    /// Reads what is queued on a multicast socket, at most `datagramsPerWake`. False: notifications were lost (ENOBUFS).
    func drain(_ body: (NetlinkMessage) -> Void) -> Bool {
        for _ in 0..<Self.datagramsPerWake {
            switch receiveDatagram() {
            case .success(let count?): forEachMessage(in: received(count), body)
            case .success(nil): return true
            case .failure(let failure): return failure.number == EAGAIN
            }
        }
        return true
    }

    // MARK: The calls

    private struct Errno: Error { let number: Int32 }

    private func send(_ request: [UInt8]) -> Int32? {
        var kernel = sockaddr_nl()
        kernel.nl_family = sa_family_t(AF_NETLINK)
        while true {
            let sent = withUnsafeBytes(of: &kernel) { address -> Int in
                guard let base = address.baseAddress else { return -1 }
                return sendto(
                    descriptor.raw, request, request.count, Int32(MSG_NOSIGNAL),
                    base.assumingMemoryBound(to: sockaddr.self), socklen_t(address.count))
            }
            if sent == request.count { return nil }
            if sent >= 0 { return EMSGSIZE }
            if errno != EINTR { return errno }
        }
    }

    /// Receives until `finished`; returns errno, or 0.
    private func receive(until finished: () -> Bool, _ body: (NetlinkMessage) -> Void) -> Int32 {
        let end = BootClock.now() + .milliseconds(UInt64(Self.answerTimeoutMilliseconds))
        while !finished() {
            switch receiveDatagram() {
            case .success(let count?): forEachMessage(in: received(count), body)
            case .success(nil):
                guard BootClock.now() < end else { return ETIMEDOUT }
            case .failure(let failure):
                guard failure.number == EAGAIN else { return failure.number }
                let left = Int32(end.remaining(after: BootClock.now()) / 1_000_000)
                guard left > 0, descriptor.waitReadable(milliseconds: left) else { return ETIMEDOUT }
            }
        }
        return 0
    }

    /// Answers of an exchange that was given up must not be taken for those of the next.
    private func discardStale() {
        for _ in 0..<1_024 {
            if case .failure(let failure) = receiveDatagram(), failure.number != ENOBUFS { return }
        }
    }

    private func received(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[0..<count])
    }

    /// The size of the next datagram; nil for one that isn't the kernel's or didn't fit.
    private func receiveDatagram() -> Result<Int?, Errno> {
        var sender = sockaddr_nl()
        var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
        while true {
            let count = withUnsafeMutableBytes(of: &sender) { address -> Int in
                guard let base = address.baseAddress else { return -1 }
                return recvfrom(
                    descriptor.raw, buffer.baseAddress, buffer.count,
                    Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC),
                    base.assumingMemoryBound(to: sockaddr.self), &length)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return .failure(Errno(number: errno))
            }
            // Other processes can send to our port; only the kernel has port 0.
            return .success(sender.nl_pid == 0 && count <= buffer.count ? count : nil)
        }
    }
}
