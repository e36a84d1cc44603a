import Sodium

/// Why the journal can't be written. The description names the mend.
package enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The disk is full. Nothing is lost yet: what was appended waits in memory, and `commit` may be tried again.
    case noSpace(SystemError)
    /// More waits in memory than may; this record wasn't taken. The journal goes on with `rotate`, whose genesis
    /// bridges the gap.
    case backlogFull
    /// A write or sync failed, and what the disk holds is uncertain. Fatal for holding; every later call fails.
    case failed(SystemError)
    /// An earlier call failed for good.
    case stopped
    /// A record, a name or the genesis is larger than the format allows.
    case tooLarge(what: String)
    case unusableDirectory(path: String, SystemError)
    /// The directory has the journal of a node with another key: its own before, or somebody else's.
    case anotherIdentity(path: String, key: PublicKey)
    /// The file of the key that signs checkpoints can't be opened.
    case unusableSeal(KeyFileError)

    package var description: String {
        switch self {
        case .noSpace(let error): "the journal's disk is full (\(error)); free space there"
        case .backlogFull: "the journal's disk took nothing for too long; free space there"
        case .failed(let error): "the journal can't be written (\(error)); check the disk, then restart electd"
        case .stopped: "the journal stopped at an earlier failure; check the disk, then restart electd"
        case .tooLarge(let what): "\(what) is larger than a journal record may be; configure fewer groups or checks"
        case .unusableDirectory(let path, let error): "\(path): \(error); check the state directory and its disk"
        case .anotherIdentity(let path, let key):
            "\(path) is the journal of the identity \(key); move it away and keep it, then start electd"
        case .unusableSeal(let error): "\(error)"
        }
    }
}

/// Why a segment can't be read on.
package enum JournalDamage: Error, Hashable, Sendable, CustomStringConvertible {
    case system(SystemError)
    case notAJournal
    /// Written by a newer electd.
    case unknownVersion(UInt8)
    /// Bytes at `offset`, where record number `record` (from 0) should be, are not what was written.
    case damaged(offset: UInt64, record: UInt64, what: What)

    package enum What: Hashable, Sendable {
        case frame
        case content
        case notOpening
        case checkpointDiffers
        case signature
        case epoch
        case seal
        case cosignature
    }

    package var description: String {
        switch self {
        case .system(let error): "\(error)"
        case .notAJournal: "not a segment of an electd journal"
        case .unknownVersion(let version):
            "format version \(version); read it with the electd that wrote it, or a newer one"
        case .damaged(let offset, let record, let what):
            "damaged at offset \(offset), record \(record): \(what.text)"
        }
    }
}

extension JournalDamage.What {
    var text: String {
        switch self {
        case .frame: "bytes were changed, removed or inserted here (length or checksum don't fit)"
        case .content: "the checksum fits but the content is no record; a newer electd may have written it"
        case .notOpening: "an opening must be the first record, and only that"
        case .checkpointDiffers: "a checkpoint counts other records or bytes, or another chain or tree, than precede it"
        case .signature: "a signature is not of this node's key"
        case .epoch: "a checkpoint of another epoch than the next one: one is missing, or there are two"
        case .seal: "a checkpoint isn't signed by the epoch's key, which the checkpoint before names"
        case .cosignature: "a peer's cosignature isn't under the checkpoint that it names"
        }
    }
}
