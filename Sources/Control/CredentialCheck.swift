import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// What the daemon knows of the people who may look at the statistics; this module knows no cryptography.
package struct StatisticsUsers: Sendable {
    /// Shown by browsers; printable ASCII without quotes and backslashes.
    package let realm: String
    /// Whether `user` has that password. Slow on purpose, so called on a thread of its own, one call at a time.
    package let verify: @Sendable (_ user: [UInt8], _ password: [UInt8]) -> Bool
    /// A keyed hash of at least 16 bytes, with a key that nobody else has: stands for good credentials while they
    /// are remembered.
    package let fingerprint: @Sendable ([UInt8]) -> [UInt8]

    package init(
        realm: String, verify: @escaping @Sendable (_ user: [UInt8], _ password: [UInt8]) -> Bool,
        fingerprint: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) {
        self.realm = realm
        self.verify = verify
        self.fingerprint = fingerprint
    }
}

/// Tells good credentials from bad ones at a bounded price.
///
/// One thread verifies, whatever the number of those who guess, and rests after each wrong guess: about three guesses
/// a second for everybody together. Good credentials are remembered for a minute, so that whoever looks on doesn't
/// wait behind those who guess. Each source has two places in the queue, and sources that were right before find room
/// when strangers have filled theirs.
final class CredentialCheck: Sendable {
    enum Verdict: Sendable, Equatable {
        case good, bad
        /// Too many are waiting; ask again in a second.
        case busy
    }

    /// A longer one can't be right: user and password are 64 and 1024 bytes at most.
    static let longest = 64 + 1 + 1024
    private static let restMicroseconds: UInt32 = 200_000

    private struct State {
        var users: StatisticsUsers
        /// Counts replacements of `users`: what was found by older ones isn't remembered.
        var generation = 0
        var queue = CredentialQueue()
    }

    private let state: Mutex<State>
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let noteRejection: @Sendable (ClientSource) -> Void

    /// - Parameter noteRejection: called after each wrong guess, at most about three times a second.
    init(_ users: StatisticsUsers, noteRejection: @escaping @Sendable (ClientSource) -> Void) {
        state = Mutex(State(users: users))
        self.noteRejection = noteRejection
    }

    func start() {
        thread.start()
        // The election's threads come first.
        thread.submit { _ in setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10) }
    }

    /// What waits is told ``Verdict/busy``.
    func stop() async { try? await thread.shutdownGracefully() }

    var realm: String { state.withLock { $0.users.realm } }

    /// From now on others may look; nobody is remembered.
    func replace(_ users: StatisticsUsers) {
        state.withLock { state in
            state.users = users
            state.generation += 1
            state.queue.forget()
        }
    }

    /// Answers once, at once or from the verifying thread.
    ///
    /// - Parameter credentials: `user:password`.
    func judge(_ credentials: [UInt8], from source: ClientSource, _ answer: @escaping @Sendable (Verdict) -> Void) {
        guard credentials.count <= Self.longest, let colon = credentials.firstIndex(of: UInt8(ascii: ":")) else {
            return answer(.bad)
        }
        let fingerprint = state.withLock { $0.users.fingerprint }(credentials)
        switch state.withLock({ $0.queue.enter(fingerprint, source, now: .now(), answer) }) {
        case .settled(let verdict): answer(verdict)
        case .waits: break
        case .begins:
            let user = Array(credentials[..<colon])
            let password = Array(credentials[(colon + 1)...])
            thread.submit { [self] work in
                conclude(
                    fingerprint, source, verdict: work == .active ? verify(user, password, fingerprint, source) : .busy)
            }
        }
    }

    /// On the verifying thread.
    private func verify(
        _ user: [UInt8], _ password: [UInt8], _ fingerprint: [UInt8], _ source: ClientSource
    ) -> Verdict {
        let (users, generation) = state.withLock { ($0.users, $0.generation) }
        guard users.verify(user, password) else {
            noteRejection(source)
            usleep(Self.restMicroseconds)
            return .bad
        }
        state.withLock { state in
            if state.generation == generation { state.queue.remember(fingerprint, now: .now()) }
        }
        return .good
    }

    private func conclude(_ fingerprint: [UInt8], _ source: ClientSource, verdict: Verdict) {
        let answers = state.withLock { $0.queue.leave(fingerprint, source, verdict) }
        for answer in answers { answer(verdict) }
    }

    /// The bytes of Base64 text, if they are few enough to be credentials.
    static func decode(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count <= (longest + 2) / 3 * 4 else { return nil }
        return Data(base64Encoded: String(text)).map { Array($0) }
    }
}
