/// Networks that the data path compares addresses with.
struct NetworkTable {
    private var entries: UnsafeMutablePointer<(network: ClientAddress, mask: ClientAddress)>?
    private(set) var count = 0

    init() {}

    init(_ networks: [ServicePlan.Network]) {
        if networks.isEmpty { return }
        let entries = UnsafeMutablePointer<(network: ClientAddress, mask: ClientAddress)>.allocate(
            capacity: networks.count)
        for (place, network) in networks.enumerated() {
            let isIPv6 = network.address.count == 16
            let mask = (0..<network.address.count).map { byte in
                let bits = max(0, min(8, Int(network.prefixLength) - byte * 8))
                return UInt8(truncatingIfNeeded: 0xff00 >> bits)
            }
            let masked = zip(network.address, mask).map { $0 & $1 }
            (entries + place).initialize(to: (Self.address(masked, isIPv6), Self.address(mask, isIPv6)))
        }
        self.entries = entries
        count = networks.count
    }

    private static func address(_ bytes: [UInt8], _ isIPv6: Bool) -> ClientAddress {
        bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { ClientAddress(bytes: $0, isIPv6: isIPv6) } ?? ClientAddress()
        }
    }

    @inline(__always)
    func contains(_ address: ClientAddress) -> Bool {
        var place = 0
        while place < count {
            if let entries, address.isIn(entries[place].network, entries[place].mask) { return true }
            place &+= 1
        }
        return false
    }

    mutating func deallocate() {
        entries?.deallocate()
        self = NetworkTable()
    }
}
