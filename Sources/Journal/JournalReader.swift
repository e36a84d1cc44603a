import Election
import Sodium

/// Streams the records of one segment, in constant memory, and checks every one: frame, checksum, content, chain, tree,
/// and the keys and signatures of checkpoints.
package final class JournalReader {
    package struct Entry: Sendable {
        /// Of the record, from 0.
        package var index: UInt64
        /// Of the frame that holds it, from 0: its leaf in the segment's tree.
        package var frame: UInt64
        /// Of the frame's first byte in the segment.
        package var offset: UInt64
        package var record: JournalRecord
    }

    /// What a crash leaves: the last bytes don't make a whole frame, and no frame follows.
    package struct TornTail: Hashable, Sendable {
        package var offset: UInt64
        package var bytes: UInt64
    }

    private var scan: SegmentScan

    /// Set by the first `next`.
    package var opening: Opening? { scan.opening }
    /// Bytes, frames and records that were read and found good.
    package var offset: UInt64 { scan.offset }
    package var frames: UInt64 { scan.frames }
    package var records: UInt64 { scan.records }
    /// Set when `next` returned nil before the end of the file.
    package var tornTail: TornTail? { scan.tornTail }
    /// Checkpoints whose signatures hold.
    package var checkpoints: UInt64 { scan.seal.checkpoints }
    /// The newest of them.
    package var lastCheckpoint: Checkpoint? { scan.seal.last }
    /// Cosignatures that were found good.
    package var cosignatures: UInt64 { scan.seal.cosignatures }
    /// The only key that may sign the next checkpoint, and its epoch; nil before the opening.
    package var nextSeal: (epoch: UInt64, key: PublicKey)? { scan.seal.expected }
    /// BLAKE2b-256 of the segment's first `offset` bytes.
    package var head: [UInt8] { scan.seal.chain.digest() }
    /// The root of the tree over the first `frames` frames.
    package var root: [UInt8] { scan.seal.tree.root }
    /// The last instant that was read with the wall clock beside it.
    package var clock: (instant: Instant, wallClock: WallClock)? { scan.clock }

    /// - Throws: `.system`, `.notAJournal`, `.unknownVersion`.
    package init(_ path: String) throws(JournalDamage) { scan = try SegmentScan(path) }

    /// The next record; nil at the end, be it clean or torn.
    ///
    /// - Throws: `.damaged` where bytes were changed; nothing after that can be trusted.
    package func next() throws(JournalDamage) -> Entry? { try scan.next() }

    /// Calls `each` with each frame's offset, its bytes and its leaf in the tree: for proofs. It asks this reader nothing.
    func watchFrames(_ each: ((UInt64, UnsafeRawBufferPointer, [UInt8]) -> Void)?) { scan.onFrame = each }

    /// What the wall clock showed at `instant`, as far as the segment tells; nobody vouches for it.
    package func wallClock(at instant: Instant) -> WallClock? {
        guard let clock else { return nil }
        if instant >= clock.instant {
            return WallClock(nanoseconds: clock.wallClock.nanoseconds &+ instant.since(clock.instant).nanoseconds)
        }
        let back = clock.instant.since(instant).nanoseconds
        return WallClock(nanoseconds: clock.wallClock.nanoseconds > back ? clock.wallClock.nanoseconds - back : 0)
    }
}
