extension Reading {
    private static let groupKeys = [
        "mode", "interface", "virtual_addresses", "priority", "preempt_after", "flap_damping", "checks", "on_change",
    ]

    /// The elections. Modes are compared with the voters there are, addresses with those of other groups.
    mutating func groups(_ root: Section) -> [Configuration.Group] {
        let mend = "add `groups:` with at least one `NAME: { mode: majority, … }`"
        guard let entries = root.required("groups", mend)?.named("group", limit: Limit.groups) else { return [] }
        var groups: [Configuration.Group] = []
        for entry in entries {
            let title = "group \(quoted(entry.name))"
            groupAddresses[entry.name] = .some(nil)
            guard let section = Section(entry.tree, title, keys: Self.groupKeys, findings: findings) else { continue }
            places.onChange[entry.name] = section.place(of: "on_change")
            let addresses = virtualAddresses(section, of: entry.name)
            if let addresses { groupAddresses[entry.name] = addresses.map(\.address) }
            let interface = self.interface(section, isNeeded: addresses?.isEmpty == false)
            let mode = self.mode(section)
            let priorities = self.priorities(section, mode: mode, title: title)
            let preempt = preemptAfter(section)
            let checks = groupChecks(section)
            let onChange = section.optional("on_change")?.path()
            guard let mode, let addresses, let priorities else { continue }
            groups.append(
                Configuration.Group(
                    name: entry.name, mode: mode, interface: interface, virtualAddresses: addresses,
                    priorities: priorities, preemptAfter: preempt,
                    isDamped: section.bool("flap_damping", default: false), checks: checks, onChange: onChange))
        }
        return groups
    }

    /// How the group trades safety for availability, which it must say itself.
    private func mode(_ section: Section) -> Configuration.Group.Mode? {
        let mend =
            "add `mode: majority` (never two holders; three voters, or two and a witness) "
            + "or `mode: pair` (two nodes; both may hold it while they can't hear each other)"
        guard let field = section.required("mode", mend), let mode: Configuration.Group.Mode = field.choice() else {
            return nil
        }
        let voters = roles.filter { $0.value != .observer }.keys.sorted()
        if mode == .majority, !voters.isEmpty, voters.count < 3 {
            field.refuse(
                "mode majority needs three voters, and there \(voters.count == 1 ? "is one" : "are two") "
                    + "(\(enumeration(voters))), so that no majority outlives the loss of a node",
                "add a third node with `witness: true`, or choose `mode: pair`, "
                    + "in which a partition may have two holders")
        }
        return mode
    }

    private func interface(_ section: Section, isNeeded: Bool) -> String? {
        guard let field = section.optional("interface") else {
            if isNeeded, section.place(of: "interface") == nil {
                findings.report(
                    "\(section.title) has virtual addresses and no `interface`",
                    "add the interface that gets them, as in eth1",
                    at: section.place(of: "virtual_addresses") ?? section.position)
            }
            return nil
        }
        guard let text = field.text("an interface's name") else { return nil }
        // The kernel's dev_valid_name: IFNAMSIZ with its NUL, no slash, colon or space, and not a directory's name.
        let isValid =
            (1...15).contains(text.utf8.count) && ![".", ".."].contains(text)
            && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
        guard isValid else {
            field.refuse(
                "\(quoted(text)) isn't an interface's name",
                "write it as `ip link` shows it, without a @ and what follows")
            return nil
        }
        return text
    }

    /// nil if one of them can't be read or belongs elsewhere; then nothing that depends on them is reported.
    private mutating func virtualAddresses(_ section: Section, of group: String) -> [VirtualAddress]? {
        guard section.place(of: "virtual_addresses") != nil else { return [] }
        guard let field = section.optional("virtual_addresses"),
            let items = field.items(limit: Limit.virtualAddresses, "a list of addresses")
        else { return nil }
        var addresses: [VirtualAddress] = []
        for item in items {
            guard let virtual = item.virtualAddress() else { continue }
            if let node = nodeAddresses[virtual.address] {
                item.refuse(
                    "\(virtual.address) is the own address of node \(quoted(node))",
                    "choose an address that no machine has; the group's holder gets it")
            }
            if let other = holders[virtual.address] {
                // Groups come sorted by name, people read from the top.
                let isLater = other.place < item.position
                let (group, other, place) =
                    isLater ? (group, other.group, item.position) : (other.group, group, other.place)
                findings.report(
                    group == other
                        ? "\(virtual.address) is listed twice in group \(quoted(group))"
                        : "\(virtual.address) of group \(quoted(group)) belongs to group \(quoted(other)) already",
                    "keep it in one place", at: place)
            } else {
                holders[virtual.address] = (group, item.position)
                addresses.append(virtual)
            }
        }
        return addresses.count == items.count ? addresses.sorted() : nil
    }

