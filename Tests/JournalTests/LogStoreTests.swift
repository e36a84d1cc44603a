import Election
import Foundation
import Journal
import Testing

/// The groups' logs on disk: what a crash, a spoilt disk and a full one leave of them (rule G1).
@Suite struct LogStoreTests {
    let scratch = Scratch()
    private let office = GroupID(7)
    private let shop = GroupID(9)
    private var path: String { scratch.path + "/" + LogStore.fileName }

    /// As a daemon does it: what is written is also applied to the log in memory.
    private func write(_ count: Int, to log: inout ReplicatedLog, of group: GroupID, in store: LogStore) throws {
        for _ in 0..<count {
            let entry = LogEntry(after: log.last, term: Term(1), content: order(log.last.index + 1))
            let write = LogWrite.entries(after: log.last, [entry])
            log.apply(write)
            try store.append(write, of: group)
        }
    }

    private func commit(to index: UInt64, _ log: inout ReplicatedLog, of group: GroupID, in store: LogStore) throws {
        log.apply(.committed(index))
        try store.append(.committed(index), of: group)
    }

    private func order(_ number: UInt64) -> LogContent {
        let server = ServerName(service: "web", server: "s\(number % 5)")
        let origin = NodeLife(node: NodeIndex(1), incarnation: Incarnation(4))
        return .command(
            CommandID(origin: origin, number: number), .server(server, .weight(UInt16(truncatingIfNeeded: number))))
    }

    private func found(_ group: GroupID, in store: LogStore) -> ReplicatedLog? {
        store.recovered.first { $0.group == group }.map { ReplicatedLog($0.image) }
    }

    private func text(_ bytes: Int) -> LogWrite {
        let origin = NodeLife(node: NodeIndex(1), incarnation: Incarnation(4))
        let part = LogContent.command(
            CommandID(origin: origin, number: 1), .text(offset: 0, [UInt8](repeating: 7, count: 900)))
        let entries = Array(repeating: LogEntry(after: .start, term: Term(1), content: part), count: bytes / 900 + 1)
        return .entries(after: .start, entries)
    }

    @Test func everythingIsThereAfterARestart() throws {
        var one = ReplicatedLog()
        var other = ReplicatedLog()
        do {
            let state = try scratch.state()
            #expect(LogStore.isMissing(in: state))
            let store = try LogStore.open(in: state)
            #expect(!LogStore.isMissing(in: state) && store.recovered.isEmpty && store.tornBytes == 0)
            try write(5, to: &one, of: office, in: store)
            try write(2, to: &other, of: shop, in: store)
            try store.commit()
            try commit(to: 3, &one, of: office, in: store)
            try store.commit()
            try store.commit()
        }
        for _ in 1...2 {
            let store = try LogStore.open(in: try scratch.state())
            #expect(store.tornBytes == 0)
            #expect(found(office, in: store) == one && found(shop, in: store) == other)
            #expect(found(office, in: store)?.committed == 3 && found(office, in: store)?.state == one.state)
        }
    }

    @Test func whatWasNotCommittedToDiskIsNotThere() throws {
        var log = ReplicatedLog()
        do {
            let store = try LogStore.open(in: try scratch.state())
            try write(1, to: &log, of: office, in: store)
            try store.commit()
            var ahead = log
            try write(1, to: &ahead, of: office, in: store)
        }
        #expect(found(office, in: try LogStore.open(in: try scratch.state())) == log)
    }

    @Test func entriesThatWereOverwrittenStayGone() throws {
        var log = ReplicatedLog()
        do {
            let store = try LogStore.open(in: try scratch.state())
            try write(3, to: &log, of: office, in: store)
            let kept = try #require(log.position(at: 1))
            let other = LogWrite.entries(
                after: kept, [LogEntry(after: kept, term: Term(2), content: order(50))])
            log.apply(other)
            try store.append(other, of: office)
            try store.commit()
        }
        let read = try #require(found(office, in: try LogStore.open(in: try scratch.state())))
        #expect(read == log && read.last.index == 2 && read.last.term == Term(2))
    }

    /// Three frames; the third ends the file.
    private func threeFrames(_ state: StateDirectory) throws -> (logs: [ReplicatedLog], ends: [Int], bytes: [UInt8]) {
        var log = ReplicatedLog()
        let store = try LogStore.open(in: state)
        var logs = [log]
        var ends = [try scratch.bytes(path).count]
        for _ in 1...3 {
            try write(2, to: &log, of: office, in: store)
            try store.commit()
            logs.append(log)
            ends.append(try scratch.bytes(path).count)
        }
        return (logs, ends, try scratch.bytes(path))
    }

