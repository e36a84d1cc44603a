/// One group's place in this machine: its virtual addresses and the interface they belong on.
package struct GroupPlacement: Sendable, Equatable {
    package let group: String
    package let interface: String
    package let addresses: [VirtualAddress]

    package init(group: String, interface: String, addresses: [VirtualAddress]) {
        self.group = group
        self.interface = interface
        self.addresses = addresses
    }
}

/// What takes a virtual address from a daemon that stopped, froze or died.
package enum Fence: String, Sendable, Equatable {
    /// The lease gate, exact to a few milliseconds, with `valid_lft` behind it.
    case leaseGate = "nft"
    /// Only the address's lifetime, in whole seconds: this kernel has no nf_tables, or the gate couldn't be put back.
    case validLifetime = "valid_lft only"
    /// The interface doesn't exist, so there is nothing to fence.
    case none = "none"
}

/// How leases are to be enforced.
package enum GatePolicy: Sendable, Equatable {
    /// By gates that the kernel lets nobody else change (since 6.9; on older kernels like `.unprotected`).
    case protected
    /// By gates that are put back when somebody else changes them.
    case unprotected
    /// By the addresses' lifetime only, as on a kernel without nf_tables.
    case absent
}

/// What was found and put right at start.
package struct StartReport: Sendable, Equatable {
    package struct Interface: Sendable, Equatable {
        package let name: String
        package let fence: Fence
        /// nil: doesn't exist (yet); it is prepared when it appears.
        package let link: LinkState?
        /// Addresses of an earlier life that were removed.
        package let leftovers: [VirtualAddress]
        /// What to tell the operator; empty where all is well.
        package let warnings: [String]
    }
    /// Sorted by name.
    package let interfaces: [Interface]
}

/// What happened to interfaces, addresses and gates without our doing.
package enum InterfaceEvent: Sendable, Equatable {
    /// Up, down, carrier, MAC; also when the interface (re)appears, after its gate is in place.
    case linkChanged(interface: String, LinkState)
    case linkVanished(interface: String)
    /// Somebody removed a virtual address that is held here, or its lifetime ended. Put back if the lease still runs.
    case addressRemoved(VirtualAddress, group: String, restored: Bool)
    /// A neighbour claims an address that is held here. `reasserted`: it was contradicted at once.
    case conflict(VirtualAddress, group: String, claimant: HardwareAddress, reasserted: Bool)
    /// Somebody changed our nftables table; it has been put back, with what remained of the running leases.
    case gateRestored(interface: String, reason: String)
    /// The gate couldn't be put in place; it is tried again. Until then only `valid_lft` fences.
    case gateBroken(interface: String, VirtualIPError)
    /// Addresses that a crash left on an interface which appeared only now; they were removed.
    case leftoversRemoved(interface: String, [VirtualAddress])
}
