import CLinux
import Glibc

/// Puts virtual addresses on interfaces and takes them off (rtnetlink: RTM_NEWADDR, RTM_DELADDR).
///
/// Every address carries a `valid_lft`, after which the kernel removes it by itself, and our `IFA_PROTO`, by which a
/// later life of this daemon knows its own leftovers.
package final class AddressTable {
    /// Marks our addresses: `ip address show proto 0xed`. Kept by kernels since 5.18; below 4 is the kernel's.
    package static let protocolNumber: UInt8 = 0xed
    /// Most addresses put on or taken off by one request.
    static let addressesPerRequest = 128

    private let route: NetlinkSocket

    /// The socket's netlink port; link notifications with it are about our own doing.
    var port: UInt32 { route.port }

    package init() throws(VirtualIPError) { route = try NetlinkSocket(bus: NETLINK_ROUTE, name: "route") }

    // MARK: Addresses

    /// Adds the addresses, or renews their lifetime where they are there already.
    ///
    /// - Parameters:
    ///   - index: the interface.
    ///   - validSeconds: lifetime in whole seconds, at least 1: the kernel's resolution.
    /// - Throws: on the first address that the kernel refused; those before it are in place.
    package func add(_ addresses: [VirtualAddress], on index: Int32, validSeconds: UInt32) throws(VirtualIPError) {
        let flags = NLM_F_CREATE | NLM_F_REPLACE
        let failures = try request(addresses, operation: "add addresses") { writer, address, sequence in
            writer.message(type: UInt16(RTM_NEWADDR), flags: Self.requestFlags(flags), sequence: sequence) {
                Self.encode(address, index: index, validSeconds: validSeconds, into: &$0)
            }
        }
        if let (address, number) = failures.first { throw .kernel("add \(address) to interface \(index)", number) }
    }

    /// Removes the addresses; returns when the kernel has confirmed that none of them is on the interface (I6).
    ///
    /// An address that is not there, or an interface that is gone with all its addresses, counts as confirmed.
    package func remove(_ addresses: [VirtualAddress], from index: Int32) throws(VirtualIPError) {
        let failures = try request(addresses, operation: "remove addresses") { writer, address, sequence in
            writer.message(type: UInt16(RTM_DELADDR), flags: Self.requestFlags(0), sequence: sequence) {
                Self.encode(address, index: index, validSeconds: nil, into: &$0)
            }
        }
        for (address, number) in failures where number != EADDRNOTAVAIL && number != ENODEV {
            throw .kernel("remove \(address) from interface \(index)", number)
        }
    }

    /// An address as the kernel lists it.
    package struct Entry: Equatable {
        package let address: VirtualAddress
        package let index: Int32
        /// Whether it carries our protocol number.
        package let isOurs: Bool
        /// Seconds left; UInt32.max for ever.
        package let validSeconds: UInt32
    }

    /// All addresses of the interface, sorted.
    package func list(on index: Int32) throws(VirtualIPError) -> [Entry] {
        var entries: [Entry] = []
        try dump(RTM_GETADDR, operation: "list addresses", header: [UInt8](repeating: 0, count: 8)) {
            entries.removeAll(keepingCapacity: true)
        } each: { message in
            if let entry = Self.decode(message), entry.index == index { entries.append(entry) }
        }
        return entries.sorted { $0.address < $1.address }
    }

    /// Removes what an earlier life left behind: everything with our mark, and the `configured` addresses whoever put
    /// them there, since a virtual address without a lease is a second holder. Returns what was removed.
    package func removeLeftovers(on index: Int32, configured: [VirtualAddress]) throws(VirtualIPError)
        -> [VirtualAddress]
    {
        let configured = Set(configured.map(\.bytes))
        let leftovers = try list(on: index).filter { $0.isOurs || configured.contains($0.address.bytes) }.map(\.address)
        if !leftovers.isEmpty { try remove(leftovers, from: index) }
        return leftovers
    }

    // MARK: Links

    /// All interfaces of this network namespace, by index.
    package func links() throws(VirtualIPError) -> [(name: String, state: LinkState)] {
        var links: [(name: String, state: LinkState)] = []
        try dump(RTM_GETLINK, operation: "list interfaces", header: [UInt8](repeating: 0, count: 16)) {
            links.removeAll(keepingCapacity: true)
        } each: { message in
            if let link = LinkMessage(message) { links.append((link.name, link.state)) }
        }
        return links.sorted { $0.state.index < $1.state.index }
    }

    /// Makes the kernel promote secondary addresses when their primary goes (`promote_secondaries`), so that removing
    /// a virtual address never takes the machine's own address of the same subnet with it.
    package func promoteSecondaries(on index: Int32) throws(VirtualIPError) {
        let sequence = route.reserveSequences(1)
        var writer = NetlinkWriter()
        writer.message(type: UInt16(RTM_SETLINK), flags: Self.requestFlags(0), sequence: sequence) { body in
            body.append([UInt8(AF_UNSPEC), 0, 0, 0])
            body.append(host: index)
            body.append(host: UInt32(0))
            body.append(host: UInt32(0))
            body.nested(IFLA_AF_SPEC) { specification in
                specification.nested(Int(AF_INET)) { inet in
                    inet.nested(IFLA_INET_CONF) {
                        $0.attribute(Int(ELECTD_DEVCONF_PROMOTE_SECONDARIES), host: UInt32(1))
                    }
                }
            }
        }
        switch route.exchange(writer.bytes, first: sequence, last: sequence) {
        case .complete(let failures):
            if let failure = failures.first {
                throw .kernel("set promote_secondaries on interface \(index)", failure.errorNumber)
            }
        case .unknown(let number): throw .kernel("set promote_secondaries on interface \(index)", number)
        }
    }

    // MARK: Encoding

    /// `struct ifaddrmsg` and attributes. IFA_LOCAL and IFA_ADDRESS are equal except on point-to-point links.
    package static func encode(
        _ address: VirtualAddress, index: Int32, validSeconds: UInt32?, into writer: inout NetlinkWriter
    ) {
        let bytes = address.bytes
        writer.append([address.family.number, address.prefixLength, 0, UInt8(RT_SCOPE_UNIVERSE.rawValue)])
        writer.append(host: index)
        writer.attribute(IFA_LOCAL, bytes)
        writer.attribute(IFA_ADDRESS, bytes)
        guard let validSeconds else { return }
        let valid = max(1, validSeconds)
        var flags: UInt32 = 0
        if address.family == .ipv6 {
            // Duplicate address detection would hold the address back for a second; the lease is what makes it unique.
            flags |= UInt32(IFA_F_NODAD)
        }
        if address.isHostPrefix { flags |= UInt32(IFA_F_NOPREFIXROUTE) }
        if flags != 0 { writer.attribute(IFA_FLAGS, host: flags) }
        // A deprecated (preferred 0) IPv6 address serves, but isn't chosen as the source of the machine's own
        // connections, which would break when the address moves.
        let preferred = address.family == .ipv6 && address.isHostPrefix ? 0 : valid
        writer.cacheInfo(preferred: preferred, valid: valid)
        writer.attribute(IFA_PROTO, host: protocolNumber)
    }

    static func decode(_ message: NetlinkMessage) -> Entry? {
        guard Int32(message.type) == Int32(RTM_NEWADDR) || Int32(message.type) == Int32(RTM_DELADDR),
            message.payload.count >= 8
        else { return nil }
        var local: UnsafeRawBufferPointer?
        var address: UnsafeRawBufferPointer?
        var isOurs = false
        var valid = UInt32.max
        for (type, value) in message.attributes(after: 8) {
            switch type {
            case IFA_LOCAL: local = value
            case IFA_ADDRESS: address = value
            case IFA_PROTO: isOurs = value.number(UInt8.self) == protocolNumber
            case IFA_CACHEINFO where value.count >= 8: valid = value.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
            default: break
            }
        }
        // IPv6 has IFA_LOCAL only on point-to-point links.
        guard let bytes = local ?? address,
            let entry = VirtualAddress(bytes: bytes, prefixLength: message.load(1, as: UInt8.self))
        else { return nil }
        return Entry(address: entry, index: message.load(4, as: Int32.self), isOurs: isOurs, validSeconds: valid)
    }

    private static func requestFlags(_ more: Int32) -> UInt16 { UInt16(NLM_F_REQUEST | NLM_F_ACK | more) }

    // MARK: Exchanges

    /// Sends one message per address, all acknowledged, and returns the refused ones with their errno.
    private func request(
        _ addresses: [VirtualAddress], operation: String,
        _ encode: (inout NetlinkWriter, VirtualAddress, UInt32) -> Void
    ) throws(VirtualIPError) -> [(VirtualAddress, Int32)] {
        var refused: [(VirtualAddress, Int32)] = []
        var start = 0
        while start < addresses.count {
            let part = addresses[start..<min(start + Self.addressesPerRequest, addresses.count)]
            let first = route.reserveSequences(part.count)
            var writer = NetlinkWriter()
            for (offset, address) in part.enumerated() { encode(&writer, address, first + UInt32(offset)) }
            switch route.exchange(writer.bytes, first: first, last: first + UInt32(part.count - 1)) {
            case .complete(let failures):
                for failure in failures {
                    refused.append((part[start + Int(failure.sequence - first)], failure.errorNumber))
                }
            case .unknown(let number): throw .kernel(operation, number)
            }
            start += part.count
        }
        return refused
    }

    /// Dumps a table; asks again, a few times, when it changed under the dump.
    private func dump(
        _ type: Int, operation: String, header: [UInt8], begin: () -> Void, each: (NetlinkMessage) -> Void
    ) throws(VirtualIPError) {
        var outcome: Int32 = 0
        for _ in 0..<5 {
            begin()
            let sequence = route.reserveSequences(1)
            var writer = NetlinkWriter()
            writer.message(
                type: UInt16(type), flags: UInt16(NLM_F_REQUEST) | UInt16(NLM_F_DUMP_BITS), sequence: sequence
            ) {
                $0.append(header)
            }
            outcome = route.dump(writer.bytes, sequence: sequence, each)
            if outcome != EINTR { break }
        }
        if outcome != 0 { throw .kernel(operation, outcome) }
    }
}

/// NLM_F_DUMP: NLM_F_ROOT | NLM_F_MATCH, a macro over macros.
let NLM_F_DUMP_BITS = NLM_F_ROOT | NLM_F_MATCH

extension NetlinkWriter {
    /// IFA_CACHEINFO: `struct ifa_cacheinfo`, lifetimes in seconds; the time stamps are the kernel's.
    mutating func cacheInfo(preferred: UInt32, valid: UInt32) {
        var info: [UInt8] = []
        for value in [preferred, valid, 0, 0] { withUnsafeBytes(of: value) { info.append(contentsOf: $0) } }
        attribute(IFA_CACHEINFO, info)
    }
}
