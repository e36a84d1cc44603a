import Election
import Proxy

/// Changes of a replicated log, one after the other, as a disk has them; images come from other nodes as well.
enum LogTarget {
    /// What is read is written again byte for byte. What it comes to never loses what is committed, and can be said as
    /// an image that comes to the same.
    static func run(_ data: UnsafeBufferPointer<UInt8>) {
        var reader = ByteReader(Array(data))
        var log = ReplicatedLog()
        while reader.remaining > 0 {
            guard let write = try? LogWrite(from: &reader) else { return }
            var writer = ByteWriter()
            write.encode(to: &writer)
            var again = ByteReader(writer.bytes)
            guard let copy = try? LogWrite(from: &again), copy == write, again.remaining == 0 else {
                violated("a change of a log changes on its way")
            }
            let before = log
            log.apply(write)
            if case .image = write { continue }
            if log.committed < before.committed { violated("what was committed is not any more") }
            if before.position(at: before.committed)?.hash != log.position(at: before.committed)?.hash {
                violated("what was committed was overwritten")
            }
            if ReplicatedLog(log.image) != log { violated("an image says something else than its log") }
        }
    }
}
