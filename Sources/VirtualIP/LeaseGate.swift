import CLinux
import Glibc

/// What became of an order to let traffic for a virtual address through until a deadline.
package enum GateOutcome: Sendable, Equatable {
    /// Open; the kernel closes it by itself at the deadline at the latest.
    case armed
    /// Too little time was left, or this process was held up while arming. The gate is closed.
    case late
    /// The earlier opening had lapsed already, so the lease is lost. The gate is closed.
    case lapsed
}

/// The kernel rule that enforces leases on one interface: drops everything to and from the owned virtual addresses,
/// except while the address is in a set whose elements time out. Closed from the moment it is installed.
///
/// Deadlines are absolute (rule S10), the kernel's timeouts are relative. So: the remaining time is computed right
/// before the request, shortened by `allowance`, and the clock is read again behind the acknowledgement. Was that
/// longer than `allowance`, then the element might outlive its deadline, and it is armed anew. What remains is a pause
/// of the whole process between the acknowledgement and that second reading, and suspended time, which the kernel's
/// timeouts don't count: after a wake-up the caller must close the gate before it looks at anything else.
package final class LeaseGate {
    /// Longest time that arming may take; also how much earlier than its deadline an element lapses. Nanoseconds.
    package static let allowance: UInt64 = 2_000_000
    /// Less than this isn't armed, for the kernel rounds timeouts below one tick (at most 10 ms) *up*. Milliseconds.
    static let shortestMilliseconds: UInt64 = 10
    /// How often an arming that took too long is repeated before the gate is closed.
    static let attempts = 3
    /// Leases renewed by one transaction; few enough that it stays well within `allowance`.
    static let renewalsPerTransaction = 64

    let interface: String
    package let table: String
    private let nfTables: NfTables
    /// Sorted.
    private(set) var owned: [VirtualAddress]
    /// Whether the table is in the kernel, as far as we know.
    package private(set) var isInstalled = false
    /// Whether the kernel keeps everybody else away from the table (since 6.9).
    package private(set) var isProtected = false
    private let mayProtect: Bool
    /// Deadlines of what is open, boot nanoseconds.
    private var armed: [VirtualAddress: UInt64] = [:]
    private var fingerprint = Fingerprint()

    /// - Parameter mayProtect: false leaves the table without an owner, as on kernels before 6.9.
    package init(interface: String, owned: [VirtualAddress], nfTables: NfTables, mayProtect: Bool = true) {
        self.interface = interface
        self.owned = owned.sorted()
        self.nfTables = nfTables
        self.mayProtect = mayProtect
        table = GateRules.tableName(interface: interface)
    }

    // MARK: Installing

    /// Puts the table in place, closed, replacing what an earlier life left behind in the same transaction.
    package func install() throws(VirtualIPError) {
        armed.removeAll()
        isInstalled = false
        let protecting = NFT_TABLE_F_OWNER.rawValue | UInt32(ELECTD_NFT_TABLE_F_PERSIST)
        for flags in mayProtect ? [protecting, 0] : [0] {
            // The table may come or go between the look and the transaction: look again.
            for attempt in 0..<3 {
                let replaces = try nfTables.tableExists(table)
                let failure = commitInstall(replaces: replaces, flags: flags)
                if failure == 0 {
                    isInstalled = true
                    isProtected = flags != 0
                    fingerprint = try readFingerprint()
                    return
                }
                if failure == EOPNOTSUPP || failure == EINVAL, flags != 0 { break }
                if (failure == ENOENT || failure == EEXIST) && attempt < 2 { continue }
                throw installError(failure, replaces: replaces)
            }
        }
        throw installError(EOPNOTSUPP, replaces: false)
    }

    private func installError(_ failure: Int32, replaces: Bool) -> VirtualIPError {
        if failure == EPERM && replaces {
            return VirtualIPError(
                .foreignGate, errorNumber: failure,
                what: "the nftables table netdev \(table) belongs to another running process",
                mend: "stop the other electd on \(interface) first; nft list tables shows its name")
        }
        return .kernel("install the lease gate on \(interface)", failure)
    }

    /// Returns errno, or 0.
    private func commitInstall(replaces: Bool, flags: UInt32) -> Int32 {
        var batch = NfTablesBatch()
        if replaces { batch.append(NFT_MSG_DELTABLE, GateRules.tableAttributes(table, flags: 0)) }
        batch.append(NFT_MSG_NEWTABLE, flags: NLM_F_CREATE, GateRules.tableAttributes(table, flags: flags))
        for set in GateRules.AddressSet.allCases {
            batch.append(NFT_MSG_NEWSET, flags: NLM_F_CREATE, GateRules.setAttributes(set, table: table))
        }
        appendOwned(owned, NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE, to: &batch)
        for direction in GateRules.Direction.allCases {
            let chain = GateRules.chainAttributes(direction, table: table, interface: interface)
            batch.append(NFT_MSG_NEWCHAIN, flags: NLM_F_CREATE, chain)
            for match in GateRules.matches(direction) {
                let rule = GateRules.ruleAttributes(match, direction: direction, table: table)
                batch.append(NFT_MSG_NEWRULE, flags: NLM_F_CREATE | NLM_F_APPEND, rule)
            }
        }
        switch nfTables.commit(batch) {
        case .committed: return 0
        case .aborted(let failures): return failures.first?.errorNumber ?? EINVAL
        case .unknown(let number): return number
        }
    }

    /// Puts the table back after somebody changed it, with what remains of the running leases.
    /// Returns the addresses whose lease didn't survive that; they are closed.
    package func reinstall() throws(VirtualIPError) -> [VirtualAddress] {
        let running = armed.sorted { $0.key < $1.key }
        try install()
        var lost: [VirtualAddress] = []
        for (address, deadline) in running where try open([address], until: deadline) != .armed {
            lost.append(address)
        }
        return lost
    }

    /// Removes the table: for a clean exit, after the addresses are gone.
    package func remove() throws(VirtualIPError) {
        armed.removeAll()
        isInstalled = false
        guard try nfTables.tableExists(table) else { return }
        var batch = NfTablesBatch()
        batch.append(NFT_MSG_DELTABLE, GateRules.tableAttributes(table, flags: 0))
        try finish(nfTables.commit(batch), operation: "remove the lease gate", ignoring: ENOENT)
    }

    /// Changes which addresses are owned, without touching the others. Those no longer owned are closed first.
    package func own(_ addresses: [VirtualAddress]) throws(VirtualIPError) {
        let wanted = Array(Set(addresses)).sorted()
        let gone = owned.filter { !wanted.contains($0) }
        let added = wanted.filter { !owned.contains($0) }
        if gone.isEmpty && added.isEmpty { return }
        if isInstalled {
            try close(gone)
            var batch = NfTablesBatch()
            appendOwned(gone, NFT_MSG_DELSETELEM, to: &batch)
            appendOwned(added, NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE, to: &batch)
            try finish(nfTables.commit(batch), operation: "change the owned addresses")
        }
        owned = wanted
        if isInstalled { fingerprint = try readFingerprint() }
    }

    // MARK: Opening, renewing, closing

    /// Opens the gate for addresses that are closed.
    package func open(_ addresses: [VirtualAddress], until deadline: UInt64) throws(VirtualIPError) -> GateOutcome {
        try arm(addresses, until: deadline, renewing: false)
    }

    /// Moves the deadline of addresses that are open. Fails, and closes, if any of them has lapsed: the deletion of a
    /// lapsed element aborts the transaction, so an old lease is never revived (rule S10).
    package func renew(_ addresses: [VirtualAddress], until deadline: UInt64) throws(VirtualIPError) -> GateOutcome {
        try arm(addresses, until: deadline, renewing: true)
    }

    /// An order to renew: the addresses of one lease and its deadline, boot nanoseconds.
    package typealias Renewal = (addresses: [VirtualAddress], deadline: UInt64)

    /// Renews many leases in a few transactions: at ten heartbeats a second the transactions are what costs.
    /// The outcomes are those of `renew` for each alone, in order.
    package func renew(all renewals: [Renewal]) throws(VirtualIPError) -> [GateOutcome] {
        var outcomes: [GateOutcome] = []
        var start = 0
        while start < renewals.count {
            let part = renewals[start..<min(start + Self.renewalsPerTransaction, renewals.count)]
            if part.count > 1 && renewTogether(part) {
                outcomes += part.map { _ in .armed }
            } else {
                // One of them has lapsed or is nearly over, or it took too long: each by itself.
                for renewal in part { outcomes.append(try renew(renewal.addresses, until: renewal.deadline)) }
            }
            start += part.count
        }
        return outcomes
    }

    /// False: nothing may be taken for renewed.
    private func renewTogether(_ renewals: ArraySlice<Renewal>) -> Bool {
        let before = BootClock.now()
        var elements: [GateRules.Element] = []
        for (addresses, deadline) in renewals {
            let milliseconds = deadline.remaining(after: before + Self.allowance) / 1_000_000
            guard milliseconds >= Self.shortestMilliseconds else { return false }
            elements += addresses.map { GateRules.Element(address: $0, timeoutMilliseconds: milliseconds) }
        }
        guard commitArming(elements, replacing: true) == .committed else { return false }
        for (addresses, deadline) in renewals { for address in addresses { armed[address] = deadline } }
        return BootClock.now() - before <= Self.allowance
    }

    /// Closes the gate; returns with the kernel's acknowledgement. Closed already is fine.
    package func close(_ addresses: [VirtualAddress]) throws(VirtualIPError) {
        for address in addresses { armed[address] = nil }
        // A refused deletion (the element has lapsed) aborts its whole batch, so the rest is sent again without it.
        var remaining = addresses
        for _ in 0..<4 where !remaining.isEmpty {
            var batch = NfTablesBatch()
            for address in remaining {
                appendElements(
                    [GateRules.Element(address: address)], of: address.family, leased: true, NFT_MSG_DELSETELEM,
                    to: &batch)
            }
            switch nfTables.commit(batch) {
            case .committed: return
            case .aborted(let failures):
                guard failures.allSatisfy({ $0.errorNumber == ENOENT && remaining.indices.contains($0.position) })
                else {
                    throw gateError("close the lease gate", failures.first?.errorNumber ?? EINVAL)
                }
                let absent = Set(failures.map(\.position))
                remaining = remaining.indices.filter { !absent.contains($0) }.map { remaining[$0] }
            case .unknown(let number): throw gateError("close the lease gate", number)
            }
        }
        if !remaining.isEmpty { throw gateError("close the lease gate", EAGAIN) }
    }

    private func arm(
        _ addresses: [VirtualAddress], until deadline: UInt64, renewing: Bool
    ) throws(VirtualIPError) -> GateOutcome {
        var replacing = renewing
        for _ in 0..<Self.attempts {
            let before = BootClock.now()
            let milliseconds = deadline.remaining(after: before + Self.allowance) / 1_000_000
            guard milliseconds >= Self.shortestMilliseconds else { break }
            let elements = addresses.map { GateRules.Element(address: $0, timeoutMilliseconds: milliseconds) }
            switch commitArming(elements, replacing: replacing) {
            case .committed:
                for address in addresses { armed[address] = deadline }
                if BootClock.now() - before <= Self.allowance { return .armed }
                replacing = true
            case .aborted(let failures) where !replacing && failures.allSatisfy { $0.errorNumber == EEXIST }:
                // Still open from an earlier lease: that one ends here.
                try close(addresses)
            case .aborted(let failures) where failures.allSatisfy { $0.errorNumber == ENOENT }:
                // Lapsed, or somebody removed the whole table, which says nothing about the lease.
                guard try !nfTables.tableExists(table), addresses.allSatisfy({ (armed[$0] ?? 0) > before }) else {
                    try close(addresses)
                    return .lapsed
                }
                for address in addresses { armed[address] = deadline }
                if try !reinstall().contains(where: addresses.contains) { return .armed }
                return .late
            case .aborted(let failures): throw failedArming(addresses, failures.first?.errorNumber ?? EINVAL)
            case .unknown(let number): throw failedArming(addresses, number)
            }
        }
        try close(addresses)
        return .late
    }

    private func commitArming(_ elements: [GateRules.Element], replacing: Bool) -> NfTables.Outcome {
        var batch = NfTablesBatch()
        for family in [VirtualAddress.Family.ipv4, .ipv6] {
            if replacing {
                let old = elements.map { GateRules.Element(address: $0.address) }
                appendElements(old, of: family, leased: true, NFT_MSG_DELSETELEM, to: &batch)
            }
            let flags = NLM_F_CREATE | NLM_F_EXCL
            appendElements(elements, of: family, leased: true, NFT_MSG_NEWSETELEM, flags: flags, to: &batch)
        }
        return nfTables.commit(batch)
    }

    /// After a failure of unknown extent nothing may stay open.
    private func failedArming(_ addresses: [VirtualAddress], _ failure: Int32) -> VirtualIPError {
        try? close(addresses)
        return gateError("arm the lease gate", failure)
    }

    // MARK: Looking

    /// What `install` put into the kernel, as the kernel numbers it.
    private struct Fingerprint: Equatable {
        var chainHandles: [UInt64] = []
        var ruleHandles: [UInt64] = []
        var ownedCount = 0
    }

    /// Whether the table is as we installed it. Costs some dumps: for after lost notifications and now and then.
    package func isIntact() -> Bool {
        guard let current = try? readFingerprint() else { return false }
        return isInstalled && current == fingerprint
    }

    private func readFingerprint() throws(VirtualIPError) -> Fingerprint {
        var result = Fingerprint()
        let table = table
        let ofTable: (inout NetlinkWriter) -> Void = { $0.attribute(number(NFTA_RULE_TABLE), table) }
        let isOurs: (NetlinkMessage) -> Bool = { $0.attributes(after: 4).first(1)?.text == table }
        try look(NFT_MSG_GETCHAIN, ofTable) { message in
            guard isOurs(message) else { return }
            let handle = message.attributes(after: 4).first(number(NFTA_CHAIN_HANDLE))?.number(UInt64.self)
            result.chainHandles.append(handle?.bigEndian ?? 0)
        }
        try look(NFT_MSG_GETRULE, ofTable) { message in
            guard isOurs(message) else { return }
            let handle = message.attributes(after: 4).first(number(NFTA_RULE_HANDLE))?.number(UInt64.self)
            result.ruleHandles.append(handle?.bigEndian ?? 0)
        }
        for set in [GateRules.AddressSet.own4, .own6] {
            let ofSet: (inout NetlinkWriter) -> Void = {
                $0.attribute(number(NFTA_SET_ELEM_LIST_TABLE), table)
                $0.attribute(number(NFTA_SET_ELEM_LIST_SET), set.rawValue)
            }
            try look(NFT_MSG_GETSETELEM, ofSet) { message in
                let elements = message.attributes(after: 4).first(number(NFTA_SET_ELEM_LIST_ELEMENTS))
                if let elements { result.ownedCount += NetlinkAttributes(elements).reduce(0) { count, _ in count + 1 } }
            }
        }
        return result
    }

    private func look(
        _ type: nf_tables_msg_types, _ attributes: (inout NetlinkWriter) -> Void, each: (NetlinkMessage) -> Void
    ) throws(VirtualIPError) {
        let failure = nfTables.dump(type, attributes, each: each)
        if failure != 0 { throw gateError("read the lease gate", failure) }
    }

    // MARK: Encoding

    /// The elements of one family as one or several lists.
    private func appendElements(
        _ elements: [GateRules.Element], of family: VirtualAddress.Family, leased: Bool, _ type: nf_tables_msg_types,
        flags: Int32 = 0, to batch: inout NfTablesBatch
    ) {
        let set = leased ? GateRules.AddressSet.leased(family) : .own(family)
        let members = elements.filter { $0.address.family == family }
        var start = 0
        while start < members.count {
            let end = min(start + GateRules.elementsPerMessage, members.count)
            batch.append(type, flags: flags, GateRules.elementAttributes(members[start..<end], of: set, table: table))
            start = end
        }
    }

    private func appendOwned(
        _ addresses: [VirtualAddress], _ type: nf_tables_msg_types, flags: Int32 = 0, to batch: inout NfTablesBatch
    ) {
        let elements = addresses.map { GateRules.Element(address: $0) }
        for family in [VirtualAddress.Family.ipv4, .ipv6] {
            appendElements(elements, of: family, leased: false, type, flags: flags, to: &batch)
        }
    }

    private func finish(
        _ outcome: NfTables.Outcome, operation: String, ignoring ignored: Int32 = 0
    ) throws(VirtualIPError) {
        switch outcome {
        case .committed: return
        case .aborted(let failures):
            if let failure = failures.first(where: { $0.errorNumber != ignored }) {
                throw gateError(operation, failure.errorNumber)
            }
        case .unknown(let number): throw gateError(operation, number)
        }
    }

    private func gateError(_ operation: String, _ failure: Int32) -> VirtualIPError {
        .kernel("\(operation) on \(interface)", failure)
    }
}
