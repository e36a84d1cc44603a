import CLinux
import Glibc

/// Writes netlink messages one behind the other (include/uapi/linux/netlink.h): headers in host order, 4-byte aligned.
package struct NetlinkWriter {
    package private(set) var bytes: [UInt8] = []

    package init() { bytes.reserveCapacity(512) }

    /// One message: header, then whatever `body` appends; the length is filled in afterwards.
    package mutating func message(type: UInt16, flags: UInt16, sequence: UInt32, _ body: (inout NetlinkWriter) -> Void)
    {
        let start = bytes.count
        append(host: UInt32(0))
        append(host: type)
        append(host: flags)
        append(host: sequence)
        append(host: UInt32(0))
        body(&self)
        let length = UInt32(bytes.count - start)
        withUnsafeBytes(of: length) { bytes.replaceSubrange(start..<start + 4, with: $0) }
        align()
    }

    mutating func append<Integer: FixedWidthInteger>(host value: Integer) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    package mutating func attribute(_ type: Int, _ payload: [UInt8]) {
        append(host: UInt16(4 + payload.count))
        append(host: UInt16(type))
        bytes.append(contentsOf: payload)
        align()
    }

    /// A number in host order, as rtnetlink has them.
    mutating func attribute<Integer: FixedWidthInteger>(_ type: Int, host value: Integer) {
        append(host: UInt16(4 + MemoryLayout<Integer>.size))
        append(host: UInt16(type))
        append(host: value)
        align()
    }

    /// A number in network order, as nf_tables has them.
    mutating func attribute<Integer: FixedWidthInteger>(_ type: Int, network value: Integer) {
        attribute(type, host: value.bigEndian)
    }

    /// A string with its terminating zero.
    mutating func attribute(_ type: Int, _ text: String) { attribute(type, Array(text.utf8) + [0]) }

    /// An attribute made of attributes. Its length is 16 bits, so callers keep lists below `maximumNestedElements`.
    mutating func nested(_ type: Int, _ body: (inout NetlinkWriter) -> Void) {
        let start = bytes.count
        append(host: UInt16(0))
        append(host: UInt16(type) | UInt16(NLA_F_NESTED))
        body(&self)
        let length = bytes.count - start
        precondition(length <= Int(UInt16.max), "a nested netlink attribute outgrew its 16-bit length")
        withUnsafeBytes(of: UInt16(length)) { bytes.replaceSubrange(start..<start + 2, with: $0) }
        align()
    }

    private mutating func align() {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }
}

/// One received message. Valid only inside the call that hands it out; every read is bounded by its length.
package struct NetlinkMessage {
    package let type: UInt16
    package let flags: UInt16
    package let sequence: UInt32
    /// Who caused it: the requester's port for notifications, 0 for what the kernel did by itself.
    package let port: UInt32
    package let payload: UnsafeRawBufferPointer

    func load<Integer: FixedWidthInteger>(_ offset: Int, as: Integer.Type = Integer.self) -> Integer {
        guard offset >= 0, offset + MemoryLayout<Integer>.size <= payload.count else { return 0 }
        return payload.loadUnaligned(fromByteOffset: offset, as: Integer.self)
    }

    /// The attributes behind a family header of `offset` bytes.
    func attributes(after offset: Int) -> NetlinkAttributes { NetlinkAttributes(payload, from: (offset + 3) & ~3) }
}

/// Walks attributes; ends at the first whose length can't be.
package struct NetlinkAttributes: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private var position: Int

    package init(_ bytes: UnsafeRawBufferPointer, from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    package mutating func next() -> (type: Int, value: UnsafeRawBufferPointer)? {
        guard position >= 0, position + 4 <= bytes.count else { return nil }
        let length = Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self))
        let type = bytes.loadUnaligned(fromByteOffset: position + 2, as: UInt16.self) & UInt16(NLA_TYPE_MASK_BITS)
        guard length >= 4, position + length <= bytes.count else { return nil }
        let value = UnsafeRawBufferPointer(rebasing: bytes[position + 4..<position + length])
        position += (length + 3) & ~3
        return (Int(type), value)
    }

    func first(_ type: Int) -> UnsafeRawBufferPointer? {
        for attribute in self where attribute.type == type { return attribute.value }
        return nil
    }
}

/// NLA_TYPE_MASK is a macro over other macros that Swift doesn't import: all bits but NESTED and NET_BYTEORDER.
private let NLA_TYPE_MASK_BITS = 0x3fff

extension UnsafeRawBufferPointer {
    func number<Integer: FixedWidthInteger>(_: Integer.Type = Integer.self) -> Integer? {
        count >= MemoryLayout<Integer>.size ? loadUnaligned(as: Integer.self) : nil
    }
    /// A string attribute without its terminating zero.
    var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}

/// Splits a received datagram into messages; stops at the first whose length can't be.
package func forEachMessage(in datagram: UnsafeRawBufferPointer, _ body: (NetlinkMessage) -> Void) {
    var position = 0
    while position + 16 <= datagram.count {
        let length = Int(datagram.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        guard length >= 16, position + length <= datagram.count else { return }
        body(
            NetlinkMessage(
                type: datagram.loadUnaligned(fromByteOffset: position + 4, as: UInt16.self),
                flags: datagram.loadUnaligned(fromByteOffset: position + 6, as: UInt16.self),
                sequence: datagram.loadUnaligned(fromByteOffset: position + 8, as: UInt32.self),
                port: datagram.loadUnaligned(fromByteOffset: position + 12, as: UInt32.self),
                payload: UnsafeRawBufferPointer(rebasing: datagram[position + 16..<position + length])))
        position += (length + 3) & ~3
    }
}
