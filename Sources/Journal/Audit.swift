import Election
import Glibc
import Sodium

/// `electd log verify`: every record, chain, tree, key and signature of every journal, how segments go on from each
/// other, and what the journals say of each other.
package enum Audit {
    /// One directory or file that was named: all of it is one node's journal.
    package struct Journal: Sendable {
        package var path: String
        /// A directory, which holds all there is; not only single segments of it.
        package var isWhole: Bool
        package var segments: [SegmentFacts]

        package init(path: String, isWhole: Bool, segments: [SegmentFacts]) {
            self.path = path
            self.isWhole = isWhole
            self.segments = segments
        }
    }

    /// - Parameter paths: segments, journal directories or state directories.
    /// - Throws: `SystemError` when a directory can't be listed.
    package static func run(_ paths: [String]) throws(SystemError) -> AuditReport {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let begun = time
        var journals: [Journal] = []
        var seen: Set<String> = []
        for path in paths {
            let files = try SegmentDirectory.files(of: path).filter { seen.insert($0).inserted }
            var status = stat()
            let isWhole = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            journals.append(Journal(path: path, isWhole: isWhole, segments: files.map(SegmentFacts.read)))
        }
        var report = conclude(journals)
        clock_gettime(CLOCK_MONOTONIC, &time)
        report.duration =
            UInt64(max(0, (time.tv_sec - begun.tv_sec) * 1_000_000_000 + (time.tv_nsec - begun.tv_nsec)))
        return report
    }

    /// Compares what the segments gave. Reads those again that others have sighted, for their chains.
    package static func conclude(_ journals: [Journal]) -> AuditReport {
        var report = AuditReport(segments: journals.flatMap(\.segments))
        for journal in journals {
            for segment in journal.segments { report.findings += Self.findings(in: segment) }
            report.findings += Continuity.findings(in: journal)
        }
        report.findings += doubles(journals)
        report.findings += Witnesses.findings(in: journals, pinned: &report.pinned)
        return report
    }

    /// What is wrong with a segment for itself.
    private static func findings(in facts: SegmentFacts) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        func find(_ what: AuditFinding.What, offset: UInt64? = nil, record: UInt64? = nil, to end: UInt64? = nil) {
            findings.append(AuditFinding(what, in: facts, offset: offset, record: record, end: end))
        }
        switch facts.damage {
        case .damaged(let offset, let record, let what): find(.damaged(what), offset: offset, record: record)
        case .some(let damage): find(.unreadable(damage))
        case nil: break
        }
        if let overdue = facts.overdue { find(.epochOverdue(overdue.epoch), record: overdue.record) }
        if let foreign = facts.foreignCosigner { find(.foreignCosigner(foreign.node), record: foreign.record) }
        if let recovery = facts.recovery, recovery.finding == .damage { find(.damageRecorded(recovery)) }
        return findings
    }

    /// Two different files that claim to be the same segment, in whatever directories.
    private static func doubles(_ journals: [Journal]) -> [AuditFinding] {
        struct Name: Hashable {
            var key: PublicKey
            var number: UInt64
        }
        var first: [Name: SegmentFacts] = [:]
        var findings: [AuditFinding] = []
        for segment in journals.flatMap(\.segments) {
            guard let opening = segment.opening else { continue }
            let name = Name(key: opening.key, number: opening.segment)
            guard let known = first.updateValue(segment, forKey: name) else { continue }
            if known.head != segment.head || known.path != segment.path {
                findings.append(AuditFinding(.twice(known.path), in: segment))
            }
        }
        return findings
    }
}

/// How one node's segments go on from each other.
private enum Continuity {
    static func findings(in journal: Audit.Journal) -> [AuditFinding] {
        let segments = journal.segments.filter { $0.opening != nil }
            .sorted { ($0.opening?.segment ?? 0, $0.path) < ($1.opening?.segment ?? 0, $1.path) }
        var findings: [AuditFinding] = []
        guard let first = segments.first, let owner = owner(of: segments) else { return findings }
        for segment in segments {
            guard let opening = segment.opening else { continue }
            if opening.key != owner { findings.append(AuditFinding(.ofAnotherNode, in: segment)) }
            if let named = segment.namedNumber, named != opening.segment {
                findings.append(AuditFinding(.namedOtherwise(named), in: segment))
            }
        }
        let own = segments.filter { $0.opening?.key == owner }
        if journal.isWhole, let begin = own.first?.opening, begin.segment > 1,
            !own.contains(where: { ($0.pruned?.last ?? 0) >= begin.segment - 1 })
        {
            findings.append(AuditFinding(.prefixMissing, in: own.first ?? first))
        }
        for (earlier, later) in zip(own, own.dropFirst()) { findings += between(earlier, later) }
        if let last = own.last, let torn = last.tornTail {
            findings.append(AuditFinding(.tornTail(torn.bytes), in: last, offset: torn.offset, record: last.records))
        }
        return findings
    }

    /// Whose journal it is: the key that most segments have.
    private static func owner(of segments: [SegmentFacts]) -> PublicKey? {
        var counts: [(key: PublicKey, count: Int)] = []
        for key in segments.compactMap(\.opening?.key) {
            if let place = counts.firstIndex(where: { $0.key == key }) {
                counts[place].count += 1
            } else {
                counts.append((key, 1))
            }
        }
        return counts.max { $0.count < $1.count }?.key
    }

