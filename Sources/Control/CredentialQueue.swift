import NIOCore

/// Who waits for a verdict on credentials, and who was right lately. Credentials stand here as fingerprints only.
struct CredentialQueue {
    typealias Answer = @Sendable (CredentialCheck.Verdict) -> Void

    enum Limit {
        static let waitingOfOneSource = 2
        static let waitingOfStrangers = 16
        static let waiting = 24
        static let remembered = 64
        static let memory = TimeAmount.seconds(60)
    }

    enum Entry: Equatable {
        /// To be answered at once.
        case settled(CredentialCheck.Verdict)
        /// The same credentials are being verified already.
        case waits
        /// To be verified; then comes ``leave(_:_:_:)``.
        case begins
    }

    /// Good credentials, and until when they are taken for good.
    private var remembered: [[UInt8]: NIODeadline] = [:]
    private var waiting: [[UInt8]: [Answer]] = [:]
    /// Of each source, how many it has in `waiting`.
    private var places: [ClientSource: Int] = [:]
    /// Sources that were right, longest ago first.
    private var known: [ClientSource] = []

    mutating func enter(
        _ fingerprint: [UInt8], _ source: ClientSource, now: NIODeadline, _ answer: @escaping Answer
    ) -> Entry {
        if let deadline = remembered[fingerprint] {
            if deadline > now { return .settled(.good) }
            remembered[fingerprint] = nil
        }
        if waiting[fingerprint] != nil {
            waiting[fingerprint]?.append(answer)
            return .waits
        }
        let room = known.contains(source) ? Limit.waiting : Limit.waitingOfStrangers
        guard waiting.count < room, places[source, default: 0] < Limit.waitingOfOneSource else {
            return .settled(.busy)
        }
        waiting[fingerprint] = [answer]
        places[source, default: 0] += 1
        return .begins
    }

    /// - Returns: those who waited for the verdict.
    mutating func leave(
        _ fingerprint: [UInt8], _ source: ClientSource, _ verdict: CredentialCheck.Verdict
    ) -> [Answer] {
        if let count = places[source] { places[source] = count > 1 ? count - 1 : nil }
        if verdict == .good {
            known.removeAll { $0 == source }
            known.append(source)
            if known.count > Limit.remembered { known.removeFirst() }
        }
        return waiting.removeValue(forKey: fingerprint) ?? []
    }

    mutating func remember(_ fingerprint: [UInt8], now: NIODeadline) {
        remembered = remembered.filter { $0.value > now }
        guard remembered.count < Limit.remembered else { return }
        remembered[fingerprint] = now + Limit.memory
    }

    mutating func forget() { remembered = [:] }
}