    /// Who may hold the group. nil if missing or unreadable as a whole; single bad entries are left out.
    private func priorities(
        _ section: Section, mode: Configuration.Group.Mode?, title: String
    ) -> [Configuration.Priority]? {
        let mend = "add `priority: { NODE: 1 to 254, … }` for the nodes that may hold it"
        guard let field = section.required("priority", mend), let entries = field.named("node", limit: Limit.nodes)
        else { return nil }
        let names = roles.keys.sorted()
        var priorities: [Configuration.Priority] = []
        for entry in entries {
            switch roles[entry.name] {
            case nil:
                let near = nearest(to: entry.name, among: names).map { "did you mean \($0)?" }
                findings.report(
                    "there is no node \(quoted(entry.name))",
                    near ?? "name one of \(enumeration(names)), or add it to `nodes`",
                    at: entry.place)
            case .witness, .observer:
                findings.report(
                    "node \(quoted(entry.name)) is \(roles[entry.name] == .witness ? "a witness" : "an observer") and never holds a group",
                    "remove its priority here, or `\(roles[entry.name] == .witness ? "witness" : "observer")` there",
                    at: entry.place)
            case .voter: break
            }
            let value = Field(key: entry.name, place: entry.place, tree: entry.tree, findings: findings)
            if let number = value.integer(1...254) {
                priorities.append(Configuration.Priority(node: entry.name, value: number))
            }
        }
        if mode == .pair, entries.count != 2 {
            findings.report(
                "mode pair needs exactly two nodes with a priority, and \(title) has \(entries.count)",
                "give two nodes a priority, or choose `mode: majority`", at: field.place)
        }
        return priorities
    }

    private func preemptAfter(_ section: Section) -> TimeSpan? {
        guard let field = section.optional("preempt_after") else { return .seconds(2) }
        if case .text("never", _) = field.tree.content { return nil }
        return field.duration(.milliseconds(0)...(.hours(24)))
    }

    /// References to checks: names, or mappings of a name and a weight.
    private func groupChecks(_ section: Section) -> [Configuration.GroupCheck] {
        guard let items = section.optional("checks")?.items(limit: Limit.groupChecks, "a list of checks") else {
            return []
        }
        var checks: [Configuration.GroupCheck] = []
        for item in items {
            guard let (field, weight) = reference(item), let name = field.text("a check's name") else { continue }
            guard let own = checkWeights[name] else {
                let known = checkWeights.keys.sorted()
                let mend =
                    nearest(to: name, among: known).map { "did you mean \($0)?" }
                    ?? (known.isEmpty
                        ? "add it to `checks`" : "name one of \(enumeration(known)), or add it to `checks`")
                field.refuse("there is no check \(quoted(name))", mend)
                continue
            }
            guard !checks.contains(where: { $0.check == name }) else {
                field.refuse("check \(quoted(name)) is listed twice", "keep one of them")
                continue
            }
            checks.append(Configuration.GroupCheck(check: name, weight: weight ?? own))
        }
        return checks.sorted { $0.check < $1.check }
    }

    private func reference(_ item: Field) -> (name: Field, weight: Int?)? {
        guard case .mapping = item.tree.content else { return (item, nil) }
        guard let section = Section(item.tree, "an entry of `checks`", keys: ["name", "weight"], findings: findings),
            let name = section.required("name", "add the check's name")
        else { return nil }
        return (name, section.optional("weight")?.integer(-253...253))
    }
}
