extension ServicePlan {
    /// How a pool spreads requests. Weights count everywhere.
    package enum Balance: Hashable, Sendable {
        /// In turns by weight, spread smoothly.
        case roundrobin
        /// Fewest exchanges per weight.
        case leastconn
        /// The less loaded of two drawn by weight.
        case random
        /// By the client's address over those who are there: most clients move when one leaves.
        case source
        /// On a ring: when a server leaves or comes, only its own share moves.
        case consistent(HashKey)
    }

    /// What of a request decides its place on the ring.
    package enum HashKey: Hashable, Sendable {
        /// The client's address.
        case source
        /// The target's path, without its query.
        case path
        /// Path and query.
        case uri
        /// The first field of that name; without one the request goes in turns.
        case header(String)
    }
}

extension ServicePlan.Balance {
    func encode(into writer: inout PlanWriter) {
        switch self {
        case .roundrobin: writer.put(UInt8(0))
        case .leastconn: writer.put(UInt8(1))
        case .random: writer.put(UInt8(2))
        case .source: writer.put(UInt8(3))
        case .consistent(.source): writer.put(UInt8(4))
        case .consistent(.path): writer.put(UInt8(5))
        case .consistent(.uri): writer.put(UInt8(6))
        case .consistent(.header(let name)):
            writer.put(UInt8(7))
            writer.put(name)
        }
    }

    init(from reader: inout PlanReader) throws(ServicePlanError) {
        switch try reader.take(UInt8.self) {
        case 0: self = .roundrobin
        case 1: self = .leastconn
        case 2: self = .random
        case 3: self = .source
        case 4: self = .consistent(.source)
        case 5: self = .consistent(.path)
        case 6: self = .consistent(.uri)
        case 7: self = .consistent(.header(try reader.takeText()))
        default: throw .damaged("an unknown way to balance")
        }
    }

    /// - Parameter pool: its name, for the error.
    func validate(in pool: String) throws(ServicePlanError) {
        guard case .consistent(.header(let name)) = self else { return }
        try ServicePlan.requireName(name, "the header's name that \(pool) balances by")
        guard name.utf8.allSatisfy(CharacterClass.isToken) else {
            throw .unusableText("the header's name that \(pool) balances by")
        }
    }
}
