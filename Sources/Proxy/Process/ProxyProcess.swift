import CLinux
import Glibc

/// The proxy process (`electd proxy`): what the supervisor starts, and the whole data plane runs in.
package enum ProxyProcess {
    private static let helloMilliseconds: Int32 = 10_000

    /// Takes the supervisor's word, gives up all privileges, and works until it is told to stop or the supervisor ends.
    ///
    /// - Parameter channel: one end of a SOCK_SEQPACKET pair; the supervisor puts it on descriptor 3.
    /// - Returns: the exit code: 0 after `stop` or the supervisor's end, 70 (EX_SOFTWARE) when the channel says
    ///   something else than it should, 71 (EX_OSERR) when the kernel refuses something, 77 (EX_NOPERM) when
    ///   privileges can't be given up.
    package static func run(channel: Int32) -> Int32 {
        _ = process_close_range(UInt32(channel) + 1, UInt32.max)
        for ignored in [SIGPIPE, SIGTERM, SIGINT, SIGHUP] {
            // The supervisor decides when we end: a signal to the whole service must not close the data plane first.
            signal(ignored, SIG_IGN)
        }
        Orphan.prepare()
        guard let hello = awaitHello(channel) else {
            say("no word from the control process on descriptor \(channel); electd starts this process itself")
            return EX_SOFTWARE
        }
        raiseDescriptorLimit(to: rlim_t(hello.descriptors))
        do throws(PrivilegeError) {
            try Privileges.drop(uid: hello.uid, gid: hello.gid)
        } catch {
            say("can't give up privileges: \(error)")
            return EX_NOPERM
        }
        if getppid() != hello.parent { return 0 }
        return work(channel, threads: Int(hello.threads), linger: hello.linger)
    }

    private static func awaitHello(_ channel: Int32) -> ChannelMessage.Hello? {
        var wait = pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, helloMilliseconds) == 1,
            case .message(let bytes, let fds) = ChannelMessage.receive(channel)
        else { return nil }
        for fd in fds { close(fd) }
        return ChannelMessage.Hello(bytes)
    }

    /// As root the hard limit goes up too; otherwise what there is has to do.
    private static func raiseDescriptorLimit(to wanted: rlim_t) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let most = max(limit.rlim_max, wanted)
        if process_set_descriptor_limit(UInt64(most), UInt64(most)) == 0 { return }
        _ = process_set_descriptor_limit(UInt64(limit.rlim_max), UInt64(limit.rlim_max))
    }

    private static func work(_ channel: Int32, threads: Int, linger: UInt32) -> Int32 {
        let inboxes = (0..<threads).map { _ in WorkerInbox() }
        let control: ControlChannel
        do throws(WorkerError) {
            let log = try AccessLog(workers: max(threads, 1))
            defer { log.finish() }
            control = ControlChannel(descriptor: channel, inboxes: inboxes, log: log)
            let shared = WorkerThread.Shared(
                channel: channel, descriptors: try ProxyDescriptors(), gauges: ConnectionGauges(), log: log)
            for number in 1..<max(threads, 1) {
                guard WorkerThread.start(number, inboxes[number], shared) else {
                    throw WorkerError(call: "pthread_create", code: errno)
                }
            }
            var worker = try ProxyWorker(
                number: 0, slab: shared.descriptors, inbox: inboxes[0], gauges: shared.gauges, channel: channel,
                control: control, log: log)
            worker.linger = linger
            Residence.trim()
            worker.run()
        } catch {
            say("\(error)")
            return EX_OSERR
        }
        if control.isGarbled {
            say("the control process said something else than it should: run the same electd binary as both")
            return EX_SOFTWARE
        }
        return 0
    }

    static func say(_ text: String) {
        let line = "electd proxy: \(text)\n"
        _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// When the supervisor has ended, the closed channel says so, and the workers come to their end by themselves. Should they
/// be wedged just then, nobody is left who would see it: the kernel's word of the parent's death sets an alarm that ends
/// the process in any case.
enum Orphan {
    static let signal = SIGUSR2
    /// Seconds: longer than the longest time that a proxy may serve on, which is a lease of 60 s and a second.
    private static let limit: UInt32 = 65

    static func prepare() {
        Glibc.signal(signal) { _ in _ = alarm(Orphan.limit) }
        Glibc.signal(SIGALRM, SIG_DFL)
    }
}

/// A further worker in a thread of its own.
enum WorkerThread {
    struct Shared: Sendable {
        let channel: Int32
        let descriptors: ProxyDescriptors
        let gauges: ConnectionGauges
        let log: AccessLog
    }

    private final class Start {
        let number: Int
        let inbox: WorkerInbox
        let shared: Shared

        init(_ number: Int, _ inbox: WorkerInbox, _ shared: Shared) {
            self.number = number
            self.inbox = inbox
            self.shared = shared
        }
    }

    /// false: errno. A worker that fails to begin ends the process: the supervisor starts it anew.
    static func start(_ number: Int, _ inbox: WorkerInbox, _ shared: Shared) -> Bool {
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(number, inbox, shared))
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                WorkerThread.run(Unmanaged<Start>.fromOpaque(argument).takeRetainedValue())
                return nil
            }, start.toOpaque())
        if code == 0 {
            pthread_detach(thread)
            return true
        }
        start.release()
        errno = code
        return false
    }

    private static func run(_ start: Start) {
        _ = process_set_thread_name("electd-proxy-\(start.number)")
        do throws(WorkerError) {
            var worker = try ProxyWorker(
                number: UInt8(start.number), slab: start.shared.descriptors, inbox: start.inbox,
                gauges: start.shared.gauges, channel: start.shared.channel, log: start.shared.log)
            worker.run()
        } catch {
            ProxyProcess.say("\(error)")
            exit(EX_OSERR)
        }
    }
}
