import Election
import Foundation
import Journal
import Sodium

/// A segment taken apart by the specification alone.
struct SegmentFrames {
    /// Kinds of frames, as Specs/journal.md numbers them.
    enum Kind {
        static let opening: UInt8 = 1
        static let step: UInt8 = 2
        static let checkpoint: UInt8 = 4
        static let run: UInt8 = 7
    }

    static let preambleCount = 8
    private let preamble: [UInt8]
    var frames: [[UInt8]] = []

    init(_ bytes: [UInt8]) {
        preamble = Array(bytes.prefix(Self.preambleCount))
        var place = Self.preambleCount
        while place + 8 <= bytes.count {
            let end = min(place + Self.size(bytes, place), bytes.count)
            frames.append(Array(bytes[place..<end]))
            place = end
        }
    }

    private static func size(_ bytes: [UInt8], _ place: Int) -> Int {
        8 + (Int(bytes[place]) | Int(bytes[place + 1]) << 8 | Int(bytes[place + 2]) << 16)
    }

    var bytes: [UInt8] { preamble + frames.flatMap { $0 } }

    /// Of each frame's first byte.
    var offsets: [Int] {
        var offset = preamble.count
        return frames.map { frame in
            defer { offset += frame.count }
            return offset
        }
    }

    func kind(_ index: Int) -> UInt8 { frames[index][3] }

    var opening: Opening? {
        guard let first = frames.first else { return nil }
        var reader = ByteReader(first[8...])
        return try? Opening(from: &reader)
    }

    mutating func replace(_ index: Int, payload: [UInt8]) {
        frames[index] = Self.frame(kind(index), payload)
    }

    static func frame(_ kind: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let head = [
            UInt8(truncatingIfNeeded: payload.count), UInt8(truncatingIfNeeded: payload.count >> 8),
            UInt8(truncatingIfNeeded: payload.count >> 16), kind,
        ]
        let crc = CRC32C.of(head + payload)
        return head + (0..<4).map { UInt8(truncatingIfNeeded: crc >> (8 * UInt32($0))) } + payload
    }
}

/// Somebody with root on a node: has its key and the key of the epoch that runs, and none that was wiped.
struct Forger {
    let node: SigningKey
    let epoch: SigningKey

    /// Changes whole step number `step` (from 0, checks by their last byte) and makes everything after it fit again, as
    /// far as the stolen keys reach.
    func rewriting(_ bytes: [UInt8], step: Int) -> [UInt8] {
        var segment = SegmentFrames(bytes)
        let steps = segment.frames.indices.filter { segment.kind($0) == SegmentFrames.Kind.step }
        guard steps.indices.contains(step) else { return bytes }
        var payload = Array(segment.frames[steps[step]][8...])
        // The lowest byte of the instant: always there, and always another.
        payload[0] ^= 1
        segment.replace(steps[step], payload: payload)
        return fitting(segment, after: steps[step]).bytes
    }

    /// Checkpoints after frame `index` with counts, chain and tree of what is there now, signed with what can be had.
    func fitting(_ segment: SegmentFrames, after index: Int) -> SegmentFrames {
        resigned(segment, after: index) { checkpoint, text in
            checkpoint.sealSignature = epoch.sign(text)
            checkpoint.nodeSignature = node.sign(text)
        }
    }

    /// The whole journal with a chain of epoch keys of his own, from the first segment's opening on.
    func beginningAnew(_ segments: [[UInt8]]) -> [[UInt8]] {
        var key = SigningKey.generate()
        var previous: Opening.Previous?
        return segments.map { bytes in
            let segment = SegmentFrames(bytes)
            let count = segment.frames.indices.count { segment.kind($0) == SegmentFrames.Kind.checkpoint }
            let keys = [key] + (0..<count).map { _ in SigningKey.generate() }
            key = keys[count]
            let forged = renewed(segment, keys, after: previous)
            previous = Opening.Previous(
                segment: segment.opening?.segment ?? 0, size: UInt64(forged.count), head: Blake2b.hash(forged))
            return forged
        }
    }

    private func renewed(
        _ original: SegmentFrames, _ keys: [SigningKey], after previous: Opening.Previous?
    ) -> [UInt8] {
        var segment = original
        guard var opening = segment.opening else { return segment.bytes }
        opening.seal.key = keys[0].publicKey
        if let previous {
            opening.previous = previous
        } else {
            opening.seal.root = node.sign(
                Opening.SealStart.rootMessage(
                    clusterTag: opening.clusterTag, node: node.publicKey, epoch: opening.seal.epoch,
                    key: keys[0].publicKey))
        }
        var writer = ByteWriter()
        opening.encode(to: &writer)
        segment.replace(0, payload: writer.bytes)
        var used = 0
        return resigned(segment, next: { keys[$0 + 1].publicKey }) { checkpoint, text in
            checkpoint.sealSignature = keys[used].sign(text)
            checkpoint.nodeSignature = node.sign(text)
            used += 1
        }.bytes
    }

    private func resigned(
        _ segment: SegmentFrames, after changed: Int = 0, next: ((Int) -> PublicKey)? = nil,
        sign: (inout Checkpoint, [UInt8]) -> Void
    ) -> SegmentFrames {
        var segment = segment
        guard let opening = segment.opening else { return segment }
        var chain = Blake2b()
        chain.update(Array(segment.bytes.prefix(SegmentFrames.preambleCount)))
        var tree = MerkleTree()
        var size = SegmentFrames.preambleCount
        var number = 0
        for index in segment.frames.indices {
            if index > changed, segment.kind(index) == SegmentFrames.Kind.checkpoint {
                var reader = ByteReader(segment.frames[index][8...])
                if var checkpoint = try? Checkpoint(from: &reader) {
                    checkpoint.frames = tree.count
                    checkpoint.root = tree.root
                    checkpoint.size = UInt64(size)
                    checkpoint.head = chain.digest()
                    if let next { checkpoint.next = next(number) }
                    sign(&checkpoint, CheckpointNote.text(of: checkpoint, in: opening))
                    var writer = ByteWriter()
                    checkpoint.encode(to: &writer)
                    segment.replace(index, payload: writer.bytes)
                }
                number += 1
            }
            chain.update(segment.frames[index])
            segment.frames[index].withUnsafeBytes { tree.append($0) }
            size += segment.frames[index].count
        }
        return segment
    }
}
