/// Why the state directory can't be used. The description names the mend.
package enum StateError: Error, Hashable, Sendable, CustomStringConvertible {
    case system(path: String, SystemError)
    case notADirectory(path: String)
    case openToOthers(path: String, mode: UInt32)
    case foreignOwner(path: String, owner: UInt32)
    /// Another process holds the directory's lock.
    case inUse(path: String)
    /// A journal is there and the votes aren't.
    case ballotMissing(path: String)
    case ballotDamaged(path: String)
    case ballotTooLarge(bytes: Int)
    /// A write or sync failed before: what is on the disk is uncertain until the next start.
    case ballotStopped
    case logDamaged(path: String)
    case logStopped

    static func at<Result: ~Copyable>(
        _ path: String, _ body: () throws(SystemError) -> Result
    ) throws(StateError) -> Result {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .system(path: path, error)
        }
    }

    package var description: String {
        switch self {
        case .system(let path, let error): "\(path): \(error)"
        case .notADirectory(let path): "\(path) is not a directory; move it away, or give another --state-dir"
        case .openToOthers(let path, let mode):
            "\(path) has mode \(String(mode, radix: 8)), so others could read or exchange votes; chmod 700 it"
        case .foreignOwner(let path, let owner):
            "\(path) belongs to user \(owner); chown it to the user that runs electd"
        case .inUse(let path):
            "\(path) is used by another electd; stop that one, or give this one its own --state-dir"
        case .ballotMissing(let path):
            "\(path) is missing beside a journal: this node has voted and would forget its votes. Restore the file, or "
                + "move the whole state directory away; the node then starts as a new one and learns the terms first"
        case .ballotDamaged(let path):
            "\(path) is damaged in both copies: this node can't know how it voted. Restore the file from before, or "
                + "move the whole state directory away; the node then starts as a new one and learns the terms first"
        case .ballotTooLarge(let bytes):
            "the voter's memory has \(bytes) bytes and the limit is \(BallotStore.contentLimit); configure fewer groups"
        case .logDamaged(let path):
            "\(path) is damaged before its end: this node can't know what it has confirmed of the replicated logs. "
                + "Restore the file, or move it away; the node then copies the logs before it votes again"
        case .logStopped: "an earlier write of the replicated logs failed; check the disk, then restart electd"
        case .ballotStopped: "an earlier write of votes failed; check the disk, then restart electd"
        }
    }
}
