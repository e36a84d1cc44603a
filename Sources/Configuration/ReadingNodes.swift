extension Reading {
    /// The cluster's members. Addresses, keys and address families are compared here.
    mutating func nodes(_ root: Section) -> [Configuration.Node] {
        let mend = "add `NAME: { address: \"IP:PORT\", key: \"ed25519:…\" }` for each member"
        guard let entries = root.required("nodes", mend)?.named("node", limit: Limit.nodes) else { return [] }
        var nodes: [Configuration.Node] = []
        var known = KnownNodes()
        for entry in entries {
            roles[entry.name] = .voter
            guard
                let section = Section(
                    entry.tree, "node \(quoted(entry.name))",
                    keys: ["address", "key", "former_key", "witness", "observer"], findings: findings)
            else { continue }
            let role = self.role(section)
            roles[entry.name] = role
            let addressField = section.required("address", "add `address: \"IP:PORT\"`, where its datagrams go")
            let keyField = section.required("key", "run `electd keygen --out FILE` on it and add what it prints")
            let address = addressField?.endpoint()
            let key = keyField?.publicKey(of: entry.name)
            let formerField = section.optional("former_key")
            let formerKey = formerField?.publicKey(of: entry.name)
            if let addressField, let address { known.compare(address, of: entry.name, at: addressField) }
            if let keyField, let key { known.compare(key, of: entry.name, at: keyField) }
            if let formerField, let formerKey { known.compare(formerKey, of: entry.name, at: formerField) }
            guard let address, let key else { continue }
            nodeAddresses[address.address] = entry.name
            nodes.append(
                Configuration.Node(name: entry.name, address: address, key: key, formerKey: formerKey, role: role))
        }
        if !roles.isEmpty, !roles.values.contains(.voter), let place = root.place(of: "nodes") {
            findings.report(
                "no node may hold anything: all are witnesses or observers", "remove `witness` or `observer` from some",
                at: place)
        }
        return nodes
    }

    private func role(_ section: Section) -> Configuration.NodeRole {
        let witness = section.bool("witness", default: false)
        let observer = section.bool("observer", default: false)
        if witness, observer, let place = section.place(of: "observer") {
            findings.report(
                "a node can't be both witness and observer",
                "keep `witness` if it shall vote without ever holding, `observer` if it shall only follow", at: place)
        }
        return witness ? .witness : observer ? .observer : .voter
    }

    /// What the nodes before this one have, to find the second of two that are alike.
    private struct KnownNodes {
        var addresses: [Endpoint: (name: String, place: Position)] = [:]
        var keys: [[UInt8]: (name: String, place: Position)] = [:]
        var family: (isIPv6: Bool, name: String)?

        mutating func compare(_ address: Endpoint, of name: String, at field: Field) {
            if let other = addresses[address] {
                reportLater(
                    of: other, and: (name, field.position), at: field,
                    what: { "node \(quoted($0)) has the address of node \(quoted($1)), \(address)" },
                    mend: "give each node its own address or port")
            } else {
                addresses[address] = (name, field.position)
            }
            if let family, family.isIPv6 != address.address.isIPv6 {
                let versions = address.address.isIPv6 ? ("IPv6", "IPv4") : ("IPv4", "IPv6")
                field.refuse(
                    "node \(quoted(name)) has an \(versions.0) address and node \(quoted(family.name)) an \(versions.1) one",
                    "give all nodes addresses of one kind; their datagrams share a socket")
            } else {
                family = (address.address.isIPv6, name)
            }
        }

        mutating func compare(_ key: [UInt8], of name: String, at field: Field) {
            guard let other = keys[key] else {
                keys[key] = (name, field.position)
                return
            }
            guard other.name != name else {
                return field.refuse(
                    "the former key of node \(quoted(name)) is the one it has",
                    "leave `former_key` out; it is for the time after a new `key`")
            }
            reportLater(
                of: other, and: (name, field.position), at: field,
                what: { "node \(quoted($0)) has the key of node \(quoted($1))" },
                mend: "run `electd keygen --out FILE` on each node; a key is never shared")
        }

        /// Reports where a person reading from the top meets the second one; the nodes come here sorted by name.
        private func reportLater(
            of first: (name: String, place: Position), and second: (name: String, place: Position), at field: Field,
            what: (String, String) -> String, mend: String
        ) {
            let (earlier, later) = first.place < second.place ? (first, second) : (second, first)
            field.findings.report(what(later.name, earlier.name), mend, at: later.place)
        }
    }
}
