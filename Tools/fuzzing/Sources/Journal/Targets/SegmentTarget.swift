import Election
import Glibc
import Sodium

/// A run's payload: whatever it says, its steps are in order, of known streams, and end.
package enum RunTarget {
    package static func run(_ data: UnsafeBufferPointer<UInt8>) {
        var decoder = RunDecoder()
        decoder.reset(at: .zero)
        var reader = ByteReader(Array(data))
        var last = Instant.zero
        while let record = try? decoder.next(&reader) {
            guard case .step(let step) = record else {
                precondition(reader.remaining == 0, "a run goes on after its sum")
                return
            }
            precondition(step.isQuiet && step.instant >= last, "a step before the one before")
            precondition(QuietStream.key(of: step.event) != nil, "a step that decides, in a run")
            last = step.instant
        }
    }
}

/// A whole segment: a kind, a length of two bytes and a payload, again and again, are put into frames whose checksums fit,
/// behind an opening that is genuine. What can be read at all reads the same twice.
package enum SegmentTarget {
    private static let opening: [UInt8] = {
        guard let node = SigningKey(insecureSeed: [UInt8](repeating: 1, count: 32)),
            let seal = SigningKey(insecureSeed: [UInt8](repeating: 2, count: 32))
        else { return [] }
        let tag = [UInt8](1...8)
        let root = Opening.SealStart.rootMessage(
            clusterTag: tag, node: node.publicKey, epoch: 1, key: seal.publicKey)
        let opening = Opening(
            clusterTag: tag, node: "fred", key: node.publicKey, incarnation: Incarnation(1), segment: 1, previous: nil,
            seal: Opening.SealStart(
                epoch: 1, key: seal.publicKey, length: .milliseconds(60_000), root: node.sign(root)),
            instant: .zero, wallClock: WallClock(nanoseconds: 0), bootID: [UInt8](repeating: 0, count: 16),
            software: "fuzz", genesis: [])
        var bytes = JournalFrame.preamble
        JournalFrame.append(.opening(opening), to: &bytes)
        return bytes
    }()

    package static func run(_ data: UnsafeBufferPointer<UInt8>) {
        var bytes = opening
        var rest = data[...]
        while rest.count >= 3 {
            let kind = JournalRecord.Kind(rawValue: rest[rest.startIndex] % 12)
            let count = Int(rest[rest.startIndex + 1]) | Int(rest[rest.startIndex + 2] & 7) << 8
            let payload = Array(rest.dropFirst(3).prefix(count))
            rest = rest.dropFirst(3 + payload.count)
            if let kind { JournalFrame.append(kind, payload, to: &bytes) }
        }
        // What is no frame: a torn tail, or damage.
        bytes += rest
        var name = "/dev/shm/electd-fuzz-XXXXXX".utf8CString.map { $0 }
        let file = mkstemp(&name)
        guard file >= 0 else { return }
        unlink(name)
        defer { close(file) }
        guard write(file, bytes, bytes.count) == bytes.count else { return }
        let path = "/proc/self/fd/\(file)"
        let first = read(path)
        precondition(first == read(path), "a segment reads otherwise the second time")
        _ = SegmentFacts.read(path)
        if let last = first.dropLast().last, let proof = try? RecordProof.make(path, record: last) {
            precondition(proof.isGenuine, "a proof that doesn't hold")
        }
    }

    /// The records' numbers, and at the end the bytes that were good.
    private static func read(_ path: String) -> [UInt64] {
        guard let reader = try? JournalReader(path) else { return [] }
        var records: [UInt64] = []
        while let entry = try? reader.next() { records.append(entry.index) }
        return records + [reader.offset]
    }
}

/// A proof that somebody hands over: it is refused, or it is whole; no key is the one that signed it.
package enum ProofTarget {
    private static let key = SigningKey(insecureSeed: [UInt8](repeating: 3, count: 32))?.publicKey

    package static func run(_ data: UnsafeBufferPointer<UInt8>) {
        guard let key, let told = try? ToldProof(parsing: String(decoding: data, as: UTF8.self)) else { return }
        _ = told.record
        precondition((try? told.check([told.node: key])) == nil, "a proof that nobody signed")
    }
}
