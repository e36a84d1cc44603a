import CLinux
import Glibc
import Testing
import VirtualIP

/// The other end of the cable: sends hand-made frames and records what comes in, with the time.
final class PeerEnd {
    struct Frame {
        let bytes: [UInt8]
        let at: UInt64
        var type: UInt16 { UInt16(bytes[12]) << 8 | UInt16(bytes[13]) }
    }

    private let descriptor: Int32
    private let index: Int32
    let hardware: HardwareAddress

    init(_ name: String = TestNamespace.peer) throws {
        let link = try #require(try AddressTable().links().first { $0.name == name })
        index = link.state.index
        hardware = try #require(link.state.hardwareAddress)
        let all = UInt16(ETH_P_ALL).bigEndian
        descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue) | Int32(SOCK_NONBLOCK.rawValue), Int32(all))
        try #require(descriptor >= 0)
        var address = sockaddr_ll()
        address.sll_family = UInt16(AF_PACKET)
        address.sll_protocol = all
        address.sll_ifindex = index
        let status = withUnsafeBytes(of: &address) { bytes in
            bytes.baseAddress.map {
                bind(descriptor, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
        }
        try #require(status == 0)
    }

    deinit { close(descriptor) }

    func send(_ frame: [UInt8]) throws {
        try #require(Glibc.send(descriptor, frame, frame.count, 0) == frame.count)
    }

    /// Frames that came in up to now (not our own).
    func received() -> [Frame] {
        var frames: [Frame] = []
        var buffer = [UInt8](repeating: 0, count: 2048)
        while true {
            var from = sockaddr_ll()
            var length = socklen_t(MemoryLayout<sockaddr_ll>.size)
            let count = withUnsafeMutableBytes(of: &from) { bytes -> Int in
                guard let base = bytes.baseAddress else { return -1 }
                return recvfrom(
                    descriptor, &buffer, buffer.count, 0, base.assumingMemoryBound(to: sockaddr.self), &length)
            }
            if count < 14 { return frames }
            if Int32(from.sll_pkttype) != PACKET_OUTGOING {
                frames.append(Frame(bytes: Array(buffer.prefix(count)), at: BootClock.now()))
            }
        }
    }

    /// Whether the node answers an ARP request (or neighbour solicitation) for the address within `milliseconds`.
    /// Asks again every 50 ms: the kernel joins a new IPv6 address's solicitation group a moment after adding it.
    func isAnswered(_ address: VirtualAddress, within milliseconds: UInt64 = 250) throws -> Bool {
        _ = received()
        let end = BootClock.now() + milliseconds * 1_000_000
        var nextQuestion: UInt64 = 0
        while BootClock.now() < end {
            if BootClock.now() >= nextQuestion {
                try send(address.family == .ipv4 ? arpRequest(address) : solicitation(address))
                nextQuestion = BootClock.now() + 50_000_000
            }
            for frame in received() where answers(frame.bytes, address) { return true }
            usleep(200)
        }
        return false
    }

    /// Whether no answer comes; the answer of an idle kernel takes some microseconds.
    func isSilent(about address: VirtualAddress) throws -> Bool { try !isAnswered(address, within: 20) }

    private func answers(_ bytes: [UInt8], _ address: VirtualAddress) -> Bool {
        if address.family == .ipv4 {
            return bytes.count >= 42 && bytes[12...13] == [8, 6] && bytes[20...21] == [0, 2]
                && Array(bytes[28..<32]) == address.bytes
        }
        return bytes.count >= 78 && bytes[12...13] == [0x86, 0xdd] && bytes[54] == 136
            && Array(bytes[62..<78]) == address.bytes
    }

    /// An ARP frame that says `address` is at `claimant`.
    func arpClaim(_ address: VirtualAddress, claimant: HardwareAddress) -> [UInt8] {
        HardwareAddress.broadcast.bytes + claimant.bytes + [8, 6, 0, 1, 8, 0, 6, 4, 0, 1] + claimant.bytes
            + address.bytes + [0, 0, 0, 0, 0, 0] + address.bytes
    }

    private func arpRequest(_ address: VirtualAddress) -> [UInt8] {
        HardwareAddress.broadcast.bytes + hardware.bytes + [8, 6, 0, 1, 8, 0, 6, 4, 0, 1] + hardware.bytes
            + [192, 0, 2, 1] + [0, 0, 0, 0, 0, 0] + address.bytes
    }

    /// RFC 4861, 4.3, to the node's own MAC and the solicited-node multicast address.
    private func solicitation(_ address: VirtualAddress) -> [UInt8] {
        let source: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
        let tail = Array(address.bytes.suffix(3))
        let destination: [UInt8] = [0xff, 2] + [UInt8](repeating: 0, count: 9) + [1, 0xff] + tail
        var message: [UInt8] = [135, 0, 0, 0, 0, 0, 0, 0] + address.bytes + [1, 1] + hardware.bytes
        let sum = AnnouncementFrame.checksum(ipv6Source: source, destination: destination, next: 58, message)
        message[2] = UInt8(sum >> 8)
        message[3] = UInt8(sum & 0xff)
        return [0x33, 0x33, 0xff] + tail + hardware.bytes + [
            0x86, 0xdd, 0x60, 0, 0, 0, 0, UInt8(message.count), 58, 255,
        ]
            + source + destination + message
    }
}