    private static func between(_ earlier: SegmentFacts, _ later: SegmentFacts) -> [AuditFinding] {
        guard let first = earlier.opening, let second = later.opening, first.segment != second.segment else {
            return []
        }
        var findings: [AuditFinding] = []
        if second.segment != first.segment + 1 {
            findings.append(AuditFinding(.missing(first.segment + 1, second.segment - 1), in: later))
            return findings
        }
        // Where the earlier one is damaged, its hash and its last epoch aren't known.
        guard earlier.damage == nil else { return findings }
        if second.previous?.segment != first.segment || second.previous?.size != earlier.size
            || second.previous?.head != earlier.head
        {
            // What looks like a torn tail here was whole when the later segment began: the injury lies in it.
            findings.append(
                AuditFinding(
                    .notWhatFollowed(second.segment, second.previous?.size), in: earlier, offset: earlier.size,
                    record: earlier.records, end: earlier.tornTail.map { $0.offset + $0.bytes }))
        }
        if second.seal.root != nil {
            findings.append(AuditFinding(.sealBeganAgain(second.seal.epoch), in: later, offset: 0, record: 0))
        } else if let next = earlier.nextSeal, next.epoch != second.seal.epoch || next.key != second.seal.key {
            findings.append(
                AuditFinding(.epochsBroken(next.epoch, second.seal.epoch), in: later, offset: 0, record: 0))
        }
        return findings
    }
}

/// What journals say of each other.
private enum Witnesses {
    /// - Parameter pinned: counts the sightings that agree.
    static func findings(in journals: [Audit.Journal], pinned: inout UInt64) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        let all = journals.flatMap(\.segments)
        let owners = Set(all.compactMap(\.opening?.key.bytes))
        for owner in owners.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let own = all.filter { $0.opening?.key.bytes == owner }
            let seen = all.filter { $0.opening?.key.bytes != owner }.flatMap { witness in
                witness.sightings.of(owner).map { (sighting: $0, witness: witness) }
            }
            guard let newest = own.compactMap({ $0.opening?.segment }).max(), !seen.isEmpty else { continue }
            for (number, sightings) in Dictionary(grouping: seen, by: \.sighting.segment).sorted(by: { $0.key < $1.key }
            ) {
                let sorted = sightings.sorted { $0.sighting.size < $1.sighting.size }
                if let segment = own.first(where: { $0.opening?.segment == number }) {
                    findings += compare(segment, sorted, &pinned)
                } else if number > newest,
                    let last = own.max(by: { ($0.opening?.segment ?? 0) < ($1.opening?.segment ?? 0) }),
                    let least = sorted.first
                {
                    findings.append(
                        AuditFinding(
                            .segmentsGone(number, by: least.witness.opening?.node ?? "", record: least.sighting.record),
                            in: last, offset: last.size, record: last.records))
                }
            }
        }
        return findings
    }

    private static func compare(
        _ segment: SegmentFacts, _ seen: [(sighting: Sighting, witness: SegmentFacts)], _ pinned: inout UInt64
    ) -> [AuditFinding] {
        // A torn tail was never synced whole, so nobody has seen it; a damaged part has its own finding.
        let end = segment.tornTail.map { $0.offset + $0.bytes } ?? segment.size
        guard let heads = try? Self.heads(of: segment.path, at: seen.map(\.sighting.size)) else { return [] }
        var good: UInt64 = UInt64(JournalFrame.preamble.count)
        for (index, (sighting, witness)) in seen.enumerated() {
            let name = witness.opening?.node ?? ""
            guard let head = heads[index] else {
                guard segment.damage == nil else { return [] }
                return [
                    AuditFinding(
                        .cutShort(seenAt: sighting.size, by: name, record: sighting.record), in: segment, offset: end,
                        record: segment.records, end: seen.last?.sighting.size)
                ]
            }
            guard head == sighting.head else {
                return [
                    AuditFinding(
                        .rewritten(by: name, record: sighting.record), in: segment, offset: good, end: sighting.size)
                ]
            }
            good = sighting.size
            pinned += 1
        }
        return []
    }

    /// The first 8 bytes of the chain's head at each of `sizes`, which ascend; nil beyond the segment's end.
    private static func heads(of path: String, at sizes: [UInt64]) throws(SystemError) -> [UInt64?] {
        let source = try SegmentSource(path)
        var chain = Blake2b()
        var offset: UInt64 = 0
        var heads: [UInt64?] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var have = 0
        var start = 0
        for size in sizes {
            while offset < size {
                if start == have {
                    start = 0
                    have = try source.read(into: &buffer, from: 0)
                    if have == 0 { break }
                }
                let count = Int(min(UInt64(have - start), size - offset))
                buffer.withUnsafeBytes { chain.update(UnsafeRawBufferPointer(rebasing: $0[start..<start + count])) }
                start += count
                offset += UInt64(count)
            }
            heads.append(offset == size ? PeerMark.word(chain.digest()) : nil)
        }
        return heads
    }
}
