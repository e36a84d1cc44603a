import CLinux
import Glibc

/// What the kernel says about a network interface (RTM_NEWLINK).
package struct LinkState: Sendable, Equatable {
    package let index: Int32
    /// Set up by the administrator (`ip link set up`).
    package let isAdminUp: Bool
    /// The driver reports a carrier (cable, peer of a veth).
    package let hasCarrier: Bool
    /// RFC 2863 operational state: 6 is up, 0 unknown (drivers that don't tell).
    package let operState: UInt8
    /// nil where the interface isn't Ethernet: nothing can be announced there.
    package let hardwareAddress: HardwareAddress?

    /// Frames can pass: up, carrier, and not held down by a supplicant or a bond.
    package var isUsable: Bool { isAdminUp && hasCarrier && (operState == 6 || operState == 0) }

    package init(
        index: Int32, isAdminUp: Bool, hasCarrier: Bool, operState: UInt8, hardwareAddress: HardwareAddress?
    ) {
        self.index = index
        self.isAdminUp = isAdminUp
        self.hasCarrier = hasCarrier
        self.operState = operState
        self.hardwareAddress = hardwareAddress
    }
}

/// An RTM_NEWLINK or RTM_DELLINK message: `struct ifinfomsg` and the attributes that matter here.
struct LinkMessage {
    let name: String
    let state: LinkState
    let isRemoval: Bool

    init?(_ message: NetlinkMessage) {
        guard Int32(message.type) == Int32(RTM_NEWLINK) || Int32(message.type) == Int32(RTM_DELLINK) else { return nil }
        // struct ifinfomsg: family u8, pad u8, type u16, index i32, flags u32, change u32.
        guard message.payload.count >= 16, message.load(0, as: UInt8.self) == UInt8(AF_UNSPEC) else { return nil }
        let kind = message.load(2, as: UInt16.self)
        let flags = message.load(8, as: UInt32.self)
        var name: String?
        var hardwareAddress: HardwareAddress?
        var operState: UInt8 = 0
        for (type, value) in message.attributes(after: 16) {
            switch type {
            case IFLA_IFNAME: name = value.text
            case IFLA_ADDRESS where kind == UInt16(ELECTD_ARPHRD_ETHER): hardwareAddress = HardwareAddress(value)
            case IFLA_OPERSTATE: operState = value.number(UInt8.self) ?? 0
            default: break
            }
        }
        guard let name else { return nil }
        self.name = name
        isRemoval = Int32(message.type) == Int32(RTM_DELLINK)
        state = LinkState(
            index: message.load(4, as: Int32.self), isAdminUp: flags & UInt32(ELECTD_IFF_UP) != 0,
            hasCarrier: flags & UInt32(ELECTD_IFF_LOWER_UP) != 0, operState: operState,
            hardwareAddress: hardwareAddress)
    }
}
