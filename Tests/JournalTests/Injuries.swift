import Election
import Foundation
import Journal
import Sodium

/// What is done to a set of journals, and what must be found of it.
enum InjuryKind: String, CaseIterable, Codable {
    case bitFlip = "a bit flipped"
    case byteBurst = "up to 16 bytes overwritten"
    case deleted = "a record deleted"
    case duplicated = "a record duplicated"
    case reordered = "two records exchanged"
    case transplanted = "a record from another node inserted"
    case tornAnywhere = "the tail cut at any byte"
    case cutAtRecord = "the tail cut at a record's end"
    case segmentDeleted = "a whole segment deleted"
    case segmentsSwapped = "segments swapped between two nodes"
    case rewrittenEpoch = "closed epochs rewritten with the node's current keys"
    case begunAnew = "the node's journal rewritten with a chain of keys of its own"
    case tailRewritten = "the running epoch rewritten with the node's current keys"
}

/// One injury, done to copies of the bytes.
struct Injury {
    /// Files that are another now; nil for one that is gone.
    var changed: [(place: Place, bytes: [UInt8]?)]
    /// Where the first changed byte is.
    var offset: Int
    /// Parts of segments were changed, not whole ones.
    var isWithin = true

    struct Place: Hashable {
        var node: Int
        var segment: Int
    }
}

/// A set of journals in memory, and how to hurt it.
struct InjuredSet {
    typealias Place = Injury.Place

    let bytes: [Place: [UInt8]]
    let thieves: [Forger]
    /// By node: what of the newest segment was on disk two heartbeats before the end. Nobody claims to find what
    /// happens to the rest.
    let pinned: [Int]
    private let frames: [Place: SegmentFrames]
    private let places: [Place]
    private let newest: Int

    init(bytes: [Place: [UInt8]], thieves: [Forger], pinned: [Int]) {
        self.bytes = bytes
        self.thieves = thieves
        self.pinned = pinned
        frames = bytes.mapValues { SegmentFrames($0) }
        places = bytes.keys.sorted { ($0.node, $0.segment) < ($1.node, $1.segment) }
        newest = places.map(\.segment).max() ?? 0
    }

    /// nil when these dice give nothing that such an injury can be done to.
    func hurt(_ kind: InjuryKind, _ dice: inout Dice) -> Injury? {
        let place = places[Int.random(in: 0..<places.count, using: &dice)]
        switch kind {
        case .bitFlip, .byteBurst: return overwritten(place, kind, &dice)
        case .deleted, .duplicated, .reordered, .transplanted: return shuffled(place, kind, &dice)
        case .tornAnywhere, .cutAtRecord: return cut(kind, &dice)
        case .segmentDeleted:
            return Injury(changed: [(place, nil)], offset: 0, isWithin: false)
        case .segmentsSwapped:
            let other = Place(node: (place.node + 1) % 3, segment: Int.random(in: 1...newest, using: &dice))
            return Injury(changed: [(place, bytes[other]), (other, bytes[place])], offset: 0, isWithin: false)
        case .rewrittenEpoch, .tailRewritten: return rewritten(kind, place.node, &dice)
        case .begunAnew:
            let own = places.filter { $0.node == place.node }
            let forged = thieves[place.node].beginningAnew(own.compactMap { bytes[$0] })
            return Injury(changed: zip(own, forged).map { ($0, $1) }, offset: 8)
        }
    }

    /// Before this, in the newest segment of a node, everything is pinned.
    private func limit(_ place: Place) -> Int {
        place.segment == newest ? pinned[place.node] : bytes[place]?.count ?? 0
    }

    private func overwritten(_ place: Place, _ kind: InjuryKind, _ dice: inout Dice) -> Injury? {
        guard var hurt = bytes[place] else { return nil }
        let offset = Int.random(in: 0..<limit(place), using: &dice)
        if kind == .bitFlip {
            hurt[offset] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
        } else {
            for index in offset..<min(offset + Int.random(in: 1...16, using: &dice), hurt.count) {
                hurt[index] = UInt8.random(in: 0...255, using: &dice)
            }
        }
        return hurt == bytes[place] ? nil : Injury(changed: [(place, hurt)], offset: offset)
    }

    private func shuffled(_ place: Place, _ kind: InjuryKind, _ dice: inout Dice) -> Injury? {
        guard var segment = frames[place] else { return nil }
        let offsets = segment.offsets
        let count = offsets.count { $0 < limit(place) }
        guard count > 3 else { return nil }
        let index = Int.random(in: 0..<count - 1, using: &dice)
        switch kind {
        case .deleted: segment.frames.remove(at: index)
        case .duplicated: segment.frames.insert(segment.frames[index], at: index + 1)
        case .reordered: segment.frames.swapAt(index, index + 1)
        default:
            let other = Place(node: (place.node + 1) % 3, segment: place.segment)
            guard let foreign = frames[other]?.frames.randomElement(using: &dice) else { return nil }
            segment.frames.insert(foreign, at: index)
        }
        guard segment.bytes != bytes[place] else { return nil }
        return Injury(changed: [(place, segment.bytes)], offset: offsets[index])
    }

    private func cut(_ kind: InjuryKind, _ dice: inout Dice) -> Injury? {
        let place = Place(node: Int.random(in: 0..<3, using: &dice), segment: Int.random(in: 1...newest, using: &dice))
        guard let whole = bytes[place], let segment = frames[place] else { return nil }
        let end = limit(place)
        let ends = segment.offsets.dropFirst().filter { $0 < end }
        let offset = kind == .tornAnywhere ? Int.random(in: 8..<end, using: &dice) : ends.randomElement(using: &dice)
        guard let offset else { return nil }
        return Injury(changed: [(place, Array(whole[..<offset]))], offset: offset)
    }

    private func rewritten(_ kind: InjuryKind, _ node: Int, _ dice: inout Dice) -> Injury? {
        let place = Place(
            node: node, segment: kind == .tailRewritten ? newest : Int.random(in: 1...newest, using: &dice))
        guard var segment = frames[place] else { return nil }
        let checkpoints = segment.frames.indices.filter { segment.kind($0) == SegmentFrames.Kind.checkpoint }
        guard let last = checkpoints.last else { return nil }
        let offsets = segment.offsets
        let candidates = segment.frames.indices.filter { index in
            let isRun = [SegmentFrames.Kind.run, SegmentFrames.Kind.step].contains(segment.kind(index))
            guard isRun, offsets[index] + segment.frames[index].count <= limit(place) else { return false }
            return kind == .tailRewritten ? index > last : index < last
        }
        guard let index = candidates.randomElement(using: &dice) else { return nil }
        var payload = Array(segment.frames[index][8...])
        // Of a run another digest or sum, of a step another instant: all that needs no other length.
        let byte = segment.kind(index) == SegmentFrames.Kind.run ? payload.count - 1 : 0
        payload[byte] ^= UInt8.random(in: 1...255, using: &dice)
        segment.replace(index, payload: payload)
        return Injury(
            changed: [(place, thieves[node].fitting(segment, after: index).bytes)], offset: offsets[index])
    }
}
