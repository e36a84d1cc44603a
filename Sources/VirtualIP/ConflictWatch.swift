import CLinux
import Glibc

/// Sees neighbours that claim a virtual address of ours: ARP with that sender address, or a neighbour advertisement
/// for it, from another MAC. The lease gate doesn't hide them, packet sockets stand before it.
final class ConflictWatch {
    struct Claim: Equatable {
        let address: VirtualAddress
        let claimant: HardwareAddress
    }

    /// Frames looked at per wake; a hostile neighbour can't occupy the election thread with more.
    static let framesPerWake = 32
    /// With more addresses than this the kernel passes every ARP frame and the comparison is made here.
    static let filteredAddresses = 1_000

    private let arp: PacketSocket?
    private let advertisements: PacketSocket?
    private let own: HardwareAddress
    private let addresses: [VirtualAddress]

    /// The sockets to poll.
    var descriptors: [Int32] { [arp, advertisements].compactMap { $0?.descriptor.raw } }

    /// - Parameters:
    ///   - addresses: those to watch, of both families.
    ///   - own: the interface's MAC, which may claim them.
    init(_ addresses: [VirtualAddress], on index: Int32, own: HardwareAddress) throws(VirtualIPError) {
        self.own = own
        self.addresses = addresses
        let ipv4 = addresses.filter { $0.family == .ipv4 }
        let ipv6 = addresses.filter { $0.family == .ipv6 }
        arp =
            ipv4.isEmpty
            ? nil : try PacketSocket(receiving: UInt16(ETH_P_ARP), on: index, filter: Self.arpFilter(ipv4))
        advertisements =
            ipv6.isEmpty
            ? nil : try PacketSocket(receiving: UInt16(ETH_P_IPV6), on: index, filter: Self.advertisementFilter(ipv6))
    }

    /// Reads what is queued on one of `descriptors`, bounded; claims in the order seen, each once.
    func drain(_ descriptor: Int32) -> [Claim] {
        var claims: [Claim] = []
        for (socket, read) in [(arp, readARP), (advertisements, readAdvertisement)] {
            guard let socket, socket.descriptor.raw == descriptor else { continue }
            socket.drain(limit: Self.framesPerWake) { frame in
                if let claim = read(frame), !claims.contains(claim) { claims.append(claim) }
            }
        }
        return claims
    }

    // MARK: Frames (offsets from the Ethernet header: 14 + RFC 826, 14 + RFC 8200 + RFC 4861)

    private func readARP(_ frame: UnsafeRawBufferPointer) -> Claim? {
        guard frame.count >= 42, frame[14] == 0, frame[15] == 1, frame[18] == 6, frame[19] == 4 else { return nil }
        return claim(of: frame[28..<32], by: frame[22..<28])
    }

    private func readAdvertisement(_ frame: UnsafeRawBufferPointer) -> Claim? {
        // Hop limit 255, or it isn't from this link.
        guard frame.count >= 78, frame[20] == UInt8(ELECTD_ICMPV6), frame[21] == 255,
            frame[54] == UInt8(ELECTD_ND_NEIGHBOR_ADVERT)
        else { return nil }
        // The option is what neighbours learn; without it they learn nothing from an unsolicited message.
        let hasOption = frame.count >= 86 && frame[78] == 2 && frame[79] == 1
        return claim(of: frame[62..<78], by: hasOption ? frame[80..<86] : frame[6..<12])
    }

    private func claim(of bytes: Slice<UnsafeRawBufferPointer>, by hardware: Slice<UnsafeRawBufferPointer>) -> Claim? {
        guard let claimant = HardwareAddress(hardware), claimant != own,
            let address = addresses.first(where: { $0.bytes.elementsEqual(bytes) })
        else { return nil }
        return Claim(address: address, claimant: claimant)
    }

    // MARK: Filters

    private static func arpFilter(_ addresses: [VirtualAddress]) -> PacketFilter {
        var filter = PacketFilter()
        filter.loadHalf(12)
        filter.require(UInt32(ETH_P_ARP))
        filter.loadWord(28)
        return filter.passing(addresses)
    }

    /// Compares the last four bytes of the target; the rest is compared here.
    private static func advertisementFilter(_ addresses: [VirtualAddress]) -> PacketFilter {
        var filter = PacketFilter()
        filter.loadByte(20)
        filter.require(UInt32(ELECTD_ICMPV6))
        filter.loadByte(54)
        filter.require(UInt32(ELECTD_ND_NEIGHBOR_ADVERT))
        filter.loadWord(74)
        return filter.passing(addresses)
    }
}

extension PacketFilter {
    /// Ends the program: passes if the accumulator is the last word of one of the addresses.
    fileprivate func passing(_ addresses: [VirtualAddress]) -> PacketFilter {
        var filter = self
        if addresses.count > ConflictWatch.filteredAddresses {
            filter.accept()
        } else {
            for address in addresses { filter.acceptIf(address.lastWord) }
            filter.drop()
        }
        return filter
    }
}
