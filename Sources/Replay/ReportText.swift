import Election
import Journal

/// The report in words: what `electd replay` and `electd log verify` print.
extension ReplayReport {
    package var lines: [String] {
        var lines = segments.flatMap(\.lines)
        lines += breaks.map(\.text)
        lines.append(
            "\(segments.count) segments, \(records) records, \(steps) decisions in \(duration / 1_000_000) ms "
                + "(\(recordsPerSecond) records/s): " + (isGood ? "all as recorded" : "NOT as recorded"))
        return lines.map(\.harmless)
    }
}

extension SegmentReport {
    package var lines: [String] {
        let name = opening.map { "\($0.node) life \($0.incarnation.rawValue) segment \($0.segment)" } ?? "no opening"
        let counts = "\(records) records, \(steps) decisions, \(states) states, \(checkpoints) checkpoints"
        var lines: [String] = []
        switch outcome {
        case .good: lines.append("\(path): \(name): \(counts): good\(ending)")
        case .damaged(let damage): lines.append("\(path): \(name): \(counts), then: \(damage)")
        case .diverged(let divergence): lines += ["\(path): \(name): \(counts), then:"] + divergence.lines
        }
        if let tornTail {
            lines.append("  torn tail of \(tornTail.bytes) bytes at offset \(tornTail.offset), as a crash leaves it")
        }
        return lines
    }

    private var ending: String {
        switch closing {
        case .rotated: ", goes on in the next"
        case .stopped: ", ended cleanly"
        case nil: ", no clean end"
        }
    }
}

extension Divergence {
    package var lines: [String] {
        var lines = ["  differs at offset \(offset), record \(index): \(event)"]
        switch what {
        case .genesis: lines.append("  the genesis is no state of these rules, or of another node than the key's")
        case .version(let version):
            lines.append(
                "  written by version \(version) of state and rules, this is version \(Elector.stateVersion): replay it "
                    + "with the electd that wrote it; log verify checks it as it is")
        case .effects(let recorded, let derived):
            lines.append("  recorded effects \(recorded), derived \(derived):")
            lines += effects.map { "    \($0)" }
            if effects.isEmpty { lines.append("    none") }
        case .sum(let recorded, let derived):
            lines.append(
                "  recorded sum of effects \(recorded), derived \(derived): one of the steps of this run differs")
        case .state(let recorded, let derived):
            lines.append("  recorded state \(hex(recorded)), derived \(hex(derived))")
        }
        if !stateBefore.isEmpty {
            lines.append("  state before:")
            lines += stateBefore.split(separator: "\n").map { "    \($0)" }
        }
        return lines
    }
}

extension ContinuityBreak {
    package var text: String {
        switch what {
        case .missing: "\(node): segments between \(earlier) and \(later) are missing"
        case .head:
            "\(node): segment \(earlier) isn't the one that segment \(later) continues: it was changed afterwards"
        case .state: "\(node): segment \(later) doesn't begin with the state that segment \(earlier) ends in"
        case .twice: "\(node): two different files claim to be segment \(earlier)"
        }
    }
}
