import Glibc
import Sodium

/// The directory of everything that must outlive the daemon: the votes and the journal. Mode 0700, and locked for as
/// long as this object lives, so that two daemons can't vote with one identity.
package final class StateDirectory: Sendable {
    package let path: String
    private let lock: Int32

    package var ballotPath: String { path + "/" + BallotStore.fileName }
    package var sealPath: String { path + "/" + EvolvingKey.fileName }
    package var journalPath: String { path + "/journal" }

    private init(path: String, lock: Int32) {
        self.path = path
        self.lock = lock
    }

    deinit { close(lock) }

    /// Creates what is missing (not the parents), checks owner and mode, and takes the lock.
    package static func open(_ path: String) throws(StateError) -> StateDirectory {
        try makeGuarded(path)
        let lockPath = path + "/lock"
        let lock = Glibc.open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw .system(path: lockPath, SystemError("open")) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let error = SystemError("flock")
            close(lock)
            throw error.code == EWOULDBLOCK ? .inUse(path: path) : .system(path: lockPath, error)
        }
        let state = StateDirectory(path: path, lock: lock)
        try makeGuarded(state.journalPath)
        return state
    }

    private static func makeGuarded(_ path: String) throws(StateError) {
        if mkdir(path, 0o700) != 0 && errno != EEXIST { throw .system(path: path, SystemError("mkdir")) }
        var status = stat()
        guard stat(path, &status) == 0 else { throw .system(path: path, SystemError("stat")) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .notADirectory(path: path) }
        guard status.st_uid == geteuid() else { throw .foreignOwner(path: path, owner: status.st_uid) }
        guard status.st_mode & 0o077 == 0 else {
            throw .openToOthers(path: path, mode: status.st_mode & 0o7777)
        }
    }
}
