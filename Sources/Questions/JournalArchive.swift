import Election
import Journal
import Sodium

/// The journals that a question is asked of: per node its segments in order. Only their openings have been read.
package struct JournalArchive: Sendable {
    package struct Segment: Sendable {
        package var path: String
        package var number: UInt64
        package var incarnation: Incarnation
        package var bootID: [UInt8]
        package var instant: Instant
        package var wallClock: WallClock
    }

    package struct Journal: Sendable {
        package var key: PublicKey
        package var node: String
        package var clusterTag: [UInt8]
        package var segments: [Segment]
    }

    /// Sorted by node.
    package var journals: [Journal] = []
    /// Files that are no segments, or can't be read from the start; said with every answer.
    package var troubles: [String] = []
    /// All nodes of the cluster by any journal's rules, sorted: the places that this module numbers nodes by.
    package var nodes: [String] = []
    package var groups: [GroupName] = []
    /// Keys of nodes by the word of the others.
    private var named: [String: Set<[UInt8]>] = [:]

    package struct GroupName: Hashable, Sendable {
        package var id: GroupID
        package var name: String
        package var isPair: Bool
    }

    static let nodeLimit = 256
    static let groupLimit = 4096

    /// - Parameters:
    ///   - paths: segments, journal directories or state directories, of any number of nodes.
    ///   - keys: what nodes must be signed with; empty: the journals' own word, from their geneses, is believed.
    package static func open(
        _ paths: [String], keys: [String: PublicKey] = [:]
    ) throws(QuestionError) -> JournalArchive {
        var archive = JournalArchive()
        var seen: Set<String> = []
        for path in paths {
            let files: [String]
            do throws(SystemError) {
                files = try SegmentDirectory.files(of: path)
            } catch {
                throw .unreadable("\(harmless(path)): \(error)")
            }
            for file in files where seen.insert(file).inserted { try archive.add(file, keys) }
        }
        guard !archive.journals.isEmpty else {
            if let trouble = archive.troubles.first { throw .unreadable(trouble) }
            throw .noJournal(paths.map { harmless($0) })
        }
        archive.sortJournals()
        for place in archive.journals.indices {
            archive.journals[place].segments.sort { ($0.number, $0.path) < ($1.number, $1.path) }
        }
        archive.nodes.sort()
        archive.groups.sort { $0.name < $1.name }
        return archive
    }

    /// By node; of several that claim one name, the one whose key the others' rules name comes first.
    private mutating func sortJournals() {
        func rank(_ journal: Journal) -> (String, Int, String) {
            (journal.node, named[journal.node]?.contains(journal.key.bytes) == true ? 0 : 1, journal.key.description)
        }
        journals.sort { rank($0) < rank($1) }
        for (one, other) in zip(journals, journals.dropFirst()) where one.node == other.node {
            troubles.append(
                "there are journals of \(harmless(one.node)) with two keys: that of \(other.key) is left out; see "
                    + "evidence, or ask it alone with --key \(harmless(one.node))=\(other.key)")
        }
    }

    private mutating func add(_ path: String, _ keys: [String: PublicKey]) throws(QuestionError) {
        let opening: Opening
        do throws(JournalDamage) {
            guard case .opening(let found)? = try JournalReader(path).next()?.record else {
                troubles.append("\(harmless(path)): no opening")
                return
            }
            opening = found
        } catch {
            troubles.append("\(harmless(path)): \(error)")
            return
        }
        if let wanted = keys[opening.node], wanted != opening.key {
            throw .foreignKey(node: harmless(opening.node), key: opening.key.description)
        }
        let segment = Segment(
            path: path, number: opening.segment, incarnation: opening.incarnation, bootID: opening.bootID,
            instant: opening.instant, wallClock: opening.wallClock)
        if let place = journals.firstIndex(where: { $0.key == opening.key && $0.node == opening.node }) {
            journals[place].segments.append(segment)
        } else {
            journals.append(
                Journal(
                    key: opening.key, node: opening.node, clusterTag: opening.clusterTag, segments: [segment]))
        }
        learn(opening)
    }

    /// By the word of the others; sorted.
    func keysNamed(for node: String) -> [[UInt8]] {
        (named[node] ?? []).sorted { $0.lexicographicallyPrecedes($1) }
    }

    private mutating func learn(_ opening: Opening) {
        var names = [opening.node]
        var genesis = ByteReader(opening.genesis)
        if let elector = try? Elector(from: &genesis) {
            names += elector.rules.nodes.map(\.name)
            for node in elector.rules.nodes where node.name != opening.node && named.count < Self.nodeLimit {
                if (named[node.name]?.count ?? 0) < 8 { named[node.name, default: []].insert(node.key) }
            }
            for group in elector.rules.groups
            where groups.count < Self.groupLimit && !groups.contains(where: { $0.id == group.id }) {
                groups.append(GroupName(id: group.id, name: group.name, isPair: group.mode == .pair))
            }
        }
        for name in names where !nodes.contains(name) && nodes.count < Self.nodeLimit { nodes.append(name) }
    }

    package func place(of node: String) throws(QuestionError) -> Int {
        guard let place = nodes.firstIndex(of: node) else {
            throw .unknownNode(harmless(node), known: nodes.map { harmless($0) })
        }
        return place
    }

    func group(_ id: GroupID) -> String {
        groups.first { $0.id == id }.map { harmless($0.name) } ?? "group \(String(id.rawValue, radix: 16))"
    }

    /// `NODE:SEGMENT:RECORD`, or `NODE:RECORD` where the node has one segment.
    package func record(named text: String) throws(QuestionError) -> RecordName {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), let record = UInt64(parts[parts.count - 1]) else {
            throw .unknownRecord(harmless(text), why: "it has another form")
        }
        let node = try place(of: parts[0])
        guard let journal = journal(of: node) else {
            throw .unknownRecord(harmless(text), why: "the journal of \(harmless(nodes[node])) isn't here")
        }
        if parts.count == 3 {
            guard let segment = UInt64(parts[1]), journal.segments.contains(where: { $0.number == segment }) else {
                throw .unknownRecord(harmless(text), why: "\(harmless(nodes[node])) has no such segment here")
            }
            return RecordName(node: node, segment: segment, record: record)
        }
        guard journal.segments.count == 1 else {
            throw .unknownRecord(
                harmless(text), why: "\(harmless(nodes[node])) has \(journal.segments.count) segments here")
        }
        return RecordName(node: node, segment: journal.segments[0].number, record: record)
    }

    func text(_ record: RecordName) -> String {
        "\(harmless(nodes[record.node])):\(record.segment):\(record.record)"
    }

    /// The journal of a node by its place in `nodes`; nil when it wasn't given.
    func journal(of place: Int) -> Journal? { journals.first { $0.node == nodes[place] } }
}

/// One record of one node's journal, as people name it: `fred:3:8841`.
package struct RecordName: Hashable, Sendable, Comparable {
    /// Place in the archive's `nodes`.
    package var node: Int
    package var segment: UInt64
    package var record: UInt64

    package static func < (left: RecordName, right: RecordName) -> Bool {
        (left.node, left.segment, left.record) < (right.node, right.segment, right.record)
    }
}
