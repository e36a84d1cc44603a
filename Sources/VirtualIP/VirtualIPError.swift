import Glibc

/// What the kernel refused, and what mends it.
package struct VirtualIPError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// CAP_NET_ADMIN or CAP_NET_RAW is missing.
        case notPermitted
        /// This kernel can't do it at all.
        case unsupported
        /// The interface doesn't exist.
        case noInterface
        /// Another running process owns the gate's table.
        case foreignGate
        /// The kernel said no; see `errorNumber`.
        case refused
        /// The kernel's answer didn't come; what it did is unknown.
        case unanswered
        /// A group name that was never placed.
        case unknownGroup
    }

    package let kind: Kind
    /// errno, or 0 where no call failed.
    package let errorNumber: Int32
    package let what: String
    package let mend: String

    package var description: String { "\(what): \(mend)" }

    init(_ kind: Kind, errorNumber: Int32 = 0, what: String, mend: String) {
        self.kind = kind
        self.errorNumber = errorNumber
        self.what = what
        self.mend = mend
    }

    /// The error for a failed `operation` ("add 192.0.2.7/32 to eth1"), worded from its errno.
    static func kernel(_ operation: String, _ number: Int32) -> VirtualIPError {
        let what = "can't \(operation): \(String(cString: strerror(number)))"
        switch number {
        case EPERM, EACCES:
            return VirtualIPError(
                .notPermitted, errorNumber: number, what: what,
                mend: "run as root or with CAP_NET_ADMIN and CAP_NET_RAW; for IPv6 also check disable_ipv6")
        case EOPNOTSUPP, EPROTONOSUPPORT, EAFNOSUPPORT, ENOPROTOOPT:
            return VirtualIPError(
                .unsupported, errorNumber: number, what: what,
                mend: "this kernel lacks it; load nf_tables (modprobe nf_tables nft_compat) or use a newer kernel")
        case ENODEV, ENXIO:
            return VirtualIPError(
                .noInterface, errorNumber: number, what: what, mend: "check the interface's name with: ip link")
        case ETIMEDOUT, ENOBUFS:
            return VirtualIPError(
                .unanswered, errorNumber: number, what: what, mend: "the machine is overloaded; it is tried again")
        default:
            return VirtualIPError(
                .refused, errorNumber: number, what: what, mend: "see dmesg, and: ip address, nft list ruleset")
        }
    }
}
