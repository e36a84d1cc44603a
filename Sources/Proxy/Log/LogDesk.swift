import CLinux
import Glibc
import Synchronization

/// What the workers' side of the access log and its thread have in common.
final class LogDesk: Sendable {
    let rings: [LogRing]
    private let lost = Atomic<UInt64>(0)
    private let ends = Atomic<Bool>(false)
    private let ended = Atomic<Bool>(false)
    private let state = Mutex(State())

    enum News {
        /// A sink in the place of what it had; its descriptor comes with the ticket.
        case sink(Int, ServicePlan.LogSink, ticket: UInt64)
        /// There is no such sink any more.
        case retired(Int)
        case services([String])
    }

    /// Numbers of the sinks, and what the thread hasn't been told.
    fileprivate struct State {
        var numbers: [Number] = []
        var news: [News] = []
        var round: UInt64 = 0
        var lastTicket: UInt64 = 0
    }

    fileprivate struct Number {
        var sink: ServicePlan.LogSink?
        var lastNamed: UInt64 = 0
    }

    /// nil: the kernel gives no memory.
    init?(workers: Int) {
        rings = (0..<workers).compactMap { _ in LogRing() }
        guard rings.count == workers else { return nil }
    }

    deinit { for ring in rings { ring.free() } }

    // MARK: lines that were lost

    var linesLost: UInt64 { lost.load(ordering: .relaxed) }

    func lose(_ lines: Int) { lost.add(UInt64(lines), ordering: .relaxed) }

    // MARK: the end

    var isEnding: Bool { ends.load(ordering: .acquiring) }
    var hasEnded: Bool { ended.load(ordering: .acquiring) }

    func end() { ends.store(true, ordering: .releasing) }
    func noteEnded() { ended.store(true, ordering: .releasing) }

    // MARK: news

    /// Writes down the sinks of a plan.
    ///
    /// - Parameter hand: brings the descriptor of a sink, by its place in the plan, on its way with a ticket. false: the
    ///   thread is too far behind, and goes on with what it has for that sink.
    /// - Returns: for each service the number of its sink, -1 for none.
    func post(_ plan: ServicePlan, hand: (Int, UInt64) -> Bool) -> [Int] {
        state.withLock { state in
            state.round += 1
            for (place, sink) in plan.sinks.enumerated() {
                let isKnown = state.numbers.contains { $0.sink == sink }
                let number = state.number(of: sink)
                // A descriptor that the thread hasn't come to is overtaken.
                state.forgetNews(of: number)
                state.lastTicket += 1
                if hand(place, state.lastTicket) {
                    state.news.append(.sink(number, sink, ticket: state.lastTicket))
                } else if !isKnown {
                    state.news.append(.retired(number))
                }
            }
            state.retire()
            state.news.append(.services(plan.services.map(\.name)))
            return plan.services.map { service in
                guard let sink = service.accessLog?.sink else { return -1 }
                return state.numbers.firstIndex { $0.sink == sink } ?? -1
            }
        }
    }

    func takeNews() -> [News] {
        state.withLock { state in
            defer { state.news.removeAll() }
            return state.news
        }
    }
}

extension LogDesk.State {
    fileprivate mutating func number(of sink: ServicePlan.LogSink) -> Int {
        let known = numbers.firstIndex { $0.sink == sink } ?? numbers.firstIndex { $0.sink == nil }
        let number = known ?? numbers.count
        if known == nil { numbers.append(LogDesk.Number()) }
        numbers[number].sink = sink
        numbers[number].lastNamed = round
        return number
    }

    fileprivate mutating func forgetNews(of number: Int) {
        news.removeAll { item in
            switch item {
            case .sink(number, _, _), .retired(number): true
            default: false
            }
        }
    }

    /// Sinks that neither this plan nor the one before names: no line in a ring is theirs any more.
    fileprivate mutating func retire() {
        for number in numbers.indices where numbers[number].sink != nil && numbers[number].lastNamed + 1 < round {
            numbers[number].sink = nil
            forgetNews(of: number)
            news.append(.retired(number))
        }
    }
}
