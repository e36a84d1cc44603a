import Synchronization

/// What all workers know about a server together: its places, who waits for one, and whether it is left out.
struct ServerBoard: @unchecked Sendable {
    private let state: UnsafeMutablePointer<State>
    let tally = ExchangeTally()

    private struct State: ~Copyable {
        /// Exchanges going on, counted while the server has a limit.
        let exchanges = Atomic<Int>(0)
        /// A bit for each worker with clients that could use a place.
        let waiting = Atomic<UInt64>(0)
        let ejection = Mutex(EjectionRecord())
    }

    init() {
        state = .allocate(capacity: 1)
        state.initialize(to: State())
    }

    func free() {
        tally.free()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    // MARK: places

    /// Takes a place, if there is one.
    @inline(__always)
    func enter(limit: Int) -> Bool {
        // In one order with `waiting`: whoever finds no place announces itself and looks again, whoever leaves looks for
        // those afterwards, so one of the two sees the other.
        if state.pointee.exchanges.add(1, ordering: .sequentiallyConsistent).newValue <= limit { return true }
        state.pointee.exchanges.subtract(1, ordering: .sequentiallyConsistent)
        return false
    }

    @inline(__always)
    func leave() { state.pointee.exchanges.subtract(1, ordering: .sequentiallyConsistent) }

    func hasRoom(limit: Int) -> Bool { state.pointee.exchanges.load(ordering: .sequentiallyConsistent) < limit }

    func announce(_ worker: UInt8) {
        state.pointee.waiting.bitwiseOr(1 &<< UInt64(worker), ordering: .sequentiallyConsistent)
    }

    func withdraw(_ worker: UInt8) {
        state.pointee.waiting.bitwiseAnd(~(1 &<< UInt64(worker)), ordering: .sequentiallyConsistent)
    }

    /// Whose turn it is after `worker`, which comes last; nil: nobody waits.
    @inline(__always)
    func next(after worker: UInt8) -> UInt8? {
        let waiting = state.pointee.waiting.load(ordering: .sequentiallyConsistent)
        if waiting == 0 { return nil }
        let shift = UInt64(worker) &+ 1
        let turned = shift == 64 ? waiting : waiting >> shift | waiting << (64 &- shift)
        return UInt8((UInt64(turned.trailingZeroBitCount) &+ shift) & 63)
    }

    // MARK: ejection

    func withEjection<Result>(_ body: (inout EjectionRecord) -> Result) -> Result {
        state.pointee.ejection.withLock { body(&$0) }
    }
}

/// Whether a server is left out, and how often it has been lately. In ticks.
struct EjectionRecord {
    private(set) var isEjected = false
    private(set) var until: UInt32 = 0
    /// In a row, at most `mostTimes`.
    private var times: UInt32 = 0
    private var length: UInt32 = 0
    private var trialSince: UInt32?
    /// When it was taken back last.
    private var backSince: UInt32 = 0

    private static let mostTimes: UInt32 = 5

    /// Leaves it out, longer each time. false: that had been done, and its trial isn't over.
    mutating func eject(now: UInt32, duration: UInt32) -> Bool {
        if isEjected && trialSince == nil { return false }
        // It has done well for longer than it was out the last time: that is over and done with.
        if !isEjected && now &- backSince > 2 &* length { times = 0 }
        length = duration << times
        times = min(times + 1, Self.mostTimes)
        isEjected = true
        until = now &+ length
        trialSince = nil
        return true
    }

    /// One request at a time may see whether it works again. false: someone else does, or its time isn't over.
    mutating func claimTrial(now: UInt32, patience: UInt32) -> Bool {
        guard isEjected, Int32(bitPattern: now &- until) >= 0 else { return false }
        if let trialSince, now &- trialSince <= patience { return false }
        trialSince = now
        return true
    }

    /// It works. false: it wasn't out.
    mutating func takeBack(now: UInt32) -> Bool {
        guard isEjected else { return false }
        isEjected = false
        trialSince = nil
        backSince = now
        return true
    }
}
