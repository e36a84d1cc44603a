import CSodium
import Glibc

/// A signing key that is replaced again and again: the secret of one epoch is made, used, and wiped, on disk too, before
/// the next one's is used. Whoever takes the file has the current epoch's key and no earlier one.
///
/// The file has two places, for even and for odd epochs, each in a sector of its own:
///
///     "electdS1" | epoch u64 | seed 32 bytes | the first 16 bytes of the BLAKE2b-256 of those
///
/// Overwriting erases what a file system that writes in place shows. A flash drive keeps old copies of its pages for a
/// while, beyond the reach of any program; so do snapshots and backups, which must not hold this file.
///
/// Used by one thread.
package final class EvolvingKey {
    package static let fileName = "seal.electd"
    private static let magic = [UInt8]("electdS1".utf8)
    private static let headCount = 8 + 8
    private static let checkCount = 16
    private static let placeCount = headCount + SigningKey.seedCount + checkCount
    private static let placeDistance = 4096

    private let descriptor: Int32
    private let generate: () -> SigningKey
    /// What the file holds, by place.
    private var held: [Epoch?] = [nil, nil]
    /// The epoch whose key signs now; nil before the first.
    private var current: Int?

    private struct Epoch {
        var number: UInt64
        var key: SigningKey
    }

    /// Opens the file, or makes an empty one of mode 0600. A place that isn't whole counts as empty.
    ///
    /// - Parameter generate: gives each epoch's key; another than random only for worked examples.
    package init(_ path: String, generate: @escaping () -> SigningKey = SigningKey.generate) throws(KeyFileError) {
        Sodium.start()
        self.generate = generate
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .unwritable(path: path, errno: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        guard status.st_mode & 0o077 == 0 else {
            throw .readableByOthers(path: path, mode: status.st_mode & 0o7777)
        }
        guard status.st_uid == geteuid() else { throw .foreignOwner(path: path, owner: status.st_uid) }
        if status.st_size < Self.placeDistance * 2 {
            // Real zeros, so that no later write needs room.
            let zeros = [UInt8](repeating: 0, count: Self.placeDistance * 2)
            guard pwrite(descriptor, zeros, zeros.count, 0) == zeros.count, fsync(descriptor) == 0,
                syncDirectory(of: path)
            else { throw .unwritable(path: path, errno: errno) }
        }
        for place in 0..<2 { held[place] = read(place) }
    }

    deinit { close(descriptor) }

    /// The epochs whose keys the file holds, with their public halves.
    package var epochs: [(number: UInt64, key: PublicKey)] {
        held.compactMap { $0 }.map { ($0.number, $0.key.publicKey) }.sorted { $0.number < $1.number }
    }

    /// The key that signs now, and its epoch's number; nil before `begin`.
    package var signing: (number: UInt64, key: SigningKey)? {
        current.flatMap { held[$0] }.map { ($0.number, $0.key) }
    }

    /// Goes on with the key of `epoch`, which the file holds, and wipes the other one.
    ///
    /// - Returns: false when the file doesn't hold it.
    package func resume(_ epoch: UInt64) throws(EvolutionError) -> Bool {
        guard let place = held.firstIndex(where: { $0?.number == epoch }) else { return false }
        current = place
        try wipe(1 - place)
        return true
    }

    /// Makes a new key for `epoch`, durably, and wipes everything else that the file held.
    package func begin(_ epoch: UInt64) throws(EvolutionError) {
        let place = Int(epoch % 2)
        try wipe(1 - place)
        try write(Epoch(number: epoch, key: generate()), to: place)
        current = place
    }

    /// Makes the key of the next epoch, durably; the current one still signs. The same key when called again.
    package func prepareNext() throws(EvolutionError) -> PublicKey {
        guard let current, let now = held[current] else { preconditionFailure("no epoch was begun") }
        if let next = held[1 - current], next.number == now.number + 1 { return next.key.publicKey }
        let next = Epoch(number: now.number + 1, key: generate())
        try write(next, to: 1 - current)
        return next.key.publicKey
    }

    /// The prepared key signs from now on; the one before is wiped, in memory and on disk.
    package func advance() throws(EvolutionError) {
        guard let old = current, held[1 - old] != nil else { preconditionFailure("no next epoch was prepared") }
        current = 1 - old
        try wipe(old)
    }

    private func wipe(_ place: Int) throws(EvolutionError) {
        held[place] = nil
        let zeros = [UInt8](repeating: 0, count: Self.placeCount)
        guard pwrite(descriptor, zeros, zeros.count, off_t(place * Self.placeDistance)) == zeros.count,
            fdatasync(descriptor) == 0
        else { throw EvolutionError(code: errno) }
    }

    private func write(_ epoch: Epoch, to place: Int) throws(EvolutionError) {
        let content = SecretBytes(count: Self.placeCount) { memory in
            var number = epoch.number.littleEndian
            memory.copyBytes(from: Self.magic)
            withUnsafeBytes(of: &number) {
                UnsafeMutableRawBufferPointer(rebasing: memory[Self.magic.count...]).copyBytes(from: $0)
            }
            epoch.key.copySeed(into: UnsafeMutableRawBufferPointer(rebasing: memory[Self.headCount...]))
            let body = UnsafeRawBufferPointer(rebasing: memory[..<(Self.headCount + SigningKey.seedCount)])
            UnsafeMutableRawBufferPointer(rebasing: memory[body.count...]).copyBytes(from: Self.check(body))
        }
        let written = content.withBytes {
            pwrite(descriptor, $0, Self.placeCount, off_t(place * Self.placeDistance))
        }
        guard written == Self.placeCount, fdatasync(descriptor) == 0 else { throw EvolutionError(code: errno) }
        held[place] = epoch
    }

    private func read(_ place: Int) -> Epoch? {
        var got = 0
        let content = SecretBytes(count: Self.placeCount) { memory in
            got = pread(descriptor, memory.baseAddress, memory.count, off_t(place * Self.placeDistance))
        }
        guard got == Self.placeCount else { return nil }
        return content.withBytes { bytes in
            let whole = UnsafeRawBufferPointer(start: bytes, count: Self.placeCount)
            let body = UnsafeRawBufferPointer(rebasing: whole[..<(Self.headCount + SigningKey.seedCount)])
            guard whole.prefix(Self.magic.count).elementsEqual(Self.magic),
                whole[body.count...].elementsEqual(Self.check(body))
            else { return nil }
            let number = UInt64(littleEndian: whole.loadUnaligned(fromByteOffset: Self.magic.count, as: UInt64.self))
            guard number % 2 == UInt64(place) else { return nil }
            return Epoch(
                number: number, key: SigningKey(copying: UnsafeRawBufferPointer(rebasing: body[Self.headCount...])))
        }
    }

    private static func check(_ body: UnsafeRawBufferPointer) -> [UInt8] {
        var hash = Blake2b(length: checkCount)
        hash.update(body)
        return hash.digest()
    }
}

/// The file of the evolving key can't be written any more: without it no checkpoint can be signed.
package struct EvolutionError: Error, Hashable, Sendable {
    /// An `errno`.
    package let code: Int32
}