    /// Every length that a power failure may leave: the frames before the cut stay, and the log goes on from there.
    @Test func aTornTailIsCut() throws {
        let state = try scratch.state()
        let (logs, ends, bytes) = try threeFrames(state)
        for cut in ends[0]...ends[3] {
            try scratch.replace(path, with: Array(bytes[..<cut]))
            let whole = try #require(ends.lastIndex { $0 <= cut })
            do {
                let store = try LogStore.open(in: state)
                #expect(store.tornBytes == cut - ends[whole], "cut at \(cut)")
                var log = logs[whole]
                #expect(found(office, in: store) ?? ReplicatedLog() == log, "cut at \(cut)")
                try write(1, to: &log, of: office, in: store)
                try store.commit()
                #expect(found(office, in: try LogStore.open(in: state)) == log, "cut at \(cut)")
            }
        }
    }

    /// The file's length was on disk, and of its last sectors none or only some.
    @Test func aTailOfZerosIsCut() throws {
        let state = try scratch.state()
        let (logs, ends, bytes) = try threeFrames(state)
        let zeros = Array(bytes[..<ends[2]]) + [UInt8](repeating: 0, count: ends[3] - ends[2])
        try scratch.replace(path, with: zeros)
        #expect(found(office, in: try LogStore.open(in: state)) == logs[2])
        var log = logs[2]
        let store = try LogStore.open(in: state)
        try write(60, to: &log, of: office, in: store)
        try store.commit()
        var holed = try scratch.bytes(path)
        let sector = (ends[2] / 512 + 2) * 512
        try #require(sector + 512 < holed.count)
        holed.replaceSubrange(sector..<sector + 512, with: [UInt8](repeating: 0, count: 512))
        try scratch.replace(path, with: holed)
        let again = try LogStore.open(in: state)
        #expect(found(office, in: again) == logs[2] && again.tornBytes > 512)
    }

    /// No flipped bit goes unnoticed, not even in the last frame: what it says may have been acknowledged.
    @Test func aFlippedBitIsDamage() throws {
        let state = try scratch.state()
        let bytes = try threeFrames(state).bytes
        for index in bytes.indices {
            var bad = bytes
            bad[index] ^= 1 << UInt8(index % 8)
            try scratch.replace(path, with: bad)
            #expect(throws: StateError.logDamaged(path: path), "byte \(index)") { try LogStore.open(in: state) }
        }
        try scratch.replace(path, with: bytes)
        _ = try LogStore.open(in: state)
        try scratch.replace(path, with: [])
        #expect(throws: StateError.logDamaged(path: path)) { try LogStore.open(in: state) }
    }

    @Test func anImageStandsForEverythingBefore() throws {
        var log = ReplicatedLog()
        do {
            let store = try LogStore.open(in: try scratch.state())
            try write(9, to: &log, of: office, in: store)
            try commit(to: 7, &log, of: office, in: store)
            try store.append(.image(log.image), of: office)
            try write(1, to: &log, of: office, in: store)
            try store.commit()
        }
        #expect(found(office, in: try LogStore.open(in: try scratch.state())) == log)
    }

    /// Most of a long file is history: it is written anew, and says the same.
    @Test func theFileStaysBounded() throws {
        var office = ReplicatedLog()
        var shop = ReplicatedLog()
        do {
            let store = try LogStore.open(in: try scratch.state())
            try write(3, to: &shop, of: self.shop, in: store)
            var written = 0
            var longest = 0
            for _ in 0..<400 {
                try write(50, to: &office, of: self.office, in: store)
                try commit(to: office.last.index, &office, of: self.office, in: store)
                office = ReplicatedLog(office.image.folded)
                try store.append(.image(office.image), of: self.office)
                let before = try scratch.bytes(path).count
                try store.commit()
                let after = try scratch.bytes(path).count
                written += max(after - before, 0)
                longest = max(longest, after)
            }
            #expect(written > 1 << 20 && longest < (1 << 20) + (256 << 10))
        }
        let store = try LogStore.open(in: try scratch.state())
        #expect(found(self.office, in: store) == office && found(self.shop, in: store) == shop)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).allSatisfy { !$0.hasSuffix(".new") })
    }

