import Election
import Glibc
import Journal

/// `electd log show`: what each record says, in words.
package enum RecordText {
    /// Calls `line` for each record of a segment.
    ///
    /// - Throws: what stopped the reading; the lines so far are good.
    package static func show(_ path: String, line: (RecordLine) -> Void) throws(JournalDamage) {
        let reader = try JournalReader(path)
        var wording: Wording?
        while let entry = try reader.next() {
            if case .opening(let opening) = entry.record { wording = Self.wording(of: opening) }
            if case .step(let step) = entry.record, case .reconfigured(let rules) = step.event {
                wording?.rules = rules
            }
            line(self.line(entry, wording))
        }
        if let torn = reader.tornTail { line(.torn(torn)) }
    }

    static func wording(of opening: Opening) -> Wording? {
        var genesis = ByteReader(opening.genesis)
        return (try? Elector(from: &genesis)).map { Wording(rules: $0.rules) }
    }

    /// - Parameter opening: of the segment; without it numbers stand for names.
    package static func text(_ record: JournalRecord, of opening: Opening?) -> String {
        text(record, opening.flatMap(wording)).harmless
    }

    static func line(_ entry: JournalReader.Entry, _ wording: Wording?) -> RecordLine {
        .record(entry, text: text(entry.record, wording).harmless)
    }

    private static func text(_ record: JournalRecord, _ wording: Wording?) -> String {
        let wording = wording ?? .unnamed
        switch record {
        case .opening(let opening):
            let previous = opening.previous.map { ", after segment \($0.segment)" } ?? ", the first"
            return "\(wording.text(opening.instant))  segment \(opening.segment) of \(opening.node), "
                + "life \(opening.incarnation.rawValue)\(previous), by \(opening.software); "
                + "wall clock \(text(opening.wallClock))"
        case .step(let step):
            return "\(wording.text(step.instant))  \(wording.text(step.event))\(text(step.effects))"
                + (step.mark.map { "; its journal: \($0.segment) at \($0.size)" } ?? "")
        case .effects(let sum): return "effects of the run: \(sum.value)"
        case .state(let digest): return "state \(hex(digest))"
        case .checkpoint(let checkpoint):
            return "\(wording.text(checkpoint.instant))  checkpoint of epoch \(checkpoint.epoch): "
                + "\(checkpoint.records) records, "
                + "head \(hex(Array(checkpoint.head.prefix(8)))); wall clock \(text(checkpoint.wallClock))"
        case .recovery(let recovery):
            let what = recovery.finding == .tornTail ? "a torn tail was cut" : "damage was found, the segment is kept"
            return "recovery: segment \(recovery.segment), offset \(recovery.offset), \(recovery.bytes) bytes: \(what)"
        case .closing(let closing):
            let why = closing.reason == .rotated ? "the next segment follows" : "the daemon ended"
            return "\(wording.text(closing.instant))  closed: \(why)"
        case .cosignature(let cosignature):
            return "\(cosignature.node) cosigns the checkpoint of epoch \(cosignature.epoch)"
        case .witnessed(let witnessed):
            return "cosigned \(witnessed.node)'s checkpoint of epoch \(witnessed.epoch): segment \(witnessed.segment) "
                + "at \(witnessed.size), head \(hex(Array(witnessed.head.prefix(8))))"
        case .room(let room):
            return "\(wording.text(room.instant))  the disk \(room.isFull ? "is full" : "has room again")"
        case .pruned(let pruned): return "segments \(pruned.first) to \(pruned.last) were deleted for their age or size"
        }
    }

    private static func text(_ effects: RecordedEffects) -> String {
        switch effects {
        case .none: ""
        case .whole(let digest): digest == .none ? "" : "  -> \(digest)"
        case .short: "  -> \(effects)"
        }
    }

    /// UTC, to the second; a note that proves nothing.
    private static func text(_ wallClock: WallClock) -> String {
        var seconds = time_t(wallClock.nanoseconds / 1_000_000_000)
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return "?" }
        let date = [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)].map(two)
        let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { two(Int($0)) }
        return date.joined(separator: "-") + "T" + time.joined(separator: ":") + "Z"
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 0xF, radix: 16) }.joined()
}

extension Wording {
    /// For a journal whose genesis can't be read: numbers stand for names.
    static let unnamed = Wording(
        rules: Rules(
            safetyDigest: 0, configurationDigest: 0, this: NodeIndex(0), nodes: [],
            timing: Timing(heartbeat: .zero, promise: .zero, driftPPM: 0, lag: .zero), checks: [], groups: []))
}
