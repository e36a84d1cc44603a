import CLinux
import Glibc

/// Notices that somebody else changed a gate's table (NFNLGRP_NFTABLES notifications).
///
/// Our own renewals, ten a second and group, are filtered out in the kernel by the port that caused them.
final class GateWatch {
    private let socket: NetlinkSocket

    var descriptor: Int32 { socket.descriptor.raw }

    /// - Parameter ownPort: the netlink port of our `NfTables`.
    init(ignoring ownPort: UInt32) throws(VirtualIPError) {
        let groups = [Int32(NFNLGRP_NFTABLES.rawValue)]
        socket = try NetlinkSocket(bus: NETLINK_NETFILTER, name: "netfilter", groups: groups)
        let failure = PacketFilter.netlink(withoutEchoOf: ownPort).attach(to: socket.descriptor)
        if failure != 0 { throw .kernel("filter nftables notifications", failure) }
    }

    enum Finding: Equatable {
        /// These tables of the netdev family were touched by somebody else; sorted.
        case touched([String])
        /// Notifications were lost: look at every table.
        case lost
    }

    /// Reads what is queued, bounded per call.
    func drain() -> Finding {
        var tables: Set<String> = []
        let complete = socket.drain { message in
            guard Int32(message.type >> 8) == NFNL_SUBSYS_NFTABLES,
                message.load(0, as: UInt8.self) == UInt8(NFPROTO_NETDEV)
            else { return }
            // Attribute 1 is the table's name in tables, chains, rules, sets and element lists alike.
            if let table = message.attributes(after: 4).first(number(NFTA_TABLE_NAME))?.text, table.hasPrefix("electd_")
            {
                tables.insert(table)
            }
        }
        return complete ? .touched(tables.sorted()) : .lost
    }
}