    /// The store's descriptor stands for another file while `body` runs: one whose disk takes nothing, or loses it.
    private func with(_ device: String, _ flags: Int32, _ body: () throws -> Void) throws {
        let own = try #require(
            (0..<1024).first {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
            })
        let kept = dup(Int32(own))
        let other = open(device, flags)
        defer {
            dup2(kept, Int32(own))
            close(kept)
            close(other)
        }
        try #require(kept >= 0 && other >= 0 && dup2(other, Int32(own)) >= 0)
        try body()
    }

    /// After a failed sync nobody knows what the disk has: not even a sync that succeeds later is believed. A failed
    /// write is no better.
    @Test(arguments: [("/dev/null", O_RDWR, "fdatasync"), ("/dev/zero", O_RDONLY, "pwrite")])
    func nothingCountsAfterAFailedWrite(_ device: String, _ flags: Int32, _ call: String) throws {
        let state = try scratch.state()
        var log = ReplicatedLog()
        do {
            let store = try LogStore.open(in: state)
            try write(2, to: &log, of: office, in: store)
            try store.commit()
            var ahead = log
            try write(1, to: &ahead, of: office, in: store)
            try with(device, flags) {
                do throws(StateError) {
                    try store.commit()
                    Issue.record("\(call) didn't fail")
                } catch {
                    if case .system(_, let cause) = error {
                        #expect(cause.call == call)
                    } else {
                        Issue.record("\(error)")
                    }
                }
            }
            #expect(throws: StateError.logStopped) { try store.commit() }
            #expect(throws: StateError.logStopped) { try store.append(.committed(1), of: office) }
        }
        let store = try LogStore.open(in: state)
        #expect(found(office, in: store) == log && store.tornBytes == 0)
    }

    /// A change that found no room even in memory is lost: nothing after it may be called durable.
    @Test func nothingCountsAfterALostChange() throws {
        let store = try LogStore.open(in: try scratch.state())
        let large = text(1 << 20)
        #expect(throws: StateError.logStopped) {
            for _ in 0..<20 { try store.append(large, of: office) }
        }
        #expect(throws: StateError.logStopped) { try store.commit() }
        #expect(throws: StateError.logStopped) { try store.append(.committed(1), of: office) }
    }
}

extension LogImage {
    /// The same log, all of it committed, with everything in its state.
    fileprivate var folded: LogImage {
        var image = self
        image.base = last
        image.entries = []
        return image
    }
}

/// A disk that is filled up and then has room again. Needs the right to mount.
@Suite final class FullDiskLogTests {
    let scratch = Scratch()
    private let isMounted: Bool

    init() {
        mkdir(scratch.path, 0o700)
        isMounted = mount("tmpfs", scratch.path, "tmpfs", 0, "size=128k,mode=700") == 0
    }

    deinit { if isMounted { umount2(scratch.path, Int32(MNT_DETACH)) } }

    /// Half a frame never stands before the next one, and what waited is written when there is room.
    @Test func nothingIsLostWhenTheDiskIsFull() throws {
        guard isMounted else { return }
        let group = GroupID(7)
        let state = try scratch.state()
        let store = try LogStore.open(in: state)
        try scratch.replace(scratch.path + "/filler", with: [UInt8](repeating: 1, count: 60_000))
        var log = ReplicatedLog()
        var durable = log
        var refusal: StateError?
        while refusal == nil && log.last.index < 2_000 {
            let origin = NodeLife(node: NodeIndex(1), incarnation: Incarnation(4))
            let part = LogContent.command(
                CommandID(origin: origin, number: log.last.index + 1),
                .text(offset: 0, [UInt8](repeating: 7, count: 900)))
            let write = LogWrite.entries(after: log.last, [LogEntry(after: log.last, term: Term(1), content: part)])
            log.apply(write)
            try store.append(write, of: group)
            do throws(StateError) {
                try store.commit()
                durable = log
            } catch { refusal = error }
        }
        guard case .system(_, let cause) = refusal, cause.isNoSpace else {
            Issue.record("\(log.last.index) entries, \(String(describing: refusal))")
            return
        }
        #expect(throws: StateError.self) { try store.commit() }
        #expect(try LogStore.open(in: state).recovered.map { ReplicatedLog($0.image) } == [durable])
        unlink(scratch.path + "/filler")
        try store.commit()
        #expect(try LogStore.open(in: state).recovered.map { ReplicatedLog($0.image) } == [log])
    }
}
