import CLinux
import Glibc

/// Follows interfaces and addresses (RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR).
final class LinkWatch {
    enum Finding: Equatable {
        /// New state of an interface, or its first; a new index means a new interface of that name.
        case link(name: String, LinkState)
        case vanished(name: String)
        /// An address went, by somebody else's doing or by its lifetime's end.
        case addressRemoved(VirtualAddress, index: Int32)
        /// Notifications were lost: read links and addresses anew.
        case lost
    }

    private let socket: NetlinkSocket
    /// Names by index, to see renames.
    private var names: [Int32: String] = [:]

    var descriptor: Int32 { socket.descriptor.raw }

    /// - Parameter ownPort: the netlink port of our `AddressTable`, whose doings aren't reported.
    init(ignoring ownPort: UInt32) throws(VirtualIPError) {
        let groups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR].map { Int32($0.rawValue) }
        socket = try NetlinkSocket(bus: NETLINK_ROUTE, name: "route", groups: groups)
        // New addresses are of no interest, and the kernel attributes renewed IPv6 lifetimes to nobody (port 0).
        let filter = PacketFilter.netlink(withoutEchoOf: ownPort, ignored: UInt16(RTM_NEWADDR))
        let failure = filter.attach(to: socket.descriptor)
        if failure != 0 { throw .kernel("filter link notifications", failure) }
    }

    /// Tells which interfaces exist, from a full reading.
    func reset(_ links: [(name: String, state: LinkState)]) {
        names.removeAll()
        for link in links { names[link.state.index] = link.name }
    }

    /// Reads what is queued, bounded per call, in the kernel's order.
    func drain() -> [Finding] {
        var findings: [Finding] = []
        let complete = socket.drain { message in
            if let link = LinkMessage(message) {
                findings += note(link)
            } else if Int32(message.type) == Int32(RTM_DELADDR), let entry = AddressTable.decode(message) {
                findings.append(.addressRemoved(entry.address, index: entry.index))
            }
        }
        return complete ? findings : [.lost]
    }

    private func note(_ link: LinkMessage) -> [Finding] {
        let previous = names[link.state.index]
        if link.isRemoval {
            names[link.state.index] = nil
            return [.vanished(name: previous ?? link.name)]
        }
        names[link.state.index] = link.name
        let current = Finding.link(name: link.name, link.state)
        if let previous, previous != link.name { return [.vanished(name: previous), current] }
        return [current]
    }
}
