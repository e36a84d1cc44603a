import CLinux
import Glibc

/// One nf_tables transaction: all of it or nothing (nfnetlink batches, net/netfilter/nfnetlink.c).
struct NfTablesBatch {
    fileprivate struct Command {
        let type: nf_tables_msg_types
        let flags: Int32
        let body: (inout NetlinkWriter) -> Void
    }

    fileprivate var commands: [Command] = []

    var isEmpty: Bool { commands.isEmpty }

    /// Appends a command and returns its position, by which failures name it.
    @discardableResult
    mutating func append(
        _ type: nf_tables_msg_types, flags: Int32 = 0, _ body: @escaping (inout NetlinkWriter) -> Void
    ) -> Int {
        commands.append(Command(type: type, flags: flags, body: body))
        return commands.count - 1
    }
}

/// The socket through which nf_tables is changed. A table with an owner belongs to this socket: nobody else's
/// `nft flush ruleset` touches it, and with `persist` it stays, without an owner, when the socket goes.
package final class NfTables {
    private let socket: NetlinkSocket

    var port: UInt32 { socket.port }

    package init() throws(VirtualIPError) { socket = try NetlinkSocket(bus: NETLINK_NETFILTER, name: "netfilter") }

    enum Outcome: Equatable {
        case committed
        /// Nothing was changed. The position in the batch and errno of each refused command; position -1 is the
        /// batch as a whole.
        case aborted([Failure])
        /// Whether it was committed is unknown; errno.
        case unknown(Int32)
    }

    struct Failure: Equatable {
        let position: Int
        let errorNumber: Int32
    }

    /// Commits the batch; returns with the kernel's acknowledgement.
    func commit(_ batch: NfTablesBatch) -> Outcome {
        guard !batch.commands.isEmpty else { return .committed }
        let begin = socket.reserveSequences(batch.commands.count + 2)
        let last = begin + UInt32(batch.commands.count)
        var writer = NetlinkWriter()
        Self.control(NFNL_MSG_BATCH_BEGIN, sequence: begin, into: &writer)
        for (offset, command) in batch.commands.enumerated() {
            let sequence = begin + 1 + UInt32(offset)
            // One acknowledgement for the batch, which comes after the commit; refusals are reported regardless.
            let flags = NLM_F_REQUEST | command.flags | (sequence == last ? NLM_F_ACK : 0)
            Self.message(command.type, flags: flags, sequence: sequence, into: &writer, command.body)
        }
        Self.control(NFNL_MSG_BATCH_BEGIN + 1, sequence: last + 1, into: &writer)
        switch socket.exchange(writer.bytes, first: begin, last: last, fatal: begin) {
        case .complete(let failures) where failures.isEmpty: return .committed
        case .complete(let failures):
            return .aborted(
                failures.map { Failure(position: Int($0.sequence) - Int(begin) - 1, errorNumber: $0.errorNumber) })
        case .unknown(let number): return .unknown(number)
        }
    }

    /// Whether a table of the netdev family exists. Throws what the kernel said where nf_tables itself is missing.
    func tableExists(_ table: String) throws(VirtualIPError) -> Bool {
        let sequence = socket.reserveSequences(1)
        var writer = NetlinkWriter()
        Self.message(NFT_MSG_GETTABLE, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: sequence, into: &writer) {
            $0.attribute(number(NFTA_TABLE_NAME), table)
        }
        switch socket.exchange(writer.bytes, first: sequence, last: sequence) {
        case .complete(let failures):
            guard let failure = failures.first else { return true }
            if failure.errorNumber == ENOENT { return false }
            // nfnetlink answers EINVAL to a subsystem it doesn't have.
            throw .kernel(
                "look for nftables table \(table)", failure.errorNumber == EINVAL ? EOPNOTSUPP : failure.errorNumber)
        case .unknown(let unknown): throw .kernel("look for nftables table \(table)", unknown)
        }
    }

    /// Walks the objects of a netdev table. Returns errno, or 0.
    func dump(
        _ type: nf_tables_msg_types, _ attributes: (inout NetlinkWriter) -> Void, each: (NetlinkMessage) -> Void
    ) -> Int32 {
        let sequence = socket.reserveSequences(1)
        var writer = NetlinkWriter()
        Self.message(type, flags: NLM_F_REQUEST | NLM_F_DUMP_BITS, sequence: sequence, into: &writer, attributes)
        return socket.dump(writer.bytes, sequence: sequence, each)
    }

    // MARK: Encoding

    private static func message(
        _ type: nf_tables_msg_types, flags: Int32, sequence: UInt32, into writer: inout NetlinkWriter,
        _ body: (inout NetlinkWriter) -> Void
    ) {
        let type = UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue)
        writer.message(type: type, flags: UInt16(flags), sequence: sequence) {
            // struct nfgenmsg: family, version NFNETLINK_V0, resource id.
            $0.append([UInt8(NFPROTO_NETDEV), 0, 0, 0])
            body(&$0)
        }
    }

    private static func control(_ type: Int32, sequence: UInt32, into writer: inout NetlinkWriter) {
        writer.message(type: UInt16(type), flags: UInt16(NLM_F_REQUEST), sequence: sequence) {
            $0.append([UInt8(AF_UNSPEC), 0, 0, UInt8(NFNL_SUBSYS_NFTABLES)])
        }
    }
}
