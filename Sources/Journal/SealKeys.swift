import Election
import Glibc
import Sodium

/// The two keys that sign checkpoints: the node's, which stays, and the epoch's, which is wiped after it has named the
/// next one.
///
/// The order that a crash can't break: the next key is on disk, the checkpoint that names it is on disk, the old key is
/// wiped. A crash in between leaves both keys; the journal says which of them has signed.
final class SealKeys {
    private let node: SigningKey
    private let evolving: EvolvingKey

    /// What of a checkpoint its segment knows.
    struct Draft {
        var instant: Instant
        var wallClock: WallClock
        var frames: UInt64
        var root: [UInt8]
        var records: UInt64
        var size: UInt64
        var head: [UInt8]
    }

    /// Whether the chain of keys begins anew: there was no key that goes on from the journal's last checkpoint.
    let isRoot: Bool

    /// - Parameters:
    ///   - lastSealed: the epoch of the newest checkpoint that could be read, and the key that it names.
    ///   - isWhole: that checkpoint is the newest there was, as nothing after it is damaged.
    init(
        in state: StateDirectory, node: SigningKey, lastSealed: (epoch: UInt64, next: PublicKey)?, isWhole: Bool,
        generate: @escaping () -> SigningKey
    ) throws(JournalError) {
        self.node = node
        do throws(KeyFileError) {
            evolving = try EvolvingKey(state.sealPath, generate: generate)
        } catch {
            throw .unusableSeal(error)
        }
        do throws(EvolutionError) {
            isRoot = try !Self.resume(evolving, lastSealed, isWhole: isWhole)
            if isRoot {
                let newest = max(evolving.epochs.last?.number ?? 0, lastSealed?.epoch ?? 0)
                try evolving.begin(newest + 1)
            }
        } catch {
            throw .failed(SystemError("seal", error.code))
        }
    }

    private static func resume(
        _ evolving: EvolvingKey, _ lastSealed: (epoch: UInt64, next: PublicKey)?, isWhole: Bool
    ) throws(EvolutionError) -> Bool {
        let held = evolving.epochs
        guard let lastSealed, let newest = held.last else { return false }
        if let following = held.first(where: { $0.number == lastSealed.epoch + 1 && $0.key == lastSealed.next }) {
            return try evolving.resume(following.number)
        }
        // What the damage hides may have used up the older key: only the newest is certain not to have signed.
        guard !isWhole, newest.number > lastSealed.epoch else { return false }
        return try evolving.resume(newest.number)
    }

    /// Of the checkpoint that comes next.
    var epoch: UInt64 { signing.number }
    var publicKey: PublicKey { signing.key.publicKey }
    var nodeKey: PublicKey { node.publicKey }

    private var signing: (number: UInt64, key: SigningKey) {
        guard let signing = evolving.signing else { preconditionFailure("an epoch was begun or resumed") }
        return signing
    }

    /// For the opening of a segment.
    func start(clusterTag: [UInt8], length: Span, isRoot: Bool) -> Opening.SealStart {
        let message = Opening.SealStart.rootMessage(
            clusterTag: clusterTag, node: node.publicKey, epoch: epoch, key: publicKey)
        return Opening.SealStart(
            epoch: epoch, key: publicKey, length: length, root: isRoot ? node.sign(message) : nil)
    }

    /// The signed checkpoint; the next epoch's key is on disk then. `advance` has to follow when the checkpoint is.
    func checkpoint(_ draft: Draft) throws(SystemError) -> (Opening) -> Checkpoint {
        let next: PublicKey
        do throws(EvolutionError) {
            next = try evolving.prepareNext()
        } catch {
            throw SystemError("seal", error.code)
        }
        let whole = CheckpointDraft(
            instant: draft.instant, wallClock: draft.wallClock, epoch: epoch, frames: draft.frames, root: draft.root,
            records: draft.records, size: draft.size, head: draft.head, next: next)
        let key = signing.key
        return { [node] opening in whole.signed(in: opening, seal: key, node: node) }
    }

    /// The checkpoint is on disk: its key is wiped.
    func advance() throws(SystemError) {
        do throws(EvolutionError) {
            try evolving.advance()
        } catch {
            throw SystemError("seal", error.code)
        }
    }
}
