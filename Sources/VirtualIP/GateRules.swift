import CLinux
import Glibc

/// The gate's nf_tables objects, encoded as netlink messages. `nft list table netdev electd_eth1` shows them as
///
///     set own4 { type ipv4_addr; elements = { 192.0.2.200 } }
///     set leased4 { type ipv4_addr; flags timeout; elements = { 192.0.2.200 timeout 500ms } }
///     chain ingress {
///         type filter hook ingress device "eth1" priority -500; policy accept;
///         arp daddr ip @own4 arp daddr ip != @leased4 counter drop
///         ip daddr @own4 ip daddr != @leased4 counter drop
///         ip6 daddr @own6 ip6 daddr != @leased6 counter drop
///         icmpv6 type nd-neighbor-solicit icmpv6 taddr @own6 icmpv6 taddr != @leased6 counter drop
///     }
///     chain egress { … the same for senders, and for the target of nd-neighbor-advert … }
///
/// Egress matters as much as ingress: a fenced node's own ARP requests would teach its neighbours the wrong address.
package enum GateRules {
    /// Before anybody else's chains on these hooks.
    static let priority: Int32 = -500
    /// Elements per message: a nested list's length is 16 bits, an element with its timeout is at most 48 bytes.
    static let elementsPerMessage = 512

    /// The table's name for an interface: letters and digits as they are, other bytes as `_` and two hex digits, so
    /// that no two interfaces share a name.
    package static func tableName(interface: String) -> String {
        let digits = Array("0123456789abcdef")
        var name = "electd_"
        for byte in interface.utf8 {
            let character = Character(UnicodeScalar(byte))
            if character.isASCII && (character.isLetter || character.isNumber) {
                name.append(character)
            } else {
                name.append(contentsOf: ["_", digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
        return name
    }

    /// A named set of addresses of one family.
    enum AddressSet: String, CaseIterable {
        /// Addresses that belong to groups on this interface, whoever holds them.
        case own4, own6
        /// Those whose lease runs; elements lapse by themselves.
        case leased4, leased6

        static func own(_ family: VirtualAddress.Family) -> AddressSet { family == .ipv4 ? .own4 : .own6 }
        static func leased(_ family: VirtualAddress.Family) -> AddressSet { family == .ipv4 ? .leased4 : .leased6 }

        var isLeased: Bool { self == .leased4 || self == .leased6 }
        var family: VirtualAddress.Family { self == .own4 || self == .leased4 ? .ipv4 : .ipv6 }
        /// nft's own number of the key's data type, by which it prints elements: TYPE_IPADDR, TYPE_IP6ADDR.
        fileprivate var keyType: UInt32 { family == .ipv4 ? 7 : 8 }
        fileprivate var identifier: UInt32 { UInt32(Self.allCases.firstIndex(of: self) ?? 0) + 1 }
    }

    // MARK: Tables, sets, chains

    static func tableAttributes(_ table: String, flags: UInt32) -> (inout NetlinkWriter) -> Void {
        { writer in
            writer.attribute(number(NFTA_TABLE_NAME), table)
            if flags != 0 { writer.attribute(number(NFTA_TABLE_FLAGS), network: flags) }
        }
    }

    static func setAttributes(_ set: AddressSet, table: String) -> (inout NetlinkWriter) -> Void {
        { writer in
            writer.attribute(number(NFTA_SET_TABLE), table)
            writer.attribute(number(NFTA_SET_NAME), set.rawValue)
            let flags: UInt32 = set.isLeased ? NFT_SET_TIMEOUT.rawValue : 0
            writer.attribute(number(NFTA_SET_FLAGS), network: flags)
            writer.attribute(number(NFTA_SET_KEY_TYPE), network: set.keyType)
            writer.attribute(number(NFTA_SET_KEY_LEN), network: UInt32(set.family.byteCount))
            writer.attribute(number(NFTA_SET_ID), network: set.identifier)
        }
    }

    /// One element of a set; the timeout only where it is put into a leased set.
    struct Element {
        let address: VirtualAddress
        var timeoutMilliseconds: UInt64?
    }

    static func elementAttributes(
        _ elements: ArraySlice<Element>, of set: AddressSet, table: String
    ) -> (inout NetlinkWriter) -> Void {
        { writer in
            writer.attribute(number(NFTA_SET_ELEM_LIST_TABLE), table)
            writer.attribute(number(NFTA_SET_ELEM_LIST_SET), set.rawValue)
            writer.nested(number(NFTA_SET_ELEM_LIST_ELEMENTS)) { list in
                for element in elements {
                    list.nested(number(NFTA_LIST_ELEM)) { attributes in
                        attributes.nested(number(NFTA_SET_ELEM_KEY)) {
                            $0.attribute(number(NFTA_DATA_VALUE), element.address.bytes)
                        }
                        if let timeout = element.timeoutMilliseconds {
                            attributes.attribute(number(NFTA_SET_ELEM_TIMEOUT), network: timeout)
                        }
                    }
                }
            }
        }
    }

    enum Direction: String, CaseIterable {
        case ingress, egress
        var hook: UInt32 { self == .ingress ? NF_NETDEV_INGRESS.rawValue : NF_NETDEV_EGRESS.rawValue }
    }

    static func chainAttributes(
        _ direction: Direction, table: String, interface: String
    ) -> (inout NetlinkWriter) -> Void {
        { writer in
            writer.attribute(number(NFTA_CHAIN_TABLE), table)
            writer.attribute(number(NFTA_CHAIN_NAME), direction.rawValue)
            writer.nested(number(NFTA_CHAIN_HOOK)) { hook in
                hook.attribute(number(NFTA_HOOK_HOOKNUM), network: direction.hook)
                hook.attribute(number(NFTA_HOOK_PRIORITY), network: priority)
                hook.attribute(number(NFTA_HOOK_DEV), interface)
            }
            writer.attribute(number(NFTA_CHAIN_POLICY), network: UInt32(NF_ACCEPT))
            writer.attribute(number(NFTA_CHAIN_TYPE), "filter")
        }
    }

    // MARK: Rules

    /// What a rule looks at: where the address stands in the frame, and what the frame must be.
    struct Match {
        let etherType: UInt16
        /// ICMPv6 type, for neighbour discovery.
        let icmpType: UInt8?
        let base: nft_payload_bases
        /// Offset of the address from `base`.
        let offset: UInt32
        let family: VirtualAddress.Family
    }

    /// The frames that mean an owned address: to it (ingress), or from it (egress).
    static func matches(_ direction: Direction) -> [Match] {
        let network = NFT_PAYLOAD_NETWORK_HEADER
        let arp = UInt16(ETH_P_ARP)
        let ip = UInt16(ETH_P_IP)
        let ip6 = UInt16(ETH_P_IPV6)
        // Offsets: RFC 826 (sender and target protocol address), RFC 791 and RFC 8200 (source, destination).
        let incoming = direction == .ingress
        let type = UInt8(incoming ? ELECTD_ND_NEIGHBOR_SOLICIT : ELECTD_ND_NEIGHBOR_ADVERT)
        return [
            Match(etherType: arp, icmpType: nil, base: network, offset: incoming ? 24 : 14, family: .ipv4),
            Match(etherType: ip, icmpType: nil, base: network, offset: incoming ? 16 : 12, family: .ipv4),
            Match(etherType: ip6, icmpType: nil, base: network, offset: incoming ? 24 : 8, family: .ipv6),
            // RFC 4861, 4.3 and 4.4: the target address is 8 bytes into the message.
            Match(etherType: ip6, icmpType: type, base: NFT_PAYLOAD_TRANSPORT_HEADER, offset: 8, family: .ipv6),
        ]
    }

    static func ruleAttributes(
        _ match: Match, direction: Direction, table: String
    ) -> (inout NetlinkWriter) -> Void {
        { writer in
            writer.attribute(number(NFTA_RULE_TABLE), table)
            writer.attribute(number(NFTA_RULE_CHAIN), direction.rawValue)
            writer.nested(number(NFTA_RULE_EXPRESSIONS)) { list in
                list.meta(NFT_META_PROTOCOL)
                list.compare([UInt8(match.etherType >> 8), UInt8(match.etherType & 0xff)])
                if let icmpType = match.icmpType {
                    list.meta(NFT_META_L4PROTO)
                    list.compare([UInt8(ELECTD_ICMPV6)])
                    list.payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 0, length: 1)
                    list.compare([icmpType])
                }
                let length = UInt32(match.family.byteCount)
                list.payload(match.base, offset: match.offset, length: length)
                list.lookup(.own(match.family), inverted: false)
                list.payload(match.base, offset: match.offset, length: length)
                list.lookup(.leased(match.family), inverted: true)
                list.expression("counter") { _ in }
                list.drop()
            }
        }
    }
}

// MARK: - Expressions (net/netfilter/nft_meta.c, nft_cmp.c, nft_payload.c, nft_lookup.c, nft_immediate.c)

/// All expressions work on this register.
private let register = UInt32(NFT_REG_1.rawValue)

/// The number of an nf_tables attribute; the header's enums arrive in Swift as one type each.
func number<Attribute: RawRepresentable>(_ attribute: Attribute) -> Int where Attribute.RawValue == UInt32 {
    Int(attribute.rawValue)
}

extension NetlinkWriter {
    fileprivate mutating func expression(_ name: String, _ data: (inout NetlinkWriter) -> Void) {
        nested(number(NFTA_LIST_ELEM)) { element in
            element.attribute(number(NFTA_EXPR_NAME), name)
            element.nested(number(NFTA_EXPR_DATA), data)
        }
    }

    fileprivate mutating func meta(_ key: nft_meta_keys) {
        expression("meta") {
            $0.attribute(number(NFTA_META_KEY), network: key.rawValue)
            $0.attribute(number(NFTA_META_DREG), network: register)
        }
    }

    fileprivate mutating func compare(_ bytes: [UInt8]) {
        expression("cmp") { data in
            data.attribute(number(NFTA_CMP_SREG), network: register)
            data.attribute(number(NFTA_CMP_OP), network: NFT_CMP_EQ.rawValue)
            data.nested(number(NFTA_CMP_DATA)) { $0.attribute(number(NFTA_DATA_VALUE), bytes) }
        }
    }

    fileprivate mutating func payload(_ base: nft_payload_bases, offset: UInt32, length: UInt32) {
        expression("payload") {
            $0.attribute(number(NFTA_PAYLOAD_DREG), network: register)
            $0.attribute(number(NFTA_PAYLOAD_BASE), network: base.rawValue)
            $0.attribute(number(NFTA_PAYLOAD_OFFSET), network: offset)
            $0.attribute(number(NFTA_PAYLOAD_LEN), network: length)
        }
    }

    fileprivate mutating func lookup(_ set: GateRules.AddressSet, inverted: Bool) {
        expression("lookup") {
            $0.attribute(number(NFTA_LOOKUP_SET), set.rawValue)
            $0.attribute(number(NFTA_LOOKUP_SREG), network: register)
            $0.attribute(number(NFTA_LOOKUP_SET_ID), network: set.identifier)
            if inverted { $0.attribute(number(NFTA_LOOKUP_FLAGS), network: UInt32(NFT_LOOKUP_F_INV.rawValue)) }
        }
    }

    fileprivate mutating func drop() {
        expression("immediate") { data in
            data.attribute(number(NFTA_IMMEDIATE_DREG), network: UInt32(NFT_REG_VERDICT.rawValue))
            data.nested(number(NFTA_IMMEDIATE_DATA)) { value in
                value.nested(number(NFTA_DATA_VERDICT)) {
                    $0.attribute(number(NFTA_VERDICT_CODE), network: UInt32(NF_DROP))
                }
            }
        }
    }
}
