import Election
import Foundation
import Journal
import Sodium

/// A state directory of its own for one test.
final class Scratch {
    let path: String
    let key: SigningKey

    init(key: SigningKey = .generate()) {
        self.key = key
        // In memory, where there is such a place: these tests sync thousands of times.
        let isThere = FileManager.default.isWritableFile(atPath: "/dev/shm")
        path = (isThere ? "/dev/shm/" : NSTemporaryDirectory()) + "electd-journal-\(UUID().uuidString)"
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var ballotPath: String { path + "/ballot.electd" }

    func segmentPath(_ number: Int) -> String {
        let digits = String(number)
        return path + "/journal/" + String(repeating: "0", count: 10 - digits.count) + digits + ".electd"
    }

    func state() throws -> StateDirectory { try StateDirectory.open(path) }

    func writer(
        _ state: StateDirectory, incarnation: UInt64 = 1, limits: JournalLimits = JournalLimits(),
        at instant: Instant = .zero, genesis: [UInt8] = Array("genesis".utf8), key: SigningKey? = nil
    ) throws -> JournalWriter {
        try JournalWriter.open(
            in: state,
            identity: JournalIdentity(
                clusterTag: Array(1...8), node: "fred", incarnation: Incarnation(incarnation), software: "test"),
            key: key ?? self.key, genesis: genesis, at: instant, limits: limits,
            wallClock: { WallClock(nanoseconds: 1_700_000_000_000_000_000) })
    }

    func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

    func replace(_ path: String, with bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}

extension StepOutcome {
    /// A quiet step's: no effects.
    static let nothing = StepOutcome(of: [])
}

func milliseconds(_ count: UInt64) -> Instant { .zero + .milliseconds(count) }

/// All records of a segment.
func records(_ path: String) throws -> [JournalReader.Entry] {
    let reader = try JournalReader(path)
    var entries: [JournalReader.Entry] = []
    while let entry = try reader.next() { entries.append(entry) }
    return entries
}
