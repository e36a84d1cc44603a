import Election
import Synchronization

/// What the replicated logs say, as the daemon's other threads see it, and who waits for an answer of theirs.
final class ClusterWord: Sendable {
    /// Something that the daemon has to do one after the other, on no thread that may not wait.
    enum Task: Sendable {
        /// SIGHUP.
        case reload
        /// A configuration was proposed: can this node take it?
        case examine(GroupID, CommandID, [UInt8])
        /// A configuration is in force.
        case adopt(LogState.Epoch)
        /// Two branches of a pair's log met.
        case keep(GroupID, [LogImage])
    }

    private struct State {
        var settings: [GroupID: [LogState.NamedSetting]] = [:]
        var lastRequest: UInt64 = 0
        var waiting: [UInt64: Happening<CommandOutcome>] = [:]
        var newestEpoch: UInt64 = 0
        var epochInForce: UInt64 = 0
    }

    private static let waitingLimit = 256

    private let state = Mutex(State())
    let tasks: AsyncStream<Task>
    private let entry: AsyncStream<Task>.Continuation

    init() {
        (tasks, entry) = AsyncStream.makeStream(of: Task.self, bufferingPolicy: .bufferingOldest(256))
    }

    func enter(_ task: Task) { entry.yield(task) }

    func finish() { entry.finish() }

    /// A number for an order, and what comes of it; nil when too many wait.
    func ask() -> (request: UInt64, outcome: Happening<CommandOutcome>)? {
        state.withLock { state in
            guard state.waiting.count < Self.waitingLimit else { return nil }
            state.lastRequest += 1
            let outcome = Happening<CommandOutcome>()
            state.waiting[state.lastRequest] = outcome
            return (state.lastRequest, outcome)
        }
    }

    func answer(_ request: UInt64, _ outcome: CommandOutcome) {
        state.withLock { $0.waiting.removeValue(forKey: request) }?.happen(outcome)
    }

    /// - Returns: the configuration that has to come into force, when it is a new one.
    func take(_ log: LogState, of group: GroupID) -> LogState.Epoch? {
        state.withLock { state in
            state.settings[group] = log.settings
            guard let epoch = log.epoch, epoch.number > state.newestEpoch else { return nil }
            state.newestEpoch = epoch.number
            return epoch.number > state.epochInForce ? epoch : nil
        }
    }

    func settings(of group: GroupID) -> [LogState.NamedSetting] {
        state.withLock { $0.settings[group] ?? [] }
    }

    /// The epoch whose configuration this node runs; 0 for its file's.
    var epochInForce: UInt64 {
        get { state.withLock { $0.epochInForce } }
        set { state.withLock { $0.epochInForce = newValue } }
    }
}
