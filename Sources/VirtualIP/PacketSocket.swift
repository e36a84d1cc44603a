import CLinux
import Glibc

/// An AF_PACKET socket: whole Ethernet frames, past the machine's own IP stack.
final class PacketSocket {
    let descriptor: FileDescriptor

    /// For sending only; receives nothing.
    convenience init() throws(VirtualIPError) { try self.init(protocolNumber: 0) }

    /// Receives frames of `etherType` that come in on the interface and pass the filter.
    ///
    /// - Parameter receiveBuffer: small, so that a flood is dropped in the kernel and not in our time. Bytes.
    convenience init(
        receiving etherType: UInt16, on index: Int32, filter: PacketFilter, receiveBuffer: Int32 = 128 * 1024
    ) throws(VirtualIPError) {
        // Opened deaf, filtered, then bound: no frame comes in unfiltered.
        try self.init(protocolNumber: 0)
        _ = descriptor.setOption(SOL_SOCKET, SO_RCVBUF, receiveBuffer)
        var failure = filter.attach(to: descriptor)
        if failure == 0 {
            var address = sockaddr_ll()
            address.sll_family = UInt16(AF_PACKET)
            address.sll_protocol = etherType.bigEndian
            address.sll_ifindex = index
            failure = descriptor.bind(to: address)
        }
        if failure != 0 { throw .kernel("listen for frames on interface \(index)", failure) }
    }

    private init(protocolNumber: Int32) throws(VirtualIPError) {
        let type = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let raw = socket(AF_PACKET, type, protocolNumber)
        guard raw >= 0 else { throw .kernel("open a packet socket", errno) }
        descriptor = FileDescriptor(owning: raw)
    }

    /// Sends a frame out of the interface. Returns errno, or 0.
    func send(_ frame: [UInt8], on index: Int32) -> Int32 {
        var address = sockaddr_ll()
        address.sll_family = UInt16(AF_PACKET)
        // The frame's own type, so that the gate's egress rules see what it is.
        if frame.count >= 14 { address.sll_protocol = (UInt16(frame[12]) << 8 | UInt16(frame[13])).bigEndian }
        address.sll_ifindex = index
        address.sll_halen = 6
        while true {
            let sent = withUnsafeBytes(of: &address) { bytes -> Int in
                guard let base = bytes.baseAddress else { return -1 }
                return sendto(
                    descriptor.raw, frame, frame.count, Int32(MSG_DONTWAIT),
                    base.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
            if sent >= 0 { return 0 }
            if errno != EINTR { return errno }
        }
    }

    /// Reads at most `limit` frames, each cut to 128 bytes.
    func drain(limit: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { buffer in
            for _ in 0..<limit {
                let count = recv(descriptor.raw, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                if count < 0 {
                    // ENETDOWN is reported once when the interface goes down; the frames behind it still count.
                    if errno == EINTR || errno == ENETDOWN { continue }
                    return
                }
                body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[0..<min(count, buffer.count)]))
            }
        }
    }
}
