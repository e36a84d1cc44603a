import CLinux
import Glibc

/// The access log of a proxy process: a ring for each worker, and the thread that empties them.
///
/// Workers never wait for it, and neither does whoever hands over descriptors: a disk that hangs or a reader that
/// stopped costs lines, which are counted, and nothing else.
///
/// The thread has a table of descriptors of its own. While the worker is the only one that has its table, the kernel
/// needn't count who uses an open file at every call on a socket, and that is 3 % of what a request costs. So descriptors
/// go to the thread as they go to another process.
package final class AccessLog: Sendable {
    private let desk: LogDesk
    /// Wakes the thread.
    let bell: Int32
    /// Descriptors go in here and come out at the thread's end, each with its ticket.
    private let hatch: Int32
    private let threadsEnd: Int32

    /// - Parameter workers: how many write.
    package init(workers: Int) throws(WorkerError) {
        guard let desk = LogDesk(workers: workers) else { throw WorkerError(call: "mmap", code: errno) }
        self.desk = desk
        bell = polling_bell()
        var ends: [Int32] = [-1, -1]
        let code = socket_packet_pair(&ends)
        (hatch, threadsEnd) = (ends[0], ends[1])
        guard bell >= 0, code == 0 else { throw WorkerError(call: "socketpair", code: errno) }
        try LogThread.start(LogThread.Start(desk: desk, bell: bell, hatch: threadsEnd))
    }

    deinit {
        for fd in [bell, hatch, threadsEnd] where fd >= 0 { close(fd) }
    }

    var rings: [LogRing] { desk.rings }

    /// Lines that no sink took; those that found a ring full are counted with their service.
    package var linesLost: UInt64 { desk.linesLost }

    /// Takes the descriptors of a plan's sinks, in their order: they are the log's from here on.
    ///
    /// - Returns: for each service the number of its sink, -1 for none.
    package func take(_ plan: ServicePlan, _ descriptors: [Int32]) -> [Int] {
        precondition(descriptors.count == plan.sinks.count, "a descriptor for each sink")
        defer {
            for fd in descriptors where fd >= 0 { close(fd) }
            polling_ring(bell)
        }
        return desk.post(plan) { place, ticket in
            withUnsafeBytes(of: ticket) { raw in
                // A sink that couldn't be opened is one too: its lines are counted as lost.
                let count = descriptors[place] >= 0 ? 1 : 0
                return socket_send_descriptors(hatch, raw.baseAddress, raw.count, [descriptors[place]], count) >= 0
            }
        }
    }

    /// Writes what is there, and ends the thread; waits for that at most half a second.
    package func finish() {
        desk.end()
        for _ in 0..<250 where !desk.hasEnded {
            polling_ring(bell)
            usleep(2_000)
        }
    }
}

/// The thread that brings lines to their sinks.
enum LogThread {
    final class Start {
        let desk: LogDesk
        let bell: Int32
        let hatch: Int32

        init(desk: LogDesk, bell: Int32, hatch: Int32) {
            self.desk = desk
            self.bell = bell
            self.hatch = hatch
        }
    }

    static func start(_ start: Start) throws(WorkerError) {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(start)
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                LogThread.run(Unmanaged<Start>.fromOpaque(argument).takeRetainedValue())
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            throw WorkerError(call: "pthread_create", code: code)
        }
        pthread_detach(thread)
    }

    private static func run(_ start: Start) {
        _ = process_set_thread_name("electd-accesslog")
        // Refused, all goes on with the table that the process has.
        if process_own_descriptors() == 0 { closeAll(but: [start.bell, start.hatch]) }
        var writer = LogWriter(start.desk, bell: start.bell, hatch: start.hatch)
        writer.run()
        start.desk.noteEnded()
    }

    /// What the process had open when the thread began, apart from the standard streams: kept, its sockets would outlive
    /// their closing.
    private static func closeAll(but kept: [Int32]) {
        var next: UInt32 = 3
        for fd in kept.sorted().map(UInt32.init(bitPattern:)) {
            if fd > next { _ = process_close_range(next, fd - 1) }
            next = fd + 1
        }
        _ = process_close_range(next, .max)
    }
}
