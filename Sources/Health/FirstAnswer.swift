import Synchronization

/// A value that several tasks may give and one waits for: the first one counts, later ones are dropped.
final class FirstAnswer<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Value, Never>)
        case given(Value)
        case taken
    }

    private let state = Mutex<State>(.open)

    /// True if this was the first answer.
    @discardableResult
    func give(_ value: Value) -> Bool {
        let (first, waiting) = state.withLock { state -> (Bool, CheckedContinuation<Value, Never>?) in
            switch state {
            case .open:
                state = .given(value)
                return (true, nil)
            case .awaited(let continuation):
                state = .taken
                return (true, continuation)
            case .given, .taken:
                return (false, nil)
            }
        }
        waiting?.resume(returning: value)
        return first
    }

    /// Waits for the first answer; to be called once.
    func value() async -> Value {
        await withCheckedContinuation { continuation in
            let given = state.withLock { state -> Value? in
                switch state {
                case .open:
                    state = .awaited(continuation)
                    return nil
                case .given(let value):
                    state = .taken
                    return value
                case .awaited, .taken:
                    preconditionFailure("a first answer is awaited once")
                }
            }
            if let given { continuation.resume(returning: given) }
        }
    }
}
