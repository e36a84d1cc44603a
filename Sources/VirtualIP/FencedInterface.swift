import Glibc

/// One interface with everything that belongs to it: link state, gate, conflict watch.
final class FencedInterface {
    let name: String
    private let addressTable: AddressTable
    /// nil: this kernel has no nf_tables, or none with ingress and egress hooks.
    private(set) var gate: LeaseGate?
    private(set) var owned: [VirtualAddress]
    private(set) var link: LinkState?
    private(set) var conflictWatch: ConflictWatch?
    /// When the gate was last put back, and whether that has to be done again; boot nanoseconds.
    var lastReinstall: UInt64 = 0
    var reinstallDue: UInt64?

    init(name: String, owned: [VirtualAddress], addressTable: AddressTable, nfTables: NfTables?, mayProtect: Bool) {
        self.name = name
        self.owned = owned
        self.addressTable = addressTable
        gate = nfTables.map { LeaseGate(interface: name, owned: owned, nfTables: $0, mayProtect: mayProtect) }
    }

    var fence: Fence {
        if link == nil { return .none }
        return gate?.isInstalled == true ? .leaseGate : .validLifetime
    }

    /// What `prepare` found.
    struct Preparation {
        var leftovers: [VirtualAddress] = []
        var warnings: [String] = []
    }

    /// Makes an interface that has just been found safe: gate closed first, then leftovers off, then the watches.
    func prepare(_ state: LinkState) throws(VirtualIPError) -> Preparation {
        link = state
        var result = Preparation()
        do {
            try gate?.install()
        } catch  where error.kind == .unsupported {
            gate = nil
        }
        if gate == nil {
            result.warnings.append(
                "this kernel has no nf_tables with netdev ingress and egress (5.16): a frozen or dead holder keeps \(name)'s virtual addresses until their "
                    + "lifetime ends, in whole seconds; with it the lease is enforced to the millisecond")
        }
        result.leftovers = try addressTable.removeLeftovers(on: state.index, configured: owned)
        if owned.contains(where: { $0.family == .ipv4 && !$0.isHostPrefix }) {
            do { try addressTable.promoteSecondaries(on: state.index) } catch {
                result.warnings.append(
                    "\(error.what): removing a virtual address may take others of its subnet along; use /32, or set "
                        + "net.ipv4.conf.\(name).promote_secondaries=1")
            }
        }
        if state.hardwareAddress == nil {
            result.warnings.append(
                "\(name) is no Ethernet interface: takeovers can't be announced, neighbours learn them late")
        }
        result.warnings += rebuildConflictWatch()
        return result
    }

    /// Takes a new state of the same interface over.
    func update(_ state: LinkState) {
        let changedAddress = state.hardwareAddress != link?.hardwareAddress
        link = state
        if changedAddress { _ = rebuildConflictWatch() }
    }

    func vanish() {
        link = nil
        conflictWatch = nil
    }

    /// Changes which addresses belong to the interface; gone ones must have been given up.
    func own(_ addresses: [VirtualAddress]) throws(VirtualIPError) {
        owned = addresses
        try gate?.own(addresses)
        if link != nil { _ = rebuildConflictWatch() }
    }

    /// Without it conflicts go unnoticed, and the refresh announcements have to do: a warning, no error.
    private func rebuildConflictWatch() -> [String] {
        conflictWatch = nil
        guard let link, let hardware = link.hardwareAddress, !owned.isEmpty else { return [] }
        do {
            conflictWatch = try ConflictWatch(owned, on: link.index, own: hardware)
            return []
        } catch {
            return ["\(error.what): address conflicts on \(name) go unnoticed; \(error.mend)"]
        }
    }
}
