import CLinux

/// The Ethernet frames that tell neighbours where a virtual address lives now.
package enum AnnouncementFrame {
    /// All frames of one announcement. For IPv4 both forms that Linux neighbours accept at once (RFC 5227 section 3
    /// names the first; the second is what Linux takes even from a neighbour entry younger than a second):
    /// a request with sender = target = the address, and a reply with the target hardware address = our own.
    package static func all(for address: VirtualAddress, from hardware: HardwareAddress) -> [[UInt8]] {
        switch address.family {
        case .ipv4:
            return [
                arp(operation: 1, address: address, hardware: hardware, target: nil),
                arp(operation: 2, address: address, hardware: hardware, target: hardware),
            ]
        case .ipv6: return [neighborAdvertisement(address, from: hardware)]
        }
    }

    /// RFC 826, for Ethernet and IPv4, broadcast; `target` nil is all zeros.
    private static func arp(
        operation: UInt16, address: VirtualAddress, hardware: HardwareAddress, target: HardwareAddress?
    ) -> [UInt8] {
        var frame = ethernet(to: .broadcast, from: hardware, type: UInt16(ETH_P_ARP))
        frame += [0, 1, 0x08, 0x00, 6, 4]
        frame.append(network: operation)
        frame += hardware.bytes + address.bytes
        frame += target?.bytes ?? [0, 0, 0, 0, 0, 0]
        frame += address.bytes
        return frame
    }

    /// RFC 4861, sections 4.4 and 7.2.6: unsolicited, Override set, to all nodes, with our link-layer address.
    private static func neighborAdvertisement(_ address: VirtualAddress, from hardware: HardwareAddress) -> [UInt8] {
        let override: UInt8 = 0x20
        var message: [UInt8] = [UInt8(ELECTD_ND_NEIGHBOR_ADVERT), 0, 0, 0, override, 0, 0, 0]
        message += address.bytes
        // Option 2 (target link-layer address), length 1 unit of 8 bytes.
        message += [2, 1] + hardware.bytes
        let allNodes: [UInt8] = [0xff, 0x02] + [UInt8](repeating: 0, count: 13) + [1]
        let sum = checksum(ipv6Source: address.bytes, destination: allNodes, next: UInt8(ELECTD_ICMPV6), message)
        message[2] = UInt8(sum >> 8)
        message[3] = UInt8(sum & 0xff)

        var frame = ethernet(to: .allNodes, from: hardware, type: UInt16(ETH_P_IPV6))
        frame += [0x60, 0, 0, 0]
        frame.append(network: UInt16(message.count))
        // Receivers drop neighbour discovery whose hop limit isn't 255: it would come from another link.
        frame += [UInt8(ELECTD_ICMPV6), 255]
        frame += address.bytes + allNodes + message
        return frame
    }

    private static func ethernet(to: HardwareAddress, from: HardwareAddress, type: UInt16) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(96)
        frame += to.bytes + from.bytes
        frame.append(network: type)
        return frame
    }

    /// The Internet checksum over the IPv6 pseudo-header and `payload` (RFC 8200 section 8.1, RFC 1071).
    package static func checksum(ipv6Source: [UInt8], destination: [UInt8], next: UInt8, _ payload: [UInt8]) -> UInt16 {
        let length = UInt32(payload.count)
        let pseudo: [UInt8] = [
            UInt8(length >> 24), UInt8(length >> 16 & 0xff), UInt8(length >> 8 & 0xff), UInt8(length & 0xff), 0, 0, 0,
            next,
        ]
        var sum: UInt32 = 0
        for part in [ipv6Source, destination, pseudo, payload] {
            for (index, byte) in part.enumerated() { sum &+= UInt32(byte) << (index % 2 == 0 ? 8 : 0) }
        }
        while sum >> 16 != 0 { sum = (sum & 0xffff) + sum >> 16 }
        return ~UInt16(truncatingIfNeeded: sum)
    }
}

extension [UInt8] {
    fileprivate mutating func append(network value: UInt16) { self += [UInt8(value >> 8), UInt8(value & 0xff)] }
}
