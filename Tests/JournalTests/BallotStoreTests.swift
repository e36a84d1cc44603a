import Foundation
import Journal
import Testing

@Suite struct BallotStoreTests {
    let scratch = Scratch()

    @Test func remembersTheNewestWrite() throws {
        do {
            let store = try BallotStore.open(in: try scratch.state())
            #expect(store.content == nil)
            for count in 1...5 { try store.write([UInt8](repeating: UInt8(count), count: count * 1000)) }
            #expect(store.content == [UInt8](repeating: 5, count: 5000))
        }
        for _ in 1...2 {
            #expect(
                try BallotStore.open(in: try scratch.state()).content == [UInt8](repeating: 5, count: 5000))
        }
        let store = try BallotStore.open(in: try scratch.state())
        try store.write([])
        #expect(store.content == [])
    }

    /// Every prefix of a slot's write, as a power failure may leave it: the write before is found.
    @Test func aTornWriteLeavesTheOneBefore() throws {
        let state = try scratch.state()
        let store = try BallotStore.open(in: state)
        try store.write(Array("first".utf8))
        let before = try scratch.bytes(scratch.ballotPath)
        try store.write(Array("second".utf8))
        let after = try scratch.bytes(scratch.ballotPath)
        let changed = before.indices.filter { before[$0] != after[$0] }
        let span = try #require(changed.first)...(try #require(changed.last))
        for cut in span {
            var torn = after
            torn[cut...] = before[cut...]
            try scratch.replace(scratch.ballotPath, with: torn)
            let found = try BallotStore.open(in: state).content
            #expect(found == Array("first".utf8), "cut at \(cut)")
        }
    }

    @Test func refusesWhatItCannotTrust() throws {
        let state = try scratch.state()
        let store = try BallotStore.open(in: state)
        try store.write([1])
        try store.write([2])
        let good = try scratch.bytes(scratch.ballotPath)
        var bad = good
        bad[20] ^= 1
        bad[good.count / 2 + 20] ^= 1
        try scratch.replace(scratch.ballotPath, with: bad)
        #expect(throws: StateError.ballotDamaged(path: scratch.ballotPath)) { try BallotStore.open(in: state) }
        try scratch.replace(scratch.ballotPath, with: [])
        #expect(throws: StateError.ballotDamaged(path: scratch.ballotPath)) { try BallotStore.open(in: state) }
        #expect(throws: StateError.ballotTooLarge(bytes: 65_537)) {
            try store.write([UInt8](repeating: 0, count: 65_537))
        }
    }

    @Test func votesMayNotVanishBesideAJournal() throws {
        let state = try scratch.state()
        _ = try scratch.writer(state)
        #expect(throws: StateError.ballotMissing(path: scratch.ballotPath)) { try BallotStore.open(in: state) }
    }

    @Test func oneDaemonPerDirectory() throws {
        let first = try scratch.state()
        #expect(throws: StateError.inUse(path: scratch.path)) { try scratch.state() }
        _ = first.ballotPath
    }

    @Test func theDirectoryIsGuarded() throws {
        _ = try scratch.state()
        let mode = try FileManager.default.attributesOfItem(atPath: scratch.path)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        chmod(scratch.path, 0o750)
        #expect(throws: StateError.openToOthers(path: scratch.path, mode: 0o750)) { try scratch.state() }
    }
}
