import CLinux
import Glibc
import Synchronization

/// The access log of a proxy process: a ring for each worker, and the thread that empties them.
///
/// Workers never wait for it, and neither does whoever hands over descriptors: a disk that hangs or a reader that
/// stopped costs lines, which are counted, and nothing else.
package final class AccessLog: Sendable {
    let rings: [LogRing]
    /// Wakes the thread.
    let bell: Int32
    private let lost = Atomic<UInt64>(0)
    private let ends = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)
    private let desk = Mutex(Desk())

    /// Numbers of the sinks, and what the thread hasn't been told.
    fileprivate struct Desk {
        var numbers: [Number] = []
        var news: [News] = []
        var round: UInt64 = 0
    }

    fileprivate struct Number {
        var sink: ServicePlan.LogSink?
        var lastNamed: UInt64 = 0
    }

    enum News {
        /// A sink's descriptor, in the place of what it had; nil: there is no such sink any more.
        case sink(Int, ServicePlan.LogSink?, fd: Int32)
        case services([String])
    }

    /// - Parameter workers: how many write.
    package init(workers: Int) throws(WorkerError) {
        let rings = (0..<workers).compactMap { _ in LogRing() }
        bell = polling_bell()
        self.rings = rings
        guard rings.count == workers, bell >= 0 else { throw WorkerError(call: "mmap", code: errno) }
        var thread = pthread_t()
        let start = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let log = Unmanaged<AccessLog>.fromOpaque(argument).takeRetainedValue()
                _ = process_set_thread_name("electd-accesslog")
                var writer = LogWriter(log)
                writer.run()
                log.hasEnded.store(true, ordering: .releasing)
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw WorkerError(call: "pthread_create", code: code)
        }
        pthread_detach(thread)
    }

    deinit {
        for ring in rings { ring.free() }
        close(bell)
    }

    /// Lines that no sink took; those that found a ring full are counted with their service.
    package var linesLost: UInt64 { lost.load(ordering: .relaxed) }

    func lose(_ lines: Int) { lost.add(UInt64(lines), ordering: .relaxed) }

    var isEnding: Bool { ends.load(ordering: .acquiring) }

    /// Takes the descriptors of a plan's sinks, in their order: they are the log's from here on.
    ///
    /// - Returns: for each service the number of its sink, -1 for none.
    package func take(_ plan: ServicePlan, _ descriptors: [Int32]) -> [Int] {
        let sinks = plan.sinks
        precondition(descriptors.count == sinks.count, "a descriptor for each sink")
        defer { polling_ring(bell) }
        return desk.withLock { desk in
            desk.round += 1
            for (sink, fd) in zip(sinks, descriptors) {
                let number = desk.number(of: sink)
                // A descriptor that the thread hasn't come to is overtaken.
                desk.forgetNews(of: number)
                desk.news.append(.sink(number, sink, fd: fd))
            }
            desk.retire()
            desk.news.append(.services(plan.services.map(\.name)))
            return plan.services.map { service in
                guard let sink = service.accessLog?.sink else { return -1 }
                return desk.numbers.firstIndex { $0.sink == sink } ?? -1
            }
        }
    }

    func takeNews() -> [News] {
        desk.withLock { desk in
            defer { desk.news.removeAll() }
            return desk.news
        }
    }

    /// Writes what is there, and ends the thread; waits for that at most half a second.
    package func finish() {
        ends.store(true, ordering: .releasing)
        for _ in 0..<250 where !hasEnded.load(ordering: .acquiring) {
            polling_ring(bell)
            usleep(2_000)
        }
    }
}

extension AccessLog.Desk {
    mutating func number(of sink: ServicePlan.LogSink) -> Int {
        let known = numbers.firstIndex { $0.sink == sink } ?? numbers.firstIndex { $0.sink == nil }
        let number = known ?? numbers.count
        if known == nil { numbers.append(AccessLog.Number()) }
        numbers[number].sink = sink
        numbers[number].lastNamed = round
        return number
    }

    mutating func forgetNews(of number: Int) {
        news.removeAll { item in
            guard case .sink(number, _, let fd) = item else { return false }
            if fd >= 0 { close(fd) }
            return true
        }
    }

    /// Sinks that neither this plan nor the one before names: no line in a ring is theirs any more.
    mutating func retire() {
        for number in numbers.indices where numbers[number].sink != nil && numbers[number].lastNamed + 1 < round {
            numbers[number].sink = nil
            forgetNews(of: number)
            news.append(.sink(number, nil, fd: -1))
        }
    }
}
