import CLinux
import Glibc

/// A classic BPF program: drops in the kernel what would only wake the election thread.
/// (Documentation/networking/filter.rst; jumps are at most 255 instructions, programs at most 4096.)
struct PacketFilter {
    private(set) var program: [sock_filter] = []

    static let maximumLength = 4096

    /// Accumulator = the 32-bit big-endian word at `offset`.
    mutating func loadWord(_ offset: UInt32) { append(BPF_LD | BPF_W | BPF_ABS, offset) }
    mutating func loadHalf(_ offset: UInt32) { append(BPF_LD | BPF_H | BPF_ABS, offset) }
    mutating func loadByte(_ offset: UInt32) { append(BPF_LD | BPF_B | BPF_ABS, offset) }
    /// Continues with the next instruction if the accumulator is `value`, else drops.
    mutating func require(_ value: UInt32) {
        append(BPF_JMP | BPF_JEQ | BPF_K, value, whenTrue: 1, whenFalse: 0)
        drop()
    }
    /// Passes the packet if the accumulator is `value`, else continues.
    mutating func acceptIf(_ value: UInt32) {
        append(BPF_JMP | BPF_JEQ | BPF_K, value, whenTrue: 0, whenFalse: 1)
        accept()
    }
    /// Drops the packet if the accumulator is `value`, else continues.
    mutating func dropIf(_ value: UInt32) {
        append(BPF_JMP | BPF_JEQ | BPF_K, value, whenTrue: 0, whenFalse: 1)
        drop()
    }
    mutating func accept() { append(BPF_RET | BPF_K, UInt32.max) }
    mutating func drop() { append(BPF_RET | BPF_K, 0) }

    private mutating func append(_ code: Int32, _ k: UInt32, whenTrue: UInt8 = 0, whenFalse: UInt8 = 0) {
        program.append(sock_filter(code: UInt16(code), jt: whenTrue, jf: whenFalse, k: k))
    }

    /// Replaces the socket's filter; returns errno, or 0.
    func attach(to descriptor: FileDescriptor) -> Int32 {
        var instructions = program
        return instructions.withUnsafeMutableBufferPointer { buffer -> Int32 in
            var attachment = sock_fprog(len: UInt16(buffer.count), filter: buffer.baseAddress)
            let size = socklen_t(MemoryLayout<sock_fprog>.size)
            return setsockopt(descriptor.raw, SOL_SOCKET, SO_ATTACH_FILTER, &attachment, size) == 0 ? 0 : errno
        }
    }

    /// For a netlink multicast socket: drops notifications about what `port` itself asked for (`nlmsg_pid`), and
    /// messages of the type `ignored` (`nlmsg_type`). Netlink numbers are in host order, BPF loads big-endian.
    static func netlink(withoutEchoOf port: UInt32, ignored: UInt16? = nil) -> PacketFilter {
        var filter = PacketFilter()
        filter.loadWord(12)
        filter.dropIf(port.bigEndian)
        if let ignored {
            filter.loadHalf(4)
            filter.dropIf(UInt32(ignored.bigEndian))
        }
        filter.accept()
        return filter
    }
}
