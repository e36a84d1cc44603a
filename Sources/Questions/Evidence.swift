import Election
import Sodium
import Wire

/// `electd evidence`: what no honest node would have done, with what proves it.
extension Chronicle {
    /// - Parameters:
    ///   - groups: in which votes were given; nil for all.
    ///   - node: whose votes and histories; nil for all.
    package func evidence(_ groups: [GroupID]? = nil, node: Int? = nil) -> Answer {
        var lines: [String] = []
        var found: [JSONText] = []
        for double in votes.doubles
        where (node == nil || node == double.key.voter) && (groups?.contains(double.key.group) ?? true) {
            let proven = isSigned(double.first, double.key) && isSigned(double.second, double.key)
            lines.append(
                "\(name(double.key.voter)) voted twice in term \(double.key.term.rawValue) of "
                    + "\(archive.group(double.key.group)): for \(name(double.first.candidate)) "
                    + "(\(name(double.first.record))) and for \(name(double.second.candidate)) "
                    + "(\(name(double.second.record))); both votes are "
                    + (proven ? "signed by it: that proves it" : "here, but not both with its signature"))
            found.append(json(double, proven: proven))
        }
        for fork in forks() where node == nil || archive.nodes[node ?? 0] == fork.node {
            lines.append(fork.text)
            found.append(fork.json)
        }
        for happening in happenings {
            guard case .accused(let voter, let group, _) = happening.what, node == nil || node == voter,
                groups?.contains(group) ?? true
            else { continue }
            lines.append("\(name(happening.node)) noticed: \(text(happening.what)) (\(name(happening.name)))")
        }
        if lines.isEmpty { lines.append("no evidence of a double vote or of two histories in these journals") }
        return answer(lines, JSONText.fields(["evidence": .list(found)]).fields, isGood: found.isEmpty)
    }

    /// Whether the vote is kept as signed, and the signature is its voter's.
    private func isSigned(_ entry: VoteBook.Entry, _ key: VoteBook.Key) -> Bool {
        guard let frame = try? SignedFrame(parsing: entry.proof),
            let tag = archive.journals.first.flatMap({ ClusterTag(bytes: $0.clusterTag) }),
            case .grant(let grant) = frame.packet.message, grant.group == key.group, grant.term == key.term
        else { return false }
        return publicKeys(of: key.voter).contains { frame.isSigned(by: $0, in: tag) }
    }

    /// The keys that the cluster's configurations gave the node, the last one first; without any, its journal's own.
    private func publicKeys(of node: Int) -> [PublicKey] {
        let name = archive.nodes[node]
        var keys: [PublicKey] = []
        let last = rules.sorted { $0.key < $1.key }.compactMap { $0.value.nodes.first { $0.name == name }?.key }
        for bytes in last + archive.keysNamed(for: name) {
            if let key = PublicKey(bytes: bytes), !keys.contains(key) { keys.append(key) }
        }
        return keys.isEmpty ? [archive.journal(of: node)?.key].compactMap { $0 } : keys
    }

    private func json(_ double: VoteBook.Double, proven: Bool) -> JSONText {
        let tag = archive.journals.first.map { hex($0.clusterTag) }
        return .fields([
            "kind": .text("double_vote"), "voter": .text(name(double.key.voter)),
            "voter_key": .optional(publicKeys(of: double.key.voter).first?.description),
            "group": .text(archive.group(double.key.group)), "group_id": .number(Int(double.key.group.rawValue)),
            "term": .number(double.key.term.rawValue), "cluster_tag": .optional(tag), "proven": .flag(proven),
            "votes": .list(
                [double.first, double.second].map { entry in
                    .fields([
                        "candidate": .text(name(entry.candidate)), "incarnation": .number(entry.incarnation.rawValue),
                        "record": .text(name(entry.record)), "frame": .text(hex(entry.proof)),
                    ])
                }),
        ])
    }

    /// Whether configurations of the cluster gave the node the one key and then the other.
    private func hasChangedKey(_ node: String, _ one: PublicKey, _ other: PublicKey) -> Bool {
        guard let place = archive.nodes.firstIndex(of: node) else { return false }
        let keys = publicKeys(of: place)
        return keys.contains(one) && keys.contains(other)
    }

    /// One key, two histories: segments of one number that aren't the same, or one name with two keys.
    private func forks() -> [(node: String, text: String, json: JSONText)] {
        var found: [(node: String, text: String, json: JSONText)] = []
        for journal in archive.journals {
            for (one, other) in zip(journal.segments, journal.segments.dropFirst()) where one.number == other.number {
                found.append(
                    (
                        journal.node,
                        "\(harmless(journal.node)): two files claim to be segment \(one.number): \(harmless(one.path)) "
                            + "and \(harmless(other.path))",
                        .fields([
                            "kind": .text("fork"), "node": .text(harmless(journal.node)),
                            "segment": .number(one.number), "files": .list([.text(one.path), .text(other.path)]),
                        ])
                    ))
            }
            if let twin = archive.journals.first(where: { $0.node == journal.node && $0.key != journal.key }),
                journal.key.description < twin.key.description, !hasChangedKey(journal.node, journal.key, twin.key)
            {
                found.append(
                    (
                        journal.node,
                        "\(harmless(journal.node)): journals with two keys claim that name: \(journal.key) and \(twin.key)",
                        .fields([
                            "kind": .text("two_keys"), "node": .text(harmless(journal.node)),
                            "keys": .list([.text(journal.key.description), .text(twin.key.description)]),
                        ])
                    ))
            }
        }
        return found
    }
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 0xF, radix: 16) }.joined()
}
